"""A tap on the link to an origin server that nobody here wrote: what was asked of it, whatever it tells by itself.

What lives here: passing bytes on, unchanged, and noting the first line of each request. A request is noted before the
origin server sees it, so who has an answer finds the request noted. Content must not hold what looks like such a line.
"""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from urllib.parse import urlsplit

from tests.support.child import PATIENCE
from tests.support.ports import LOOPBACK

_ASKED = re.compile(rb"^([A-Z]+) (/\S*) HTTP/1\.1\r\n", re.MULTILINE)
_AT_ONCE = 64 * 1024


class Tap:
    """A running tap. `url` is where the proxy finds the origin server."""

    def __init__(self, port: int) -> None:
        self.url = f"http://{LOOPBACK}:{port}"
        self.asked: list[tuple[str, str]] = []

    def arrivals(self, path: str) -> list[str]:
        """Return the methods of the requests for a path that came by so far, whatever their query."""
        return [method for method, target in self.asked if target.partition("?")[0] == path]

    def note(self, data: bytes) -> None:
        """Note the requests that begin in a piece of what is sent; a head is sent in one piece."""
        self.asked += [(method.decode(), target.decode()) for method, target in _ASKED.findall(data)]


@contextmanager
def tapped(url: str) -> Iterator[Tap]:
    """Tap the link to an origin server on this machine. Who uses it has to leave first."""
    origin = urlsplit(url)

    class Link(BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection((origin.hostname, origin.port or 80), PATIENCE) as far:
                for end in (far, self.request):
                    end.settimeout(None)
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                back = Thread(target=_pour, args=(far, self.request))
                back.start()
                _pour(self.request, far, tap)
                back.join()

    with ThreadingTCPServer((LOOPBACK, 0), Link) as server:
        tap = Tap(server.server_address[1])
        serving = Thread(target=server.serve_forever)
        serving.start()
        try:
            yield tap
        finally:
            server.shutdown()
            serving.join()


def _pour(source: socket.socket, sink: socket.socket, tap: Tap | None = None) -> None:
    """Pass on what comes until the end of it, and then that end."""
    with suppress(OSError):  # one side has reset the connection: so does the other learn that it ended
        while data := source.recv(_AT_ONCE):
            if tap is not None:
                tap.note(data)
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
