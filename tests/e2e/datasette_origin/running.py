"""Datasette as a test sees it: started, stopped, written to, and looked at past the proxy."""

import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

import httpx

from tests.e2e.racing import Numbered
from tests.support.child import PATIENCE, Child, python

SECRET = "known to everyone, protects nothing"
CONFIG = Path(__file__).with_name("datasette.yaml")


class Rows(Numbered):
    """How Datasette shows the stars of a row, and takes others: under another URL than it shows them."""

    def write(self, writer: httpx.Client, path: str, number: int, based: dict[str, str]) -> httpx.Response:
        """Update the row whose JSON is at a path."""
        return writer.post(action(path, "update"), json={"update": {"stars": number}}, headers=based)


ROWS = Rows(lambda answer: int(answer.json()["rows"][0]["stars"]))


def action(path: str, name: str) -> str:
    """Return where something is done to the row whose JSON is at a path."""
    return f"{path.removesuffix('.json')}/-/{name}"


class Datasette:
    """The running origin server."""

    def __init__(self, child: Child, database: Path, token: str) -> None:
        self._database = database
        self._token = token
        self._ids = count(1)
        self.url = child.line(r"running on (http://\S+)")[1]

    def client(self, url: str, *, known: bool = True) -> httpx.Client:
        """Return a client of this server or of a proxy; it is ada, or with `known` false nobody."""
        fields = {"Authorization": f"Bearer {self._token}"} if known else {}
        return httpx.Client(base_url=url, headers=fields, timeout=PATIENCE, trust_env=False)

    def new_row(self) -> int:
        """Make a row without stars, and return its key."""
        key = next(self._ids)
        with closing(sqlite3.connect(self._database, timeout=PATIENCE)) as connection, connection:
            connection.execute("INSERT INTO snippets VALUES (?, 'first', 0)", [key])
        return key

    def row(self, key: int) -> tuple[str, int] | None:
        """Return title and stars of a row in the database, None where it is gone."""
        with closing(sqlite3.connect(self._database, timeout=PATIENCE)) as connection:
            found: tuple[str, int] | None = connection.execute(
                "SELECT title, stars FROM snippets WHERE id = ?", [key]
            ).fetchone()
        return found


@contextmanager
def running_datasette(folder: Path) -> Iterator[Datasette]:
    """Run Datasette on a new database, on a free port."""
    database = folder / "shop.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE snippets (id INTEGER PRIMARY KEY, title TEXT, stars INTEGER)")
    child = Child(python("-m", "datasette", str(database), "--port", "0", "--config", str(CONFIG), "--secret", SECRET))
    try:
        yield Datasette(child, database, _token())
    finally:
        code = child.stop()
    assert code in {0, -signal.SIGTERM}, child.stderr


def _token() -> str:
    """Return what shows that somebody is ada."""
    command = python("-m", "datasette", "create-token", "ada", "--secret", SECRET)
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
