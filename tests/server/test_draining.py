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

    task = census.write(write())
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

    task = census.write(write())
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

    task = census.write(write())
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
