"""json-server from npm, in the version that sends weak tags and in the one that sends none, as the example guards both.

What lives here is run by `make test-origins`, which installs them first.
"""

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.guarded import EXAMPLES, Api, Behind, GuardedOrigin, running_behind
from tests.e2e.racing import basis
from tests.support.child import ROOT, Child

PACKAGES = ROOT / "build/origins/node_modules"
LISTENING = Path(__file__).with_name("listening.cjs")
VERSIONS = {"json-server-0": "0.17.4", "json-server-1": "1.0.0-beta.15"}
NOTES = {"notes": [], "comments": [], "profile": {"name": "first", "stars": 0}}


def note(user: httpx.Client) -> str:
    """Create a note."""
    created = user.post("/notes", json={"title": "first", "stars": 0})
    assert created.status_code == 201
    return f"/notes/{created.json()['id']}"


def command(package: str) -> list[str]:
    """Return what starts a version. Raised when it is not there: `AssertionError`."""
    about = PACKAGES / package / "package.json"
    node = shutil.which("node")
    assert node, "node is missing; on Debian: apt-get install nodejs npm"
    assert about.is_file(), "json-server is missing; make test-origins installs it"
    described = json.loads(about.read_text("utf-8"))
    assert described["version"] == VERSIONS[package]
    started = described["bin"]
    program = about.parent / (started if isinstance(started, str) else started["json-server"])
    return [node, "--require", str(LISTENING), str(program)]


@pytest.fixture(scope="module", params=VERSIONS)
def package(request: pytest.FixtureRequest) -> str:
    """Which version."""
    return str(request.param)


@pytest.fixture(scope="module")
def behind(package: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    """Run json-server on a new file, and the proxy before it."""
    database = tmp_path_factory.mktemp("notes") / "db.json"
    database.write_text(json.dumps(NOTES), "utf-8")
    child = Child([*command(package), str(database)])
    try:
        url = child.line(r"listening on (http://\S+)")[1]
        with running_behind(EXAMPLES / "json-server.yaml", Api(note), url) as running:
            yield running
    finally:
        code = child.stop()
    assert code == -signal.SIGTERM, child.stderr


class TestNotes(GuardedOrigin):
    """Notes are read, changed and deleted by the rules."""

    def test_what_json_server_does_by_itself(self, behind: Behind, package: str, path: str) -> None:
        """The control: the old version sends a weak tag, the new one none, and neither looks at If-Match."""
        with behind.client(straight=True) as straight:
            tag = straight.get(path).headers.get("ETag")
            assert (tag or "")[:3] == {"json-server-0": 'W/"', "json-server-1": ""}[package]
            assert straight.patch(path, json={"stars": 1}, headers={"If-Match": '"another"'}).status_code == 200

    def test_one_tag_serves_one_replacement(self, behind: Behind, user: httpx.Client, path: str) -> None:
        """PUT replaces what its client has seen, and nothing else."""
        based = basis(user, path)
        assert user.put(path, json={"title": "a", "stars": 2}, headers=based).status_code == 200
        assert user.put(path, json={"title": "b", "stars": 3}, headers=based).status_code == 412
        assert behind.number(path) == 2
        assert behind.tap.arrivals(path).count("PUT") == 1

    def test_the_tag_with_the_comments_opens_nothing(self, user: httpx.Client, path: str) -> None:
        """As the example says: a note that is shown with its comments has another tag, and no write passes with it."""
        seen = user.get(path, params={"_embed": "comments"})
        assert seen.json()["comments"] == []
        assert user.patch(path, json={"stars": 1}, headers={"If-Match": seen.headers["ETag"]}).status_code == 412

    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
    def test_what_is_gone_is_not_found(self, user: httpx.Client, path: str, method: str) -> None:
        """A write that is based on a note that was deleted since is answered by json-server's own 404."""
        based = basis(user, path)
        user.delete(path, headers=based)
        answer = user.request(method, path, json={"stars": 1}, headers=based)
        assert (answer.status_code, answer.content) == (404, user.get(path).content)

    def test_no_field_makes_another_method_of_it(
        self, behind: Behind, user: httpx.Client, package: str, path: str
    ) -> None:
        """The old version takes a POST for what a field says that it is; through the proxy it does not hear of that."""
        override = {"X-HTTP-Method-Override": "PATCH"}
        assert user.post(path, json={"stars": 9}, headers=override | basis(user, path)).status_code == 404
        assert behind.number(path) == 0
        with behind.client(straight=True) as straight:
            answer = straight.post(path, json={"stars": 9}, headers=override)
        assert answer.status_code == {"json-server-0": 200, "json-server-1": 404}[package]

    @pytest.mark.parametrize("method", ["PUT", "PATCH", "POST"])
    def test_the_profile_is_guarded(self, behind: Behind, user: httpx.Client, method: str) -> None:
        """Of what there is one of, the old version makes another by POST too; with an old tag nothing does."""
        based = basis(user, "/profile")
        assert user.patch("/profile", json={"stars": method}, headers=based).status_code == 200
        before = behind.tap.arrivals("/profile").count(method)
        assert user.request(method, "/profile", json={"stars": 9}, headers=based).status_code == 412
        assert user.request(method, "/profile", json={"stars": 9}).status_code == 428
        assert behind.tap.arrivals("/profile").count(method) == before
        assert user.get("/profile").json()["stars"] == method

    def test_the_list_has_a_tag_for_each_query(self, user: httpx.Client, path: str) -> None:
        """What is known is not sent again until what it shows has changed."""
        known = {"If-None-Match": user.get("/notes", params={"title": "first"}).headers["ETag"]}
        assert user.get("/notes", params={"title": "first"}, headers=known).status_code == 304
        assert user.get("/notes", params={"title": "other"}, headers=known).status_code == 200
        assert user.patch(path, json={"stars": 1}, headers=basis(user, path)).status_code == 200
        assert user.get("/notes", params={"title": "first"}, headers=known).status_code == 200
