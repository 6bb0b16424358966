"""What every lock promises to the gateway (`ports.ResourceLock`), within a process and between two."""

import asyncio
from contextlib import suppress
from math import ceil

import pytest

from proxy.adapters.redis.timing import local_time
from proxy.errors import LeaseLost, ResourceBusy
from proxy.ports import LeaseTerms, ResourceLock
from tests.adapters.contract.conftest import Stand
from tests.adapters.redis.members import GUARD, TERMS, done, lasting, until

SHORT = 0.1
"""Seconds after which a lease lapses where it is meant to."""


class Holder:
    """One that holds the resource until it is told to leave. `task` ends then, as whatever happened."""

    def __init__(self, lock: ResourceLock, terms: LeaseTerms = TERMS, *, write: bool = False) -> None:
        self.fence = 0
        self.waited = False
        self._entered, self._leaves = asyncio.Event(), asyncio.Event()
        self._abandons = False
        self.task = asyncio.create_task(self._hold(lock, terms, write=write))

    async def entered(self) -> "Holder":
        """Wait until it holds the resource. Raised when it does not: whatever kept it from that."""
        entering = asyncio.ensure_future(self._entered.wait())
        await done(asyncio.wait({entering, self.task}, return_when=asyncio.FIRST_COMPLETED))
        if not entering.done():
            entering.cancel()
            self.task.result()
        return self

    async def leave(self, *, abandon: bool = False) -> None:
        """Let it go, and wait until it has."""
        self._abandons = abandon
        self._leaves.set()
        await done(self.task)

    async def _hold(self, lock: ResourceLock, terms: LeaseTerms, *, write: bool) -> None:
        async with lock.hold("k", terms) as lease:
            if write:
                await lease.confirm()
            self.fence, self.waited = lease.fence, lease.waited
            self._entered.set()
            await self._leaves.wait()
            if self._abandons:
                lease.abandon()


async def waiting(stand: Stand, count: int = 1) -> None:
    """Wait until so many wait."""

    async def told() -> bool:
        return await stand.queued() == count

    await until(told, f"{count} wait")


async def refused(lock: ResourceLock, terms: LeaseTerms) -> tuple[float, int]:
    """Be refused; return after how many seconds, and after how many to come again."""
    begun = local_time()
    with pytest.raises(ResourceBusy) as refusal:
        await Holder(lock, terms).entered()
    return (local_time() - begun) / 1_000_000, refusal.value.retry_after


# How long it lasts ---------------------------------------------------------------------------------------------------


async def test_a_lease_does_not_last_when_another_has_the_resource(stand: Stand) -> None:
    """An abandoned one lapses; its holder, who is still there, can tell so at the latest when somebody else gets in."""
    one, other = stand.locks
    async with one.hold("k", lasting(read=GUARD, write=SHORT)) as lease:
        await lease.confirm()
        lease.abandon()
        async with other.hold("k", TERMS):
            assert not lease.lasts


async def test_a_lease_lasts_before_it_is_proven(stand: Stand) -> None:
    """Who only reads needs no proof to know that nobody has written since."""
    async with stand.locks[0].hold("k", TERMS) as lease:
        assert lease.lasts


async def test_a_proven_lease_lasts(stand: Stand) -> None:
    """Right after its proof, and while somebody waits for the resource."""
    one, other = stand.locks
    async with one.hold("k", TERMS) as lease:
        await lease.confirm()
        assert lease.lasts
        waiter = Holder(other)
        await waiting(stand)
        assert lease.lasts
    await (await waiter.entered()).leave()


# One at a time --------------------------------------------------------------------------------------------------------


async def test_a_resource_has_one_holder(stand: Stand) -> None:
    """However many ask at once, and wherever: one at a time, and all of them in the end."""
    inside, fences = 0, list[int]()

    async def hold(lock: ResourceLock) -> None:
        nonlocal inside
        async with lock.hold("k", TERMS) as lease:
            await lease.confirm()
            inside += 1
            assert inside == 1
            fences.append(lease.fence)
            await asyncio.sleep(0.001)
            assert inside == 1
            inside -= 1

    await done(asyncio.gather(*(hold(stand.locks[number % 2]) for number in range(30))))
    assert len(fences) == 30
    assert fences == sorted(set(fences))


async def test_fences_rise(stand: Stand) -> None:
    """Each lease has a higher one than all before it, whichever process had those and whatever became of them."""
    fences = list[int]()
    for number in range(6):
        holder = await Holder(stand.locks[number % 2], lasting(write=SHORT), write=True).entered()
        fences.append(holder.fence)
        await holder.leave(abandon=number % 3 == 0)
    assert fences == sorted(set(fences))


async def test_first_come_first_served(stand: Stand) -> None:
    """Within a process the order is that of arrival."""
    first = await Holder(stand.locks[0]).entered()
    followers = list[Holder]()
    for number in range(5):
        followers.append(Holder(stand.locks[0]))
        await waiting(stand, number + 1)
    await first.leave()
    for follower in followers:
        await follower.entered()
        assert not any(later.fence for later in followers[followers.index(follower) + 1 :])
        await follower.leave()


async def test_who_waited_knows_it(stand: Stand) -> None:
    """A lease tells whether somebody else held the resource when it was asked for."""
    first = await Holder(stand.locks[0]).entered()
    second = Holder(stand.locks[1])
    await waiting(stand)
    await first.leave()
    await second.entered()
    await second.leave()
    alone = await Holder(stand.locks[0]).entered()
    await alone.leave()
    assert [holder.waited for holder in (first, second, alone)] == [False, True, False]


async def test_resources_do_not_wait_for_each_other(stand: Stand) -> None:
    """Many can be held at once, by one process as by two."""
    holder = await Holder(stand.locks[0]).entered()
    for number in range(20):
        async with stand.locks[number % 2].hold(str(number), lasting(wait=0.0)) as lease:
            assert not lease.waited
    await holder.leave()


# Leases ---------------------------------------------------------------------------------------------------------------


async def test_a_lease_that_is_held_can_be_confirmed_again(stand: Stand) -> None:
    """As often as is wanted, before and after what is sent."""
    async with stand.locks[0].hold("k", TERMS) as lease:
        for _ in range(3):
            await lease.confirm()


async def test_a_lease_that_lapsed_cannot_be_confirmed(stand: Stand) -> None:
    """Even when nobody else came."""
    async with stand.locks[0].hold("k", lasting(wait=0.0, read=SHORT)) as lease:
        await asyncio.sleep(2 * SHORT)
        with pytest.raises(LeaseLost):
            await lease.confirm()


async def test_a_lapsed_lease_passes_to_who_waits(stand: Stand) -> None:
    """The next holds the resource, the first learns it, and its leaving takes nothing from the next."""
    async with stand.locks[0].hold("k", lasting(wait=0.0, read=SHORT)) as lease:
        follower = await Holder(stand.locks[1], write=True).entered()
        assert follower.fence > lease.fence
        with pytest.raises(LeaseLost):
            await lease.confirm()
    await refused(stand.locks[0], lasting(wait=0.0))
    await follower.leave()


async def test_confirming_begins_a_lease_of_another_length(stand: Stand) -> None:
    """From then on the resource is held for as long as a write may take, whatever was left of the time to read."""
    armed = False
    while not armed:  # on a machine so busy that the first lease lapses before it is confirmed, again
        with suppress(LeaseLost):
            async with stand.locks[0].hold("k", lasting(wait=GUARD, read=SHORT)) as lease:
                await lease.confirm()
                armed = True
                seconds, _ = await refused(stand.locks[1], lasting(wait=2 * SHORT))
                assert seconds >= 2 * SHORT
                await lease.confirm()


async def test_an_abandoned_lease_keeps_everybody_out(stand: Stand) -> None:
    """I4: who can wait that long is served when it lapses, and not before."""
    begun = local_time()
    first = await Holder(stand.locks[0], lasting(write=3 * SHORT), write=True).entered()
    await first.leave(abandon=True)
    second = await Holder(stand.locks[1]).entered()
    assert (local_time() - begun) / 1_000_000 >= 3 * SHORT - 0.002  # a store may count whole milliseconds
    assert second.fence > first.fence
    await second.leave()


@pytest.mark.parametrize("early", [False, True])
async def test_who_cannot_outwait_an_abandoned_lease_is_told_at_once(stand: Stand, early: bool) -> None:
    """With the time after which to come again, whether it came before the lease was abandoned or after."""
    write, wait = 4 * GUARD, 2 * GUARD
    first = await Holder(stand.locks[0], lasting(write=write), write=True).entered()
    asking = asyncio.create_task(refused(stand.locks[1], lasting(wait=wait)))
    if early:
        await waiting(stand)
        await first.leave(abandon=True)
    else:
        asking.cancel()
        await asyncio.wait([asking])
        await first.leave(abandon=True)
        asking = asyncio.create_task(refused(stand.locks[1], lasting(wait=wait)))
    seconds, retry_after = await done(asking)
    assert seconds < GUARD
    assert wait < retry_after <= ceil(write)


# Waiting --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wait", [0.0, SHORT])
async def test_a_wait_ends(stand: Stand, wait: float) -> None:
    """A waiter that is not served within its wait is told so, and leaves the queue."""
    holder = await Holder(stand.locks[0]).entered()
    seconds, retry_after = await refused(stand.locks[1], lasting(wait=wait))
    assert seconds >= wait
    assert retry_after >= 1
    await waiting(stand, 0)
    await holder.leave()
    alone = await Holder(stand.locks[1], lasting(wait=0.0)).entered()
    await alone.leave()


async def test_a_queue_is_bounded(stand: Stand) -> None:
    """Past `waiters` a request is turned away at once; one that is refused by the first selection is not."""
    bounded = LeaseTerms(wait=GUARD, read=GUARD, write=GUARD, waiters=2)
    holder = await Holder(stand.locks[0]).entered()
    followers = list[Holder]()
    for number in range(2):
        followers.append(Holder(stand.locks[0], bounded))
        await waiting(stand, number + 1)
    seconds, _ = await refused(stand.locks[0], bounded)
    assert seconds < GUARD / 2
    followers.append(Holder(stand.locks[0], LeaseTerms(wait=GUARD, read=GUARD, write=GUARD, waiters=None)))
    await waiting(stand, 3)
    await holder.leave()
    for follower in followers:
        await follower.entered()
        await follower.leave()


async def test_a_cancelled_waiter_leaves_no_trace(stand: Stand) -> None:
    """Nobody waits for it, and it is given nothing."""
    first = await Holder(stand.locks[0]).entered()
    second = Holder(stand.locks[1])
    await waiting(stand)
    second.task.cancel()
    await asyncio.wait([second.task])
    await waiting(stand, 0)
    third = Holder(stand.locks[1])
    await waiting(stand)
    await first.leave()
    await third.entered()
    await third.leave()
    assert second.task.cancelled()
    alone = await Holder(stand.locks[0], lasting(wait=0.0)).entered()
    assert not alone.waited
    await alone.leave()


@pytest.mark.parametrize("write", [False, True])
async def test_a_cancelled_holder_lets_go(stand: Stand, write: bool) -> None:
    """The next is served at once, not when the lease would have lapsed."""
    first = await Holder(stand.locks[0], write=write).entered()
    second = Holder(stand.locks[1])
    await waiting(stand)
    first.task.cancel()
    await asyncio.wait([first.task])
    assert first.task.cancelled()
    await second.entered()
    await second.leave()


async def test_a_failure_inside_passes_through(stand: Stand) -> None:
    """I8: leaving neither hides what happened nor adds to it, and the resource is free."""
    with pytest.raises(ZeroDivisionError):
        async with stand.locks[0].hold("k", TERMS):
            raise ZeroDivisionError
    alone = await Holder(stand.locks[1], lasting(wait=0.0)).entered()
    await alone.leave()
