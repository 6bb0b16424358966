"""The short way for reads beside the long one: whoever cannot tell them apart cannot be fooled by having two."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from proxy.access_log import AccessLog, Style
from proxy.adapters.memory import MemoryLock, MemoryState
from proxy.adapters.upstream import HttpUpstream
from proxy.core.address import Address, TcpAddress, parse_origin
from proxy.core.minting import Minter
from proxy.gateway import Gateway
from proxy.server import Patience, Server
from proxy.server.brief import Brief
from proxy.server.connection import Connection
from proxy.server.masking import MARK
from tests.server.conftest import LOOPBACK, Log, routes
from tests.server.sides import leave_when_lengthened
from tests.server.wire import PATIENCE, Wire, connect

DATE = b"Date: Mon, 30 Nov 2026 00:00:00 GMT\r\n"
PUT = b"PUT /wiki/1 HTTP/1.1\r\nHost: x\r\nIf-Match: *\r\n"
BEGUN = b"GET /wiki/begun HTTP/1.1\r\nX-Note: "

Answering = Callable[[bytes], bytes]


def get(target: bytes, *lines: bytes) -> bytes:
    """Return a GET with these field lines."""
    return b"\r\n".join([b"GET " + target + b" HTTP/1.1", b"Host: x", *lines]) + b"\r\n\r\n"


def said(content: bytes, *lines: bytes) -> bytes:
    """Return a 200 with this content and these field lines."""
    framed = b"Content-Length: %d\r\n\r\n" % len(content)
    return b"HTTP/1.1 200 OK\r\n" + DATE + b"".join(line + b"\r\n" for line in lines) + framed + content


def echo(head: bytes) -> bytes:
    """Return a 200 that shows the target, or a 204."""
    return said(head.split()[1]) if head.startswith(b"GET") else b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass
class Short:
    """A proxy with a short way, and what its origin server was asked. `taken` are heads that went the short way."""

    server: Server
    gateway: Gateway
    address: Address
    log: Log
    seen: list[bytes]
    taken: list[bytes] = field(default_factory=list)
    answering: Answering = echo
    wires: list[Wire] = field(default_factory=list)

    async def connect(self) -> Wire:
        """Return a connection, which is closed at the end."""
        self.wires.append(await connect(self.address))
        return self.wires[-1]

    async def used(self) -> Wire:
        """Return a connection on which something was asked, so that there is an idle one to the origin server."""
        wire = await self.connect()
        wire.send(get(b"/wiki/first"))
        assert (await wire.answer()).status == 200
        return wire


@pytest.fixture
async def short(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Short]:
    """Return a proxy whose origin server answers as `answering` says."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peers.append(asyncio.current_task())
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await reader.readexactly(5 if b"Content-Length: 5" in head else 0)
                stand.seen.append(head)
                writer.write(stand.answering(head))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def set_out(brief: Brief) -> bool:
        left = going(brief)
        if left:
            stand.taken.append(brief.head)
        return left

    peers: list[asyncio.Task[None] | None] = []
    going = Brief.set_out
    monkeypatch.setattr(Brief, "set_out", set_out)
    origin, log, state = await asyncio.start_server(serve, "127.0.0.1", 0), Log(), MemoryState()
    upstream = HttpUpstream(parse_origin(f"http://127.0.0.1:{origin.sockets[0].getsockname()[1]}"))
    gateway = Gateway(routes(), upstream, MemoryLock(state), state, Minter("test"))
    witnesses = [AccessLog(log, Style.JSON).write]
    server = Server(gateway, witnesses=witnesses, scouts=upstream, patience=Patience(linger=0))
    address = await server.start(LOOPBACK, None)
    assert isinstance(address, TcpAddress)
    stand = Short(server, gateway, address, log, [])
    yield stand
    for wire in stand.wires:
        wire.writer.close()
    await server.drain(PATIENCE)
    await upstream.aclose()
    origin.close()
    await asyncio.gather(*(peer for peer in peers if peer is not None))


async def answers(wire: Wire, *parts: bytes) -> list[bytes]:
    """Send each part once that before it was answered; return the contents of the answers."""
    contents = []
    for part in parts:
        wire.send(part)
        contents.append((await wire.answer("PUT" if b"PUT" in part else "GET")).content)
    return contents


@pytest.mark.parametrize(
    "before",
    [
        get(b"/wiki/1"),
        PUT + b"Content-Length: 5\r\n\r\nhello",
        PUT + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ],
)
async def test_a_head_within_a_head_is_none(short: Short, before: bytes) -> None:
    """What follows the beginning of a head continues it, also where it looks like a whole one by itself."""
    short.answering = lambda head: said(head.split()[1]) if b"PUT" not in head else b"HTTP/1.1 204 No Content\r\n\r\n"
    wire = await short.used()
    wire.send(before + BEGUN)
    await wire.answer("PUT" if before.startswith(b"PUT") else "GET")
    assert await answers(wire, get(b"/wiki/within")) == [b"/wiki/begun"]
    assert short.taken == []


@pytest.mark.parametrize(
    "parts",
    [
        [get(b"/wiki/1")],
        [get(b"/wiki/1")[:20], get(b"/wiki/1")[20:]],
        [PUT + b"Content-Length: 5\r\n\r\nhello"],
        [PUT + b"Content-Length: 5\r\n\r\n", b"he", b"llo"],
    ],
)
async def test_the_short_way_is_open_behind_whole_requests(short: Short, parts: list[bytes]) -> None:
    """A read that begins where a request ended goes the short way, however that one arrived."""
    wire = await short.used()
    connection = next(iter(short.server._census._connections))  # noqa: SLF001 - to see it take each part
    assert isinstance(connection, Connection)
    for part in parts:
        connection.data_received(part)
    await wire.answer("PUT" if parts[0].startswith(b"PUT") else "GET")
    short.taken.clear()
    assert await answers(wire, get(b"/wiki/last")) == [b"/wiki/last"]
    assert short.taken == [get(b"/wiki/last")]


async def test_content_that_is_owed_is_nobody_elses(short: Short) -> None:
    """A head whose content did not arrive leaves nothing behind that would shorten the head of another client."""
    wire, other = await short.used(), await short.connect()
    eaten = b"GET /wiki/asked HTTP/1.1\r\nX-Note: "
    other.send(get(b"/wiki/1", b"Content-Length: %d" % len(eaten)))
    assert (await other.answer()).status == 400
    assert await answers(wire, eaten + get(b"/wiki/meant")) == [b"/wiki/asked"]


@pytest.mark.parametrize("last", [get(b"/wiki/1", b"Connection: close"), get(b"/wiki/1").replace(b"1.1", b"1.0")])
async def test_a_last_request_closes_the_short_way_to_nobody(short: Short, last: bytes) -> None:
    """A head with which a connection ends does not send the next one of another client the long way."""
    wire, other = await short.used(), await short.connect()
    other.send(last)
    assert (await other.answer()).status == 200
    assert await answers(wire, get(b"/wiki/2")) == [b"/wiki/2"]
    assert short.taken == [get(b"/wiki/2")]


@pytest.mark.parametrize(
    "line", [b"X-Request-ID:abc", b"X-Request-ID:  abc", b"x-request-id: abc ", b"X-REQUEST-ID: abc"]
)
async def test_a_name_is_logged_however_it_is_spelled(short: Short, line: bytes) -> None:
    """The line of the log names the request as its client did, with and without white space around the name."""
    wire = await short.used()
    await answers(wire, get(b"/wiki/1", line))
    await asyncio.sleep(0)
    assert '"id": "abc"' in short.log.getvalue().splitlines()[-1]


async def test_a_name_that_looks_like_a_mark(short: Short) -> None:
    """A name spelled as what stands for a name is one like every other, also where the fence takes its place."""
    short.gateway.adopt(routes(fence="X-Request-ID"))
    wire = await short.used()
    await answers(wire, get(b"/wiki/1", b"X-Request-ID: " + MARK), get(b"/wiki/2"))
    await asyncio.sleep(0)
    *_, marked, last = short.log.getvalue().splitlines()
    assert f'"id": "{MARK.decode()}"' in marked
    assert '"path": "/wiki/2"' in last


@pytest.mark.parametrize("target", [b"/wiki/one", b"/open/one"])
async def test_an_answer_whose_length_is_for_one_connection(short: Short, target: bytes) -> None:
    """Where Connection names Content-Length, an answer still ends where its content does."""
    short.answering = lambda head: (
        said(b"0\r\n\r\nHTTP/1.1", b"Connection: Content-Length") if b"one" in head else echo(head)
    )
    wire = await short.used()
    assert await answers(wire, get(b"/wiki/one"), get(b"/wiki/one"), get(b"/wiki/2")) == [
        b"0\r\n\r\nHTTP/1.1",
        b"0\r\n\r\nHTTP/1.1",
        b"/wiki/2",
    ]
    assert short.taken == [get(b"/wiki/one"), get(b"/wiki/one"), get(b"/wiki/2")]


async def test_a_client_that_leaves_just_before_the_answer(short: Short, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read whose client is found to have left as it is handed over is over, and has its line."""
    wire = await short.used()
    leave_when_lengthened(monkeypatch)
    short.answering = lambda _head: b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    short.log.written.clear()
    wire.send(get(b"/wiki/1"))
    async with asyncio.timeout(PATIENCE):
        await short.log.written.wait()
    assert '"reason": "client-gone"' in short.log.getvalue().splitlines()[-1]
    assert await short.server.drain(PATIENCE)
