"""Who is here, and leaving in good order."""

import asyncio
from dataclasses import dataclass, field

import pytest

from proxy.server.draining import Census

FOREVER = 1e6


@dataclass(eq=False)
class Guest:
    """A connection, as far as its end is concerned: what it was asked, and what it does then."""

    census: Census
    leaves_when: set[str]
    asked: list[str] = field(default_factory=list)

    def retire(self) -> None:
        self._do("retire")

    def abort(self) -> None:
        self._do("abort")

    def _do(self, word: str) -> None:
        self.asked.append(word)
        if word in self.leaves_when:
            self.census.leave(self)


async def test_an_empty_house_drains_at_once() -> None:
    """Nobody is waited for where nobody is."""
    census = Census()
    assert await census.drain(FOREVER)
    assert census.draining


async def test_an_idle_connection_is_closed() -> None:
    """A connection that leaves when it is retired is not cut off."""
    census = Census()
    guest = Guest(census, {"retire"})
    census.enter(guest)
    assert await census.drain(FOREVER)
    assert guest.asked == ["retire"]


async def test_a_connection_that_stays_is_cut_off() -> None:
    """After its time, a connection that is still there is aborted, and `drain` says so."""
    census = Census()
    guest = Guest(census, {"abort"})
    census.enter(guest)
    assert not await census.drain(0)
    assert guest.asked == ["retire", "abort"]


async def test_an_exchange_is_waited_for() -> None:
    """`drain` returns only when the last exchange is over."""
    census = Census()
    over = asyncio.Event()

    async def exchange() -> None:
        census.begin_exchange()
        await over.wait()
        census.end_exchange()

    task = asyncio.ensure_future(exchange())
    await asyncio.sleep(0)
    draining = asyncio.ensure_future(census.drain(FOREVER))
    await _begun(census)
    assert not draining.done()
    over.set()
    assert await draining
    await task


async def test_a_write_is_waited_for_and_not_cancelled() -> None:
    """A write in progress is finished, though nobody but the census holds it."""
    census = Census()
    go_on = asyncio.Event()
    done: list[str] = []

    async def write() -> None:
        await go_on.wait()
        done.append("written")

    task = census.write(write(), asyncio.get_running_loop())
    draining = asyncio.ensure_future(census.drain(FOREVER))
    await _begun(census)
    assert not draining.done()
    go_on.set()
    assert await draining
    assert done == ["written"]
    assert task.done()


async def test_a_write_that_takes_too_long_is_cancelled_and_cleans_up() -> None:
    """Past the limit a write is cancelled, and `drain` returns after it has cleaned up behind itself."""
    census = Census()
    cleaned: list[str] = []

    async def write() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await asyncio.sleep(0)
            cleaned.append("abandoned")

    task = census.write(write(), asyncio.get_running_loop())
    await asyncio.sleep(0)
    assert not await census.drain(0)
    assert cleaned == ["abandoned"]
    assert task.cancelled()


@pytest.mark.parametrize("fault", [None, KeyError()])
async def test_a_write_returns_what_it_came_to(fault: Exception | None) -> None:
    """The task is the caller's to await; the census forgets it when it is over."""
    census = Census()

    async def write() -> str:
        if fault is not None:
            raise fault
        return "written"

    task = census.write(write(), asyncio.get_running_loop())
    await asyncio.wait([task])
    assert task.exception() is fault
    assert census.empty


async def test_a_guest_that_leaves_twice() -> None:
    """Leaving is no error for one who was not counted in."""
    census = Census()
    guest = Guest(census, set())
    census.leave(guest)
    census.enter(guest)
    assert not census.empty
    census.leave(guest)
    census.leave(guest)
    assert census.empty


async def _begun(census: Census) -> None:
    """Let the event loop turn until the draining has begun."""
    for _ in range(5):
        await asyncio.sleep(0)
    assert census.draining


class Tunnel:
    """An exchange that has become a tunnel on a connection, until that is aborted."""

    def __init__(self, census: Census) -> None:
        self.guest = Guest(census, {"abort"})
        self._census = census
        self._over = asyncio.Event()
        census.enter(self.guest)
        self.task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        self._census.begin_exchange()
        with self._census.tunnel(self.guest):
            while "abort" not in self.guest.asked:  # noqa: ASYNC110 - the guest has no event to wait for
                await asyncio.sleep(0)
        self._census.end_exchange()


async def test_tunnels_are_not_waited_for() -> None:
    """Where nothing else is they are cut off at once, and everyone who could leave has left."""
    census = Census()
    tunnels = [Tunnel(census), Tunnel(census)]
    await asyncio.sleep(0)
    assert await census.drain(FOREVER)
    assert [tunnel.guest.asked for tunnel in tunnels] == [["retire", "abort"]] * 2
    assert census.empty


@pytest.mark.parametrize("what", ["connection", "exchange", "write"])
async def test_tunnels_go_on_while_others_finish(what: str) -> None:
    """None is cut off as long as anything else is there, of whichever kind, though there are more tunnels than that."""
    census = Census()
    tunnels = [Tunnel(census) for _ in range(3)]
    await asyncio.sleep(0)
    census.leave(tunnels[0].guest)  # lost, and still winding up: it makes no room for others
    over = asyncio.Event()
    other = Guest(census, set())
    finishing = [asyncio.ensure_future(_finishing(census, other, what, over))]
    await asyncio.sleep(0)
    draining = asyncio.ensure_future(census.drain(FOREVER))
    await _begun(census)
    for _ in range(10):
        await asyncio.sleep(0)
    assert not draining.done()
    assert "abort" not in tunnels[1].guest.asked
    over.set()
    tunnels[0].guest.asked.append("abort")
    assert await draining
    await asyncio.gather(*finishing)


async def _finishing(census: Census, guest: Guest, what: str, over: asyncio.Event) -> None:
    if what == "connection":
        census.enter(guest)
        await over.wait()
        census.leave(guest)
    elif what == "exchange":
        census.begin_exchange()
        await over.wait()
        census.end_exchange()
    else:
        await census.write(over.wait(), asyncio.get_running_loop())


async def test_what_takes_too_long_is_cut_off_with_the_tunnels() -> None:
    """Then `drain` says so, whatever became of those."""
    census = Census()
    tunnel, other = Tunnel(census), Guest(census, {"abort"})
    census.enter(other)
    await asyncio.sleep(0)
    assert not await census.drain(0)
    assert (tunnel.guest.asked, other.asked) == (["retire", "abort"], ["retire", "abort"])
