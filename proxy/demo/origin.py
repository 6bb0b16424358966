"""The demonstration's origin server: `proxy.demo.wiki` over HTTP/1.1, by the standard library alone.

What lives here: reading a request, writing an answer, starting and stopping. It imports nothing of the proxy: an
origin server does not know what stands in front of it. `python -m proxy.demo.origin --port 0` runs it by itself.
"""

import argparse
import contextlib
import json
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from proxy.demo.wiki import LATENCY, Answer, Wiki

HOST = "127.0.0.1"
CONTENT_LIMIT = 1_048_576
"""The largest request content, in bytes."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "wiki"
    sys_version = ""
    disable_nagle_algorithm = True  # a small answer must not wait for the acknowledgement of the one before
    wbufsize = -1  # head and content leave in one segment
    error_content_type = "application/json"
    error_message_format = '{"error": "%(explain)s"}'
    server: "_Server"

    def _respond(self) -> None:
        length = self._content_length()
        if length is None:
            return
        content = self.rfile.read(length)
        if len(content) < length:  # the client left in mid-sentence: half a document is not applied
            self.close_connection = True
            return
        self._send(self.server.wiki.answer(self.command, self.path, content))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _respond  # noqa: N815 - http.server looks for these

    def handle_expect_100(self) -> bool:
        """Send the 100 at once: the client is waiting for it, and the answer is buffered."""
        accepted = super().handle_expect_100()
        self.wfile.flush()
        return accepted

    def _content_length(self) -> int | None:
        """Return the length of the content; None where it was refused, and then the connection closes."""
        declared = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers:
            self.send_error(411)
        elif not (declared.isascii() and declared.isdigit()):
            self.send_error(400)
        elif len(declared) > len(str(CONTENT_LIMIT)) or int(declared) > CONTENT_LIMIT:
            self.send_error(413)
        else:
            return int(declared)
        return None

    def _send(self, answer: Answer) -> None:
        content = b"" if answer.document is None else json.dumps(answer.document, ensure_ascii=False).encode()
        self.send_response(answer.status)
        for name, value in answer.fields:
            self.send_header(name, value)
        if content:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing: the player tells the story."""


class _Server(ThreadingHTTPServer):
    """A thread a connection; closing the server ends the connections and waits for their threads."""

    request_queue_size = 256  # the default of 5 makes fifty clients who arrive at once wait for a retransmission
    daemon_threads = False

    def __init__(self, address: tuple[str, int], wiki: Wiki) -> None:
        super().__init__(address, _Handler)
        self.wiki = wiki
        self._connections: set[socket.socket] = set()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_port}"

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        connection, peer = super().get_request()
        self._connections.add(connection)
        return connection, peer

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        if isinstance(request, socket.socket):
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: socket.socket | tuple[bytes, socket.socket], client_address: Any) -> None:
        """Pass over a client that went away in mid-request, which is its right; print anything else."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def server_close(self) -> None:
        for connection in tuple(self._connections):
            with contextlib.suppress(OSError):  # it ended by itself
                connection.shutdown(socket.SHUT_RD)  # an answer on its way still goes out
        super().server_close()


@contextmanager
def serve(port: int = 0, *, latency: float = LATENCY, database: str = ":memory:") -> Iterator[str]:
    """Run the wiki on a loopback port (0 for a free one) in a thread of its own; yield its URL.

    `latency` is how long a write takes before it is applied, in seconds. On leaving, requests in hand are answered
    and every connection is closed. Raised when the port is taken: `OSError`.
    """
    with closing(Wiki(database, latency)) as wiki, _Server((HOST, port), wiki) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="wiki")
        thread.start()
        try:
            yield server.url
        finally:
            server.shutdown()
            thread.join()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the wiki until interrupted or terminated, having printed its URL."""
    parser = argparse.ArgumentParser(prog="python -m proxy.demo.origin", description="A wiki without entity tags.")
    parser.add_argument("--port", type=int, default=0, help="loopback port; 0 takes a free one (default)")
    parser.add_argument("--latency", type=float, default=LATENCY, help="seconds before a write is applied")
    parser.add_argument("--database", default=":memory:", help="SQLite file (default: in memory)")
    options = parser.parse_args(arguments)
    ended = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with serve(options.port, latency=options.latency, database=options.database) as url:
        print(f"wiki listening on {url}", flush=True)  # noqa: T201 - the URL is what the command prints
        ended.wait()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
