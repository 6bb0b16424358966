"""An origin server whose answers follow a script, and which writes down what it was asked."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Said:
    """An answer; with status 0 the connection ends without one."""

    content: bytes = b""
    status: int = 200
    fields: Mapping[str, str] = field(default_factory=lambda: JSON)


@dataclass(frozen=True)
class Asked:
    """A request."""

    method: str
    target: str
    fields: Mapping[str, str]
    content: bytes


Script = Callable[[int, Asked], Said]
"""From the number of a request, counted from 1, to its answer."""


@dataclass
class ScriptedOrigin:
    """Where it is, and what it was asked so far."""

    script: Script
    url: str = ""
    asked: list[Asked] = field(default_factory=list)

    @property
    def authority(self) -> str:
        """Host and port."""
        return self.url.removeprefix("http://")


@contextmanager
def scripted(script: Script) -> Iterator[ScriptedOrigin]:
    """Run it on a free port."""
    origin = ScriptedOrigin(script)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def respond(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            asked = Asked(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, content)
            origin.asked.append(asked)
            said = origin.script(len(origin.asked), asked)
            if not said.status:
                self.close_connection = True
                return
            self.send_response(said.status)
            for name, value in {**said.fields, "Content-Length": str(len(said.content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said.content)

        do_GET = do_PUT = respond  # noqa: N815 - http.server looks for these

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        origin.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield origin
        finally:
            server.shutdown()
            thread.join()
