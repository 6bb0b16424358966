"""Mutual exclusion of the writers of a resource behind all replicas that share a store.

Two queues, one behind the other: first come, first served in this process, so that at most one of its writers asks the
store for a resource; then the store, where it is granted, or waited for until whoever holds it lets go. A waiter is
woken by a message and asks again; it never concludes from the message that the resource is its own.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from math import ceil
from random import random
from types import TracebackType
from typing import Final

from proxy.adapters.redis.keys import Keys
from proxy.adapters.redis.lease import Afterwards, Granted, RedisLease
from proxy.adapters.redis.scripts import ACQUIRE
from proxy.adapters.redis.store import Forbidden, Reply, Store, Unsent
from proxy.adapters.redis.timing import Reading
from proxy.adapters.redis.turns import Turns
from proxy.adapters.redis.waking import Bell, Waking
from proxy.errors import Quarantined, ResourceBusy, StoreFailure
from proxy.ports import Lease, LeaseTerms, ResourceLock

LONGEST_SLEEP: Final = 1.0
"""Seconds after which a waiter asks again although it heard nothing: messages can be lost."""

_ABANDONED: Final = "An earlier write to this resource had no answer; others wait until it can no longer be applied."
_HELD: Final = "Other writes to this resource took longer than the route's `lock.wait`."
_QUARANTINE: Final = (
    "The store of locks is new or lost its memory; writes wait until those that it may have forgotten are over."
)


@dataclass(frozen=True, slots=True)
class _Held:
    """What the store says of a resource that somebody else holds: for how long at most (in seconds), and how."""

    left: float
    phase: str
    fence: str

    @property
    def released_soon(self) -> bool:
        """Tell whether its holder is merely reading; one that writes may have been killed."""
        return self.phase == "r"


class RedisLock:
    """Fulfils `ports.ResourceLock`. `queue` is the lock of this process; with `fall_back` it will do alone.

    `on_unseen` hears of a resource when a write of which the store does not hear begins, and when it is over.
    """

    def __init__(
        self,
        store: Store,
        queue: ResourceLock,
        waking: Waking,
        *,
        fall_back: bool = False,
        on_unseen: Callable[[str], None] = lambda _key: None,
    ) -> None:
        self._store = store
        self._on_unseen = on_unseen
        self._queue = queue
        self._waking = waking
        self._fall_back = fall_back
        self._afterwards = Afterwards()
        self._turns = Turns()
        self._leaving: set[asyncio.Task[None]] = set()

    def hold(self, key: str, terms: LeaseTerms) -> AbstractAsyncContextManager[Lease]:
        """Hold a resource."""
        # While one of us waits for the store it holds the place of this process, so its lease there is as much longer.
        here = LeaseTerms(terms.wait, terms.wait + terms.read, terms.write, terms.waiters, terms.check)
        return Holding(self, key, terms, self._queue.hold(key, here))

    async def aclose(self) -> None:
        """Let those who leave do so, and give up what is still to be released."""
        if self._leaving:
            await asyncio.wait(self._leaving)
        await self._afterwards.aclose()

    async def enter(self, key: str, terms: LeaseTerms, local: Lease, deadline: float) -> RedisLease:
        """Return a lease for who has one in this process, `local`. Raised: what `hold` raises."""
        granted: Granted | None
        try:
            granted, waited = await self._acquire(self._store.naming.of(key), terms, deadline)
        except (ResourceBusy, Quarantined, Forbidden):
            raise
        except StoreFailure:
            if not self._fall_back:
                raise
            granted, waited = None, False
        unseen = partial(self._on_unseen, key)
        return RedisLease(local, terms, granted, local.waited or waited, self._fall_back, unseen)

    async def leave(self, key: str, lease: RedisLease) -> None:
        """End a lease. Cancelled, it begins anew where nobody waits for it: to end one twice does no harm."""
        try:
            await self._leave(key, lease)
        except asyncio.CancelledError:
            leaving = asyncio.create_task(self._leave(key, lease))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
            raise

    async def _leave(self, key: str, lease: RedisLease) -> None:
        """End a lease whatever happens (I8)."""
        try:
            await lease.leave(last=self._turns.last(key))
        except StoreFailure:
            if lease.granted is not None and not lease.abandoned:
                self._afterwards.release(lease.granted)
        if lease.unseen:
            self._on_unseen(key)
        self._turns.ended(key, lease.others)

    async def _acquire(self, keys: Keys, terms: LeaseTerms, deadline: float) -> tuple[Granted, bool]:
        """Return the lock, and whether it had to be waited for."""
        token = secrets.token_hex(16)
        try:
            answer = await self._ask(keys, token, terms)
            if isinstance(answer, Granted):
                return answer, False
            async with self._waking.listening(keys.channel) as bell:
                return await self._await(bell, answer, lambda: self._ask(keys, token, terms), deadline), True
        except (ResourceBusy, Quarantined, Unsent):
            raise
        except BaseException:
            # Cancelled, or not answered: the store may have granted it all the same.
            self._afterwards.release(Granted(self._store, keys, token, 0, Reading(0, 0, 0)))
            raise

    async def _await(
        self, bell: Bell, first: _Held, ask: Callable[[], Awaitable[Granted | _Held]], deadline: float
    ) -> Granted:
        """Ask again whenever the bell rings, and now and then. Raised when the time is over: `errors.ResourceBusy`."""
        loop = asyncio.get_running_loop()
        while True:
            answer = await ask()
            if isinstance(answer, Granted):
                return answer
            left = deadline - loop.time()
            if left <= 0 or (answer.phase == "a" and answer.left > left):
                raise _busy(answer, same=answer.fence == first.fence)
            await bell.wait(min(answer.left + 0.001 + 0.01 * random(), LONGEST_SLEEP, left))  # noqa: S311 - jitter

    async def _ask(self, keys: Keys, token: str, terms: LeaseTerms) -> Granted | _Held:
        """Ask for the lock once. Raised in quarantine: `errors.Quarantined`."""
        arguments = (token, int(terms.read * 1_000), *self._store.terms)
        places = [keys.lock, keys.fence, keys.epoch, keys.queue, keys.turn]
        reply = await self._store.run(ACQUIRE, places, *arguments)
        if reply.status == 1:
            reading = reply.reading(2)
            self._store.clock.read(reading)
            return Granted(self._store, keys, token, reply.number(1), reading)
        if reply.status < 0:
            self._store.on_quarantine(bool(reply.number(2)))
            raise Quarantined(_QUARANTINE, retry_after=_seconds(reply))
        return _Held(reply.number(1) / 1_000, reply.word(2), reply.word(3))


class Holding:
    """A resource held for as long as the body runs. A generator in its place would cost several times as much."""

    __slots__ = ("_key", "_lease", "_local", "_lock", "_terms")

    def __init__(self, lock: RedisLock, key: str, terms: LeaseTerms, local: AbstractAsyncContextManager[Lease]) -> None:
        self._lock = lock
        self._key = key
        self._terms = terms
        self._local = local

    async def __aenter__(self) -> Lease:
        deadline = asyncio.get_running_loop().time() + self._terms.wait
        local = await self._local.__aenter__()
        try:
            self._lease = await self._lock.enter(self._key, self._terms, local, deadline)
        except BaseException as fault:
            await self._local.__aexit__(type(fault), fault, fault.__traceback__)
            raise
        return self._lease

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._lock.leave(self._key, self._lease)
        finally:
            await self._local.__aexit__(kind, fault, trace)


def _busy(held: _Held, *, same: bool) -> ResourceBusy:
    """Return the refusal of a waiter; `same`: it was one holder that kept it waiting all the time."""
    if held.phase == "a" or (same and not held.released_soon):
        return ResourceBusy(_ABANDONED if held.phase == "a" else _HELD, retry_after=max(1, ceil(held.left)))
    return ResourceBusy(_HELD)


def _seconds(reply: Reply) -> int:
    return max(1, ceil(reply.number(1) / 1_000))
