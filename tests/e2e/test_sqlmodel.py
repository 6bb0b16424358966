"""FastAPI with SQLModel, as FastAPI's tutorial on SQL databases uses it, under uvicorn and as the example guards it."""

import signal
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.guarded import EXAMPLES, WRITERS, Api, Behind, GuardedOrigin, assert_stale, running_behind
from tests.e2e.racing import Numbered, basis, race
from tests.support.child import Child, python


def hero(user: httpx.Client) -> str:
    """Create a hero that is not a year old."""
    created = user.post("/heroes/", json={"name": "Deadpond", "age": 0, "secret_name": "Dive Wilson"})
    assert created.status_code == 200
    return f"/heroes/{created.json()['id']}"


AGE = Numbered(lambda answer: int(answer.json()["age"]), "PATCH", lambda number: {"age": number})


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    """Run the tutorial's API on a new database, and the proxy before it."""
    database = tmp_path_factory.mktemp("heroes") / "database.db"
    command = python("-m", "uvicorn", "--port", "0", "tests.e2e.sqlmodel_tutorial.main:app")
    child = Child(command, {"HEROES": str(database)})
    try:
        url = child.line(r"running on (http://\S+)")[1]
        with running_behind(EXAMPLES / "fastapi-sqlmodel.yaml", Api(hero, AGE), url) as running:
            yield running
    finally:
        code = child.stop()
    assert code in {0, -signal.SIGTERM}, child.stderr


class TestHeroes(GuardedOrigin):
    """Heroes are read, changed and deleted by the rules."""

    def test_fastapi_refuses_what_is_wrong(self, user: httpx.Client, path: str) -> None:
        """With the current tag, a mistake is told by FastAPI itself, and the tag stays good."""
        based = basis(user, path)
        answer = user.patch(path, json={"age": "unknown"}, headers=based)
        assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "age"])
        assert user.patch(path, json={"age": 5}, headers=based).status_code == 200

    @pytest.mark.parametrize("method", ["PATCH", "DELETE"])
    def test_who_is_gone_is_not_found(self, user: httpx.Client, path: str, method: str) -> None:
        """A write that is based on a hero who was deleted since is answered by FastAPI's own 404."""
        based = basis(user, path)
        user.delete(path, headers=based)
        answer = user.request(method, path, json={"age": 1}, headers=based)
        assert (answer.status_code, answer.json()) == (404, {"detail": "Hero not found"})

    def test_the_numbers_that_pydantic_takes_for_one(self, behind: Behind, path: str) -> None:
        """I5: writers who spell a hero's number in different ways exclude each other."""
        number = path.removeprefix("/heroes/")
        spellings = [f"/heroes/{spelled.format(number)}" for spelled in ("{}", "0{}", "+{}", "%20{}", "{}.0", "0_{}")]
        writers = (spellings * WRITERS)[:WRITERS]
        statuses = race(behind.client, writers, behind.api.rounds, in_step=False, numbered=AGE)
        assert set(statuses) <= {200, 412}
        assert statuses.total() == WRITERS * behind.api.rounds
        assert behind.number(path) == statuses[200] > 0

    def test_a_redirect_leads_through_the_proxy(self, behind: Behind, user: httpx.Client, path: str) -> None:
        """FastAPI sends who adds a slash elsewhere before anything is written, and names the host that was asked."""
        answer = user.patch(f"{path}/", json={"age": 4}, headers=basis(user, path))
        assert (answer.status_code, answer.headers["Location"]) == (307, behind.proxy + path)
        assert behind.number(path) == 0

    def test_what_is_not_shown_is_not_guarded(self, user: httpx.Client, path: str) -> None:
        """The response model leaves the secret out, so whoever changes that is no conflict: the example warns of it."""
        based = basis(user, path)
        assert user.patch(path, json={"secret_name": "Wade"}, headers=based).status_code == 200
        assert basis(user, path) == based

    def test_the_list_has_a_tag_for_each_page(self, user: httpx.Client, path: str) -> None:
        """A page that is known is not sent again until what it shows has changed."""
        known = {"If-None-Match": user.get("/heroes/?limit=100").headers["ETag"]}
        assert user.get("/heroes/?limit=100", headers=known).status_code == 304
        assert user.get("/heroes/?limit=0", headers=known).status_code == 200
        assert user.patch(path, json={"age": 99}, headers=basis(user, path)).status_code == 200
        assert user.get("/heroes/?limit=100", headers=known).status_code == 200

    def test_another_heros_tag_is_refused(self, user: httpx.Client, path: str) -> None:
        """A tag of one hero does not open another, be they alike in all but their number."""
        answer = user.patch(path, json={"age": 1}, headers=basis(user, hero(user)))
        assert_stale(answer, basis(user, path))
        assert answer.json()["reason"] == "another-resource"
