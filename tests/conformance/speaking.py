"""A client that says what a case says, and hears every field line of the answer.

What lives here: one exchange over a socket. What must not: what was to be said, and whether the answer is right.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection

PATIENCE = 30.0
"""Seconds after which a case fails for want of an answer."""


@dataclass(frozen=True)
class Heard:
    """An answer."""

    status: int
    lines: tuple[tuple[str, str], ...]
    content: bytes

    def get(self, name: str) -> str | None:
        """Return the value of a field, lines joined; None when absent."""
        values = [value for line, value in self.lines if line.lower() == name.lower()]
        return ", ".join(values) if values else None


def ask(authority: str, method: str, target: str, lines: Sequence[tuple[str, str]], content: str | None) -> Heard:
    """Send a request on a connection of its own, with these lines besides Host and Content-Length; read the answer."""
    body = None if content is None else content.encode()
    with closing(HTTPConnection(authority, timeout=PATIENCE)) as connection:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in lines:
            connection.putheader(name, value.encode("latin-1"))
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        with connection.getresponse() as answer:
            return Heard(answer.status, tuple(answer.getheaders()), answer.read())
