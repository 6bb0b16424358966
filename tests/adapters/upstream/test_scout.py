"""A selection that nobody awaits, played to by a real socket: it comes to what `send` makes of the same bytes.

The client here may have one connection at a time, so whoever does not give its place back keeps all others waiting.
"""

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from enum import Enum

import pytest

from proxy.adapters.upstream import HttpUpstream
from proxy.adapters.upstream.connection import MAX_BUFFERED, Connection
from proxy.adapters.upstream.response import IncomingResponse
from proxy.adapters.upstream.scout import HttpScout
from proxy.core.fields import Fields
from proxy.core.message import Response
from proxy.errors import NotSent, Unanswered
from proxy.ports import Budget, Purpose, Reply
from tests.adapters.upstream.origin import GUARD, OK, PATIENT, Clock, Peer, answers, request, serving
from tests.adapters.upstream.test_client import silent_from, silent_once
from tests.adapters.upstream.test_transport import LEFTOVERS, MINE, PHASES, End, Play, Stage, apart
from tests.support.wires import BAD, GOOD, Bad, Good

Outcome = tuple[int, Fields, bytes | None] | tuple[type, object, bool, str]
"""What is told of an answer, or of its failure."""

GETS = {name: row for name, row in GOOD.items() if row.method == "GET"}
SEEN = {
    name: row
    for name, row in GETS.items()
    if row.lasts and row.wire.count(b"HTTP/1.") == 1 and b"Transfer-Encoding" not in row.wire
}
"""Those that are seen where they come in one read: nothing before the head, and a length."""

good = pytest.mark.parametrize("row", GETS.values(), ids=GETS.keys())
bad = pytest.mark.parametrize("row", BAD.values(), ids=BAD.keys())


class Way(Enum):
    """How somebody who is told goes on."""

    AT_ONCE = "done as soon as it is seen, else landed"
    LATER = "likewise, some time after"
    LANDED = "landed, though it may have been seen"
    EARLY = "landed before anything came"
    SENT = "as `send` does for a selection"


ways = pytest.mark.parametrize("way", list(Way), ids=lambda way: way.name)


@dataclass(eq=False)
class Errand:
    """Sends a scout out and is told. `told` counts; `seen` is what the scout saw by then."""

    way: Way = Way.LATER
    told: int = 0
    seen: Response | None = None
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    scout: HttpScout | None = None

    def set_out(self, upstream: HttpUpstream, budget: Budget = PATIENT) -> HttpScout:
        """Send it. Raised when that cannot be done at once: `AssertionError`."""
        self.scout = upstream.set_out(upstream.ready(request()), budget, self.hear)
        assert self.scout is not None
        assert (self.scout.seen, self.told) == (None, 0)
        return self.scout

    def hear(self) -> None:
        """Be told."""
        assert self.scout is not None
        self.told += 1
        self.seen = self.scout.seen
        self.heard.set()
        if self.seen is not None and self.way is Way.AT_ONCE:
            self.scout.done()

    async def until_told(self) -> None:
        """Wait for it."""
        async with asyncio.timeout(GUARD):
            await self.heard.wait()

    async def run(self, upstream: HttpUpstream, budget: Budget = PATIENT) -> Outcome:
        """Go all the way."""
        if self.way is Way.SENT:
            return await selected(upstream, budget)
        scout = self.set_out(upstream, budget)
        if self.way is not Way.EARLY:
            await self.until_told()
        if self.way is Way.LATER:
            await turns()
            assert scout.seen is self.seen
        if self.seen is None or self.way in {Way.LANDED, Way.EARLY}:
            outcome = await landed(scout)
        else:
            outcome = self.seen.status, self.seen.fields, self.seen.content
            if self.way is Way.LATER:
                scout.done()
        scout.abandon()  # as whoever has one does in the end
        assert self.told == (0 if self.way is Way.EARLY else 1)
        return outcome


async def turns() -> None:
    """Let all that is on its way arrive."""
    for _ in range(20):
        await asyncio.sleep(0)


async def comes_to(sending: Awaitable[Reply]) -> Outcome:
    """Return what an exchange comes to, its content included, and give its connection back."""
    try:
        reply = await sending
        try:
            return reply.status, reply.fields, await reply.read(10**6)
        finally:
            await reply.aclose()
    except (NotSent, Unanswered) as failure:
        return type(failure), failure.outcome, failure.timed_out, failure.detail


async def landed(scout: HttpScout) -> Outcome:
    """What a scout comes to, for a task that may be cancelled before it begins."""
    return await comes_to(scout.landed())


async def sent(upstream: HttpUpstream) -> Outcome:
    """What `send` comes to, where it has somebody who waits from the start: not a selection."""
    return await comes_to(upstream.send(request(), None, purpose=Purpose.RELAY, budget=PATIENT))


async def selected(upstream: HttpUpstream, budget: Budget = PATIENT) -> Outcome:
    """What `send` comes to where it sends a scout."""
    return await comes_to(upstream.send(request(), None, purpose=Purpose.SELECT, budget=budget))


@asynccontextmanager
async def playing() -> AsyncIterator[Stage]:
    """Run an origin server that plays, to a client with one connection, which waits for the next request."""
    stage = Stage()
    async with serving(stage.script) as stage.origin, stage.origin.upstream(idle=1e6, connections=1) as stage.upstream:
        await stage.unharmed()
        yield stage


async def leaves(
    stage: Stage, play: Play, asking: Callable[[HttpUpstream], Awaitable[Outcome]]
) -> tuple[Outcome, int, int]:
    """Ask on a connection that waits; return the outcome, and how many requests and connections it all took.

    All: with the request after it, which is answered by its own answer, and is the last that has a connection.
    """
    before = len(stage.origin.requests), stage.origin.connections
    stage.play = play
    outcome = await asking(stage.upstream)
    await stage.unharmed()
    await stage.origin.closed(leaving=1)
    return outcome, len(stage.origin.requests) - before[0], stage.origin.connections - before[1]


# ------------------------------------------------------------------------------------------------- every kind of answer


@good
async def test_an_answer_is_seen_where_it_came_at_once(row: Good) -> None:
    """One with a length, in one read, on a connection that lasts, nothing before it: what `send` and `read` give."""
    async with playing() as stage:
        stage.play = Play([row.wire], End.by_close if row.until_close else None)
        expected = await sent(stage.upstream)
        await stage.unharmed()
        stage.play = Play([row.wire], End.by_close if row.until_close else None)
        errand = Errand(Way.AT_ONCE)
        assert await errand.run(stage.upstream) == expected
        assert (errand.seen is not None) == (row in SEEN.values())
        await stage.unharmed()


@good
@ways
async def test_an_answer_is_the_same_wherever_it_is_cut(row: Good, way: Way) -> None:
    """At each of its bytes, whole too: what `send` returns, told once, and the connection used again or closed."""
    end = End.by_close if row.until_close else None
    async with playing() as stage:
        expected = await leaves(stage, Play([row.wire], end), sent)
        assert expected[0][:3:2] == (row.status, row.content)
        for cut in range(1, len(row.wire) + 1):
            play = Play([row.wire[:cut], row.wire[cut:]], end, apart)
            assert await leaves(stage, play, Errand(way).run) == expected


@good
@ways
@pytest.mark.parametrize("end", [End.by_close, End.by_reset])
async def test_an_answer_that_ends_early_is_what_it_is_to_send(
    row: Good, way: Way, end: Callable[[Peer], None]
) -> None:
    """At each of its bytes: unanswered, or sent again where none came, as often as `send` does it."""
    async with playing() as stage:
        for cut in {0, 1, row.head - 1, row.head, len(row.wire) - 1}:
            expected = await leaves(stage, Play([row.wire[:cut]], end, apart), sent)
            assert await leaves(stage, Play([row.wire[:cut]], end, apart), Errand(way).run) == expected


@bad
@ways
@pytest.mark.parametrize("whole", [True, False])
async def test_what_is_no_answer_is_none(row: Bad, way: Way, whole: bool) -> None:
    """Whole or in small parts: the failure that `send` or `read` raises, sent once, the connection closed."""
    size = len(row.wire) if whole else max(1, len(row.wire) // 64)
    parts = [row.wire[at : at + size] for at in range(0, len(row.wire), size)]
    async with playing() as stage:
        expected = await leaves(stage, Play(parts, between=None if whole else apart), sent)
        assert expected[0][0] is Unanswered
        assert await leaves(stage, Play(parts, between=None if whole else apart), Errand(way).run) == expected


@pytest.mark.parametrize("name", ["sized", "sized, nothing", "204", "chunked", "100, sized", "103, chunked"])
@ways
@pytest.mark.parametrize("excess", LEFTOVERS.values(), ids=LEFTOVERS.keys())
@pytest.mark.parametrize("later", [False, True])
async def test_what_follows_an_answer_is_not_the_next_one(name: str, way: Way, excess: bytes, later: bool) -> None:
    """In the same read, or whenever it comes after: the answer stands, the connection is closed, nothing leaks."""
    row = GOOD[name]
    async with playing() as stage:
        stage.play = played = Play([row.wire, excess] if later else [row.wire + excess], between=apart)
        outcome = await Errand(way).run(stage.upstream)
        assert outcome[:3:2] == (row.status, row.content)
        await played.played.wait()
        await stage.unharmed()
        assert stage.origin.connections == 2
        await stage.origin.closed(leaving=1)


@ways
async def test_a_long_answer_is_all_there(way: Way) -> None:
    """Reading pauses while nobody takes it, and goes on when somebody does."""
    content = bytes(range(256)) * (MAX_BUFFERED // 64)
    wire = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content
    async with playing() as stage:
        stage.play = Play([wire])
        scout = Errand(way).set_out(stage.upstream)
        if way is not Way.EARLY:
            await turns()
        reply = await scout.landed()
        assert await reply.read(len(content)) == content
        await reply.aclose()
        await stage.unharmed()
        assert stage.origin.connections == 1


@ways
@pytest.mark.parametrize("status", [100, 103])
async def test_an_interim_answer_is_never_taken_for_the_answer(way: Way, status: int) -> None:
    """Though it come alone, with a length, and be followed by what is an answer in one read."""
    async with playing() as stage:
        stage.play = Play([b"HTTP/1.1 %d A\r\nContent-Length: 0\r\n\r\n" % status, OK], between=apart)
        assert await Errand(way).run(stage.upstream) == (200, Fields([("Content-Length", "2")]), b"ok")
        await stage.unharmed()
        assert stage.origin.connections == 1


INTERIM = b"HTTP/1.1 103 A\r\nLink: </a>\r\n\r\n"


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize(
    ("parts", "times"),
    [([OK], 0), ([INTERIM, OK], 1), ([INTERIM + OK], 1), ([b"HTTP/1.1 100 A\r\n\r\n" + INTERIM, INTERIM + OK], 2)],
)
async def test_who_lands_is_told_of_interim_answers(parts: list[bytes], times: int, early: bool) -> None:
    """Of each but 100, before the reply, however long they had been there."""
    told: list[tuple[int, Fields]] = []
    async with playing() as stage:
        stage.play = Play(parts, between=apart)
        scout = Errand().set_out(stage.upstream)
        if not early:
            await turns()
        reply = await scout.landed(lambda *interim: told.append(interim))
        assert told == [(103, Fields([("Link", "</a>")]))] * times
        assert await reply.read(10) == b"ok"
        await reply.aclose()


async def test_who_lands_is_told_of_those_of_the_second_try() -> None:
    """They belong to the answer that counts."""
    told: list[int] = []
    async with playing() as stage:
        errand = Errand()
        stage.play = Play([], End.by_close)
        scout = errand.set_out(stage.upstream)
        await errand.until_told()
        stage.play = Play([INTERIM + OK])
        reply = await scout.landed(lambda status, _: told.append(status))
        assert await reply.read(10) == b"ok"
        await reply.aclose()
    assert told == [103]


@ways
async def test_content_is_never_taken_for_the_answer(way: Way) -> None:
    """Though it be an answer, and come in a read of its own."""
    async with playing() as stage:
        stage.play = Play([b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(OK), OK], between=apart)
        assert (await Errand(way).run(stage.upstream))[2] == OK
        await stage.unharmed()
        assert stage.origin.connections == 1


async def test_a_reply_that_landed_may_be_too_long() -> None:
    """Its content is then iterated, as that of every other reply."""
    async with playing() as stage:
        stage.play = Play([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"])
        reply = await Errand().set_out(stage.upstream).landed()
        assert await reply.read(4) is None
        assert b"".join([piece async for piece in reply]) == b"hello"
        await reply.aclose()
        await stage.unharmed()


# ------------------------------------------------------------------------------------------------------- how it is sent


async def test_it_is_sent_as_every_selection() -> None:
    """Byte for byte, and once."""
    async with serving(answers(OK, OK, OK)) as origin, origin.upstream() as upstream:
        asked = request(target="/thing?a=%20", lines=[("Host", "o"), ("accept", "text/*"), ("X", "\xff")])
        for _ in range(2):
            await comes_to(upstream.send(asked, None, purpose=Purpose.RELAY, budget=PATIENT))
        told = asyncio.Event()
        scout = upstream.set_out(upstream.ready(asked), PATIENT, told.set)
        assert scout is not None
        await told.wait()
        scout.done()
        assert origin.requests == [origin.requests[0]] * 3
        assert origin.connections == 1


async def test_what_cannot_be_spelled_is_not_sent() -> None:
    """As `send` refuses it."""
    async with serving(answers(OK)) as origin, origin.upstream() as upstream:
        with pytest.raises(NotSent):
            upstream.ready(request(lines=[("X", "a\r\nb")]))


async def test_it_does_not_open_a_connection() -> None:
    """Where none waits, or the one that does is in use, nothing is sent and nobody told; the place is free again."""
    async with serving(answers(OK, OK, OK)) as origin, origin.upstream(connections=1) as upstream:
        assert upstream.set_out(b"x", PATIENT, pytest.fail) is None
        assert await sent(upstream) == (200, Fields([("Content-Length", "2")]), b"ok")
        errand = Errand()
        scout = errand.set_out(upstream)
        assert upstream.set_out(b"x", PATIENT, pytest.fail) is None
        await errand.until_told()
        scout.done()
        await Errand(Way.AT_ONCE).run(upstream)
        assert (len(origin.requests), origin.connections) == (3, 1)


async def test_it_takes_no_place_that_somebody_has() -> None:
    """Where all connections are in use it is not sent on one more, though one waits."""
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        while asked := await peer.request():
            if asked.startswith(b"PUT"):
                await go_on.wait()
            await peer.send(OK)

    async with serving(script) as origin, origin.upstream(connections=2) as upstream:
        await sent(upstream)
        writes = [
            asyncio.create_task(upstream.send(request("PUT"), None, purpose=Purpose.PERFORM, budget=PATIENT))
            for _ in range(2)
        ]
        await origin.peer(2)
        assert upstream.set_out(b"x", PATIENT, pytest.fail) is None
        go_on.set()
        for write in writes:
            await comes_to(write)
        assert b"x" not in origin.requests


async def test_a_closed_client_sends_nothing() -> None:
    """Nor does it keep a connection that comes back."""
    async with serving(answers(OK, OK)) as origin, origin.upstream() as upstream:
        await sent(upstream)
        errand = Errand()
        scout = errand.set_out(upstream)
        await upstream.aclose()
        assert upstream.set_out(b"x", PATIENT, pytest.fail) is None
        await errand.until_told()
        scout.done()
        await origin.closed()
        assert len(origin.requests) == 2


@pytest.mark.parametrize("said", [OK, b"x", b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n", None])
async def test_what_came_before_it_was_sent_is_not_its_answer(said: bytes | None) -> None:
    """A connection that says something or ends unasked is dropped, though the loop has not read it; nothing is sent."""
    async with playing() as stage:
        peer = await stage.origin.peer(0)
        if said is None:
            peer.writer.get_extra_info("socket").shutdown(2)
        else:
            os.write(peer.writer.get_extra_info("socket").fileno(), said)
        assert stage.upstream.set_out(b"x", PATIENT, pytest.fail) is None
        await stage.origin.closed()
        assert len(stage.origin.requests) == 1
        await stage.unharmed()


async def test_what_comes_before_all_was_sent_spoils_the_connection() -> None:
    """Of a request that was answered early a rest may be read as the next one."""

    async def refuses(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        if peer is origin.peers[0]:
            await peer.reader.readexactly(10)
            await peer.send(OK)

    async with serving(refuses) as origin, origin.upstream(connections=1) as upstream:
        await sent(upstream)
        errand = Errand()
        ready = upstream.ready(request(lines=[("X", "a" * 64 * 1024 * 1024)]))
        scout = errand.scout = upstream.set_out(ready, PATIENT, errand.hear)
        assert scout is not None
        await errand.until_told()
        assert errand.seen is None
        assert (await landed(scout))[2] == b"ok"
        await sent(upstream)
        assert origin.connections == 2


# ------------------------------------------------------------------------------------------------------- the second try


@ways
async def test_it_is_sent_again_once(way: Way) -> None:
    """When its connection turns out to be given up, on a fresh one, which then waits for the next request."""
    async with serving(silent_once(2)) as origin, origin.upstream(connections=1) as upstream:
        await sent(upstream)
        assert (await Errand(way).run(upstream))[2] == b"ok"
        assert (len(origin.requests), origin.connections) == (3, 2)
        await Errand(Way.AT_ONCE).run(upstream)
        assert origin.connections == 2


@ways
async def test_it_is_not_sent_a_third_time(way: Way) -> None:
    """Silence on the fresh connection is the origin server's answer."""
    async with serving(silent_from(2)) as origin, origin.upstream(connections=1) as upstream:
        await sent(upstream)
        outcome = await Errand(way).run(upstream)
        assert outcome[2:] == (False, "The origin server closed the connection without an answer.")
        assert (len(origin.requests), origin.connections) == (3, 2)


async def test_a_second_try_without_a_connection_is_unanswered() -> None:
    """Something was sent, if only the first time, so it is not called `NotSent`."""
    async with serving(silent_once(2)) as origin, origin.upstream() as upstream:
        await sent(upstream)
        errand = Errand()
        scout = errand.set_out(upstream)
        origin.stop()
        await errand.until_told()
        with pytest.raises(Unanswered, match="refused the connection"):
            await scout.landed()
        assert len(origin.requests) == 2


# ----------------------------------------------------------------------------------------------------------------- time


SHORT = Budget(connect=30.0, answer=5.0)


@ways
@pytest.mark.parametrize("begun", PHASES.values(), ids=PHASES.keys())
async def test_an_answer_that_stops_is_not_waited_for(clock: Clock, begun: bytes, way: Way) -> None:
    """Wherever it stops, and whoever waits by then: a matter of time, told once, closed, not sent again."""
    async with playing() as stage:
        stage.play = play = Play([begun])
        errand = Errand(way)
        running = asyncio.create_task(errand.run(stage.upstream, SHORT))
        await play.played.wait()
        await turns()
        assert not running.done()
        clock.forward(6.0)
        outcome = await running
        assert outcome[0] is Unanswered
        assert outcome[2] is True
        await stage.origin.closed()
        assert len(stage.origin.requests) == 2
        await stage.unharmed()


async def test_an_answer_may_stop_while_nobody_awaits_it(clock: Clock) -> None:
    """Between being told and landing it, too, the time is bounded."""
    async with playing() as stage:
        stage.play = Play([OK[:-1]])
        errand = Errand()
        scout = errand.set_out(stage.upstream, SHORT)
        await errand.until_told()
        clock.forward(6.0)
        assert (await landed(scout))[::2] == (Unanswered, True)
        await stage.origin.closed()
        await stage.unharmed()


async def test_what_was_seen_in_time_stays_seen(clock: Clock) -> None:
    """Whoever takes long to go on is not told that the origin server did."""
    async with playing() as stage:
        errand = Errand()
        scout = errand.set_out(stage.upstream, SHORT)
        await errand.until_told()
        clock.forward(6.0)
        await asyncio.sleep(0.1)  # the watch looks, and has nothing to say
        assert (await landed(scout))[2] == b"mine"
        assert errand.told == 1
        await stage.unharmed()
        assert stage.origin.connections == 1


# ----------------------------------------------------------------------------------------------------- whoever gives up


STAGES = {"nothing came": [], "a part came": [OK[:-1]], "an interim one came": [b"HTTP/1.1 103 A\r\n\r\n"], "all": [OK]}


@pytest.mark.parametrize("parts", STAGES.values(), ids=STAGES.keys())
async def test_it_can_be_given_up_at_any_time(parts: list[bytes]) -> None:
    """Its connection is closed and its place given back, nobody is told any more; twice does no harm."""
    async with playing() as stage:
        stage.play = play = Play(parts)
        errand = Errand()
        scout = errand.set_out(stage.upstream)
        await play.played.wait()
        await turns()
        assert errand.told == bool(parts)
        scout.abandon()
        scout.abandon()
        await stage.origin.closed()
        await stage.unharmed()
        assert errand.told == bool(parts)
        assert stage.origin.connections == 2


async def test_it_can_be_given_up_in_the_turn_in_which_it_is_sent() -> None:
    """Nobody is told."""
    async with playing() as stage:
        errand = Errand()
        errand.set_out(stage.upstream).abandon()
        await stage.origin.closed()
        assert errand.told == 0
        await stage.unharmed()


async def test_what_is_done_cannot_be_given_up() -> None:
    """The connection is somebody else's by then."""
    async with playing() as stage:
        first = Errand(Way.AT_ONCE)
        await first.run(stage.upstream)
        second = Errand(Way.AT_ONCE)
        second.set_out(stage.upstream)
        assert first.scout is not None
        first.scout.abandon()
        await second.until_told()
        assert second.seen is not None
        assert second.seen.content == b"mine"
        assert stage.origin.connections == 1


async def test_what_has_landed_cannot_be_given_up() -> None:
    """Its reply is closed by who has it."""
    async with playing() as stage:
        errand = Errand()
        scout = errand.set_out(stage.upstream)
        reply = await scout.landed()
        scout.abandon()
        assert await reply.read(10) == b"mine"
        await reply.aclose()
        await stage.unharmed()
        assert stage.origin.connections == 1


@pytest.mark.parametrize("parts", STAGES.values(), ids=STAGES.keys())
async def test_who_waits_for_it_may_be_cancelled(parts: list[bytes]) -> None:
    """At each turn of the loop: the connection is closed, or had been given back."""
    for steps in range(8):
        async with playing() as stage:
            stage.play = Play(parts)
            scout = Errand().set_out(stage.upstream)
            landing = asyncio.create_task(landed(scout))
            for _ in range(steps):
                await asyncio.sleep(0)
            landing.cancel()
            await asyncio.wait([landing])
            scout.abandon()  # as whoever has one does in the end
            await stage.origin.closed(leaving=0 if landing.cancelled() else 1)
            await stage.unharmed()


# ------------------------------------------------------------------------------------------------------ what is between


@pytest.mark.parametrize("end", [End.by_close, End.by_reset])
@pytest.mark.parametrize("lands", [False, True])
async def test_a_connection_may_be_lost_once_its_answer_was_seen(end: Callable[[Peer], None], lands: bool) -> None:
    """The answer stands, whether it will do or is landed; the connection is not used again."""
    async with playing() as stage:
        stage.play = Play([MINE, b""], end, apart)
        errand = Errand()
        scout = errand.set_out(stage.upstream)
        await errand.until_told()
        assert errand.seen is not None
        await stage.origin.closed()
        await turns()
        if lands:
            assert (await landed(scout))[2] == b"mine"
        else:
            scout.done()
        assert errand.told == 1
        await stage.unharmed()
        assert stage.origin.connections == 2


async def test_one_may_be_followed_by_another_from_where_it_is_told() -> None:
    """The connection carries the next selection at once, and each is told of its own answer."""

    async def counts(peer: Peer) -> None:
        while await peer.request():
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % len(origin.requests))

    seen: list[bytes] = []
    over = asyncio.Event()

    def onward(upstream: HttpUpstream) -> None:
        def told() -> None:
            assert scout is not None
            assert scout.seen is not None
            seen.append(scout.seen.content)
            scout.done()
            if len(seen) < 5:
                onward(upstream)
            else:
                over.set()

        scout = upstream.set_out(upstream.ready(request()), PATIENT, told)

    async with serving(counts) as origin, origin.upstream(connections=1) as upstream:
        await sent(upstream)
        onward(upstream)
        await over.wait()
        assert seen == [b"2", b"3", b"4", b"5", b"6"]
        assert origin.connections == 1


def those_alive() -> list[object]:
    """What there is of an exchange in this process, of other tests too."""
    return [each for each in gc.get_objects() if isinstance(each, HttpScout | IncomingResponse | Connection)]


@contextmanager
def nothing_collected() -> Iterator[None]:
    """Check that all exchanges within are freed without the collector's help."""
    gc.collect()
    gc.disable()
    before = those_alive()
    try:
        yield
        left = [each for each in those_alive() if not any(each is other for other in before)]
        assert [type(each) for each in left] in ([], [Connection])  # the one that waits, if it is another by now
    finally:
        gc.enable()


@pytest.mark.parametrize("way", [*Way, None], ids=str)
async def test_nothing_is_left_to_the_collector(way: Way | None) -> None:
    """Whoever is told has the scout, which does not have them when it is over, however it ended (None: given up)."""
    async with playing() as stage:
        with nothing_collected():
            for parts in (*STAGES.values(), [GOOD["chunked"].wire]):
                for _ in range(3):
                    stage.play = Play(parts)
                    if way is None:
                        Errand().set_out(stage.upstream).abandon()
                    elif parts[-1:] in ([OK], [GOOD["chunked"].wire]):
                        await Errand(way).run(stage.upstream)
                    await stage.unharmed()
            await turns()
