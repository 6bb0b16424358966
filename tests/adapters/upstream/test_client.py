"""Which connection a request takes, and how often it is sent."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from proxy.adapters.upstream import HttpUpstream
from proxy.adapters.upstream.addresses import KEPT, TRUSTED
from proxy.core.address import parse_origin
from proxy.errors import NotSent, Unanswered
from proxy.ports import Budget, Content, Purpose, Upstream
from tests.adapters.upstream.origin import (
    GUARD,
    OK,
    PATIENT,
    Clock,
    Peer,
    Pieces,
    Script,
    Slow,
    Text,
    answers,
    request,
    serving,
)
from tests.support.websocket import KEY, switching

SELECT, PERFORM, RELAY = Purpose.SELECT, Purpose.PERFORM, Purpose.RELAY
UNSAFE = ["PUT", "DELETE", "POST", "PATCH", "PROPPATCH"]


async def ask(
    upstream: Upstream,
    method: str = "GET",
    content: Content | None = None,
    purpose: Purpose = SELECT,
    budget: Budget = PATIENT,
) -> bytes | None:
    """One exchange with its content, the connection given back."""
    reply = await upstream.send(request(method), content, purpose=purpose, budget=budget)
    try:
        return await reply.read(1000)
    finally:
        await reply.aclose()


def silent_from(number: int, *, begun: bytes = b"") -> Script:
    """Answers until that request, which gets only `begun` and then the end of its connection, as do all later ones."""
    count = 0

    async def script(peer: Peer) -> None:
        nonlocal count
        while await peer.request():
            count += 1
            if count >= number:
                await peer.send(begun)
                peer.writer.close()
                return
            await peer.send(OK)

    return script


def silent_once(number: int) -> Script:
    """Answers every request but that one, at which it ends the connection."""
    count = 0

    async def script(peer: Peer) -> None:
        nonlocal count
        while await peer.request():
            count += 1
            if count == number:
                peer.writer.close()
                return
            await peer.send(OK)

    return script


@pytest.mark.parametrize(("method", "purpose"), [("GET", SELECT), ("GET", RELAY), ("HEAD", RELAY), ("OPTIONS", RELAY)])
async def test_safe_requests_share_a_connection(method: str, purpose: Purpose) -> None:
    """A select, or a safe request that is relayed, uses a connection that waits."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    async with serving(answers(*[head] * 5)) as origin, origin.upstream() as upstream:
        for _ in range(5):
            await ask(upstream, method, purpose=purpose)
        assert (len(origin.requests), origin.connections) == (5, 1)


@pytest.mark.parametrize("method", UNSAFE)
@pytest.mark.parametrize("purpose", [PERFORM, RELAY])
@pytest.mark.parametrize("content", [None, Text(b"hello"), Pieces([b"hello"])])
async def test_unsafe_requests_take_a_fresh_connection(method: str, purpose: Purpose, content: Content | None) -> None:
    """However many connections wait, a write opens its own."""
    async with serving(answers(*[OK] * 3)) as origin, origin.upstream() as upstream:
        await ask(upstream)
        await ask(upstream, method, content, purpose)
        assert origin.connections == 2
        await ask(upstream)
        assert origin.connections == 2


@pytest.mark.parametrize("purpose", [PERFORM, RELAY])
@pytest.mark.parametrize("content", [Text(b"GET /x HTTP/1.1\r\nHost: o\r\n\r\n"), Pieces([b"hello"]), Text(b"")])
async def test_content_spoils_its_connection(content: Text | Pieces, purpose: Purpose) -> None:
    """An origin server may answer without reading the content; on a second use it would read it as a request."""
    async with serving(answers(OK, OK)) as origin, origin.upstream() as upstream:
        await ask(upstream, "PUT", content, purpose)
        await ask(upstream)
        assert origin.connections == (1 if content.length == 0 else 2)


async def test_a_guarded_request_always_takes_a_fresh_connection() -> None:
    """The purpose decides, whatever the method."""
    async with serving(answers(OK, OK)) as origin, origin.upstream() as upstream:
        await ask(upstream)
        await ask(upstream, "OPTIONS", None, PERFORM)
        assert origin.connections == 2


async def test_only_a_relayed_upload_may_take_its_time(clock: Clock) -> None:
    """An upload of 80 s outlasts the 30 s for its answer where it is relayed; a guarded write was received whole."""

    async def reads(peer: Peer) -> None:
        if await peer.head():
            await peer.reader.readexactly(4)
            await peer.send(OK)

    async with serving(reads) as origin, origin.upstream() as upstream:
        reply = await upstream.send(request("PUT"), Slow(clock), purpose=RELAY, budget=Budget(2.0, 30.0))
        assert reply.status == 200
        await reply.aclose()
        with pytest.raises(NotSent):
            await upstream.send(request("PUT"), Slow(clock), purpose=PERFORM, budget=Budget(2.0, 30.0))


async def test_a_safe_request_with_content_takes_a_fresh_connection() -> None:
    """Content may not be there a second time."""
    async with serving(answers(OK, OK, OK)) as origin, origin.upstream() as upstream:
        await ask(upstream)
        await ask(upstream, "OPTIONS", Pieces([b"a"], length=1), RELAY)
        assert origin.connections == 2
        await ask(upstream, "OPTIONS", Text(b""), RELAY)
        assert origin.connections == 2


@pytest.mark.parametrize(("method", "purpose"), [("GET", SELECT), ("HEAD", RELAY), ("OPTIONS", RELAY)])
async def test_a_safe_request_is_sent_again_once(method: str, purpose: Purpose) -> None:
    """When the waiting connection turns out to be given up, the request goes out again on a fresh one."""
    async with serving(silent_once(2)) as origin, origin.upstream() as upstream:
        await ask(upstream)
        await ask(upstream, method, purpose=purpose)
        assert (len(origin.requests), origin.connections) == (3, 2)


async def test_a_safe_request_is_not_sent_a_third_time() -> None:
    """Silence on the fresh connection is the origin server's answer."""
    async with serving(silent_from(2)) as origin, origin.upstream() as upstream:
        await ask(upstream)
        with pytest.raises(Unanswered, match="without an answer"):
            await ask(upstream)
        assert (len(origin.requests), origin.connections) == (3, 2)


async def test_silence_on_a_fresh_connection_is_not_answered_with_a_second_try() -> None:
    """Only a connection that was used before can have been given up unnoticed."""
    async with serving(silent_from(1)) as origin, origin.upstream() as upstream:
        with pytest.raises(Unanswered):
            await ask(upstream)
        assert len(origin.requests) == 1


async def test_a_begun_answer_is_not_asked_for_again() -> None:
    """An origin server that began to answer has received the request."""
    async with serving(silent_from(2, begun=b"H")) as origin, origin.upstream() as upstream:
        await ask(upstream)
        with pytest.raises(Unanswered, match="within the head"):
            await ask(upstream)
        assert len(origin.requests) == 2


async def test_an_overdue_answer_is_not_asked_for_again(clock: Clock) -> None:
    """The time is over for the second try as well."""
    asked = asyncio.Event()

    async def stalls(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.request()
        asked.set()

    async with serving(stalls) as origin, origin.upstream(idle=100.0) as upstream:
        await ask(upstream)
        asking = asyncio.create_task(ask(upstream))
        await asked.wait()
        clock.forward(31.0)
        with pytest.raises(Unanswered, match="in time") as caught:
            await asking
        assert caught.value.timed_out
        assert len(origin.requests) == 2


async def test_a_second_try_without_a_connection_is_unanswered() -> None:
    """Something was sent, if only the first time, so it is not called `NotSent`."""
    async with serving(silent_once(2)) as origin, origin.upstream() as upstream:
        await ask(upstream)
        origin.stop()
        with pytest.raises(Unanswered, match="refused the connection"):
            await ask(upstream)
        assert len(origin.requests) == 2


ANSWERS = {
    "sized": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "interim": b"HTTP/1.1 103 A\r\n\r\nHTTP/1.1 204 OK\r\n\r\n",
}


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
@pytest.mark.parametrize(("method", "content"), [("PUT", Text(b"hello")), ("DELETE", None), ("POST", Pieces([b"a"]))])
async def test_a_write_whose_answer_ends_anywhere_is_sent_once(
    method: str, content: Content | None, answer: bytes, reset: bool
) -> None:
    """Wherever the connection ends before the answer is whole: one request at the origin server, and `Unanswered`."""
    cut = 0

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer[:cut])
        if reset:
            peer.reset()
        else:
            peer.writer.close()

    async with serving(script) as origin, origin.upstream() as upstream:
        for cut in range(len(answer)):  # noqa: B007 - the script reads it
            with pytest.raises(Unanswered) as caught:
                await ask(upstream, method, content, PERFORM)
            assert not caught.value.timed_out
        assert len(origin.requests) == origin.connections == len(answer)


@pytest.mark.parametrize("method", UNSAFE)
@pytest.mark.parametrize("purpose", [PERFORM, RELAY])
async def test_a_write_is_never_sent_again(method: str, purpose: Purpose) -> None:
    """A connection that waits and one that is given up make no difference to a write."""
    async with serving(silent_from(2)) as origin, origin.upstream() as upstream:
        await ask(upstream)
        with pytest.raises(Unanswered, match="without an answer"):
            await ask(upstream, method, Text(b"hello"), purpose)
        assert (len(origin.requests), origin.connections) == (2, 2)


@pytest.mark.parametrize("excess", [b"x", b"\r\n", OK])
async def test_an_unclean_connection_is_not_used_again(excess: bytes) -> None:
    """Bytes behind the end of an answer are never read as the next one."""
    forged = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
    async with serving(answers(OK + excess + forged, OK)) as origin, origin.upstream() as upstream:
        assert await ask(upstream) == b"ok"
        assert await ask(upstream) == b"ok"
        assert origin.connections == 2


async def test_bytes_that_come_later_are_not_the_next_answer() -> None:
    """An answer to a question nobody asked yet is dropped with its connection."""
    come = asyncio.Event()
    forged = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await come.wait()
        if peer is origin.peers[0]:
            peer.writer.write(forged)

    async with serving(script) as origin, origin.upstream() as upstream:
        assert await ask(upstream) == b"ok"
        come.set()
        await origin.closed()
        assert await ask(upstream) == b"ok"
        assert origin.connections == 2


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nConnection: close\r\n", b"HTTP/1.0 200 OK\r\n"])
async def test_a_connection_the_origin_server_gives_up_is_not_used_again(head: bytes) -> None:
    """Who says close is believed, and who speaks HTTP/1.0 must say otherwise (RFC 9112 §9.3)."""
    async with serving(answers(*[head + b"Content-Length: 2\r\n\r\nok"] * 2)) as origin, origin.upstream() as upstream:
        await ask(upstream)
        await ask(upstream)
        assert origin.connections == 2


async def test_an_early_answer_spoils_its_connection() -> None:
    """The origin server would read the next request as the rest of the upload."""

    async def refuses(peer: Peer) -> None:
        await peer.head()
        await peer.send(OK)

    async with serving(refuses) as origin, origin.upstream() as upstream:
        assert await ask(upstream, "PUT", Pieces([b"a"], length=2, endless=True), RELAY) == b"ok"
        assert await ask(upstream) == b"ok"
        assert origin.connections == 2


async def test_nothing_is_sent_after_closing() -> None:
    """A closed upstream refuses, and says that nothing left."""
    async with serving(answers(OK)) as origin:
        upstream = HttpUpstream(origin.origin)
        await upstream.aclose()
        with pytest.raises(NotSent, match="has closed its connections"):
            await ask(upstream)
        assert origin.connections == 0


async def test_a_reply_outlives_the_closing() -> None:
    """What is in use when the upstream closes is delivered, then its connection is closed."""
    async with serving(answers(OK)) as origin:
        upstream = HttpUpstream(origin.origin)
        reply = await upstream.send(request(), None, purpose=SELECT, budget=PATIENT)
        await upstream.aclose()
        assert await reply.read(2) == b"ok"
        await reply.aclose()
        await origin.closed()


@pytest.mark.parametrize("budget", [Budget(connect=30.0, answer=0.0), Budget(connect=0.0, answer=30.0)])
async def test_without_time_nothing_is_sent(budget: Budget) -> None:
    """Both budgets bound the opening of a connection."""
    async with serving(answers(OK)) as origin, origin.upstream() as upstream:
        with pytest.raises(NotSent) as caught:
            await ask(upstream, "DELETE", None, PERFORM, budget)
        assert caught.value.timed_out
        assert origin.requests == []


@pytest.mark.parametrize("budget", [Budget(connect=2.0, answer=30.0), Budget(connect=3600.0, answer=2.0)])
async def test_a_connection_that_takes_too_long_is_not_waited_for(clock: Clock, budget: Budget) -> None:
    """Whichever budget is over first ends the opening, and that no byte left is said."""
    accepted = asyncio.Event()

    async def silent(peer: Peer) -> None:
        accepted.set()

    async with serving(silent) as origin:
        upstream = HttpUpstream(replace(origin.origin, tls=True))
        asking = asyncio.create_task(ask(upstream, "DELETE", None, PERFORM, budget))
        await accepted.wait()
        clock.forward(2.1)
        with pytest.raises(NotSent, match="did not accept a connection in time") as caught:
            await asking
        assert caught.value.timed_out
        await upstream.aclose()


async def test_a_check_that_takes_too_long_is_the_end(clock: Clock) -> None:
    """The time for an answer runs on while it is asked; once over, nothing is sent, and that is said."""

    async def check() -> None:
        clock.forward(31.0)

    async with serving(answers(OK)) as origin, origin.upstream() as upstream:
        with pytest.raises(NotSent, match="before the request could be sent") as caught:
            await upstream.send(request("PUT"), Text(b"hello"), purpose=PERFORM, budget=PATIENT, check=check)
        assert caught.value.timed_out
        await origin.peer(0)
        await origin.closed()
        assert origin.requests == []


async def test_the_time_of_a_check_is_not_given_twice(clock: Clock) -> None:
    """What a check took is missing while the answer is waited for."""

    async def check() -> None:
        clock.forward(20.0)

    async def waits(peer: Peer) -> None:
        await peer.request()
        clock.forward(11.0)
        await peer.reader.read()

    async with serving(waits) as origin, origin.upstream() as upstream:
        began = clock.time()
        with pytest.raises(Unanswered, match="did not answer in time") as caught:
            await upstream.send(request("PUT"), Text(b"hello"), purpose=PERFORM, budget=PATIENT, check=check)
        assert caught.value.timed_out
        assert clock.time() - began < 20.0 + PATIENT.answer


@pytest.mark.parametrize("content", [None, Text(b"hello")])
async def test_a_write_tells_of_interim_answers(content: Content | None) -> None:
    """In their order, whether or not they come in one read with the answer."""
    told: list[int] = []
    early = [b"HTTP/1.1 103 Early Hints\r\n\r\n", b"HTTP/1.1 102 Processing\r\n\r\n"]
    async with serving(answers(b"".join([*early, OK]))) as origin, origin.upstream() as upstream:
        reply = await upstream.send(
            request("PUT"), content, purpose=PERFORM, budget=PATIENT, interim=lambda status, _: told.append(status)
        )
        assert (await reply.read(9), told) == (b"ok", [103, 102])
        await reply.aclose()


async def test_a_head_has_no_content_whatever_it_is_for() -> None:
    """Its Content-Length is that of the answer to GET."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    async with serving(answers(head)) as origin, origin.upstream() as upstream:
        assert await ask(upstream, "HEAD", None, PERFORM) == b""


@pytest.mark.parametrize("unasked", [b"", OK])
async def test_a_connection_that_is_lost_while_it_is_checked_is_not_written_to(unasked: bytes) -> None:
    """An origin server that closes, or speaks before it was asked, has seen nothing of the request."""

    async def gives_up(peer: Peer) -> None:
        peer.writer.write(unasked)
        if not unasked:
            peer.writer.close()

    async with serving(gives_up) as origin, origin.upstream() as upstream:

        async def check() -> None:
            await origin.peer(0)
            await origin.closed()

        with pytest.raises(NotSent, match="closed the connection") as caught:
            await upstream.send(request("PUT"), Text(b"hello"), purpose=PERFORM, budget=PATIENT, check=check)
        assert not caught.value.timed_out


@pytest.mark.parametrize("method", [*UNSAFE, "GET"])
async def test_every_guarded_request_is_checked_once(method: str) -> None:
    """The purpose decides, whatever the method and however many connections wait."""
    checked: list[str] = []

    async def check() -> None:
        checked.append(method)

    async with serving(answers(*[OK] * 3)) as origin, origin.upstream() as upstream:
        await ask(upstream)
        reply = await upstream.send(request(method), None, purpose=PERFORM, budget=PATIENT, check=check)
        await reply.aclose()
        assert checked == [method]
        assert len(origin.requests) == 2


async def test_what_goes_over_a_waiting_connection_is_not_checked() -> None:
    """Only a request that takes a fresh connection is: no other one could be a write."""
    checked: list[None] = []

    async def check() -> None:
        checked.append(None)

    async with serving(answers(OK, OK)) as origin, origin.upstream() as upstream:
        for connections, checks in ((1, 1), (1, 1)):
            reply = await upstream.send(request(), None, purpose=RELAY, budget=PATIENT, check=check)
            await reply.read(2)
            await reply.aclose()
            assert (origin.connections, len(checked)) == (connections, checks)


async def test_an_unopened_connection_is_not_checked() -> None:
    """There is nothing to ask about where nothing could be sent."""

    async def check() -> None:
        raise AssertionError

    async with serving(answers(OK)) as origin, origin.upstream() as upstream:
        origin.stop()
        with pytest.raises(NotSent, match="refused the connection"):
            await upstream.send(request("PUT"), None, purpose=PERFORM, budget=PATIENT, check=check)


class Unread:
    """Received content that cannot be read: never, or with an error of its own."""

    length = 2
    digest = b""

    def __init__(self, failure: Exception | None) -> None:
        self.asked = asyncio.Event()
        self._failure = failure

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.asked.set()
        if self._failure is not None:
            raise self._failure
        await asyncio.Event().wait()
        yield b"never"


async def test_content_that_cannot_be_read_in_time_is_not_sent(clock: Clock) -> None:
    """The deadline runs from the call, so also while small content is gathered."""
    content = Unread(None)
    async with serving(answers(OK)) as origin, origin.upstream() as upstream:
        asking = asyncio.create_task(ask(upstream, "PUT", content, PERFORM))
        await content.asked.wait()
        clock.forward(31.0)
        with pytest.raises(NotSent, match="could not be read in time") as caught:
            await asking
        assert caught.value.timed_out
        assert origin.connections == 0


@pytest.mark.parametrize("failure", [TimeoutError("its own"), OSError("its own")])
async def test_what_gathering_raises_is_raised(failure: Exception) -> None:
    """An error of the content's is not mistaken for one of ours."""
    async with serving(answers(OK)) as origin, origin.upstream() as upstream:
        with pytest.raises(type(failure)) as caught:
            await ask(upstream, "PUT", Unread(failure), PERFORM)
        assert caught.value is failure
        assert origin.connections == 0


async def test_a_field_that_cannot_be_sent_opens_no_connection() -> None:
    """What cannot be serialised costs the origin server nothing."""
    async with serving(answers(OK)) as origin, origin.upstream() as upstream:
        with pytest.raises(NotSent, match="cannot be forwarded"):
            await upstream.send(request(lines=[("A", "b\r\nC: d")]), None, purpose=SELECT, budget=PATIENT)
        assert origin.connections == 0


async def test_no_more_connections_are_open_than_may_be() -> None:
    """Who comes when all are in use waits, and is served in turn, over those that are there where it may be."""
    most = 0

    async def script(peer: Peer) -> None:
        nonlocal most
        most = max(most, sum(each.open for each in origin.peers))
        while await peer.request():
            await asyncio.sleep(0)
            await peer.send(OK)

    async with serving(script) as origin, origin.upstream(connections=3) as upstream:
        writes = [ask(upstream, "PUT", Text(b"hello"), PERFORM) for _ in range(20)]
        reads = [ask(upstream) for _ in range(20)]
        assert await asyncio.gather(*writes, *reads) == [b"ok"] * 40
        assert (len(origin.requests), most) == (40, 3)


async def test_an_idle_connection_makes_room_for_a_write() -> None:
    """A write takes a connection of its own, so of one that may be open none is kept for the next reader."""
    left: list[int] = []

    async def script(peer: Peer) -> None:
        while asked := await peer.request():
            if asked.startswith(b"PUT"):
                for _ in range(100):  # turns of the loop in which the other one would have closed
                    await asyncio.sleep(0)
                left.append(sum(each.open for each in origin.peers))
            await peer.send(OK)

    async with serving(script) as origin, origin.upstream(connections=1) as upstream:
        await ask(upstream)
        await ask(upstream, "PUT", Text(b"hello"), PERFORM)
        assert (left, origin.connections) == ([1], 2)


async def test_a_reply_keeps_its_place_until_it_is_closed(clock: Clock) -> None:
    """A request that waits for it in vain was not sent, and says so; the next one is served."""
    async with serving(answers(OK, OK)) as origin, origin.upstream(connections=1) as upstream:
        reply = await upstream.send(request(), None, purpose=SELECT, budget=PATIENT)
        asking = asyncio.create_task(ask(upstream, "PUT", None, PERFORM, Budget(2.0, 30.0)))
        await asyncio.sleep(0)
        clock.forward(2.1)
        with pytest.raises(NotSent, match="are in use") as caught:
            await asking
        assert caught.value.timed_out
        await reply.read(2)
        await reply.aclose()
        assert await ask(upstream) == b"ok"
        assert (len(origin.requests), origin.connections) == (2, 1)


async def unreadable(upstream: HttpUpstream) -> None:
    """A write whose content cannot be read, once a place was taken."""

    async def check() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await upstream.send(request("PUT"), None, purpose=PERFORM, budget=PATIENT, check=check)


async def unanswered(upstream: HttpUpstream) -> None:
    """A request that nobody answers."""
    with pytest.raises(Unanswered):
        await ask(upstream, "PUT", None, PERFORM)


async def given_up(upstream: HttpUpstream) -> None:
    """A request that is cancelled while its answer is waited for."""
    asking = asyncio.create_task(ask(upstream))
    for _ in range(20):
        await asyncio.sleep(0)
    asking.cancel()
    with suppress(asyncio.CancelledError, Unanswered):
        await asking


async def unopened(upstream: HttpUpstream) -> None:
    """A request without the time to connect."""
    with pytest.raises(NotSent):
        await ask(upstream, "PUT", None, PERFORM, Budget(0.0, 30.0))


async def left_open(upstream: HttpUpstream) -> None:
    """A reply that is closed before its content has come."""
    with suppress(Unanswered):
        reply = await upstream.send(request(), None, purpose=RELAY, budget=PATIENT)
        await reply.aclose()


@pytest.mark.parametrize("fails", [unreadable, unanswered, given_up, unopened, left_open])
@pytest.mark.parametrize("begun", [b"", OK[:-1]])
async def test_whatever_becomes_of_a_request_its_place_is_free_again(
    fails: Callable[[HttpUpstream], Awaitable[None]], begun: bytes
) -> None:
    """There is one, so that the next request would wait for ever."""
    broken = True

    async def script(peer: Peer) -> None:
        while await peer.request():
            if broken:
                await peer.send(begun)
                peer.writer.close()
                return
            await peer.send(OK)

    async with serving(script) as origin, origin.upstream(connections=1) as upstream:
        await fails(upstream)
        broken = False
        async with asyncio.timeout(GUARD):
            assert await ask(upstream) == b"ok"


async def test_a_second_try_takes_the_place_of_the_first() -> None:
    """The connection that turned out to be given up is not in use any more."""
    async with serving(silent_once(2)) as origin, origin.upstream(connections=1) as upstream:
        await ask(upstream)
        assert await ask(upstream) == b"ok"
        assert (len(origin.requests), origin.connections) == (3, 2)


async def test_tunnels_have_places_of_their_own(clock: Clock) -> None:
    """However many stand, requests are served; there are no more tunnels than that, either."""

    async def script(peer: Peer) -> None:
        while head := await peer.request():
            await peer.send(switching() if b"Upgrade" in head else OK)

    async with serving(script) as origin, origin.upstream(connections=1) as upstream:
        offer = request(lines=[("Sec-WebSocket-Key", KEY)])
        _, tunnel = await upstream.switch(offer, budget=PATIENT)
        assert tunnel is not None
        assert await ask(upstream) == b"ok"
        offering = asyncio.create_task(upstream.switch(offer, budget=Budget(2.0, 30.0)))
        await asyncio.sleep(0)
        clock.forward(2.1)
        with pytest.raises(NotSent, match="are in use"):
            await offering
        await tunnel.aclose()
        _, tunnel = await upstream.switch(offer, budget=PATIENT)
        assert tunnel is not None
        await tunnel.aclose()


async def test_a_name_is_resolved_once_for_all_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each write has a connection of its own, and so has a tunnel, but the resolver hears of the first one only."""
    asked: list[str] = []

    def getaddrinfo(name: str, *args: object, **kwargs: object) -> list[object]:
        asked.append(name)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    async with serving(answers(*[OK] * 5)) as origin:
        upstream = HttpUpstream(parse_origin(f"http://app.example:{origin.origin.authority.partition(':')[2]}"))
        for _ in range(3):
            assert await ask(upstream, "PUT", Text(b"hello"), PERFORM) == b"ok"
        reply, _ = await upstream.switch(request(lines=[("Sec-WebSocket-Key", KEY)]), budget=PATIENT)
        await reply.aclose()
        await upstream.aclose()
        assert origin.connections == 4
    assert asked == ["app.example"]


async def until_refused(upstream: HttpUpstream) -> None:
    """Write until nobody is there any more: where a name leads is learnt behind the writes."""
    with suppress(NotSent):
        while True:
            await ask(upstream, "PUT", Text(b"hello"), PERFORM)


async def test_connections_to_where_a_name_leads_now_are_kept(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """Those that were opened since are used again."""
    names = ["127.0.0.1"]
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (name, 0)) for name in names],
    )
    async with serving(answers(*[OK] * 9)) as origin:
        upstream = HttpUpstream(parse_origin(f"http://app.example:{origin.origin.authority.partition(':')[2]}"))
        await ask(upstream)
        names.append("127.0.0.2")
        clock.forward(TRUSTED + 1.0)
        await ask(upstream, "PUT", Text(b"hello"), PERFORM)
        for _ in range(3):
            await ask(upstream)
        assert (len(origin.requests), origin.connections) == (5, 3)
        await upstream.aclose()


async def test_reads_do_not_stay_where_the_name_was(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """Once it stands for another address, a connection that waits is closed, and so is one in use when it is done."""
    name = ["127.0.0.1"]
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (name[0], 0))]
    )
    async with serving(answers(*[OK] * 9)) as origin:
        port = origin.origin.authority.partition(":")[2]
        upstream = HttpUpstream(parse_origin(f"http://app.example:{port}"))
        in_use = await upstream.send(request(), None, purpose=SELECT, budget=PATIENT)
        assert await ask(upstream) == b"ok"
        assert await ask(upstream) == b"ok"
        assert origin.connections == 2
        name[0] = "127.0.0.2"
        clock.forward(KEPT + 1.0)
        await until_refused(upstream)
        before = origin.connections
        assert await in_use.read(2) == b"ok"
        await in_use.aclose()
        with pytest.raises(NotSent):
            await ask(upstream)
        assert origin.connections == before
        await upstream.aclose()
        await origin.closed()
