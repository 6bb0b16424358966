"""The tutorials' API as a test sees it: started, stopped, and looked at past the proxy."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from tests.support.child import Child, python

Snippet = dict[str, Any]
"""A snippet as the API shows it."""


class Tutorial:
    """The running API, and what a test learns of it past the proxy."""

    def __init__(self, child: Child, database: Path) -> None:
        self._child = child
        self._database = database
        self._markers = count()
        self.url = child.line(r"server at (http://\S+)/")[1]

    def arrivals(self, path: str) -> list[str]:
        """Return the methods of the requests for a path that have arrived so far."""
        marker = f"/?{next(self._markers)}"
        httpx.get(self.url + marker, trust_env=False)
        self._child.line(rf"arrived: GET {re.escape(marker)}$")
        arrived = [line.split() for line in self._child.stdout if line.startswith("arrived: ")]
        return [method for _, method, target in arrived if target == path]

    def row(self, snippet: Snippet) -> Snippet | None:
        """Return what the database holds of a snippet, None where it is gone."""
        with closing(sqlite3.connect(self._database)) as connection:
            connection.row_factory = sqlite3.Row
            query = "SELECT title, code, language, stars FROM django_tutorial_snippet WHERE id = ?"
            row = connection.execute(query, [snippet["id"]]).fetchone()
        return row and dict(row)


@contextmanager
def running_tutorial(database: Path) -> Iterator[Tutorial]:
    """Run the API on a new database."""
    command = python("-u", "-m", "tests.e2e.django_tutorial")
    child = Child(command, {"TUTORIAL_DATABASE": str(database)})
    try:
        yield Tutorial(child, database)
    finally:
        code = child.stop()
    assert code == 0, child.stderr
