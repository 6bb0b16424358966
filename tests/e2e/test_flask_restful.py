"""Flask-RESTful, as its quickstart uses it, under Werkzeug's threaded server and as the example guards it."""

import signal
from collections.abc import Iterator
from itertools import count

import httpx
import pytest

from tests.e2e.guarded import EXAMPLES, Api, Behind, CreatedByPut, GuardedOrigin, running_behind
from tests.e2e.racing import Numbered, basis
from tests.support.child import Child, python

NAMES = count(100)
STARS = Numbered(method="PUT", content=lambda number: {"task": "count", "stars": number})


def todo(user: httpx.Client) -> str:
    """Make something to do, where nobody has."""
    path = f"/todos/todo{next(NAMES)}"
    assert STARS.write(user, path, 0, {"If-None-Match": "*"}).status_code == 201
    return path


@pytest.fixture(scope="module")
def behind() -> Iterator[Behind]:
    """Run the quickstart's API, and the proxy before it."""
    child = Child(python("-m", "tests.e2e.flask_quickstart"))
    try:
        url = child.line(r"Running on (http://\S+)")[1]
        with running_behind(EXAMPLES / "flask-restful.yaml", Api(todo, STARS, written=201), url) as running:
            yield running
    finally:
        code = child.stop()
    assert code in {0, -signal.SIGTERM}, child.stderr


class TestTodos(GuardedOrigin, CreatedByPut):
    """Things to do are made, read, replaced and deleted by the rules."""

    def test_flask_refuses_what_is_wrong(self, user: httpx.Client, path: str) -> None:
        """With the current tag, a mistake is told by Flask-RESTful itself, and the tag stays good."""
        based = basis(user, path)
        answer = user.put(path, json={"stars": 1}, headers=based)
        assert (answer.status_code, answer.json()) == (400, {"message": {"task": "what is to be done?"}})
        answer = user.put(path, content=b"stars=1", headers=based | {"Content-Type": "text/plain"})
        assert answer.status_code == 415
        assert STARS.write(user, path, 5, based).status_code == 201

    def test_a_write_in_chunks_arrives_whole(self, behind: Behind, user: httpx.Client, path: str) -> None:
        """Werkzeug's server is told the length of what the client sent without saying it."""
        fields = basis(user, path) | {"Content-Type": "application/json"}
        answer = user.put(path, content=iter([b'{"task": "chunks", ', b'"stars": 6}']), headers=fields)
        assert answer.status_code == 201
        assert behind.number(path) == 6

    def test_delete_of_what_is_gone_is_not_found(self, user: httpx.Client, path: str) -> None:
        """It is answered by Flask-RESTful's own 404."""
        based = basis(user, path)
        assert user.delete(path, headers=based).status_code == 204
        answer = user.delete(path, headers=based)
        assert (answer.status_code, answer.json()) == (404, {"message": f"Todo {path[7:]} doesn't exist"})

    def test_the_list_has_a_tag_and_takes_more(self, user: httpx.Client) -> None:
        """POST creates without a tag, and what was known of the list is current no more."""
        known = {"If-None-Match": user.get("/todos").headers["ETag"]}
        assert user.get("/todos", headers=known).status_code == 304
        assert user.post("/todos", json={"task": "more"}).status_code == 201
        assert user.get("/todos", headers=known).status_code == 200

    def test_content_that_returns_has_its_old_tag(self, user: httpx.Client, path: str) -> None:
        """As the example says: the tag stands for the content, and not for how often it was written."""
        first = basis(user, path)
        assert STARS.write(user, path, 1, first).status_code == 201
        assert STARS.write(user, path, 0, basis(user, path)).status_code == 201
        assert basis(user, path) == first
