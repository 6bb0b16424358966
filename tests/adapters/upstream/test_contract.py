"""What `ports.Upstream` promises, on each kind of connection."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from proxy.core.fields import Fields
from proxy.errors import LeaseLost, StoreFailure, Unanswered
from proxy.ports import Content, Purpose, Upstream
from tests.adapters.upstream.origin import OK, PATIENT, Peer, Pieces, Script, Serving, Text, request, serving

Start = Callable[[Script], AbstractAsyncContextManager[tuple[Serving, Upstream]]]

WIRES = {
    "sized": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nA: b\r\n\r\n",
    "interim": b"HTTP/1.1 103 A\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
}


@pytest.fixture(params=["tcp", "unix", "tls"])
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Start:
    """Start an origin server with a script, and an upstream to it."""

    @asynccontextmanager
    async def started(script: Script) -> AsyncIterator[tuple[Serving, Upstream]]:
        path = tmp_path / "s" if request.param == "unix" else None
        async with serving(script, tls=request.param == "tls", path=path) as origin, origin.upstream() as upstream:
            yield origin, upstream

    return started


async def test_the_request_arrives_byte_for_byte(start: Start) -> None:
    """Raw target, empty query, field case, order, repetition and obs-text reach the origin server unchanged."""

    async def replies(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)

    lines = [("hOST", "o"), ("X-A", "\xe9 \xff"), ("accept", "a"), ("Accept", "b"), ("X-Empty", "")]
    async with start(replies) as (origin, upstream):
        asked = request("GET", "/%7Ea//b;c=1/%c3%a9?", lines)
        reply = await upstream.send(asked, None, purpose=Purpose.SELECT, budget=PATIENT)
        await reply.aclose()
    assert origin.requests == [
        b"GET /%7Ea//b;c=1/%c3%a9? HTTP/1.1\r\nhOST: o\r\nX-A: \xe9 \xff\r\naccept: a\r\nAccept: b\r\nX-Empty: \r\n\r\n"
    ]


@pytest.mark.parametrize(
    ("content", "framed"),
    [
        (Text(b"hello"), b"Content-Length: 5\r\n\r\nhello"),
        (Text(b""), b"Content-Length: 0\r\n\r\n"),
        (Pieces([b"he", b"llo"], length=5), b"Content-Length: 5\r\n\r\nhello"),
        (Pieces([b"he", b"llo"]), b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"),
        (None, b"\r\n"),
    ],
)
@pytest.mark.parametrize("purpose", [Purpose.PERFORM, Purpose.RELAY])
async def test_content_arrives_in_our_framing(
    start: Start, content: Content | None, framed: bytes, purpose: Purpose
) -> None:
    """A length where it is known, chunks where it is not."""

    async def replies(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)

    async with start(replies) as (origin, upstream):
        reply = await upstream.send(request("PUT", "/", [("Host", "o")]), content, purpose=purpose, budget=PATIENT)
        await reply.aclose()
    assert origin.requests == [b"PUT / HTTP/1.1\r\nHost: o\r\n" + framed]


@pytest.mark.parametrize("wire", WIRES.values(), ids=WIRES.keys())
async def test_an_answer_is_read_byte_by_byte(start: Start, wire: bytes) -> None:
    """However small the fragments, the answer is the same, and so is the state of the connection."""

    async def drips(peer: Peer) -> None:
        while await peer.request():
            for at in range(len(wire)):
                await peer.send(wire[at : at + 1])
                await asyncio.sleep(0)

    async with start(drips) as (origin, upstream):
        for _ in range(2):
            reply = await upstream.send(request(), None, purpose=Purpose.SELECT, budget=PATIENT)
            assert (reply.status, await reply.read(5)) == (200, b"hello")
            await reply.aclose()
        assert origin.connections == 1


async def test_interim_responses_are_told_before_the_reply(start: Start) -> None:
    """The listener has heard every 1xx but 100 when `send` returns."""
    told: list[tuple[int, Fields]] = []

    async def hints(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n" + WIRES["interim"])

    async with start(hints) as (_, upstream):
        reply = await upstream.send(
            request(),
            None,
            purpose=Purpose.RELAY,
            budget=PATIENT,
            interim=lambda status, fields: told.append((status, fields)),
        )
        assert told == [(103, Fields([("Link", "<a>")]))]
        await reply.aclose()


CONTENTS = [None, Text(b""), Text(b"hello"), Text(bytes(1024 * 1024)), Pieces([b"hello"]), Pieces([b"hello"], length=5)]


@pytest.mark.parametrize("content", CONTENTS)
async def test_the_last_check_comes_right_before_the_request(start: Start, content: Content | None) -> None:
    """It is awaited once, when the connection stands and the origin server has seen nothing of the request."""
    checked: list[int] = []

    async def replies(peer: Peer) -> None:
        assert await peer.request()
        assert checked == [0]
        await peer.send(OK)

    async with start(replies) as (origin, upstream):

        async def check() -> None:
            await origin.peer(0)
            checked.append(len(origin.requests))

        reply = await upstream.send(request("PUT"), content, purpose=Purpose.PERFORM, budget=PATIENT, check=check)
        await reply.aclose()
    assert (len(origin.requests), origin.connections) == (1, 1)


@pytest.mark.parametrize(
    "failure",
    [LeaseLost("x"), StoreFailure("x"), RuntimeError("a fault"), TimeoutError("its own"), asyncio.CancelledError()],
    ids=lambda failure: type(failure).__name__,
)
@pytest.mark.parametrize("content", CONTENTS)
async def test_what_the_last_check_raises_is_raised_and_nothing_was_sent(
    start: Start, failure: BaseException, content: Content | None
) -> None:
    """The origin server sees a connection that ends without a byte, whatever the content and whatever was raised."""
    seen: list[bytes] = []

    async def looks(peer: Peer) -> None:
        seen.append(await peer.reader.read(1))

    async def check() -> None:
        raise failure

    async with start(looks) as (origin, upstream):
        with pytest.raises(type(failure)) as caught:
            await upstream.send(request("PUT"), content, purpose=Purpose.PERFORM, budget=PATIENT, check=check)
        assert caught.value is failure
        await origin.peer(0)
        await origin.closed()
    assert not any(seen)
    assert origin.connections == 1


async def test_content_that_ends_with_the_connection_is_whole(start: Start) -> None:
    """A clean close is an end: over TLS, one that says so."""

    async def closes(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.0 200 OK\r\n\r\nhello")
        peer.writer.close()

    async with start(closes) as (_, upstream):
        reply = await upstream.send(request(), None, purpose=Purpose.SELECT, budget=PATIENT)
        assert await reply.read(5) == b"hello"
        await reply.aclose()


async def test_large_content_goes_both_ways(start: Start) -> None:
    """Four mebibytes are echoed without loss, streamed out and in."""
    whole = bytes(range(256)) * 16 * 1024

    async def echoes(peer: Peer) -> None:
        await peer.head()
        got = await peer.reader.readexactly(len(whole))
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(got) + got)

    async with start(echoes) as (_, upstream):
        content = Pieces([whole[:1000], whole[1000:]], length=len(whole))
        reply = await upstream.send(request("POST"), content, purpose=Purpose.RELAY, budget=PATIENT)
        assert b"".join([piece async for piece in reply]) == whole
        await reply.aclose()


async def test_many_requests_at_once_do_not_mix(start: Start) -> None:
    """Each of fifty concurrent requests gets its own answer, on connections that are reused afterwards."""

    async def echoes(peer: Peer) -> None:
        while (asked := await peer.request()) != b"":
            path = asked.split(b" ", 2)[1]
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(path), path))

    async def one(upstream: Upstream, number: int) -> None:
        reply = await upstream.send(request("GET", f"/{number}"), None, purpose=Purpose.SELECT, budget=PATIENT)
        assert await reply.read(100) == b"/%d" % number
        await reply.aclose()

    async with start(echoes) as (origin, upstream):
        for _ in range(2):
            await asyncio.gather(*(one(upstream, number) for number in range(50)))
        assert origin.connections == 50


async def test_a_truncated_tls_stream_is_not_whole() -> None:
    """A connection cut below TLS is no end of content, though TCP closed it cleanly."""

    async def cuts(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.0 200 OK\r\n\r\nhello")
        peer.writer.transport.abort()  # closes the socket without a close_notify

    async with serving(cuts, tls=True) as origin, origin.upstream() as upstream:
        reply = await upstream.send(request(), None, purpose=Purpose.SELECT, budget=PATIENT)
        with pytest.raises(Unanswered, match="ended early"):
            await reply.read(5)
        await reply.aclose()
