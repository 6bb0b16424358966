"""What a resource among many costs is measured on requests that are answered as they ought to be."""

import time

import pytest

from bench.growth import MEMORY, REDIS
from bench.keys import CHUNK, each, gateway, got, path, put
from bench.scale import costs
from proxy.adapters.memory import MemoryLock, MemoryState


@pytest.mark.parametrize(("store", "trips"), [(MEMORY, 0), (REDIS, 1)])
def test_a_measurement(store: str, trips: int) -> None:
    """It is made in a process of its own, and counts what a write asks of a store."""
    cost = costs(store, 20, 50)
    assert cost.get > 0
    assert cost.put > cost.get
    assert cost.trips >= trips
    assert (cost.busy > 0) is (store == REDIS)


async def test_reads_are_tagged_and_writes_are_compared() -> None:
    """Each resource has a tag of its own, which lets a write through, and another's does not."""
    state = MemoryState()
    asked = gateway(MemoryLock(state), state)
    tags = [await got(asked, number) for number in range(2)]
    assert tags[0] != tags[1]
    await put(asked, 0, tags[0])
    with pytest.raises(AssertionError):
        await put(asked, 0, tags[1])


def test_paths_do_not_follow_from_one_another() -> None:
    """All differ."""
    assert len({path(number) for number in range(1_000)}) == 1_000


async def test_the_median_of_chunks_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever one of them is held up by."""
    now = iter([0, 1, 1, 101, 101, 103])
    monkeypatch.setattr(time, "process_time", lambda: next(now))

    async def nothing(_number: int) -> None:
        pass

    assert await each([*range(3 * CHUNK)], nothing) == 2e6 / CHUNK
