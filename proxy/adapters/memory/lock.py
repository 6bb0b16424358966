"""Mutual exclusion in this process: a first-come queue a resource, leases on a monotonic clock, fences.

Every decision is made between two awaits, so no lock guards the books. A lease that lapses in its read phase is taken
from its holder by the next waiter; the holder learns it from `confirm`. In its write phase only an abandoned one does:
any other holder is in this process and will leave, even if it was stopped between the last check and the sending. The
clock is that of the loop's deadlines: one that goes on in a suspended machine would end leases too early.
"""

import asyncio
import time
from collections.abc import Callable
from math import ceil
from typing import Final

from proxy.adapters.memory.lease import Holding, MemoryLease
from proxy.adapters.memory.queueing import Resource, Turn, Waiter
from proxy.adapters.memory.state import MemoryState
from proxy.errors import LeaseLost, ResourceBusy
from proxy.ports import LeaseTerms

GATHERING: Final = 0.25
"""Seconds from when a waiter came for which others are gathered at most that one selection will do for. A writer that
waits behind many whom no selection of another's refuses loses no more than that either."""

MOMENT: Final = 0.005
QUIET: Final = 2
"""After how many moments in which nobody came they are complete; one may have been over before anybody could."""


class MemoryLock:
    """Fulfils `ports.ResourceLock`. At most `waiters` requests queue in the whole process.

    `state` is what the write phase of a lease makes forget.
    `clock` and `loop` are there to be stepped by a test; `loop` needs `create_future` and `call_later` only.
    """

    def __init__(
        self,
        state: MemoryState,
        *,
        waiters: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._state = state
        self._room = waiters
        self._clock = clock
        self._loop = loop
        self._resources: dict[str, Resource] = {}
        self._fence = 0

    def hold(self, key: str, terms: LeaseTerms) -> Holding:
        """Wait for `key` on entering, release it on leaving, and never raise there (I8)."""
        return Holding(self, key, terms)

    def waiting(self) -> int:
        """Return how many requests queue."""
        return sum(len(resource.queue) for resource in self._resources.values())

    def resources(self) -> int:
        """Return how many resources are held or awaited."""
        return len(self._resources)

    async def acquire(self, key: str, terms: LeaseTerms) -> MemoryLease:
        """Return a lease of `key`; raise `ResourceBusy` when the queue or the wait is too long."""
        resource = self._resources.get(key)
        if resource is None:
            return self._grant(key, Resource(), terms)
        self._advance(key, resource)
        if resource.free:
            return self._grant(key, resource, terms)
        self._admit(resource, terms)
        return await self._queue(key, resource, terms)

    def release(self, lease: MemoryLease) -> None:
        """Give the lease back, unless it was abandoned or has passed to another holder."""
        resource = self._resources.get(lease.key)
        if resource is None or resource.holder is not lease:
            return
        if lease.abandoned:
            self._outlive(resource, lease)
            return
        self._vacate(resource)
        if resource.queue:
            self._advance(lease.key, resource)
        else:
            del self._resources[lease.key]

    def has(self, lease: MemoryLease) -> bool:
        """Tell whether a lease holds its resource still."""
        resource = self._resources.get(lease.key)
        holds = resource is not None and resource.holder is lease
        return holds and not (lease.lapses and self._clock() >= lease.expires)

    def rearm(self, lease: MemoryLease) -> None:
        """Start the write phase of a lease that is still held; raise `LeaseLost` otherwise."""
        now = self._clock()
        resource = self._resources.get(lease.key)
        if resource is None or resource.holder is not lease or now >= lease.expires:
            detail = "The lease of the resource lapsed before the request could be forwarded."
            raise LeaseLost(detail)
        lease.expires = now + lease.terms.write
        lease.writing = True
        self._state.suspend(lease.key)

    def _admit(self, resource: Resource, terms: LeaseTerms) -> None:
        if terms.waiters is not None and resource.bounded >= terms.waiters:
            detail = "Too many requests wait for this resource."
            raise ResourceBusy(detail, retry_after=self._retry_after(resource))
        if self._room <= 0:
            detail = "Too many requests wait in this process."
            raise ResourceBusy(detail, retry_after=self._retry_after(resource))
        holder = resource.holder
        if holder is not None and holder.abandoned and holder.expires - self._clock() > terms.wait:
            raise self._too_long(resource)

    async def _queue(self, key: str, resource: Resource, terms: LeaseTerms) -> MemoryLease:
        loop = self._loop or asyncio.get_running_loop()
        waiter = Waiter(terms, self._clock() + terms.wait, loop.create_future())
        resource.join(waiter)
        resource.hurried = resource.hurried or (resource.gathering and waiter.called() is Turn.NOW)
        self._room -= 1
        if resource.holder is not None:
            self._wake_at_expiry(resource.holder)
        timer = loop.call_later(terms.wait, self._give_up, resource, waiter)
        try:
            lease = await waiter.turn
        except BaseException:
            self._leave(resource, waiter)
            raise
        finally:
            timer.cancel()
            self._room += 1
            self._sweep(key, resource)
        lease.waited = True
        return lease

    def _leave(self, resource: Resource, waiter: Waiter) -> None:
        """Take a waiter out of the queue; a turn that it was given and never used goes to the next."""
        turn = waiter.turn
        if not resource.leave(waiter) and turn.done() and not turn.cancelled() and turn.exception() is None:
            self.release(turn.result())

    def _give_up(self, resource: Resource, waiter: Waiter) -> None:
        if not waiter.turn.done():
            resource.leave(waiter)
            waiter.turn.set_exception(self._too_long(resource))

    def _advance(self, key: str, resource: Resource, *, gathered: bool = False) -> None:
        """Drop a lapsed holder and hand a free resource to the next waiter."""
        holder = resource.holder
        if holder is not None and holder.lapses and self._clock() >= holder.expires:
            self._vacate(resource)
        while resource.holder is None and resource.queue and not resource.gathering:
            waiter = resource.first()
            turn = waiter.called()
            until = waiter.since + GATHERING
            if turn is Turn.SOON and not gathered and self._clock() < until:
                self._gather(key, resource, until)
                break
            resource.leave(waiter)
            if turn is not Turn.OVER:
                waiter.turn.set_result(self._grant(key, resource, waiter.terms))
        if resource.holder is not None and resource.queue:
            self._wake_at_expiry(resource.holder)
        self._sweep(key, resource)

    def _gather(self, key: str, resource: Resource, until: float) -> None:
        """Serve nobody until no more have come for two moments in a row, or one who is not served as well later."""
        loop = self._loop or asyncio.get_running_loop()

        def look(joined: int, quiet: int) -> None:
            quiet = quiet + 1 if resource.joined == joined else 0
            if quiet < QUIET and not resource.hurried and self._clock() < until:
                loop.call_later(MOMENT, look, resource.joined, quiet)
            else:
                resource.gathering = False
                self._advance(key, resource, gathered=True)

        resource.gathering, resource.hurried = True, False
        loop.call_later(MOMENT, look, resource.joined, 0)

    def _grant(self, key: str, resource: Resource, terms: LeaseTerms) -> MemoryLease:
        # Not before the wall clock, so that fences still rise after a restart of this process.
        self._fence = max(self._fence + 1, time.time_ns() // 1000)
        self._resources[key] = resource
        resource.holder = MemoryLease(self, key, terms, self._fence, self._clock() + terms.read)
        return resource.holder

    def _vacate(self, resource: Resource) -> None:
        holder, resource.holder = resource.holder, None
        if holder is not None and holder.timer is not None:
            holder.timer.cancel()
        if holder is not None and holder.writing:
            self._state.resume(holder.key)

    def _outlive(self, resource: Resource, lease: MemoryLease) -> None:
        """Keep an abandoned lease until it lapses; who cannot wait that long is told now."""
        self._wake_at_expiry(lease)
        for waiter in [waiter for waiter in resource.queue if waiter.deadline < lease.expires]:
            self._give_up(resource, waiter)

    def _wake_at_expiry(self, lease: MemoryLease) -> None:
        if lease.timer is None and lease.lapses:
            loop = self._loop or asyncio.get_running_loop()
            lease.timer = loop.call_later(max(0.0, lease.expires - self._clock()), self._on_expiry, lease)

    def _on_expiry(self, lease: MemoryLease) -> None:
        lease.timer = None
        resource = self._resources.get(lease.key)
        if resource is None or resource.holder is not lease:
            return
        if self._clock() < lease.expires:
            self._wake_at_expiry(lease)  # re-armed since, or the timer's clock runs ahead of ours
        else:
            self._advance(lease.key, resource)

    def _sweep(self, key: str, resource: Resource) -> None:
        if resource.holder is None and not resource.queue and self._resources.get(key) is resource:
            del self._resources[key]

    def _too_long(self, resource: Resource) -> ResourceBusy:
        holder = resource.holder
        if holder is not None and holder.abandoned:
            detail = "An earlier write to this resource had no answer; others wait until it can no longer be applied."
        else:
            detail = "Other writes to this resource took longer than the route's `lock.wait`."
        return ResourceBusy(detail, retry_after=self._retry_after(resource))

    def _retry_after(self, resource: Resource) -> int:
        holder = resource.holder
        if holder is None or not holder.abandoned:
            return 1
        return max(1, ceil(holder.expires - self._clock()))
