"""An answer whose final head has arrived."""

import asyncio
import tracemalloc
from collections.abc import Awaitable, Callable

import pytest

from proxy.adapters.upstream.reply import HttpReply, SeenReply
from proxy.core.fields import Fields
from proxy.errors import Unanswered
from proxy.ports import Purpose, Reply
from tests.adapters.upstream.origin import OK, PATIENT, Clock, Peer, Script, Serving, answers, request, serving

SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
CLOSING = b"HTTP/1.1 200 OK\r\n\r\nhello"
KINDS = pytest.mark.parametrize("wire", [SIZED, CHUNKED, CLOSING], ids=["sized", "chunked", "closing"])


def once(wire: bytes) -> Script:
    """One answer, then the end of the connection."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(wire)
        peer.writer.close()

    return script


def stalled(wire: bytes) -> Script:
    """The beginning of an answer, and nothing more."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(wire)

    return script


async def reply_of(origin: Serving) -> Reply:
    """The reply to one request."""
    async with origin.upstream() as upstream:
        return await upstream.send(request(), None, purpose=Purpose.SELECT, budget=PATIENT)


@KINDS
async def test_content_up_to_the_limit_is_read(wire: bytes) -> None:
    """Content as long as the limit is returned whole, and nothing is left behind it."""
    async with serving(once(wire)) as origin:
        reply = await reply_of(origin)
        assert await reply.read(5) == b"hello"
        assert [piece async for piece in reply] == []
        await reply.aclose()


@KINDS
async def test_content_over_the_limit_is_left_to_iteration(wire: bytes) -> None:
    """`read` returns None and iteration starts with what `read` took."""
    async with serving(once(wire)) as origin:
        reply = await reply_of(origin)
        assert await reply.read(4) is None
        assert b"".join([piece async for piece in reply]) == b"hello"
        await reply.aclose()


async def test_a_second_read_with_a_higher_limit_is_whole() -> None:
    """What the first `read` took is not lost to the second."""
    async with serving(once(CHUNKED)) as origin:
        reply = await reply_of(origin)
        assert await reply.read(1) is None
        assert await reply.read(5) == b"hello"
        await reply.aclose()


async def test_an_announced_length_over_the_limit_is_not_waited_for() -> None:
    """The head says enough: no content is needed to know."""
    async with serving(stalled(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n")) as origin:
        reply = await reply_of(origin)
        assert await reply.read(5) is None
        await reply.aclose()


async def test_content_over_the_limit_is_not_waited_for() -> None:
    """As soon as one byte too many arrived, the rest need not."""
    async with serving(stalled(b"HTTP/1.1 200 OK\r\n\r\nhello!")) as origin:
        reply = await reply_of(origin)
        assert await reply.read(5) is None
        assert await reply.read(5) is None
        await reply.aclose()


async def test_an_answer_to_head_has_no_content() -> None:
    """Its Content-Length is a field, not a limit that is exceeded."""
    async with serving(answers(b"HTTP/1.1 200 OK\r\nContent-Length: 600\r\n\r\n")) as origin, origin.upstream() as up:
        reply = await up.send(request("HEAD"), None, purpose=Purpose.RELAY, budget=PATIENT)
        assert reply.fields.get("content-length") == "600"
        assert await reply.read(0) == b""
        await reply.aclose()


async def test_fields_are_as_received_without_hop_by_hop() -> None:
    """Order, case, repeated lines and obs-text are kept; what is for one connection stays here."""
    wire = (
        b"HTTP/1.1 200 OK\r\nETag: a\r\nConnection: close, X-Own\r\nx-own: 1\r\nSET-Cookie: \xe9\r\nset-cookie: b\r\n"
        b"Keep-Alive: 1\r\nContent-Length: 0\r\n\r\n"
    )
    async with serving(answers(wire)) as origin:
        reply = await reply_of(origin)
        await reply.aclose()
    assert reply.fields == Fields([("ETag", "a"), ("SET-Cookie", "\xe9"), ("set-cookie", "b"), ("Content-Length", "0")])


@pytest.mark.parametrize("wire", [SIZED[:-1], CHUNKED[:-1]])
async def test_content_that_ends_early_is_not_read(wire: bytes) -> None:
    """Truncated content never passes for content."""
    async with serving(once(wire)) as origin:
        reply = await reply_of(origin)
        with pytest.raises(Unanswered, match="ended early"):
            await reply.read(100)
        await reply.aclose()


@pytest.mark.parametrize("wire", [SIZED[:-1], CHUNKED[:-1], CLOSING])
async def test_iteration_of_content_that_ends_early_fails(wire: bytes) -> None:
    """What had arrived is yielded first; the end is a failure and not an end, also where a close would be one."""
    cut = asyncio.Event()

    async def breaks(peer: Peer) -> None:
        await peer.request()
        await peer.send(wire)
        await cut.wait()
        peer.reset()

    async with serving(breaks) as origin:
        reply = await reply_of(origin)
        first = await anext(aiter(reply))
        assert b"hello".startswith(first)
        cut.set()
        with pytest.raises(Unanswered, match="ended early"):
            await consumed(reply, whole=False)
        await reply.aclose()


async def consumed(reply: Reply, *, whole: bool) -> bytes:
    """All of the content, in one of the two ways."""
    if whole:
        return await reply.read(100 * 1024 * 1024) or b""
    return b"".join([piece async for piece in reply])


@pytest.mark.parametrize("whole", [True, False])
async def test_a_bad_chunk_is_not_an_answer(whole: bool) -> None:
    """Content that breaks its framing ends in a failure, not in silence."""
    async with serving(once(CHUNKED.replace(b"\r\n3\r\n", b"\r\n3;\n"))) as origin:
        reply = await reply_of(origin)
        with pytest.raises(Unanswered, match="chunked coding"):
            await consumed(reply, whole=whole)
        await reply.aclose()


async def test_content_that_drips_past_the_deadline_is_not_an_answer(clock: Clock) -> None:
    """Progress does not extend the time in which `read` must be done."""
    dripped = asyncio.Event()

    async def drips(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while not peer.reader.at_eof():
            await peer.send(b"a")
            dripped.set()
            await asyncio.sleep(0)

    async with serving(drips) as origin:
        reply = await reply_of(origin)
        reading = asyncio.create_task(reply.read(1024 * 1024 * 1024))
        await dripped.wait()
        clock.forward(31.0)
        with pytest.raises(Unanswered, match="did not arrive in time") as caught:
            await reading
        assert caught.value.timed_out
        await origin.closed()
        await reply.aclose()


async def test_iteration_has_no_deadline(clock: Clock) -> None:
    """A stream may go on for as long as it likes."""
    go_on = asyncio.Event()

    async def streams(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED[:-15])
        await go_on.wait()
        await peer.send(CHUNKED[-15:])

    async with serving(streams) as origin:
        reply = await reply_of(origin)
        clock.forward(3600.0)
        go_on.set()
        assert b"".join([piece async for piece in reply]) == b"hello"
        await reply.aclose()


async def test_what_has_arrived_can_be_read_after_the_deadline(clock: Clock) -> None:
    """The deadline is for the origin server, not for its reader."""
    async with serving(answers(OK)) as origin, origin.upstream() as upstream:
        reply = await upstream.send(request(), None, purpose=Purpose.SELECT, budget=PATIENT)
        clock.forward(31.0)
        assert await reply.read(2) == b"ok"
        await reply.aclose()


@pytest.mark.parametrize("whole", [True, False])
async def test_content_that_was_held_back_arrives(whole: bool) -> None:
    """An answer that filled its buffer before anyone read goes on as soon as someone does."""
    length = 8 * 1024 * 1024

    async def plenty(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length + bytes(length))

    async with serving(plenty) as origin:
        reply = await reply_of(origin)
        for _ in range(100):
            await asyncio.sleep(0)  # many turns of the loop, until nothing moves any more
        assert await consumed(reply, whole=whole) == bytes(length)
        await reply.aclose()


async def test_a_read_that_is_cancelled_closes_the_connection() -> None:
    """Who gives up reading leaves no socket behind, though nobody closes the reply."""
    async with serving(stalled(SIZED[:-1])) as origin:
        reply = await reply_of(origin)
        reading = asyncio.create_task(reply.read(5))
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await origin.closed()


async def test_closing_an_incomplete_reply_closes_its_connection() -> None:
    """Nobody would read the rest, so it is not waited for; closing twice is fine."""
    async with serving(stalled(SIZED[:-1])) as origin, origin.upstream() as upstream:
        reply = await upstream.send(request(), None, purpose=Purpose.SELECT, budget=PATIENT)
        await reply.aclose()
        await reply.aclose()
        await origin.closed()


async def test_closing_twice_gives_the_connection_back_once() -> None:
    """Else two requests could get the same connection."""
    async with serving(answers(OK, OK, OK)) as origin, origin.upstream() as upstream:
        first = await upstream.send(request(), None, purpose=Purpose.RELAY, budget=PATIENT)
        await first.read(2)
        await first.aclose()
        await first.aclose()
        replies = [await upstream.send(request(), None, purpose=Purpose.RELAY, budget=PATIENT) for _ in range(2)]
        for reply in replies:
            assert await reply.read(2) == b"ok"
            await reply.aclose()
        assert origin.connections == 2


async def test_a_reply_that_is_complete_need_not_be_read() -> None:
    """Content that arrived and was not taken does not spoil the connection for the next request."""
    async with serving(answers(OK, SIZED)) as origin, origin.upstream() as upstream:
        first = await upstream.send(request(), None, purpose=Purpose.SELECT, budget=PATIENT)
        await first.aclose()
        second = await upstream.send(request(), None, purpose=Purpose.SELECT, budget=PATIENT)
        assert await second.read(5) == b"hello"
        await second.aclose()
        assert origin.connections == 1


async def test_a_closed_reply_never_takes_what_answers_another() -> None:
    """Its connection may carry the next exchange already; whoever still iterates gets what was its own."""
    async with serving(answers(OK, SIZED)) as origin, origin.upstream() as upstream:
        first = await upstream.send(request(), None, purpose=Purpose.SELECT, budget=PATIENT)
        await first.aclose()
        second = await upstream.send(request(), None, purpose=Purpose.SELECT, budget=PATIENT)
        assert origin.connections == 1
        assert await consumed(first, whole=False) == b"ok"
        assert await second.read(5) == b"hello"
        await second.aclose()


async def test_completeness_is_told() -> None:
    """`complete` says whether more is to come."""
    async with serving(stalled(SIZED[:-1])) as origin:
        reply = await reply_of(origin)
        assert not reply.complete  # type: ignore[attr-defined]
        await reply.aclose()
    async with serving(answers(SIZED)) as origin:
        reply = await reply_of(origin)
        await reply.read(5)
        assert reply.complete  # type: ignore[attr-defined]
        await reply.aclose()


@KINDS
async def test_content_can_pass_by(wire: bytes) -> None:
    """Each piece is handed on as it comes, all of them in order, and none is left."""
    taken: list[bytes] = []

    async def take(piece: bytes) -> None:
        await asyncio.sleep(0)
        taken.append(piece)

    async with serving(once(wire)) as origin:
        reply = await reply_of(origin)
        await reply.skim(take)
        assert b"".join(taken) == b"hello"
        assert [piece async for piece in reply] == []
        await reply.aclose()


async def nobody(piece: bytes) -> None:
    """Take a piece and do nothing with it."""


@pytest.mark.parametrize("wire", [SIZED[:-1], CHUNKED[:-1]])
async def test_content_that_ends_early_does_not_pass(wire: bytes) -> None:
    """Whoever took pieces is told that they are not all."""
    async with serving(once(wire)) as origin:
        reply = await reply_of(origin)
        with pytest.raises(Unanswered, match="ended early"):
            await reply.skim(nobody)
        await reply.aclose()


async def test_content_that_comes_too_late_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time for an answer bounds content that passes by as it does content that is read."""
    clock = Clock(asyncio.get_running_loop())
    monkeypatch.setattr(asyncio.get_running_loop(), "time", clock.time)

    async def late(piece: bytes) -> None:
        clock.forward(3600)

    async with serving(stalled(SIZED[:-1])) as origin:
        reply = await reply_of(origin)
        with pytest.raises(Unanswered, match="in time") as raised:
            await reply.skim(late)
        assert raised.value.timed_out
        await reply.aclose()


@pytest.mark.parametrize("fault", [TimeoutError("the taker's own"), OSError("disk full")])
async def test_what_the_taker_raises_is_its_own(fault: Exception) -> None:
    """It is no failure of the origin server's; the connection is not used again."""

    async def fail(piece: bytes) -> None:
        raise fault

    async with serving(once(SIZED)) as origin:
        reply = await reply_of(origin)
        with pytest.raises(type(fault), match=str(fault)):
            await reply.skim(fail)
        await reply.aclose()


async def test_content_that_is_read_is_held_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it arrives nothing else of its size is held, and it never grows; what is returned is where it went."""
    size = 32 * 1024 * 1024

    async def large(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // 65536):
            await peer.send(bytes(65536))

    async with serving(large) as origin:
        reply = await reply_of(origin)
        tracemalloc.start()
        content = await reply.read(size)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert content == bytes(size)
        assert peak < 1.05 * size  # where content grows there is room for an eighth more
        await reply.aclose()


# ------------------------------------------------------------------------------------------------ what was all here


async def two_replies(origin: Serving) -> tuple[Reply, Reply]:
    """A reply to a selection on a connection that waited, which came whole, and one to the same that did not."""
    async with origin.upstream() as upstream:
        usual = await upstream.send(request(), None, purpose=Purpose.RELAY, budget=PATIENT)
        await (await upstream.send(request(), None, purpose=Purpose.RELAY, budget=PATIENT)).aclose()  # waits now
        reply = await upstream.send(request(), None, purpose=Purpose.SELECT, budget=PATIENT)
    assert isinstance(reply, SeenReply)
    assert isinstance(usual, HttpReply)
    return reply, usual


async def read_twice(reply: Reply) -> list[object]:
    """Read, and then again, and then what is left."""
    return [await reply.read(5), await reply.read(5), [piece async for piece in reply]]


async def read_too_little(reply: Reply) -> list[object]:
    """Read up to a limit that may be too low, and then what is left."""
    return [await reply.read(4), [piece async for piece in reply]]


async def iterate_twice(reply: Reply) -> list[object]:
    """Iterate, and then again."""
    return [[piece async for piece in reply], [piece async for piece in reply], await reply.read(5)]


async def skim_twice(reply: Reply) -> list[object]:
    """Skim, and then again."""
    pieces: list[bytes] = []

    async def take(piece: bytes) -> None:
        pieces.append(piece)

    await reply.skim(take)
    await reply.skim(take)
    return [pieces, [piece async for piece in reply]]


async def close_twice(reply: Reply) -> list[object]:
    """Close it, and again."""
    await reply.aclose()
    await reply.aclose()
    return [reply.status, reply.fields]


@pytest.mark.parametrize("use", [read_twice, read_too_little, iterate_twice, skim_twice, close_twice])
@pytest.mark.parametrize(
    "wire", [SIZED, b"HTTP/1.1 204 No\r\nA: b\r\n\r\n", b"HTTP/1.1 500 No\r\nContent-Length: 1\r\n\r\nx"]
)
async def test_a_reply_that_was_all_here_is_used_like_any_other(
    wire: bytes, use: Callable[[Reply], Awaitable[list[object]]]
) -> None:
    """Whatever is done with it, the same comes of it: content is handed out once."""
    async with serving(answers(*[wire] * 3)) as origin:
        seen, usual = await two_replies(origin)
        assert (seen.status, seen.fields) == (usual.status, usual.fields)
        assert await use(seen) == await use(usual)
        await usual.aclose()
        await seen.aclose()
