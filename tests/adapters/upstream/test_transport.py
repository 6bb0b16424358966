"""Every kind of answer, good and bad, played to the adapter by a real socket (`tests.support.wires`).

After each of them: told what it was, the connection used again or closed, and the next request unharmed.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from proxy.errors import NotSent, Unanswered
from proxy.ports import Purpose
from tests.adapters.upstream.origin import PATIENT, Clock, Peer, Serving, Text, request, serving
from tests.support.wires import BAD, GOOD, Bad, Good

if TYPE_CHECKING:
    from proxy.adapters.upstream import HttpUpstream

MINE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine"
THEIRS = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ntheirs"

good = pytest.mark.parametrize("row", GOOD.values(), ids=GOOD.keys())
bad = pytest.mark.parametrize("row", BAD.values(), ids=BAD.keys())


class End:
    """How an origin server ends a connection."""

    @staticmethod
    def by_close(peer: Peer) -> None:
        peer.writer.close()

    @staticmethod
    def by_reset(peer: Peer) -> None:
        peer.reset()


@dataclass
class Play:
    """What the next request is answered: bytes in parts, perhaps an end; then the requests after it get `MINE`."""

    parts: Iterable[bytes] = (MINE,)
    end: Callable[[Peer], None] | None = None
    between: Callable[[], Awaitable[None]] | None = None
    played: asyncio.Event = field(default_factory=asyncio.Event)


class Stage:
    """An origin server that plays, and an upstream to it. `heads`: how many final heads the last exchange has had."""

    def __init__(self) -> None:
        self.play = Play()
        self.heads = 0
        self.origin: Serving
        self.upstream: HttpUpstream

    async def script(self, peer: Peer) -> None:
        """Play what is to be played to one request, and `MINE` to all others."""
        while await peer.request():
            play, self.play = self.play, Play()
            for part in play.parts:
                await peer.send(part)
                if play.between is not None:
                    await play.between()
            play.played.set()
            if play.end is not None:
                play.end(peer)
                return

    async def ask(self, method: str = "GET") -> tuple[int, bytes | None, list[int]]:
        """One exchange with its content, a PUT as a guarded write; also which interim responses were told."""
        told: list[int] = []
        content, purpose = (Text(b"new"), Purpose.PERFORM) if method == "PUT" else (None, Purpose.RELAY)
        self.heads = 0
        reply = await self.upstream.send(
            request(method), content, purpose=purpose, budget=PATIENT, interim=lambda status, _: told.append(status)
        )
        self.heads = 1
        try:
            return reply.status, await reply.read(10**6), told
        finally:
            await reply.aclose()

    async def unharmed(self) -> None:
        """The next request is answered by its own answer."""
        self.play = Play()
        assert await self.ask() == (200, b"mine", [])


@asynccontextmanager
async def playing() -> AsyncIterator[Stage]:
    """Run an origin server that plays; on leaving every connection must have ended."""
    stage = Stage()
    async with serving(stage.script) as stage.origin, stage.origin.upstream(idle=1e6) as stage.upstream:
        yield stage


async def apart() -> None:
    """Let the other side read what was sent: the next bytes are another read."""
    for _ in range(3):
        await asyncio.sleep(0)


# ---------------------------------------------------------------------------------------------------------- the good


@good
async def test_an_answer_is_the_same_wherever_it_is_cut(row: Good) -> None:
    """At each of its bytes: status, content and interim responses, and whether its connection is used again."""
    async with playing() as stage:
        end = End.by_close if row.until_close else None
        for cut in range(1, len(row.wire)):
            stage.play = Play([row.wire[:cut], row.wire[cut:]], end, apart)
            assert await stage.ask(row.method) == (row.status, row.content, list(row.interim))
        assert len(stage.origin.requests) == len(row.wire) - 1
        assert stage.origin.connections == (1 if row.lasts else len(row.wire) - 1)
        await stage.unharmed()


@good
async def test_an_answer_may_drip(row: Good) -> None:
    """Each byte in a read of its own."""
    async with playing() as stage:
        end = End.by_close if row.until_close else None
        stage.play = Play([row.wire[at : at + 1] for at in range(len(row.wire))], end, apart)
        assert await stage.ask(row.method) == (row.status, row.content, list(row.interim))
        await stage.unharmed()
        assert stage.origin.connections == (1 if row.lasts else 2)


@good
@pytest.mark.parametrize("end", [End.by_close, End.by_reset])
async def test_an_answer_that_ends_early_is_none(row: Good, end: Callable[[Peer], None]) -> None:
    """At each of its bytes: unanswered, told as no matter of time, asked for once; but for what a close completes."""
    async with playing() as stage:
        for cut in range(len(row.wire)):
            stage.play = Play([row.wire[:cut]], end, apart)
            if row.until_close and end is End.by_close and cut >= row.head:
                assert (await stage.ask(row.method))[1] == row.wire[row.head : cut]
                continue
            with pytest.raises(Unanswered) as caught:
                await stage.ask(row.method)
            assert not caught.value.timed_out
        assert len(stage.origin.requests) == stage.origin.connections == len(row.wire)
        await stage.origin.closed()
        await stage.unharmed()


LEFTOVERS = {
    "another answer": THEIRS,
    "a line": b"\r\n",
    "a byte": b"x",
    "a beginning": b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n",
    "an interim one": b"HTTP/1.1 103 A\r\n\r\n",
}
ENDING = {name: row for name, row in GOOD.items() if not row.until_close}


@pytest.mark.parametrize("row", ENDING.values(), ids=ENDING.keys())
@pytest.mark.parametrize("excess", LEFTOVERS.values(), ids=LEFTOVERS.keys())
@pytest.mark.parametrize("later", [False, True])
async def test_what_follows_an_answer_is_not_the_next_one(row: Good, excess: bytes, later: bool) -> None:
    """In the same read, or while the connection waits: the answer stands, the connection is closed, nothing leaks."""
    async with playing() as stage:
        stage.play = play = Play([row.wire, excess] if later else [row.wire + excess], between=apart)
        assert await stage.ask(row.method) == (row.status, row.content, list(row.interim))
        await play.played.wait()
        await stage.unharmed()
        assert stage.origin.connections == 2
        await stage.origin.closed(leaving=1)


# ----------------------------------------------------------------------------------------------------------- the bad


@bad
@pytest.mark.parametrize(("method", "whole"), [("GET", True), ("GET", False), ("PUT", True)])
async def test_what_is_no_answer_is_none(row: Bad, method: str, whole: bool) -> None:
    """Whole or in small parts, to a read or a write: unanswered, with the reason, sent once, the connection closed."""
    async with playing() as stage:
        size = len(row.wire) if whole else max(1, len(row.wire) // 64)
        parts = [row.wire[at : at + size] for at in range(0, len(row.wire), size)]
        stage.play = Play(parts, between=None if whole else apart)
        with pytest.raises(Unanswered, match=row.reason) as caught:
            await stage.ask(method)
        assert stage.heads == row.late
        assert not caught.value.timed_out
        await stage.origin.closed()
        assert len(stage.origin.requests) == 1
        await stage.unharmed()


@bad
async def test_what_is_no_answer_spoils_a_connection_that_was_used_before(row: Bad) -> None:
    """It is not asked for again, as a connection that was merely given up is."""
    async with playing() as stage:
        await stage.unharmed()
        stage.play = Play([row.wire])
        with pytest.raises(Unanswered, match=row.reason):
            await stage.ask()
        assert (len(stage.origin.requests), stage.origin.connections) == (2, 1)
        await stage.origin.closed()
        await stage.unharmed()


# ---------------------------------------------------------------------------------------------------------- the slow


PHASES = {
    "nothing": b"",
    "a status": b"HTTP/1.1 20",
    "a line": b"HTTP/1.1 200 OK\r\nA: ",
    "a head without its end": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r",
    "1xx": b"HTTP/1.1 103 A\r\n\r\n",
    "a length": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
    "a size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5",
    "a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "trailers": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n",
    "until close": b"HTTP/1.1 200 OK\r\n\r\nhello",
}


@pytest.mark.parametrize("begun", PHASES.values(), ids=PHASES.keys())
@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_an_answer_that_stops_is_not_waited_for(clock: Clock, begun: bytes, method: str) -> None:
    """Wherever it stops: a matter of time, the connection closed, sent once."""
    async with playing() as stage:
        stage.play = play = Play([begun])
        asking = asyncio.create_task(stage.ask(method))
        await play.played.wait()
        await apart()
        clock.forward(31.0)
        with pytest.raises(Unanswered, match="in time") as caught:
            await asking
        assert caught.value.timed_out
        await stage.origin.closed()
        assert len(stage.origin.requests) == 1
        await stage.unharmed()


DRIPS = {
    "a line": [b"HTTP/1.1 200 OK\r\nA: ", b"a"],
    "lines": [b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"],
    "1xx": [b"", b"HTTP/1.1 103 A\r\n\r\n"],
    "content": [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"a"],
    "chunks": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"],
    "an extension": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"a"],
    "trailers": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n"],
    "until close": [b"HTTP/1.1 200 OK\r\n\r\n", b"a"],
}


@pytest.mark.parametrize("drip", DRIPS.values(), ids=DRIPS.keys())
async def test_an_answer_that_drips_is_bounded_as_a_whole(clock: Clock, drip: list[bytes]) -> None:
    """A byte a second keeps nobody waiting for longer than the time that the whole answer has."""
    async with playing() as stage:
        dripped = 0

        async def second() -> None:
            nonlocal dripped
            dripped += 1
            await apart()
            clock.forward(1.0)

        start, more = drip
        stage.play = Play([start, *[more] * 100], between=second)
        with pytest.raises(Unanswered, match="in time") as caught:
            await stage.ask()
        assert caught.value.timed_out
        assert 25 <= dripped <= 35
        await stage.origin.closed()
        await stage.unharmed()


# --------------------------------------------------------------------------------------------------------- the early


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("said", [THEIRS, b"x", b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n", None])
async def test_who_speaks_or_leaves_before_it_was_asked_is_not_asked(method: str, said: bytes | None) -> None:
    """What came first answers nothing: the request is not sent, which is said, and no byte of it left."""
    requests: list[bytes] = []
    early = True

    async def script(peer: Peer) -> None:
        nonlocal early
        if early:
            early = False
            return
        requests.append(await peer.request())
        await peer.send(MINE)

    async with serving(script) as origin, origin.upstream() as upstream:

        async def check() -> None:
            """Be told in the last moment, when the loop has no more turn to read in."""
            peer = await origin.peer(0)
            descriptor = peer.writer.get_extra_info("socket").fileno()
            if said is None:
                peer.writer.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
            else:
                os.write(descriptor, said)

        content = Text(b"new") if method == "PUT" else None
        with pytest.raises(NotSent, match="before the request could be sent") as caught:
            await upstream.send(request(method), content, purpose=Purpose.PERFORM, budget=PATIENT, check=check)
        assert not caught.value.timed_out
        await origin.closed()
        assert origin.requests == []
        reply = await upstream.send(request(), None, purpose=Purpose.SELECT, budget=PATIENT)
        assert await reply.read(10) == b"mine"
        await reply.aclose()
