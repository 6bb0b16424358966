"""How many connections may be in use at once, and whose turn is next."""

import asyncio

import pytest

from proxy.adapters.upstream.places import Places
from proxy.errors import NotSent
from tests.adapters.upstream.origin import Clock

LONG = 3600.0


def waiting(places: Places, seconds: float = LONG, deadline: float | None = None) -> "asyncio.Task[float]":
    """Wait for a place in a task."""
    far = asyncio.get_running_loop().time() + 2 * LONG
    return asyncio.create_task(places.wait(seconds, far if deadline is None else deadline))


async def turn() -> None:
    """Let everything happen that needs no time."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_places_are_taken_until_there_are_none() -> None:
    """And once given back are there again."""
    places = Places(2)
    assert [places.take(), places.take(), places.take()] == [True, True, False]
    places.give()
    assert (places.taken, places.take(), places.take()) == (1, True, False)


async def test_who_comes_first_is_served_first() -> None:
    """Nobody who comes later takes a place at once while others wait for one."""
    places = Places(1)
    assert places.take()
    first, second = waiting(places), waiting(places)
    await turn()
    places.give()
    assert not places.take()
    await turn()
    assert (first.done(), second.done(), places.taken) == (True, False, 1)
    places.give()
    await second
    places.give()
    assert (places.taken, places.take()) == (0, True)


async def test_what_is_left_of_the_time_is_told(clock: Clock) -> None:
    """The wait is part of the time to connect."""
    places = Places(1)
    assert places.take()
    waits = waiting(places, 2.0)
    await turn()
    clock.forward(1.5)
    places.give()
    assert 0.0 < await waits <= 0.5


@pytest.mark.parametrize("deadline", [None, 1.0])
async def test_a_turn_that_does_not_come_in_time(clock: Clock, deadline: float | None) -> None:
    """Whichever is over first; nothing was sent, and the next in the queue is served all the same."""
    places = Places(1)
    assert places.take()
    at = None if deadline is None else clock.time() + deadline
    waits, other = waiting(places, 2.0 if at is None else LONG, at), waiting(places)
    await turn()
    clock.forward(2.5)
    with pytest.raises(NotSent, match="All connections to the origin server are in use") as caught:
        await waits
    assert caught.value.timed_out
    places.give()
    await other
    assert places.taken == 1


@pytest.mark.parametrize("given", [False, True])
async def test_who_gives_up_waiting_keeps_no_place(given: bool) -> None:
    """Also where it was given one in the same moment."""
    places = Places(1)
    assert places.take()
    first, second = waiting(places), waiting(places)
    await turn()
    if given:
        places.give()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    if not given:
        places.give()
    await second
    places.give()
    assert places.taken == 0


async def test_a_place_is_not_given_to_who_has_left_already() -> None:
    """Who was cancelled, and has not run since, is passed over."""
    places = Places(1)
    assert places.take()
    waits = waiting(places)
    await turn()
    waits.cancel()
    places.give()
    with pytest.raises(asyncio.CancelledError):
        await waits
    assert places.taken == 0
