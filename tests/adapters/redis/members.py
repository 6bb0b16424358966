"""Members of a fleet, put together over any client as `proxy.adapters.redis.opening` puts them together over a store.

What lives here: the parts without the watch, so that a test decides what is known of the store; a fleet as it is
opened; and waiting until something is so. Nobody here is held back by a quarantine unless a test asks for one.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

from redis.asyncio.cluster import RedisCluster

from proxy.adapters.memory import MemoryLock, MemoryState
from proxy.adapters.redis import Fleet, Listeners, Membership, RedisLock, RedisState, Standing, connect, open_fleet
from proxy.adapters.redis.connecting import Client
from proxy.adapters.redis.keys import Keys, Naming
from proxy.adapters.redis.scripts import SWEEP
from proxy.adapters.redis.store import Store
from proxy.adapters.redis.waking import Waking
from proxy.core.store_address import parse_store
from proxy.ports import LeaseTerms
from tests.support.redis_server import RedisHandle

KEY = bytes(range(32))
NAMING = Naming("ifm", KEY)
HOME = "ifm:fleet"

GUARD = 20.0
"""Seconds after which what was waited for is not going to happen."""

TERMS = LeaseTerms(wait=GUARD, read=2 * GUARD, write=3 * GUARD, waiters=64)
"""Long enough that nothing lapses while a test runs."""

_OFTEN = 0.002

Result = TypeVar("Result")


def keys(resource: str = "k") -> Keys:
    """Return what a resource is called in the store."""
    return NAMING.of(resource)


@dataclass(frozen=True)
class Member:
    """One process of a fleet. `queue` is its own lock; `faults` are the reasons for which calls failed."""

    store: Store
    queue: MemoryLock
    waking: Waking
    lock: RedisLock
    state: RedisState
    faults: list[str]


@asynccontextmanager
async def joined(
    client: Client,
    *,
    quarantine: float = 0.0,
    fall_back: bool = False,
    connected: bool = True,
    on_change: Callable[[], None] = lambda: None,
) -> AsyncIterator[Member]:
    """Put the parts together, and read the store's clock if `connected`; take them apart as `open_fleet` does."""
    faults: list[str] = []
    store = Store(client, NAMING, quarantine, on_fault=faults.append)
    waking = Waking(client.pubsub, HOME)
    queue = MemoryLock(MemoryState())
    state = RedisState(store, on_change=on_change)
    lock = RedisLock(store, queue, waking, fall_back=fall_back)
    async with AsyncExitStack() as ending:
        for part in (store, waking, state, lock):
            ending.push_async_callback(part.aclose)
        if connected:
            await tell_time(store)
        yield Member(store, queue, waking, lock, state, faults)


async def tell_time(store: Store) -> None:
    """Let the store be asked for the time and for every epoch, as the watch does."""
    epochs = [keys().epoch] if isinstance(store.client, RedisCluster) else store.naming.epochs()
    reply = await store.attempt(SWEEP, epochs, *store.terms)
    store.clock.read(reply.reading(2))


def client_of(server: RedisHandle, port: int | None = None) -> Client:
    """Return a client as the adapter makes it, of a server or of a relay to it."""
    return connect(parse_store(server.url if port is None else server.url_at(port)))


def member(
    server: RedisHandle, *, port: int | None = None, fall_back: bool = False, connected: bool = True
) -> AbstractAsyncContextManager[Member]:
    """Let a process join over a server, or over a relay to it."""
    return joined(client_of(server, port), fall_back=fall_back, connected=connected)


@dataclass
class Heard:
    """What a fleet said, and how it stood, in order."""

    lines: list[str] = field(default_factory=list)
    standings: list[Standing] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    changes: list[None] = field(default_factory=list)

    @property
    def listeners(self) -> Listeners:
        """What hears it."""
        return Listeners(
            self.lines.append, self.standings.append, self.faults.append, lambda: self.changes.append(None)
        )


def opened(
    url: str, *, rules: str = "rules", quarantine: float = 30.0, fall_back: bool = False, heard: Heard | None = None
) -> AbstractAsyncContextManager[Fleet]:
    """Open a fleet, whose quarantine is as long as the longest write lease is by default."""
    listeners = (heard or Heard()).listeners
    membership = Membership(KEY, rules, quarantine)
    return open_fleet(parse_store(url), membership, MemoryLock(MemoryState()), fall_back=fall_back, listeners=listeners)


def lasting(*, wait: float = GUARD, read: float = 2 * GUARD, write: float = 3 * GUARD) -> LeaseTerms:
    """Return the terms above with some of them changed."""
    return replace(TERMS, wait=wait, read=read, write=write)


async def until(satisfied: Callable[[], bool | Awaitable[bool]], what: str) -> None:
    """Wait until that is so. Raised when it never is: `AssertionError`."""
    try:
        async with asyncio.timeout(GUARD):
            while not await _so(satisfied):  # noqa: ASYNC110 - nobody here is told when it comes about
                await asyncio.sleep(_OFTEN)
    except TimeoutError:
        raise AssertionError(f"waited for it in vain: {what}") from None


async def _so(satisfied: Callable[[], bool | Awaitable[bool]]) -> bool:
    told = satisfied()
    return told if isinstance(told, bool) else await told


async def done(work: Awaitable[Result]) -> Result:
    """Return what comes of it. Raised when it takes too long: `TimeoutError`."""
    async with asyncio.timeout(GUARD):
        return await work
