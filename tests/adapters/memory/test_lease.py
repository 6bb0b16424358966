"""A lease knows when it lapses, and asks the books whether it still lasts."""

import pytest

from proxy.adapters.memory.lease import MemoryLease
from proxy.adapters.memory.lock import MemoryLock
from proxy.adapters.memory.state import MemoryState
from proxy.errors import LeaseLost
from proxy.ports import LeaseTerms

TERMS = LeaseTerms(wait=1.0, read=5.0, write=35.0, waiters=None)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def held(clock: Clock) -> tuple[MemoryLock, MemoryLease]:
    """Return a lock, and a lease of it in its read phase."""
    lock = MemoryLock(MemoryState(), clock=clock)
    return lock, await lock.acquire("k", TERMS)


@pytest.mark.parametrize(
    ("confirmed", "abandoned", "lapses"),
    [(False, False, True), (True, False, False), (True, True, True)],
)
async def test_which_leases_lapse(confirmed: bool, abandoned: bool, lapses: bool) -> None:
    """One that is read under does, one that is written under does not, unless it is abandoned."""
    clock = Clock()
    _, lease = await held(clock)
    if confirmed:
        await lease.confirm()
    if abandoned:
        lease.abandon()
    assert lease.lapses is lapses
    assert lease.lasts
    clock.now += TERMS.write
    assert lease.lasts is not lapses


async def test_a_lease_that_was_left_does_not_last() -> None:
    """Nor can it be confirmed."""
    lock, lease = await held(Clock())
    lock.release(lease)
    assert not lease.lasts
    with pytest.raises(LeaseLost):
        await lease.confirm()
