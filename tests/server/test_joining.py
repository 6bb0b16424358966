"""Two ends of a tunnel joined, without a network: what the end of one does to the other."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from proxy.errors import ClientGone, Failure, Unanswered
from proxy.server.joining import Way, join
from tests.adapters.upstream.origin import Clock

LONG = 3600.0


class End:
    """One end. `says` is what it will say: bytes, a failure, or None for its end; `heard` what it was told."""

    def __init__(self, *says: bytes | Failure | None, takes: bool = True) -> None:
        self.open = True
        self.heard: list[bytes] = []
        self.ended = asyncio.Event()
        self.refuses: Failure | None = None
        self._takes = takes
        self._queue: asyncio.Queue[bytes | Failure | None] = asyncio.Queue()
        for each in says:
            self.say(each)

    def say(self, what: bytes | Failure | None) -> None:
        self._queue.put_nowait(what)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (said := await self._queue.get()) is not None:
            if isinstance(said, Failure):
                raise said
            yield said

    async def write(self, piece: bytes) -> None:
        if self.refuses is not None:
            raise self.refuses
        if not self._takes:
            await asyncio.Event().wait()
        self.heard.append(piece)

    def end(self) -> None:
        self.ended.set()


async def turns() -> None:
    """Let everything happen that needs no time."""
    for _ in range(10):
        await asyncio.sleep(0)


class Pair:
    """A client, an origin server, and what joins them."""

    def __init__(self, client: End, origin: End) -> None:
        self.client, self.origin = client, origin
        self.up, self.down = Way(client, origin), Way(origin, client)
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def lose_client(self) -> None:
        """As a connection that is lost does it: nothing more comes, and nobody is there."""
        self.client.open = False
        self.client.say(None)
        self.gone.set_result(None)

    async def join(self, silence: float = LONG) -> None:
        async with asyncio.timeout(30):
            await join(self.up, self.down, self.gone, silence)


async def test_both_say_all_and_end() -> None:
    """Each hears the other, in order, then its end."""
    pair = Pair(End(b"a", b"bc", None), End(b"d", None))
    await pair.join()
    assert (pair.origin.heard, pair.client.heard) == ([b"a", b"bc"], [b"d"])
    assert pair.origin.ended.is_set()
    assert pair.client.ended.is_set()
    assert (pair.up.passed, pair.down.passed) == (3, 1)
    for way in (pair.up, pair.down):
        assert (way.cut_off, way.failure) == (False, None)


async def test_the_end_of_one_side_is_not_that_of_the_other() -> None:
    """A side that is shut may still be told something."""
    pair = Pair(End(None), End(b"a"))
    joining = asyncio.create_task(pair.join())
    await pair.origin.ended.wait()
    pair.origin.say(b"b")
    pair.origin.say(None)
    await joining
    assert pair.client.heard == [b"a", b"b"]
    assert not pair.down.cut_off


async def test_a_client_that_is_lost_cuts_off_what_is_meant_for_it() -> None:
    """What it had said is passed on all the same."""
    pair = Pair(End(b"a"), End())
    joining = asyncio.create_task(pair.join())
    await asyncio.sleep(0)
    pair.lose_client()
    await joining
    assert pair.down.cut_off
    assert not pair.up.cut_off
    assert (pair.origin.heard, pair.origin.ended.is_set()) == ([b"a"], True)


async def test_a_client_that_is_lost_after_its_end_is_noticed() -> None:
    """It had said all, and might still have listened; now it does not, and nothing is waited for."""
    pair = Pair(End(None), End())
    joining = asyncio.create_task(pair.join())
    await turns()
    assert pair.origin.ended.is_set()
    pair.client.open = False
    pair.gone.set_result(None)
    await joining
    assert pair.down.cut_off


async def test_an_origin_server_that_is_lost_cuts_off_what_is_meant_for_it() -> None:
    """Whether it broke or only cannot be written to any more (TLS)."""
    for said in (Unanswered("x"), None):
        pair = Pair(End(), End(b"a", said))
        pair.origin.open = False
        await pair.join()
        assert pair.client.heard == [b"a"]
        assert pair.up.cut_off
        assert pair.down.failure is said


async def test_the_last_words_of_who_takes_nothing_more_are_heard() -> None:
    """A write that fails because the other side has gone says nothing about what that had said before."""
    pair = Pair(End(b"x"), End())
    pair.origin.open, pair.origin.refuses = False, Unanswered("gone")
    joining = asyncio.create_task(pair.join())
    await turns()
    assert pair.up.failure is not None
    pair.origin.say(b"bye")
    pair.origin.say(None)
    await joining
    assert (pair.client.heard, pair.down.cut_off) == ([b"bye"], False)


@pytest.mark.parametrize("side", ["client", "origin"])
async def test_who_is_there_and_takes_nothing_ends_the_tunnel(side: str) -> None:
    """There is no use in listening to a side that does not listen."""
    refusing = End(b"x")
    refusing.refuses = ClientGone("stalled")
    pair = Pair(refusing, End(b"y")) if side == "client" else Pair(End(b"y"), refusing)
    await pair.join()
    assert pair.down.failure is refusing.refuses or pair.up.failure is refusing.refuses
    assert pair.up.cut_off or pair.down.cut_off


@pytest.mark.parametrize("side", ["client", "origin"])
async def test_silence_behind_an_end_is_an_end(side: str) -> None:
    """Not before one side has ended, and not while something passes."""
    pair = Pair(End(None), End()) if side == "client" else Pair(End(), End(None))
    await pair.join(silence=0.01)
    assert pair.up.cut_off is (side == "origin")
    assert pair.down.cut_off is (side == "client")


@pytest.mark.asyncio(loop_factories=["asyncio"])  # whose clock can be set
async def test_what_passes_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interval in which something passed is followed by another one, and so on until one in which nothing does."""
    loop = asyncio.get_running_loop()
    clock = Clock(loop)
    monkeypatch.setattr(loop, "time", clock.time)
    pair = Pair(End(None), End())
    joining = asyncio.create_task(join(pair.up, pair.down, pair.gone, 60.0))
    await turns()
    for _ in range(3):
        pair.origin.say(b"a")
        await turns()
        clock.forward(61.0)
        await turns()
        assert not joining.done()
    clock.forward(61.0)
    await joining
    assert pair.client.heard == [b"a"] * 3
    assert pair.down.cut_off


async def test_cancelled_it_leaves_nothing_running() -> None:
    """Both directions end with who joined them."""
    pair = Pair(End(takes=False), End(b"a", takes=False))
    before = asyncio.all_tasks()
    joining = asyncio.create_task(pair.join())
    for _ in range(3):
        await asyncio.sleep(0)
    joining.cancel()
    with pytest.raises(asyncio.CancelledError):
        await joining
    assert asyncio.all_tasks() == before
