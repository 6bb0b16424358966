"""The admin port, asked with raw bytes."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from proxy.admin import Admin
from proxy.core.address import Address, TcpAddress, UnixAddress
from proxy.metrics import CONTENT_TYPE, Metrics

LOOPBACK = TcpAddress("127.0.0.1", 0)


class Readiness:
    """Whether the proxy takes requests; the test decides."""

    def __init__(self) -> None:
        self.value = True

    def __call__(self) -> bool:
        return self.value


@pytest.fixture
def ready() -> Readiness:
    """Return the readiness that the admin port asks."""
    return Readiness()


@pytest.fixture
async def address(ready: Readiness) -> AsyncIterator[Address]:
    """Return where an admin port listens."""
    admin = Admin(ready, Metrics().exposition)
    yield await admin.start(LOOPBACK)
    await admin.close()


async def _ask(address: Address, head: str) -> tuple[int, str]:
    """Return the status and all that follows the status line."""
    opened: Any
    if isinstance(address, UnixAddress):
        opened = asyncio.open_unix_connection(address.path)
    else:
        opened = asyncio.open_connection(address.host, address.port)
    reader, writer = await opened
    writer.write(f"{head}\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    async with asyncio.timeout(30):
        answer = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    status_line, _, rest = answer.partition("\r\n")
    return int(status_line.split(" ")[1]), rest


@pytest.mark.parametrize("path", ["/livez", "/healthz", "/readyz", "/startupz", "/readyz?verbose"])
async def test_probes_of_a_ready_proxy(address: Address, path: str) -> None:
    """Every probe of a proxy that takes requests is answered 200, as plain text."""
    status, rest = await _ask(address, f"GET {path} HTTP/1.1")
    assert status == 200
    assert "Content-Type: text/plain" in rest
    assert rest.endswith("\r\n\r\nok\n")


async def test_head_has_no_content(address: Address) -> None:
    """HEAD is answered like GET, without the content."""
    status, rest = await _ask(address, "HEAD /readyz HTTP/1.1")
    assert status == 200
    assert rest.endswith("\r\n\r\n")


async def test_readiness_follows_the_proxy(address: Address, ready: Readiness) -> None:
    """While it starts or drains, /readyz alone says no; it is still alive."""
    ready.value = False
    assert (await _ask(address, "GET /readyz HTTP/1.1"))[0] == 503
    assert (await _ask(address, "HEAD /readyz HTTP/1.1"))[0] == 503
    assert (await _ask(address, "GET /livez HTTP/1.1"))[0] == 200
    assert (await _ask(address, "GET /healthz HTTP/1.1"))[0] == 200
    ready.value = True
    assert (await _ask(address, "GET /readyz HTTP/1.1"))[0] == 200


async def test_a_start_is_not_undone(address: Address, ready: Readiness) -> None:
    """/startupz says no until the proxy was ready once, and yes ever after."""
    ready.value = False
    assert (await _ask(address, "GET /startupz HTTP/1.1"))[0] == 503
    ready.value = True
    assert (await _ask(address, "GET /startupz HTTP/1.1"))[0] == 200
    ready.value = False
    assert (await _ask(address, "GET /startupz HTTP/1.1"))[0] == 200


@pytest.mark.parametrize("path", ["/", "/metrics/x", "/livez/", "/readyz/../livez", "/%6Civez"])
async def test_everything_else_is_not_found(address: Address, path: str) -> None:
    """Only the paths that exist answer, in exactly one spelling."""
    assert (await _ask(address, f"GET {path} HTTP/1.1"))[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_nothing_can_be_changed(address: Address, method: str) -> None:
    """Every method but GET and HEAD is refused, and the answer says which are not."""
    status, rest = await _ask(address, f"{method} /livez HTTP/1.1")
    assert status == 405
    assert "Allow: GET, HEAD" in rest


async def test_a_bad_request_logs_nothing(address: Address, caplog: pytest.LogCaptureFixture) -> None:
    """Somebody who scans the port does not fill the log."""
    with caplog.at_level(logging.DEBUG):
        assert (await _ask(address, "NONSENSE"))[0] == 400
    assert caplog.records == []


async def test_close_ends_it(ready: Readiness) -> None:
    """After `close` nobody answers, and idle connections are over."""
    admin = Admin(ready, Metrics().exposition)
    address = await admin.start(LOOPBACK)
    assert isinstance(address, TcpAddress)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"ok\n")
    async with asyncio.timeout(30):
        await admin.close()
        assert await reader.read() == b""
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(address.host, address.port)


async def test_close_before_start(ready: Readiness) -> None:
    """A proxy that could not start can close what it did not open."""
    await Admin(ready, Metrics().exposition).close()


async def test_a_port_in_use(ready: Readiness) -> None:
    """A port that is taken is an OSError for whoever starts the proxy."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        await Admin(ready, Metrics().exposition).start(TcpAddress("127.0.0.1", taken.getsockname()[1]))


async def test_a_unix_socket(ready: Readiness, tmp_path: Path) -> None:
    """The admin port may be a Unix socket, which is removed at the end."""
    path = tmp_path / "admin.sock"
    admin = Admin(ready, Metrics().exposition)
    address = await admin.start(UnixAddress(str(path)))
    assert (await _ask(address, "GET /livez HTTP/1.1"))[0] == 200
    await admin.close()
    assert not path.exists()


async def test_metrics_are_those_of_the_proxy(ready: Readiness) -> None:
    """Prometheus is answered with what the proxy has counted, never to be stored."""
    metrics = Metrics()
    metrics.out_of_band()
    admin = Admin(ready, metrics.exposition)
    bound = await admin.start(LOOPBACK)
    status, rest = await _ask(bound, "GET /metrics HTTP/1.1")
    await admin.close()
    assert status == 200
    assert f"Content-Type: {CONTENT_TYPE}" in rest
    assert "Cache-Control: no-store" in rest
    assert "ifmatch_out_of_band_changes_total 1.0" in rest
