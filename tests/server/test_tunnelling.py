"""A request that becomes a tunnel, over real sockets on both sides."""

import asyncio
import json
import ssl
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from proxy.access_log import AccessLog, Style
from proxy.adapters.memory import MemoryLock, MemoryState
from proxy.core.address import TcpAddress
from proxy.core.matching import Routes
from proxy.core.minting import Minter
from proxy.core.route import Guard, Route, Unmatched
from proxy.core.template import Template
from proxy.gateway import Gateway
from proxy.server import Patience, Server
from tests.adapters.upstream.origin import CERTIFICATE, OK, Clock, Peer, Script, Serving, serving
from tests.server.conftest import LOOPBACK, Log, routes
from tests.server.wire import PATIENCE, Wire, connect
from tests.support.websocket import KEY, PROOF, handshake, switching

MEBIBYTE = 1024 * 1024
OPEN = "/open/ws"


class Standing:
    """A proxy before an origin server that tells of both."""

    def __init__(self, server: Server, address: TcpAddress, origin: Serving, log: Log) -> None:
        self.server = server
        self.address = address
        self.origin = origin
        self.log = log
        self.wires: list[Wire] = []

    async def ask(self, message: bytes) -> Wire:
        """Send bytes on a new connection."""
        wire = await connect(self.address)
        self.wires.append(wire)
        wire.send(message)
        return wire

    async def tunnel(self, *lines: str) -> Wire:
        """Return a connection that has become a tunnel."""
        wire = await self.ask(handshake(OPEN, *lines))
        assert (await wire.head()).status == 101
        return wire

    async def line(self) -> dict[str, object]:
        """Wait for a line of the access log and return it; there is no other."""
        async with asyncio.timeout(PATIENCE):
            await self.log.written.wait()
        (line,) = self.log.getvalue().splitlines()
        said = json.loads(line)
        assert isinstance(said, dict)
        return said


@asynccontextmanager
async def standing(
    script: Script, rules: Routes | None = None, *, tls: bool = False, **waits: float
) -> AsyncIterator[Standing]:
    """Run an origin server and a proxy before it."""
    async with serving(script, tls=tls) as origin, origin.upstream() as upstream:
        log, state = Log(), MemoryState()
        gateway = Gateway(rules or routes(), upstream, MemoryLock(state), state, Minter("test"))
        witnesses = [AccessLog(log, Style.JSON).write]
        server = Server(gateway, witnesses=witnesses, tunnels=upstream, patience=Patience(**waits))
        address = await server.start(LOOPBACK)
        assert isinstance(address, TcpAddress)
        here = Standing(server, address, origin, log)
        try:
            yield here
        finally:
            for wire in here.wires:
                wire.writer.close()
            await server.drain(0)


def answers(reply: bytes, seen: list[bytes] | None = None, *, close: bool = False) -> Script:
    """Answer the first request so, perhaps with an end, and keep what else comes on its connection."""

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(reply)
        if close:
            peer.writer.write_eof()
        rest = await peer.left()
        if seen is not None:
            seen.append(rest)

    return script


async def many_turns() -> None:
    """Let everything happen that needs no time: sockets of the loopback interface are ready at once."""
    for _ in range(500):
        await asyncio.sleep(0)


async def echoes(peer: Peer) -> None:
    """Accept the offer, and say again what is said, to the end."""
    await peer.head()
    await peer.send(switching())
    while said := await peer.reader.read(65536):
        await peer.send(said)
    peer.writer.write_eof()


async def test_an_accepted_offer_makes_a_tunnel() -> None:
    """Both heads pass with their offer, bytes pass both ways, the end of one side becomes that of the other."""
    async with standing(echoes) as here:
        wire = await here.ask(handshake(OPEN, "Cookie: a=b", "Sec-WebSocket-Protocol: chat"))
        head = await wire.head()
        assert head.status == 101
        assert head.fields.get_all("sec-websocket-accept") == (PROOF,)
        assert head.fields.get("connection") == "Upgrade"
        assert head.fields.get("upgrade") == "websocket"
        assert head.fields.get("via") == "1.1 ifmatch"
        for piece in (b"hello", b"\x00\xff" * 100000):
            wire.send(piece)
            assert await wire.exactly(len(piece)) == piece
        wire.half_close()
        assert await wire.ended() == b""
        line = await here.line()
    assert (line["status"], line["upstream_status"], line["route"]) == (101, 101, "open")
    assert (line["bytes_in"], line["bytes_out"]) == (200005, 200005)
    assert "cut_short" not in line
    (request,) = here.origin.requests
    lines = request.decode("latin-1").split("\r\n")
    assert lines[0] == f"GET {OPEN} HTTP/1.1"
    assert lines[-4:] == ["Connection: Upgrade", "Upgrade: websocket", "", ""]
    assert "Cookie: a=b" in lines
    assert "Sec-WebSocket-Protocol: chat" in lines
    assert f"Sec-WebSocket-Key: {KEY}" in lines
    assert "Via: 1.1 ifmatch" in lines


REQUEST = b"GET /wiki/1 HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_bytes_behind_either_head_go_to_the_other_side() -> None:
    """Neither side has to wait for the other: what comes with a head is not lost and not read as HTTP."""
    got: list[bytes] = []

    async def hasty(peer: Peer) -> None:
        await peer.head()
        await peer.send(switching() + OK)
        got.append(await peer.reader.readexactly(len(REQUEST)))
        peer.writer.write_eof()

    async with standing(hasty) as here:
        wire = await here.ask(handshake(OPEN) + REQUEST)
        assert (await wire.head()).status == 101
        assert await wire.ended() == OK
        wire.writer.close()
        await here.line()
    assert got == [REQUEST]
    assert len(here.origin.requests) == 1


async def test_nothing_goes_before_the_101() -> None:
    """What a client sends behind its offer is kept until the origin server has accepted that."""
    seen: list[bytes] = []

    async def slow(peer: Peer) -> None:
        await peer.head()
        reading = asyncio.ensure_future(peer.reader.read(1))
        await many_turns()  # a byte that was passed on would be here by then
        seen.append(b"early" if reading.done() else b"")
        await peer.send(switching())
        seen.append(await reading)

    async with standing(slow) as here:
        wire = await here.ask(handshake(OPEN) + b"x")
        assert (await wire.head()).status == 101
        wire.half_close()
        await here.origin.closed()
    assert seen == [b"", b"x"]


async def test_a_tunnel_follows_an_ordinary_request() -> None:
    """A request that was pipelined before the offer is answered first."""

    async def both(peer: Peer) -> None:
        while b"\r\nUpgrade: " not in await peer.head():
            await peer.send(OK)
            if peer is not here.origin.peers[0]:
                return
        await peer.send(switching() + b"hello")

    async with standing(both) as here:
        wire = await here.ask(b"GET /open/a HTTP/1.1\r\nHost: x\r\n\r\n" + handshake(OPEN) + b"bye")
        assert (await wire.answer()).content == b"ok"
        assert (await wire.head()).status == 101
        assert await wire.exactly(5) == b"hello"
        wire.reset()
        await here.origin.closed(leaving=1)


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nContent-Length: 2\r\n\r\nno",
        b"HTTP/1.1 200 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nno",
        b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
        b"HTTP/1.1 500 Oops\r\n\r\nno",
    ],
)
async def test_any_other_answer_is_an_answer_and_what_follows_the_offer_is_nothing(reply: bytes) -> None:
    """Without 101 nothing that came behind the offer reaches the origin server, and both connections end."""
    seen: list[bytes] = []
    async with standing(answers(reply, seen, close=b"500" in reply)) as here:
        wire = await here.ask(handshake(OPEN) + b"PUT /wiki/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        head = await wire.answer()
        assert (head.status, head.content) == (int(reply[9:12]), b"no")
        assert head.fields.get("upgrade") is None
        assert head.fields.get("connection") == "close"
        assert await wire.ended() == b""
        await here.origin.closed()
    assert seen == [b""]
    assert len(here.origin.requests) == 1


@pytest.mark.parametrize(
    "reply",
    [
        switching(accept="A3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        switching("Sec-WebSocket-Accept: " + PROOF),
        switching("Content-Length: 0"),
        switching("Content-Length: 5"),
        switching("Transfer-Encoding: chunked"),
        switching().replace(b"HTTP/1.1", b"HTTP/1.0"),
        switching().replace(b"Upgrade: websocket", b"Upgrade: h2c"),
        switching().replace(b"Upgrade: websocket", b"Upgrade: websocket, h2c"),
        switching().replace(b"Connection: Upgrade", b"Connection: close"),
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ],
)
async def test_a_101_that_does_not_prove_its_offer_opens_nothing(reply: bytes) -> None:
    """502: the mere status, which other code of the origin server may be made to answer with, opens no tunnel."""
    seen: list[bytes] = []
    async with standing(answers(reply, seen)) as here:
        wire = await here.ask(handshake(OPEN) + b"DELETE /wiki/1 HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await wire.answer()
        assert (answer.status, answer.problem["type"]) == (502, "urn:ifmatch:problem:upstream-unanswered")
        assert await wire.ended() == b""
        await here.origin.closed()
    assert seen == [b""]


async def test_a_101_that_nobody_asked_for_is_502() -> None:
    """However well it is made."""
    async with standing(answers(switching())) as here:
        wire = await here.ask(handshake(OPEN, upgrade="h2c"))
        assert (await wire.answer()).status == 502
        await here.origin.closed()


WIKI, WS = Template.parse("/wiki/{id}"), Template.parse("/ws")
GET, PUT = frozenset({"GET"}), frozenset({"PUT"})


@pytest.mark.parametrize(
    ("rules", "target"),
    [
        (routes(), "/wiki/1"),
        (routes(), "/WIKI//%31/"),
        (routes(guard=Guard.REPORT), "/wiki/1"),
        (routes(methods=PUT), "/wiki/1"),
        (routes(state=Template.parse("/of/{id}")), "/wiki/1"),
        (Routes([Route("ws", WS, methods=GET, guard=Guard.OFF)], Unmatched.GUARD), "/ws"),
        (Routes([], Unmatched.GUARD), "/ws"),
        (Routes([], Unmatched.REJECT), "/ws"),
    ],
)
async def test_a_path_of_which_anything_is_guarded_has_no_tunnel(rules: Routes, target: str) -> None:
    """The offer is dropped: the origin server sees an ordinary request, if it sees one, and can accept nothing."""
    seen: list[bytes] = []
    async with standing(answers(OK, seen), rules) as here:
        wire = await here.ask(handshake(target) + b"PUT /wiki/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        assert (await wire.answer()).status in {200, 404}
        assert await wire.ended() == b""
    assert not any(b"upgrade" in request.lower() for request in here.origin.requests)
    assert len(here.origin.requests) < 2
    assert not any(seen)


OTHERS = [
    handshake(OPEN, upgrade="h2c"),
    handshake(OPEN, "HTTP2-Settings: AAMAAABk", upgrade="h2c"),
    handshake(OPEN, upgrade="websocket, h2c"),
    handshake(OPEN, upgrade="h2c, websocket"),
    handshake(OPEN, upgrade="websocket/13"),
    handshake(OPEN, upgrade="TLS/1.2"),
    handshake(OPEN, "Upgrade: h2c"),
    handshake(OPEN).replace(b"Connection: Upgrade", b"Connection: keep-alive"),
    handshake(OPEN).replace(b"Sec-WebSocket-Key: ", b"X-Key: "),
    handshake(OPEN, f"Sec-WebSocket-Key: {KEY}"),
    handshake(OPEN).replace(b"Connection: Upgrade", b"Connection: Upgrade, Sec-WebSocket-Key"),
    handshake(OPEN).replace(b"HTTP/1.1", b"HTTP/1.0"),
    handshake(OPEN).replace(b"GET", b"OPTIONS"),
    handshake(OPEN).replace(b"GET", b"POST"),
]


@pytest.mark.parametrize("offer", OTHERS)
async def test_no_other_offer_is_passed_on(offer: bytes) -> None:
    """h2c above all: behind it an origin server takes requests for any path, which nobody would guard."""
    async with standing(answers(OK)) as here:
        wire = await here.ask(offer + REQUEST)
        assert (await wire.answer()).status == 200
        assert await wire.ended() == b""
    (request,) = here.origin.requests
    assert b"upgrade" not in request.lower()
    assert b"http2-settings" not in request.lower()


async def test_without_tunnels_an_offer_is_dropped() -> None:
    """Who puts a server together without them gets the server that knows none."""
    async with serving(answers(OK)) as origin, origin.upstream() as upstream:
        state = MemoryState()
        server = Server(Gateway(routes(), upstream, MemoryLock(state), state, Minter("test")))
        wire = await connect(await server.start(LOOPBACK))
        wire.send(handshake(OPEN))
        assert (await wire.answer()).status == 200
        assert b"upgrade" not in origin.requests[0].lower()
        wire.writer.close()
        await server.drain(PATIENCE)


async def test_interim_responses_pass_before_a_tunnel() -> None:
    """1xx that is not final may come before 101 as before any other answer."""
    async with standing(answers(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + switching())) as here:
        wire = await here.ask(handshake(OPEN))
        assert [(await wire.head()).status, (await wire.head()).status] == [103, 101]


async def test_a_client_that_leaves_during_the_handshake_ends_it() -> None:
    """Nobody waits for a 101 that nobody is there for."""
    asked = asyncio.Event()

    async def silent(peer: Peer) -> None:
        await peer.head()
        asked.set()

    async with standing(silent) as here:
        wire = await here.ask(handshake(OPEN))
        await asked.wait()
        wire.reset()
        await here.origin.closed()
        assert (await here.line())["reason"] == "client-gone"


async def test_a_client_that_shuts_its_side_during_the_handshake_has_a_tunnel_all_the_same() -> None:
    """The origin server learns of it behind the 101."""
    async with standing(echoes) as here:
        wire = await here.ask(handshake(OPEN) + b"hello")
        wire.half_close()
        assert (await wire.head()).status == 101
        assert await wire.ended() == b"hello"


# ------------------------------------------------------------------------------------------------------ how it ends


@pytest.mark.parametrize("tls", [False, True])
async def test_an_origin_server_that_ends_is_an_end_for_the_client(tls: bool) -> None:
    """All that it said arrives first; then the client has the last word, where the transport leaves it one."""
    last: list[bytes] = []

    async def ends(peer: Peer) -> None:
        await peer.head()
        await peer.send(switching() + b"bye")
        if tls:
            peer.writer.close()
        else:
            peer.writer.write_eof()
            last.append(await peer.reader.read())

    async with standing(ends, tls=tls) as here:
        wire = await here.tunnel()
        assert await wire.ended() == b"bye"
        wire.send(b"last")
        wire.half_close()
        assert "cut_short" not in await here.line()
    assert last == ([] if tls else [b"last"])


async def test_an_origin_server_that_breaks_breaks_the_clients_connection() -> None:
    """A reset is passed on as one: nobody takes it for an end."""

    async def breaks(peer: Peer) -> None:
        await peer.head()
        await peer.send(switching() + b"some")
        await peer.reader.readexactly(1)
        peer.reset()

    async with standing(breaks) as here:
        wire = await here.tunnel()
        assert await wire.exactly(4) == b"some"
        wire.send(b"x")
        with pytest.raises(ConnectionResetError):
            await wire.ended()
        line = await here.line()
    assert (line["cut_short"], line["bytes_in"], line["bytes_out"]) == ("upstream-unanswered", 1, 4)


async def test_a_client_that_is_lost_ends_the_tunnel() -> None:
    """The origin server is told at once, although it had nothing to say."""
    async with standing(answers(switching())) as here:
        wire = await here.tunnel()
        wire.reset()
        await here.origin.closed()
        assert (await here.line())["cut_short"] == "client-gone"


async def test_the_last_words_of_a_client_that_is_lost_arrive() -> None:
    """What it had said before is passed on, in however many pieces it came."""
    seen: list[bytes] = []
    async with standing(answers(switching(), seen)) as here:
        wire = await here.tunnel()
        wire.send(b"a" * MEBIBYTE)
        wire.writer.close()
        await here.origin.closed()
    assert seen == [b"a" * MEBIBYTE]


@pytest.mark.parametrize("ended", ["client", "origin"])
async def test_who_says_nothing_after_the_others_end_is_not_waited_for(ended: str) -> None:
    """A half-open tunnel on which nothing passes looks like one that was left behind."""

    async def ends(peer: Peer) -> None:
        await peer.head()
        await peer.send(switching())
        if ended == "origin":
            peer.writer.write_eof()

    async with standing(ends, silence=0.05) as here:
        wire = await here.tunnel()
        if ended == "client":
            wire.half_close()
        await here.origin.closed()
        await here.line()


@pytest.mark.asyncio(loop_factories=["asyncio"])  # whose clock can be set
async def test_an_idle_tunnel_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time-out ends it, neither of requests nor of connections: only a half-open one is watched."""
    loop = asyncio.get_running_loop()
    clock = Clock(loop)
    monkeypatch.setattr(loop, "time", clock.time)
    async with standing(echoes) as here:
        wire = await here.tunnel()
        await many_turns()
        clock.forward(7 * 24 * 3600.0)
        await many_turns()
        wire.send(b"hello")
        assert (await wire.reader.readexactly(5)) == b"hello"


class Flood:
    """Bytes that are sent until nobody takes them any more. `sent` is how many were taken."""

    def __init__(self) -> None:
        self.sent = 0

    async def into(self, writer: asyncio.StreamWriter) -> None:
        """Send without end."""
        while True:
            writer.write(bytes(64 * 1024))
            await writer.drain()
            self.sent += 64 * 1024

    async def stalled(self) -> None:
        """Wait until nothing more is taken."""
        before = -1
        while before != self.sent:
            before = self.sent
            await many_turns()


@pytest.mark.parametrize("way", ["up", "down"])
async def test_who_does_not_read_holds_up_who_sends(way: str) -> None:
    """What is held here is bounded, in both directions: the kernels' buffers fill, and no more is taken."""
    flood, go_on = Flood(), asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(switching())
        if way == "down":
            await flood.into(peer.writer)
        await go_on.wait()

    async with standing(script) as here:
        tracemalloc.start()
        try:
            wire = await here.tunnel()
            flooding = asyncio.create_task(flood.into(wire.writer)) if way == "up" else None
            await flood.stalled()
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert held < 2 * MEBIBYTE
        assert flood.sent < 64 * MEBIBYTE
        if flooding is not None:
            flooding.cancel()
        go_on.set()


@pytest.mark.parametrize("way", ["up", "down"])
async def test_who_takes_nothing_is_not_waited_for_for_ever(way: str) -> None:
    """Past `stall` seconds in which one side takes nothing of what the other sends, the tunnel ends."""
    flood, over = Flood(), asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(switching())
        if way == "down":
            await flood.into(peer.writer)
        await over.wait()

    async with standing(script, stall=0.2) as here:
        wire = await here.tunnel()
        flooding = asyncio.create_task(flood.into(wire.writer)) if way == "up" else None
        line = await here.line()
        assert line["cut_short"] == ("upstream-unanswered" if way == "up" else "client-gone")
        over.set()
        if flooding is not None:
            with pytest.raises(ConnectionError):
                await flooding


async def test_large_content_passes_both_ways_at_once() -> None:
    """Eight mebibytes are echoed without loss while they are sent."""
    whole = bytes(range(256)) * 4096 * 8
    async with standing(echoes) as here:
        wire = await here.tunnel()
        wire.send(whole)
        assert await wire.exactly(len(whole)) == whole
        wire.half_close()
        assert await wire.ended() == b""
        line = await here.line()
    assert (line["bytes_in"], line["bytes_out"]) == (len(whole), len(whole))


# --------------------------------------------------------------------------------------------------- the server's end


async def test_a_drain_does_not_wait_for_tunnels() -> None:
    """They have no end to wait for: they are cut off when nothing else is left, and that is a good end."""
    async with standing(answers(switching())) as here:
        wire = await here.tunnel()
        assert await here.server.drain(PATIENCE)
        with pytest.raises(ConnectionResetError):
            await wire.ended()
        assert (await here.line())["cut_short"] == "shutting-down"
        await here.origin.closed()


async def test_a_tunnel_goes_on_while_others_finish() -> None:
    """A drain cuts tunnels off behind the last request, not before."""
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def script(peer: Peer) -> None:
        head = await peer.head()
        if b"Upgrade" in head:
            await peer.send(switching())
            await peer.send(await peer.reader.readexactly(5))
            return
        asked.set()
        await go_on.wait()
        await peer.send(OK)

    async with standing(script) as here:
        wire = await here.tunnel()
        other = await here.ask(b"GET /open/a HTTP/1.1\r\nHost: x\r\n\r\n")
        await asked.wait()
        draining = asyncio.create_task(here.server.drain(PATIENCE))
        wire.send(b"hello")
        assert await wire.exactly(5) == b"hello"
        assert not draining.done()
        go_on.set()
        assert (await other.answer()).content == b"ok"
        assert await draining
        with pytest.raises(ConnectionResetError):
            await wire.ended()


async def test_a_tls_client_has_a_tunnel() -> None:
    """Its end is the end of both sides, since asyncio knows no half-open TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    async with serving(echoes) as origin, origin.upstream() as upstream:
        state = MemoryState()
        gateway = Gateway(routes(), upstream, MemoryLock(state), state, Minter("test"))
        server = Server(gateway, tunnels=upstream)
        address = await server.start(LOOPBACK, context)
        assert isinstance(address, TcpAddress)
        trusting = ssl.create_default_context(cafile=str(CERTIFICATE))
        wire = Wire(*await asyncio.open_connection(address.host, address.port, ssl=trusting))
        wire.send(handshake(OPEN))
        assert (await wire.head()).status == 101
        wire.send(b"hello")
        assert await wire.exactly(5) == b"hello"
        wire.writer.close()
        await origin.closed()
        assert await server.drain(PATIENCE)
