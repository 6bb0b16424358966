"""Where clients come in."""

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy.core.address import TcpAddress, UnixAddress
from proxy.server import Server
from tests.server.conftest import Serving
from tests.server.wire import connect

GET = b"GET /wiki/1 HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_port_0_is_any_free_port(serving: Serving) -> None:
    """The address that is returned is the one that answers."""
    stand = await serving()
    assert isinstance(stand.address, TcpAddress)
    assert stand.address.port != 0
    assert (await (await stand.ask(GET)).answer()).status == 200


async def test_a_port_in_use(serving: Serving) -> None:
    """A port that is taken is an OSError for whoever starts the server."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        await serving(address=TcpAddress("127.0.0.1", taken.getsockname()[1]))


async def test_a_unix_socket(serving: Serving, tmp_path: Path) -> None:
    """A Unix socket serves its owner and group, forwards no address of the peer, and is removed at the end."""
    path = tmp_path / "s.sock"
    stand = await serving(address=UnixAddress(str(path)))
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert (await (await stand.ask(GET)).answer()).status == 200
    assert "x-forwarded-for" not in stand.origin.seen[0].request.fields
    await stand.finish()
    assert not path.exists()


async def test_a_stale_unix_socket_is_replaced(serving: Serving, tmp_path: Path) -> None:
    """A socket that a killed process left behind is no obstacle."""
    path = tmp_path / "s.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()
    assert path.exists()
    stand = await serving(address=UnixAddress(str(path)))
    assert (await (await stand.ask(GET)).answer()).status == 200


async def test_a_live_unix_socket_is_not_taken_over(serving: Serving, tmp_path: Path) -> None:
    """A second proxy on the same path does not start, and the first goes on."""
    address = UnixAddress(str(tmp_path / "s.sock"))
    stand = await serving(address=address)
    with pytest.raises(OSError, match="in use"):
        await serving(address=address)
    assert (await (await stand.ask(GET)).answer()).status == 200


@pytest.mark.parametrize("make", [lambda path: path.write_text("precious"), lambda path: path.mkdir()])
async def test_what_is_no_socket_is_not_removed(
    serving: Serving, tmp_path: Path, make: Callable[[Path], object]
) -> None:
    """A file or folder in the way stays, and the server does not start."""
    path = tmp_path / "s.sock"
    make(path)
    with pytest.raises(OSError, match="in use"):
        await serving(address=UnixAddress(str(path)))
    assert path.exists()


async def test_the_end_of_a_failed_start_removes_nothing(tmp_path: Path, serving: Serving) -> None:
    """A server that did not get its address leaves that of another alone when it is drained."""
    address = UnixAddress(str(tmp_path / "s.sock"))
    stand = await serving(address=address)
    late = Server(stand.gateway)
    with pytest.raises(OSError, match="in use"):
        await late.start(address)
    await late.drain(0)
    wire = await connect(address)
    wire.writer.close()


def test_the_pure_python_parser_is_refused() -> None:
    """Without aiohttp's native parser the server does not start, and says what to do."""
    program = (
        "from proxy.server.listening import require_native_parser\n"
        "from proxy.errors import ConfigurationError\n"
        "try: require_native_parser()\n"
        "except ConfigurationError as fault: print(fault)\n"
    )
    said = {
        extensions: subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "AIOHTTP_NO_EXTENSIONS": extensions},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for extensions in ("", "1")
    }
    assert said[""] == ""
    assert "unset AIOHTTP_NO_EXTENSIONS" in said["1"]


@pytest.mark.parametrize(
    "target", ["http://xn--/", "http://[::1/", "http://a:b/", "//[::1", "http://h:99999/", "http:///"]
)
async def test_no_target_hangs_the_connection(serving: Serving, target: str) -> None:
    """Whatever stands where the target should, the client gets an answer."""
    stand = await serving()
    wire = await stand.ask(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert (await wire.answer()).status in {200, 400, 421}


async def test_a_connection_too_many_is_closed(serving: Serving, caplog: pytest.LogCaptureFixture) -> None:
    """Where there is room for two, a third is closed unanswered; one line says so for all; then there is room again."""
    stand = await serving(room=2)
    first, second = await stand.connect(), await stand.ask(GET)
    assert (await second.answer()).status == 200
    for _ in range(3):
        assert await (await stand.connect()).ended() == b""
    assert [record.getMessage() for record in caplog.records] == [
        "closed a new connection: 2 are open, all that there are files for"
    ]
    first.send(GET.replace(b"Host", b"Connection: close\r\nHost"))
    assert (await first.answer()).status == 200
    assert await first.ended() == b""
    assert (await (await stand.ask(GET)).answer()).status == 200
