"""The origin servers of the seeds: a function from request to answer, over HTTP/1.1, by the standard library alone.

What lives here: reading a request, noting that it arrived, writing an answer. What an API does is its own file's; none
of them knows of entity tags, or of what stands in front of it.
"""

import json
import signal
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from urllib.parse import parse_qsl

ARRIVALS = "/__arrivals"
"""Where the requests are listed that have arrived, in that order."""
OUTSIDER = "Outsider"
"""A request with this field is a test's own, straight to the origin server, and is not listed."""


@dataclass(frozen=True, slots=True)
class Request:
    """What arrived. Names of fields are in lower case; of repeated lines the last is kept."""

    method: str
    path: str
    query: Mapping[str, str]
    fields: Mapping[str, str]
    content: str


@dataclass(frozen=True, slots=True)
class Response:
    """What is answered. `content` None means none."""

    status: int
    content: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


Application = Callable[[Request], Response]


def as_json(status: int, value: object, media_type: str = "application/json", **fields: str) -> Response:
    """Return an answer in JSON; in names of fields `_` stands for `-`."""
    named = {name.replace("_", "-"): content for name, content in fields.items()}
    return Response(status, json.dumps(value), {"Content-Type": media_type} | named)


class _Server(ThreadingHTTPServer):
    """One request at a time, so that an application needs no lock of its own."""

    daemon_threads = True

    def __init__(self, application: Application) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._application = application
        self._arrived: list[Request] = []
        self._turn = Lock()

    def answer(self, request: Request) -> Response:
        with self._turn:
            if request.path == ARRIVALS:
                return as_json(200, [asdict(arrived) for arrived in self._arrived])
            if OUTSIDER.lower() not in request.fields:
                self._arrived.append(request)
            return self._application(request)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and content leave in one segment
    server: _Server

    def _respond(self) -> None:
        path, _, query = self.path.partition("?")
        content = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        fields = {name.lower(): value for name, value in self.headers.items()}
        self._send(self.server.answer(Request(self.command, path, dict(parse_qsl(query)), fields, content)))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _respond  # noqa: N815 - http.server looks for these

    def _send(self, answer: Response) -> None:
        content = b"" if answer.content is None else answer.content.encode()
        self.send_response(answer.status)
        for name, value in answer.fields.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing; `ARRIVALS` tells."""


def serve(application: Application) -> None:
    """Serve on a free loopback port, which is printed, until terminated."""
    with _Server(application) as server:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: Thread(target=server.shutdown).start())
        print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)  # noqa: T201 - it tells where it is
        server.serve_forever(poll_interval=0.02)
