"""The health check, which runs every few seconds."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from proxy.cli.health import healthcheck


@contextmanager
def answering(status: int) -> Iterator[str]:
    """Run an admin port that gives that answer."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
    assert asked == ["/readyz"]


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (404, 1)])
def test_ready_or_not(status: int, code: int) -> None:
    """Exit 0 only if the proxy says that it is ready."""
    with answering(status) as address:
        assert healthcheck(address, 5.0) == code


def test_the_address_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container that sets IFMATCH_ADMIN needs no option."""
    with answering(200) as address:
        monkeypatch.setenv("IFMATCH_ADMIN", address)
        assert healthcheck(None, 5.0) == 0


@pytest.mark.parametrize(
    ("address", "code"), [("127.0.0.1:1", 1), ("unix:/nonexistent/ifmatch.sock", 1), ("nonsense", 2), ("a:b:c", 2)]
)
def test_nobody_there(address: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """One clear line and no traceback; an address that is none is a mistake of usage."""
    assert healthcheck(address, 5.0) == code
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_it_loads_the_standard_library_alone() -> None:
    """No web server, parser or model is imported for a probe."""
    heavy = "{'aiohttp', 'pydantic', 'yaml', 'httptools', 'redis', 'asyncio'}"
    program = (
        "import sys; from proxy.cli import main; main(['healthcheck', '--admin', '127.0.0.1:1']);"
        f"print(sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
