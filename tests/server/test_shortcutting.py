"""What the events of a connection mean for a read that is on the short way."""

import asyncio
import itertools
import logging
from typing import Any, cast

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from proxy.adapters.upstream.connection import Connection as Upstream
from proxy.core.matching import Routes
from proxy.core.route import Guard, Limits, Unmatched
from proxy.server import Patience
from proxy.server.connection import Connection
from proxy.server.draining import Census
from proxy.server.listening import Listener
from proxy.server.sent import Sent
from proxy.telemetry import Sparing
from tests.adapters.upstream.origin import Clock, Peer
from tests.server.conftest import routes
from tests.server.sides import (
    ANSWERED,
    LEFT,
    LONG,
    Side,
    Trail,
    comparable,
    heard,
    held,
    lay_trail,
    read_by,
    says,
    side,
    silent,
)
from tests.server.test_brief import ONE, answer, get
from tests.server.test_connection import Nowhere

FOREVER = 1e6
SOON = 0.01
TWO = answer(content=b"two")
OPEN = b"/open/1"


@pytest.fixture
def trail(monkeypatch: pytest.MonkeyPatch) -> Trail:
    """Which way the reads of a test go."""
    return lay_trail(monkeypatch)


@pytest.fixture
def gate() -> asyncio.Event:
    """Opens when the origin server is to answer."""
    return asyncio.Event()


def told(here: Side) -> list[list[tuple[str, type, object]]]:
    """Return what the log says, but for times and names made up."""
    return [comparable(line, []) for line in here.lines]


# --------------------------------------------------------------------------------------------------- while it is asked


@pytest.mark.parametrize("target", [b"/wiki/1", OPEN])
async def test_a_half_close(target: bytes, trail: Trail) -> None:
    """A client that shuts its sending side while it waits is answered as on the long way, and the connection ends."""
    outcomes = []
    for short in (True, False):
        gate = asyncio.Event()
        async with side(held(ONE, gate), short=short) as here:
            wire = await here.ask(get(target=target))
            await here.arrived()
            wire.half_close()
            await here.until(lambda: here.connection.ended)
            gate.set()
            outcomes.append((await heard(wire), here.asked, told(here)))
    assert trail.ways == [LEFT]
    assert outcomes[0] == outcomes[1]
    assert b"\r\nConnection: close\r\n" in outcomes[0][0]


@pytest.mark.parametrize("target", [b"/wiki/1", OPEN])
async def test_a_client_that_leaves(target: bytes, trail: Trail) -> None:
    """When a client leaves, the origin server is asked no longer, and the log tells it as of one on the long way."""
    lines = []
    for short in (True, False):
        async with side(silent, short=short) as here:
            wire = await here.ask(get(target=target))
            await here.arrived()
            wire.reset()
            await here.told()
            await here.origin.closed()
            assert here.census.empty
            lines.append(told(here))
    assert trail.ways == [ANSWERED]  # or rather not: but it did not leave the short way either
    assert lines[0] == lines[1]
    assert ("reason", str, "client-gone") in lines[0][0]


async def test_a_client_that_leaves_as_its_read_takes_the_long_way(trail: Trail) -> None:
    """A read whose client leaves between both ways is given up, by whoever has it, and told of once."""
    async with side(silent) as here:
        await here.ask(get())
        await here.arrived()
        here.connection.lengthen()
        here.connection.abort()
        await here.told()
        await here.origin.closed()
        assert here.census.empty
    assert trail.ways == [LEFT]
    assert [line["reason"] for line in here.lines] == ["client-gone"]


@pytest.mark.parametrize(
    "message",
    [get(), get(b"If-None-Match: *"), get(b"X-Request-Id: a"), get(target=OPEN)],
    ids=["200", "304", "a", "off"],
)
async def test_a_client_that_leaves_as_it_is_answered(
    message: bytes, trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that comes when the connection is closing is not sent; the log tells it as of one on the long way."""
    received, lines = Upstream.data_received, []
    sides: list[Side] = []

    def leaving(self: Upstream, data: bytes) -> None:
        if data == ONE:
            sides[-1].connection.abort()  # in this very turn, which no socket could be made to do
        received(self, data)

    monkeypatch.setattr(Upstream, "data_received", leaving)
    for short in (True, False):
        async with side(says(ONE), says(TWO), short=short) as here:
            sides.append(here)
            with pytest.raises(ConnectionResetError):
                await (await here.ask(message)).answer()
            await here.told()
            other = await here.ask(get())
            assert (await other.answer()).content == b"two"
            assert here.origin.connections == 1  # what was asked there had its answer
            lines.append([comparable(line, [message]) for line in here.lines])
    assert trail.ways == [ANSWERED, ANSWERED]
    assert lines[0] == lines[1]
    assert ("cut_short", str, "client-gone") in lines[0][0]


@pytest.mark.parametrize("target", [b"/wiki/1", OPEN])
@pytest.mark.parametrize("early", [True, False])
async def test_a_request_behind_it(target: bytes, early: bool, trail: Trail, gate: asyncio.Event) -> None:
    """Another request that comes meanwhile makes it leave; both are answered once, in order, by one selection each."""
    if early:  # the answer comes before the long way has begun
        gate.set()
    async with side(held(ONE, gate), says(TWO), warm=2) as here:
        wire = await here.ask(get(target=target))
        await here.until(lambda: here.asked or (early and here.connection.brief is not None))
        if early:
            here.connection.data_received(get(b"A: b", target=target))
        else:
            wire.send(get(b"A: b", target=target))
            await here.until(lambda: trail.left)
            await read_by(here)
        gate.set()
        assert [(await wire.answer()).content for _ in range(2)] == [b"one", b"two"]
        assert [line["status"] for line in await here.told(2)] == [200, 200]
        assert len(here.asked) == 2
        assert trail.ways == [LEFT]
        wire.half_close()
        assert await wire.ended() == b""


async def test_a_write_behind_it(trail: Trail, gate: asyncio.Event) -> None:
    """A write that comes meanwhile waits until the read is answered."""
    wrote = says(b"HTTP/1.1 204 No Content\r\n\r\n")
    async with side(held(ONE, gate), says(ONE), wrote, says(TWO)) as here:
        wire = await here.ask(get())
        await here.arrived()
        wire.send(b"PUT /wiki/1 HTTP/1.1\r\nHost: x\r\nIf-Match: *\r\nContent-Length: 3\r\n\r\ntwo")
        await here.until(lambda: trail.left)
        assert len(here.asked) == 1
        gate.set()
        assert (await wire.answer()).content == b"one"
        assert (await wire.answer("PUT")).status == 204
        assert trail.ways == [LEFT]


async def test_part_of_a_request_behind_it(trail: Trail, gate: asyncio.Event) -> None:
    """What comes meanwhile is the beginning of the next request, whose rest comes after the answer."""
    async with side(held(ONE, gate), says(TWO)) as here:
        wire = await here.ask(get())
        await here.arrived()
        wire.send(get()[:20])
        await here.until(lambda: trail.left)
        gate.set()
        assert (await wire.answer()).content == b"one"
        wire.send(get()[20:])
        assert (await wire.answer()).content == b"two"
        assert trail.ways == [LEFT]  # and not even asked for the rest


@pytest.mark.parametrize("answered", [True, False])
async def test_part_of_a_request_and_no_more(answered: bool, trail: Trail, gate: asyncio.Event) -> None:
    """The time for a head that came behind a read begins with it, and while that is answered not before the answer."""
    async with side(held(ONE, gate), patience=Patience(keepalive=FOREVER, head=SOON)) as here:
        wire = await here.ask(get())
        await here.arrived()
        if answered:
            gate.set()
            assert (await wire.answer()).content == b"one"
        wire.send(get()[:20])
        if not answered:
            await here.until(lambda: trail.left)
            await read_by(here)
            gate.set()
            assert (await wire.answer()).content == b"one"
        assert await wire.ended() == b""
        assert trail.ways == ([ANSWERED, LONG] if answered else [LEFT])


@pytest.mark.parametrize("target", [b"/wiki/1", OPEN])
async def test_draining(target: bytes, trail: Trail, gate: asyncio.Event) -> None:
    """A read that is under way when draining begins is answered, with the news that its connection closes."""
    async with side(held(ONE, gate)) as here:
        wire = await here.ask(get(target=target))
        await here.arrived()
        draining = asyncio.ensure_future(here.server.drain(FOREVER))
        await read_by(here)
        assert not draining.done()
        gate.set()
        got = await wire.answer()
        assert (got.status, got.fields.get("connection"), got.content) == (200, "close", b"one")
        assert await wire.ended() == b""
        assert await draining
        assert len(here.asked) == 1
    assert trail.ways == [LEFT]


async def test_a_read_that_comes_as_draining_begins(trail: Trail) -> None:
    """A read that comes before its connection hears that the server drains takes the long way, and is the last."""
    async with side(says(ONE)) as here:
        wire = await here.ask(b"")
        await here.until(lambda: here.census._connections)  # noqa: SLF001 - nobody else need count
        here.census.draining = True  # so narrow a race cannot be staged
        wire.send(get())
        got = await wire.answer()
        assert (got.content, got.fields.get("connection")) == (b"one", "close")
        assert trail.ways == [LONG]


async def test_draining_cuts_off_what_is_not_answered(trail: Trail) -> None:
    """A read that is not answered in time is cut off, and nobody is left."""
    async with side(silent) as here:
        wire = await here.ask(get())
        await here.arrived()
        assert not await here.server.drain(0)
        with pytest.raises(ConnectionResetError):
            await wire.ended()
        await here.origin.closed()
    assert [line["reason"] for line in here.lines] == ["client-gone"]


async def test_other_rules_meanwhile(trail: Trail, gate: asyncio.Event) -> None:
    """A read under way is answered by the rules under which it was asked, the next one by those that were adopted."""
    async with side(held(ONE, gate), says(ONE), says(ONE)) as here:
        wire = await here.ask(get())
        await here.arrived()
        here.gateway.adopt(routes(guard=Guard.OFF))
        gate.set()
        assert "etag" in (await wire.answer()).fields
        wire.send(get())
        assert "etag" not in (await wire.answer()).fields
        here.gateway.adopt(routes(guard=Guard.REPORT))
        wire.send(get())
        assert "etag" in (await wire.answer()).fields
    assert trail.ways == [ANSWERED, ANSWERED, LONG]


@pytest.mark.parametrize("rules", [{"guard": Guard.REPORT}, {"guard": Guard.OFF}, {"limits": Limits(mint=2)}])
async def test_other_rules_and_then_the_long_way(rules: dict[str, Any], trail: Trail) -> None:
    """A read that leaves under other rules is asked again under them; what was asked first is given up."""
    async with side(silent, says(TWO), warm=2) as here:
        wire = await here.ask(get())
        await here.arrived()
        here.gateway.adopt(routes(**rules))
        wire.half_close()
        got = await wire.answer()
        assert (got.content, "etag" in got.fields) == (b"two", rules == {"guard": Guard.REPORT})
        assert len(here.asked) == 2
        await here.origin.closed(leaving=1)
    assert trail.ways == [LEFT]


async def test_rules_that_refuse_and_then_the_long_way(trail: Trail) -> None:
    """A read that leaves under rules that have nothing to ask is answered by them; what was asked is given up."""
    async with side(silent, warm=2) as here:
        wire = await here.ask(get())
        await here.arrived()
        here.gateway.adopt(Routes([], Unmatched.REJECT))
        wire.half_close()
        assert (await wire.answer()).status == 404
        assert len(here.asked) == 1
        await here.origin.closed(leaving=1)
    assert trail.ways == [LEFT]


async def test_rules_that_are_the_same_and_then_the_long_way(trail: Trail, gate: asyncio.Event) -> None:
    """A read that leaves under rules that were only read again goes on with what was asked."""
    async with side(held(ONE, gate)) as here:
        wire = await here.ask(get())
        await here.arrived()
        here.gateway.adopt(routes())
        wire.half_close()
        await here.until(lambda: trail.left)
        gate.set()
        assert (await wire.answer()).content == b"one"
        assert len(here.asked) == 1


# ------------------------------------------------------------------------------------------------- before and after it


async def _later(peer: Peer, here: Side) -> None:
    """Answer after a while, which is longer than an idle connection is kept."""
    await asyncio.sleep(0.1)
    await peer.send(ONE)


async def test_who_waits_for_an_answer_is_not_idle(trail: Trail) -> None:
    """A connection is not closed for being idle while its read is answered the short way, but after that it is."""
    async with side(_later, patience=Patience(keepalive=0.02)) as here:
        wire = await here.ask(get())
        assert (await wire.answer()).content == b"one"
        assert await wire.ended() == b""
        assert trail.ways == [ANSWERED]


@pytest.mark.asyncio(loop_factories=["asyncio"])  # whose clock can be set
async def test_idle_is_counted_from_the_answer(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time for which an idle connection is kept begins anew with each answer of the short way."""
    clock = Clock(asyncio.get_running_loop())
    monkeypatch.setattr(asyncio.get_running_loop(), "time", clock.time)
    async with side(*[says(ONE)] * 3, patience=Patience(keepalive=10.0, linger=FOREVER)) as here:
        wire = await here.connect()
        for _ in range(3):
            wire.send(get())
            assert (await wire.answer()).content == b"one"
            clock.forward(9.0)
            await read_by(here)
        clock.forward(9.0)
        assert await wire.ended() == b""
        assert trail.ways == [ANSWERED] * 3


async def test_many_reads_on_one_connection(trail: Trail) -> None:
    """One connection of a client and one to the origin server are enough for any number of reads, one by one."""
    async with side(*[says(ONE), says(TWO)] * 5) as here:
        wire = await here.connect()
        answers = []
        for _ in range(10):
            wire.send(get())
            answers.append((await wire.answer()).content)
        assert answers == [b"one", b"two"] * 5
        assert here.origin.connections == 1
        assert trail.ways == [ANSWERED] * 10


async def test_both_ways_in_turn(trail: Trail) -> None:
    """Reads of the short way and requests of the long one follow each other on a connection as they come."""
    wrote = says(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
    post = b"POST /open/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\ntwo"
    async with side(says(ONE), wrote, says(TWO), wrote) as here:
        wire = await here.connect()
        for message, status in ((get(), 200), (post, 201), (get(), 200), (post, 201)):
            wire.send(message)
            assert (await wire.answer()).status == status
            await here.until(lambda: here.connection.idle)
        assert trail.ways == [ANSWERED, LONG, ANSWERED, LONG]


async def test_a_client_that_does_not_keep_up(trail: Trail) -> None:
    """While what was written waits for the client to read, its reads take the long way, which waits for it."""
    async with side(says(ONE), says(TWO), says(ONE)) as here:
        wire = await here.ask(get())
        await wire.answer()
        here.connection.pause_writing()
        wire.send(get())
        assert (await wire.answer()).content == b"two"
        here.connection.resume_writing()
        await here.told(2)
        wire.send(get())
        assert (await wire.answer()).content == b"one"
        assert trail.ways == [ANSWERED, ANSWERED]


async def test_a_head_in_pieces(trail: Trail) -> None:
    """A piece of a head is never taken for a head of its own, even where it looks like one."""
    second = b"GET /wiki/2 HTTP/1.1\r\n\r\n"
    async with side(says(ONE), says(ONE)) as here:
        wire = await here.ask(get(b"A: ")[:-4] + b" ")
        await here.until(lambda: here.connection._timers)  # noqa: SLF001 - that it was read shows nowhere else
        wire.send(second)
        assert (await wire.answer()).content == b"one"
        assert here.asked[0].startswith(b"GET /wiki/1 HTTP/1.1\r\n")
        assert b"\r\nA: GET /wiki/2 HTTP/1.1\r\n" in here.asked[0]
        wire.send(get())
        assert (await wire.answer()).content == b"one"
        assert trail.ways == [LONG, ANSWERED]


BUSY = {
    "a read on the short way": get(),
    "a read on the long way": get(b"Range: bytes=0-0"),
    "a write": b"POST /open/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\ntwo",
    "chunks": b"POST /open/1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n",
    "content with an empty line": b"POST /open/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n\r\n\r\n",
}


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("before", BUSY.values(), ids=BUSY)
async def test_the_rest_of_a_head_that_began_early(
    before: bytes, together: bool, trail: Trail, gate: asyncio.Event
) -> None:
    """Where a head began while another request was answered, its rest is no request, even where it looks like one."""
    first, rest = b"GET /wiki/1 HTTP/1.1\r\nA: ", b"GET /wiki/2 HTTP/1.1\r\nHost: x\r\n\r\n"
    async with side(held(TWO, gate), says(ONE), says(ONE)) as here:
        wire = await here.ask(before + first if together else before)
        await here.arrived()
        if not together:
            wire.send(first)
            await read_by(here)
        gate.set()
        assert (await wire.answer()).content in {b"two", b"tw", b"t"}
        await here.until(lambda: here.connection.idle)
        wire.send(rest)
        assert (await wire.answer()).content == b"one"
        assert here.asked[-1].startswith(b"GET /wiki/1 HTTP/1.1\r\n")
        ways = len(trail.ways)
        wire.send(get())
        assert (await wire.answer()).content == b"one"
        assert trail.ways[ways:] == [ANSWERED]


async def test_the_rest_of_a_head_that_began_behind_two(trail: Trail, gate: asyncio.Event) -> None:
    """Nor does it count as the end of a request that something is as long as the content of one before it."""
    first, rest = b"GET /wiki/1 HTTP/1.1\r\nA: ", b"GET /wiki/2 HTTP/1.1\r\nHost: x\r\n\r\n"
    write = b"POST /open/1 HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(first) + b"x" * len(first)
    async with side(held(TWO, gate), says(TWO), says(ONE)) as here:
        wire = await here.ask(get(b"Range: bytes=0-0"))
        await here.arrived()
        for piece in (write, b"\r\n\r\n" + first):
            wire.send(piece)
            await read_by(here)
        gate.set()
        assert [(await wire.answer()).content for _ in range(2)] == [b"t", b"two"]
        await here.until(lambda: here.connection.idle)
        wire.send(rest)
        assert (await wire.answer()).content == b"one"
        assert here.asked[-1].startswith(b"GET /wiki/1 HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("before", "ways"),
    [
        (BUSY["a write"], [LONG, ANSWERED]),
        (BUSY["content with an empty line"], [LONG, ANSWERED]),
        (BUSY["chunks"], [LONG]),
    ],
)
async def test_a_read_behind_a_write(before: bytes, ways: list[str], trail: Trail) -> None:
    """Behind a write whose end is known by its length a read goes the short way; chunks are not counted."""
    async with side(says(TWO), says(ONE)) as here:
        wire = await here.ask(before)
        assert (await wire.answer()).content == b"two"
        await here.until(lambda: here.connection.idle)
        wire.send(get())
        assert (await wire.answer()).content == b"one"
        assert trail.ways == ways


@pytest.mark.parametrize("empty", [b"\r\n", b"\r\n\r\n"])
async def test_an_empty_line_before_a_head(empty: bytes, trail: Trail) -> None:
    """Empty lines between two requests are passed over as ever; what follows takes the long way, as a late head."""
    async with side(says(ONE)) as here:
        wire = await here.ask(empty)
        await here.until(lambda: here.connection._timers)  # noqa: SLF001 - that it was read shows nowhere else
        wire.send(get())
        assert (await wire.answer()).content == b"one"
        assert trail.ways == [LONG]


CONTENTS = (b"a", b"\r\n", b"\r\n\r\n", get(), get()[:20])
WHOLE = st.sampled_from(
    [
        (b"", get(), b""),
        (b"\r\n", get(b"A: b"), b""),
        *((b"", b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(each), each) for each in CONTENTS),
        (b"\r\n\r\n", b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\n", b"a" * 40),
        (
            b"",
            b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"4\r\n\r\n\r\n\r\n0\r\nA: b\r\n\r\n",
        ),
    ]
)
"""Requests: empty lines before them, their heads, and their content as it is framed."""


@given(st.lists(WHOLE, min_size=1, max_size=5), st.lists(st.integers(1, 200), min_size=1))
def test_where_a_request_ends(requests: list[tuple[bytes, bytes, bytes]], sizes: list[int]) -> None:
    """However requests are cut, none is taken to be over within one, nor a head to have begun where one is over."""
    stream = b"".join(itertools.chain(*requests))
    places = "".join(
        "e" * len(empty) + ("h" * (len(head) - 1) + "c" * (len(content) + 1))[: len(head + content) - 1] + "-"
        for empty, head, content in requests
    )

    async def handler(request: web.BaseRequest) -> Sent:
        await request.read()
        return Sent(cast("Connection", request.protocol), request, persistent=True)

    async def fed() -> None:
        connection = Listener(handler, Census(), Patience(), Sparing(logging.getLogger("test")))()
        assert isinstance(connection, Connection)
        connection.connection_made(Nowhere())
        at, cuts = 0, itertools.cycle(sizes)
        while at < len(stream):
            piece = stream[at : at + next(cuts)]
            connection.data_received(piece)
            at += len(piece)
            for _ in range(20):
                await asyncio.sleep(0)
            where = places[at - 1]
            assert connection.idle == (where != "c")
            assert connection._unread != 0 or where in "e-"  # noqa: SLF001 - a read that comes now goes the short way
            assert not connection.begun or where in "he"
        connection.connection_lost(None)
        await asyncio.sleep(0)

    asyncio.run(fed())


async def test_content_that_looks_like_a_read(trail: Trail) -> None:
    """What comes as the content of a request is content, whatever it looks like."""
    post = b"POST /open/1 HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(get())
    async with side(says(TWO)) as here:
        wire = await here.ask(post)
        await here.until(lambda: not here.connection.idle)
        wire.send(get())
        assert (await wire.answer()).content == b"two"
        assert here.asked[0].endswith(b"\r\n\r\n" + get())
        assert trail.ways == [LONG]


async def test_a_read_in_flight_is_not_idle(gate: asyncio.Event) -> None:
    """A connection whose read is on the short way is not idle, one whose read was answered is."""
    async with side(held(ONE, gate)) as here:
        wire = await here.ask(get())
        await here.arrived()
        assert not here.connection.idle
        gate.set()
        await wire.answer()
        assert here.connection.idle
