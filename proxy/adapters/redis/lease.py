"""One holder's lease in the store: how it is proven, ended, and what becomes of it when the store does not answer.

What lives here: the life of a lease from its grant on. What must not: how it was had (`lock`).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from proxy.adapters.redis.keys import Keys
from proxy.adapters.redis.scripts import ABANDON, PHASE, RELEASE
from proxy.adapters.redis.store import Forbidden, Reply, Store
from proxy.adapters.redis.timing import JUMP, Reading, local_time
from proxy.errors import LeaseLost, StoreFailure
from proxy.ports import Lease, LeaseTerms

FRESH: Final = 250_000
"""Microseconds for which a proof of ownership counts; older than that it is asked for again."""

SURE: Final = 990_000
"""Microseconds of ours for which a second of a lease lasts for certain, however much two clocks drift apart."""

SLACK: Final = JUMP + 5_000
"""Microseconds by which a lock may lapse too early: the store's clock may be set forward, and Redis rounds."""

TRIES: Final = 3
"""How often a proof that was too long on its way is asked for."""

REMEMBERED: Final = 3_600_000
"""Milliseconds for which what is remembered of a resource is kept."""

TURN: Final = 20
"""Milliseconds for which a lock that is given back after the last of several turns is kept for the process that waited
for longest. One that has died, or is further away than that, costs the others no more."""

RETRIES: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds after which a release that was not answered is tried again; a lock that stays lapses by itself."""

_LAPSED: Final = "The lease of the resource lapsed before the request could be forwarded."
_CLOCK: Final = "The clock of the store of locks was set while the resource was held."
_SLOW: Final = "The store of locks answers too slowly to rely on."


@dataclass(eq=False)
class Granted:
    """A lock in the store: whose it is, and what the store said when it was given."""

    store: Store
    keys: Keys
    token: str
    fence: int
    reading: Reading
    writing: bool = False

    async def phase(self, length: float) -> int:
        """Begin the write phase, or arm it again; return the local time from which on the lease has that length.

        Raised when the lock is not ours any more, or may not be: `errors.LeaseLost`; when the store does not answer:
        `errors.StoreFailure`.
        """
        reply = await self.store.run(
            PHASE,
            [self.keys.lock, self.keys.epoch, self.keys.state],
            self.token,
            int(length * 1_000),
            *self.store.terms,
            max(REMEMBERED, int(length * 1_000)),
        )
        if reply.status != 1:
            raise LeaseLost(_LAPSED)
        reading = reply.reading(1)
        if not self.reading.agrees(reading):
            raise LeaseLost(_CLOCK)
        self.store.clock.read(reading)
        self.writing = True
        return reply.sent

    async def release(self, *, last: bool = False) -> int:
        """Give the lock back; return how many processes were waiting for that.

        After the `last` of several turns it goes to the process that waited for longest. Raised: `errors.StoreFailure`.
        """
        reply: Reply = await self.store.run(
            RELEASE,
            [self.keys.lock, self.keys.state, self.keys.queue, self.keys.turn],
            self.token,
            self.keys.channel,
            REMEMBERED,
            TURN if last else 0,
        )
        return reply.number(1) if reply.status else 0

    async def abandon(self) -> None:
        """Tell those who wait that the lock will lapse by itself. Raised: `errors.StoreFailure`."""
        await self.store.run(ABANDON, [self.keys.lock], self.token, self.keys.channel)


@dataclass(eq=False)
class RedisLease:
    """Fulfils `ports.Lease`. `local` excludes the writers of this process; `granted` those of all others.

    `granted` None: the store could not be reached, and the route's owner wants to go on without it. `on_unseen` is
    called when a write begins of which the store does not hear; `unseen` tells that one did.
    """

    local: Lease
    terms: LeaseTerms
    granted: Granted | None
    waited: bool
    fall_back: bool
    on_unseen: Callable[[], None] = lambda: None
    abandoned: bool = False
    unseen: bool = False
    others: int = 0
    _proven: int | None = field(default=None)

    @property
    def fence(self) -> int:
        """The store's fence, or this process's own where there is no store."""
        return self.local.fence if self.granted is None else self.granted.fence

    @property
    def lasts(self) -> bool:
        """Tell whether the lease's length has not passed since it was last armed, by a clock that may be slow."""
        if self.granted is None:
            return self.local.lasts
        armed, length = self.granted.reading.sent, self.terms.read
        if self._proven is not None:
            armed, length = self._proven, self.terms.write
        return local_time() - armed < SURE * length - SLACK

    async def confirm(self) -> None:
        """Prove ownership in the store, unless that was done a moment ago."""
        await self.local.confirm()
        if self.granted is None:
            self._go_unseen()
            return
        for _ in range(TRIES):
            if self._is_proven():
                return
            try:
                self._proven = await self.granted.phase(self.terms.write)
            except (LeaseLost, Forbidden):
                raise
            except StoreFailure:
                if not self.fall_back:
                    raise
                self._go_unseen()
                return
        if not self._is_proven():
            raise LeaseLost(_SLOW)

    def abandon(self) -> None:
        """Let the lock lapse by itself, in the store and here."""
        self.abandoned = True
        self.local.abandon()

    async def leave(self, *, last: bool = False) -> None:
        """Release, or mark as abandoned; `last` of several turns. Raised: `errors.StoreFailure`."""
        if self.granted is None:
            return
        if self.abandoned:
            await self.granted.abandon()
        else:
            self.others = await self.granted.release(last=last)

    def _go_unseen(self) -> None:
        self.unseen = True
        self.on_unseen()

    def _is_proven(self) -> bool:
        return self._proven is not None and local_time() - self._proven <= FRESH


class Afterwards:
    """What is still to be done when nobody waits for it any more: releases that got no answer."""

    def __init__(self, limit: int = 1_000) -> None:
        self._limit = limit
        self._tasks: set[asyncio.Task[None]] = set()

    def release(self, granted: Granted) -> None:
        """Try to release, again and again; past `limit` such at a time the lock is left to lapse."""
        if len(self._tasks) < self._limit:
            task = asyncio.create_task(_released(granted))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """Give up."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)


async def _released(granted: Granted) -> None:
    for pause in (0.0, *RETRIES):
        await asyncio.sleep(pause)
        try:
            await granted.release()
        except StoreFailure:
            continue
        return
