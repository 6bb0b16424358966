"""Jupyter Server's contents API, which sends strong tags and ignores If-Match, as the example guards it.

Its files are looked at, and touched, past everyone.
"""

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import httpx
import pytest

from tests.e2e.guarded import EXAMPLES, Api, Behind, CreatedByPut, GuardedOrigin, assert_stale, running_behind
from tests.e2e.racing import Numbered, basis
from tests.support.child import Child, python
from tests.support.websocket import CLOSE
from tests.support.websocket_origin import PING, PONG, WebSocket

NAMES = count()
TOKEN = {"Authorization": "token sesame"}
TEXT = Numbered(
    # Jupyter empties a file before it writes to it, and may show that; a write with the tag of it is never let through.
    lambda answer: int(answer.json()["content"] or "-100"),
    "PUT",
    lambda number: {"type": "file", "format": "text", "content": str(number)},
)


def note(user: httpx.Client) -> str:
    """Save a file that is new."""
    path = f"/api/contents/notes{next(NAMES)}.txt"
    assert TEXT.write(user, path, 0, {"If-None-Match": "*"}).status_code == 201
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where Jupyter keeps the files."""
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def behind(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    """Run Jupyter Server, which leaves nothing at home, and the proxy before it."""
    home = tmp_path_factory.mktemp("home")
    environment = {name: str(home / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    options = ["--no-browser", "--allow-root", "--port=0", f"--ServerApp.root_dir={folder}"]
    child = Child(
        python("-m", "jupyter_server", *options),
        environment | {"HOME": str(home), "JUPYTER_NO_CONFIG": "1", "JUPYTER_TOKEN": "sesame"},
    )
    try:
        url = child.line(r"(http://127\.0\.0\.1:\d+)/")[1]
        with running_behind(
            EXAMPLES / "jupyter-server.yaml", Api(note, TEXT, blind=200, rounds=5, fields=TOKEN), url
        ) as running:
            yield running
    finally:
        code = child.stop()
    assert code == 0, child.stderr


@pytest.fixture
def straight(behind: Behind) -> Iterator[httpx.Client]:
    """A client of Jupyter itself."""
    with behind.client(straight=True) as connected:
        yield connected


class TestContents(GuardedOrigin, CreatedByPut):
    """Files are made, read, saved, renamed and deleted by the rules."""

    def test_jupyter_ignores_if_match(self, straight: httpx.Client, path: str) -> None:
        """The control: it sends a strong tag, and does what is based on another."""
        tag = straight.get(path).headers["ETag"]
        assert tag.startswith('"')
        assert TEXT.write(straight, path, 1, {"If-Match": '"another"'}).status_code == 200

    def test_a_tag_stands_for_what_the_file_holds(
        self, user: httpx.Client, straight: httpx.Client, folder: Path, path: str
    ) -> None:
        """To touch a file, or to ask for its hash, changes Jupyter's own tag and not ours."""
        theirs, ours = (reader.get(path).headers["ETag"] for reader in (straight, user))
        os.utime(folder / Path(path).name, (0, 0))
        assert straight.get(path).headers["ETag"] != theirs
        assert user.get(path).headers["ETag"] == ours
        hashed = user.get(path, params={"type": "file", "content": "1", "hash": "1"})
        assert hashed.json()["hash"]
        assert hashed.headers["ETag"] == ours
        assert TEXT.write(user, path, 1, {"If-Match": ours}).status_code == 200

    def test_the_tag_of_another_view_opens_nothing(self, user: httpx.Client, path: str) -> None:
        """As the example says: who has not seen the content has no tag to overwrite it with."""
        for view in ({"content": "0"}, {"format": "base64"}):
            tag = user.get(path, params=view).headers["ETag"]
            assert_stale(TEXT.write(user, path, 1, {"If-Match": tag}), basis(user, path))

    def test_jupyter_says_who_may_read_and_write(self, behind: Behind, user: httpx.Client, path: str) -> None:
        """Without the token nobody learns whether a tag is current, and no write is forwarded."""
        before = behind.tap.arrivals(path).count("PUT")
        with httpx.Client(base_url=behind.proxy, trust_env=False) as nobody:
            for based in (basis(user, path), {"If-Match": '"guessed"'}):
                answer = TEXT.write(nobody, path, 1, based)
                assert (answer.status_code, answer.json()["message"]) == (403, "Forbidden")
            assert nobody.get(path).status_code == 403
        assert behind.tap.arrivals(path).count("PUT") == before

    def test_the_token_may_stand_in_the_query(self, behind: Behind, user: httpx.Client, path: str) -> None:
        """What selects the current state for a write carries it too."""
        based = basis(user, path)
        with httpx.Client(base_url=behind.proxy, trust_env=False) as other:
            answer = other.put(path, params={"token": "sesame"}, json=TEXT.content(4), headers=based)
        assert answer.status_code == 200
        assert behind.number(path) == 4

    def test_a_file_is_renamed_by_its_tag(self, behind: Behind, user: httpx.Client, path: str) -> None:
        """PATCH with an old tag is refused; with the current one it is done, and says no tag of what is gone."""
        old = basis(user, path)
        TEXT.write(user, path, 1, old)
        new = f"renamed{next(NAMES)}.txt"
        assert_stale(user.patch(path, json={"path": new}, headers=old), basis(user, path))
        assert "PATCH" not in behind.tap.arrivals(path)
        answer = user.patch(path, json={"path": new}, headers=basis(user, path))
        assert (answer.status_code, answer.headers["Location"]) == (200, f"/api/contents/{new}")
        assert "ETag" not in answer.headers
        assert (user.get(path).status_code, behind.number(f"/api/contents/{new}")) == (404, 1)

    @pytest.mark.parametrize("parent", ["/api/contents", "/api/contents/a"])
    def test_a_checkpoint_is_restored_by_the_tag_of_its_file(
        self, behind: Behind, user: httpx.Client, parent: str
    ) -> None:
        """Who restores one overwrites the file: with an old tag that is refused."""
        path = f"{parent}/kept{next(NAMES)}.txt"
        assert user.put("/api/contents/a", json={"type": "directory"}).is_success
        TEXT.write(user, path, 0, {})
        kept = user.post(f"{path}/checkpoints").headers["Location"]
        old = basis(user, path)
        TEXT.write(user, path, 1, old)
        assert_stale(user.post(kept, headers=old), basis(user, path))
        assert behind.number(path) == 1
        assert user.post(kept, headers=basis(user, path)).status_code == 204
        assert behind.number(path) == 0

    def test_a_folder_has_a_tag(self, user: httpx.Client, path: str) -> None:
        """It saves a transfer until a file of the folder has changed."""
        known = {"If-None-Match": user.get("/api/contents/").headers["ETag"]}
        assert user.get("/api/contents/", headers=known).status_code == 304
        TEXT.write(user, path, 100, basis(user, path))
        assert user.get("/api/contents/", headers=known).status_code == 200


def test_its_websockets_pass(behind: Behind) -> None:
    """Tornado's handshake, frames and goodbye go through, beside what is guarded; without the token it says no."""
    with WebSocket(behind.proxy, "/api/events/subscribe") as nobody:
        assert nobody.status == 403
    with WebSocket(behind.proxy, "/api/events/subscribe", "Authorization: token sesame") as client:
        assert client.status == 101
        client.send(b"there?", PING)
        assert client.receive() == (PONG, b"there?")
        client.send(b"\x03\xe8", CLOSE)
        assert client.receive() == (CLOSE, b"\x03\xe8")
        assert client.stream.read() == b""
