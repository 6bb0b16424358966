"""An origin server that answers bytes as they are, by method and path, for tests with processes.

What lives here: keeping a connection as long as its client does, and what was asked. What is answered is the test's.
"""

import re
import socketserver
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.support.threading_server import serving, url_of

MINE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nmine"
"""What everything is answered that a test does not name."""


class Handler(socketserver.StreamRequestHandler):
    """One connection: any number of requests, content of a known length."""

    server: "WireOrigin"

    def handle(self) -> None:
        """Answer what comes, until the client leaves."""
        with suppress(OSError):
            while head := self._head():
                length = re.search(r"\r\ncontent-length: *([0-9]+)", head, re.IGNORECASE)
                self.rfile.read(int(length[1]) if length else 0)
                method, path, _ = head.split(" ", 2)
                self.server.asked.append((method, path))
                self.wfile.write(self.server.answers.get((method, path), MINE))

    def _head(self) -> str:
        lines = []
        while line := self.rfile.readline():
            lines.append(line.decode("latin-1"))
            if line == b"\r\n":
                return "".join(lines)
        return ""


class WireOrigin(socketserver.ThreadingTCPServer):
    """`answers` are bytes by method and path; `asked` is what came, in order."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[tuple[str, str], bytes] = {}
        self.asked: list[tuple[str, str]] = []

    @property
    def url(self) -> str:
        """Where it is."""
        return url_of(self)


@contextmanager
def wire_origin() -> Iterator[WireOrigin]:
    """Run the origin server in threads."""
    with serving(WireOrigin()) as server:
        yield server
