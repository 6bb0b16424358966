"""An offer to speak WebSocket, and the tunnel that an acceptance opens."""

import asyncio
import socket
from contextlib import suppress

import pytest

from proxy.adapters.upstream import HttpUpstream
from proxy.adapters.upstream.tunnel import MOMENT, HttpTunnel
from proxy.core.message import Request
from proxy.errors import NotSent, Unanswered
from proxy.ports import Budget, Purpose, Tunnel, Tunnels
from tests.adapters.upstream.origin import GUARD, OK, PATIENT, Clock, Peer, Script, answers, request, serving
from tests.support.websocket import KEY, switching

MEBIBYTE = 1024 * 1024


def asked() -> Request:
    """A request as the server passes it on: what is for one connection only has been dropped."""
    return request(
        "GET", "/ws", [("Host", "o"), ("Sec-WebSocket-Key", KEY), ("Upgrade", "h2c"), ("Content-Length", "0")]
    )


async def opened(upstream: Tunnels, budget: Budget = PATIENT) -> Tunnel:
    """A tunnel to an origin server that accepts the offer."""
    reply, tunnel = await upstream.switch(asked(), budget=budget)
    assert tunnel is not None
    assert reply.status == 101
    return tunnel


def accepts(then: Script) -> Script:
    """Accept the offer, then do that."""

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(switching())
        await then(peer)

    return script


async def echo(peer: Peer) -> None:
    """Say again what is said, to the end."""
    while said := await peer.reader.read(65536):
        await peer.send(said)
    with suppress(NotImplementedError):  # TLS
        peer.writer.write_eof()


async def test_the_offer_is_ours_alone() -> None:
    """One Connection and one Upgrade, whatever the request said of its own connection, and no framing."""
    async with serving(answers(OK)) as origin, origin.upstream() as upstream:
        reply, tunnel = await upstream.switch(asked(), budget=PATIENT)
        assert (reply.status, await reply.read(2), tunnel) == (200, b"ok", None)
        await reply.aclose()
    assert origin.requests == [
        b"GET /ws HTTP/1.1\r\nHost: o\r\nSec-WebSocket-Key: %b\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        % KEY.encode()
    ]


@pytest.mark.parametrize("tls", [False, True])
async def test_bytes_pass_both_ways(tls: bool) -> None:
    """On TCP and over TLS, in order, whole, whatever they are."""
    whole = bytes(range(256)) * 4096
    async with serving(accepts(echo), tls=tls) as origin, origin.upstream() as upstream:
        tunnel = await opened(upstream)
        writing = asyncio.create_task(tunnel.write(whole))
        got = b""
        async for piece in tunnel:
            got += piece
            if len(got) == len(whole):
                break
        await writing
        assert got == whole
        assert tunnel.open
        await tunnel.aclose()
        await tunnel.aclose()
        assert not tunnel.open


async def test_every_byte_of_the_acceptance_may_come_alone() -> None:
    """However it is cut, what follows it is the first of the tunnel's bytes."""

    async def drips(peer: Peer) -> None:
        await peer.head()
        for byte in switching() + b"hello":
            await peer.send(bytes([byte]))
            await asyncio.sleep(0)
        peer.writer.write_eof()

    async with serving(drips) as origin, origin.upstream() as upstream:
        tunnel = await opened(upstream)
        assert b"".join([piece async for piece in tunnel]) == b"hello"
        tunnel.end()
        await tunnel.aclose()


@pytest.mark.parametrize("cut", range(0, len(switching()), 7))
async def test_an_acceptance_that_is_cut_short_opens_nothing(cut: int) -> None:
    """Whatever it began with."""

    async def cuts(peer: Peer) -> None:
        await peer.head()
        await peer.send(switching()[:cut])
        peer.writer.close()

    async with serving(cuts) as origin, origin.upstream() as upstream:
        with pytest.raises(Unanswered):
            await upstream.switch(asked(), budget=PATIENT)
        assert len(origin.requests) == 1


@pytest.mark.parametrize("reply", [switching(accept="x"), switching().replace(b"HTTP/1.1", b"HTTP/1.0")])
async def test_another_acceptance_opens_nothing(reply: bytes) -> None:
    """The connection is closed, and the reason does not echo what was said."""
    async with serving(answers(reply)) as origin, origin.upstream() as upstream:
        with pytest.raises(Unanswered, match="without proof"):
            await upstream.switch(asked(), budget=PATIENT)
        await origin.closed()


async def test_only_who_offers_is_shown_a_101() -> None:
    """A request of any other kind that is answered so has failed."""
    async with serving(answers(switching())) as origin, origin.upstream() as upstream:
        with pytest.raises(Unanswered, match="nobody asked for"):
            await upstream.send(asked(), None, purpose=Purpose.RELAY, budget=PATIENT)
        await origin.closed()


async def test_an_offer_takes_a_fresh_connection_and_leaves_none_behind() -> None:
    """Neither does it use one that waits, nor does one wait after it, accepted or not."""
    async with serving(answers(OK, OK, OK)) as origin, origin.upstream() as upstream:
        for _ in range(2):
            reply = await upstream.send(request(), None, purpose=Purpose.SELECT, budget=PATIENT)
            await reply.read(2)
            await reply.aclose()
            if origin.connections == 1:
                reply, _ = await upstream.switch(asked(), budget=PATIENT)
                await reply.read(2)
                await reply.aclose()
                await origin.closed(leaving=1)
            assert origin.connections == 2


async def test_an_offer_is_not_made_again() -> None:
    """An origin server that closes has answered."""

    async def closes(peer: Peer) -> None:
        await peer.head()
        peer.writer.close()

    async with serving(closes) as origin, origin.upstream() as upstream:
        with pytest.raises(Unanswered, match="without an answer"):
            await upstream.switch(asked(), budget=PATIENT)
        assert len(origin.requests) == 1


async def test_no_offer_is_made_after_closing() -> None:
    """Nothing left, and that is said."""
    async with serving(answers(OK)) as origin:
        upstream = HttpUpstream(origin.origin)
        await upstream.aclose()
        with pytest.raises(NotSent, match="has closed its connections"):
            await upstream.switch(asked(), budget=PATIENT)


async def test_an_answer_that_does_not_come_in_time(clock: Clock) -> None:
    """The handshake has the time of any answer; a tunnel has none."""
    came = asyncio.Event()

    async def silent(peer: Peer) -> None:
        if len(origin.requests) == 0:
            await peer.head()
            came.set()
        else:
            await accepts(echo)(peer)

    async with serving(silent) as origin, origin.upstream() as upstream:
        asking = asyncio.create_task(upstream.switch(asked(), budget=PATIENT))
        await came.wait()
        clock.forward(31.0)
        with pytest.raises(Unanswered) as caught:
            await asking
        assert caught.value.timed_out
        tunnel = await opened(upstream)
        clock.forward(1e6)
        await tunnel.write(b"hello")
        assert await anext(aiter(tunnel)) == b"hello"
        await tunnel.aclose()


async def test_the_end_of_one_side_leaves_the_other_open() -> None:
    """Each side ends by itself: who has said all may still be told something."""

    async def speaks_last(peer: Peer) -> None:
        assert await peer.reader.read() == b"question"
        await peer.send(b"answer")
        peer.writer.write_eof()

    async def speaks_first(peer: Peer) -> None:
        await peer.send(b"answer")
        peer.writer.write_eof()
        assert await peer.reader.read() == b"question"

    for script in (speaks_last, speaks_first):
        async with serving(accepts(script)) as origin, origin.upstream() as upstream:
            tunnel = await opened(upstream)
            if script is speaks_last:
                await tunnel.write(b"question")
                tunnel.end()
            assert b"".join([piece async for piece in tunnel]) == b"answer"
            if script is speaks_first:
                assert tunnel.open
                await tunnel.write(b"question")
                tunnel.end()
            await tunnel.aclose()
            await origin.closed()


async def test_what_was_written_before_both_ended_arrives() -> None:
    """Closing does not overtake it."""
    got = 0

    async def slow(peer: Peer) -> None:
        nonlocal got
        peer.writer.write_eof()
        while piece := await peer.reader.read(65536):
            await asyncio.sleep(0)
            got += len(piece)

    async with serving(accepts(slow)) as origin, origin.upstream() as upstream:
        tunnel = await opened(upstream)
        assert [piece async for piece in tunnel] == []
        for _ in range(8):
            await tunnel.write(bytes(MEBIBYTE))
        tunnel.end()
        await tunnel.aclose()
        await origin.closed()
    assert got == 8 * MEBIBYTE


async def test_what_is_not_taken_is_not_waited_for_long(clock: Clock) -> None:
    """A moment, and the connection is cut."""
    over = asyncio.Event()

    async def deaf(peer: Peer) -> None:
        peer.writer.write_eof()
        await over.wait()

    async with serving(accepts(deaf)) as origin, origin.upstream() as upstream:
        tunnel = await opened(upstream)
        assert [piece async for piece in tunnel] == []
        writing = asyncio.create_task(tunnel.write(bytes(64 * MEBIBYTE)))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not writing.done()
        writing.cancel()
        tunnel.end()
        closing = asyncio.create_task(tunnel.aclose())
        for _ in range(100):
            await asyncio.sleep(0)
        assert not closing.done()
        clock.forward(MOMENT + 0.1)
        await closing
        over.set()


async def test_an_origin_server_that_is_gone_is_told_of() -> None:
    """By what is iterated, and by what is written."""

    async def breaks(peer: Peer) -> None:
        await peer.reader.readexactly(1)
        peer.reset()

    async with serving(accepts(breaks)) as origin, origin.upstream() as upstream:
        tunnel = await opened(upstream)
        await tunnel.write(b"x")
        with pytest.raises(Unanswered, match="ended early"):
            await anext(aiter(tunnel))
        with pytest.raises(Unanswered, match="closed its end"):
            await tunnel.write(b"y")
        tunnel.end()
        assert not tunnel.open
        await tunnel.aclose()


async def test_over_tls_the_end_is_that_of_both() -> None:
    """Asyncio knows no half-open TLS: to end one's side is to close."""
    async with serving(accepts(echo), tls=True) as origin, origin.upstream() as upstream:
        tunnel = await opened(upstream)
        tunnel.end()
        await origin.closed()
        assert not tunnel.open
        await tunnel.aclose()


async def test_who_does_not_read_holds_up_the_origin_server() -> None:
    """What waits here is bounded, and nothing of it is lost."""
    sent = 0

    async def floods(peer: Peer) -> None:
        nonlocal sent
        for _ in range(64):
            await peer.send(bytes(MEBIBYTE))
            sent += 1
        peer.writer.write_eof()

    async with serving(accepts(floods)) as origin, origin.upstream() as upstream:
        tunnel = await opened(upstream)
        for _ in range(1000):
            await asyncio.sleep(0)
        assert sent < 32
        async with asyncio.timeout(GUARD):
            assert sum([len(piece) async for piece in tunnel]) == 64 * MEBIBYTE
        tunnel.end()
        await tunnel.aclose()


async def test_the_operating_system_watches_a_tunnel() -> None:
    """A peer that vanished without a word is found out although nobody writes to it."""
    async with serving(accepts(echo)) as origin, origin.upstream() as upstream:
        tunnel = await opened(upstream)
        assert isinstance(tunnel, HttpTunnel)
        connected = tunnel._connection._transport.get_extra_info("socket")  # noqa: SLF001 - nothing else shows it
        assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        await tunnel.aclose()
