"""The lock and the memory of a fleet, from a store's address to their end.

What lives here: putting the rooms together, and what an operator can tell the store. What must not: settings.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from proxy.adapters.redis import inspecting
from proxy.adapters.redis.connecting import FAULTS, Client, connect
from proxy.adapters.redis.diagnosing import lasting, passing
from proxy.adapters.redis.keys import BUCKETS, Naming
from proxy.adapters.redis.lock import RedisLock
from proxy.adapters.redis.scripts import VOUCH
from proxy.adapters.redis.standing import Standing
from proxy.adapters.redis.state import RedisState
from proxy.adapters.redis.store import Store
from proxy.adapters.redis.waking import Waking
from proxy.adapters.redis.watching import Refused, Watch
from proxy.core.store_address import StoreAddress, Topology
from proxy.ports import ResourceLock

VOUCHING: Final = 5.0
"""Seconds that a store has for an answer to an operator, who is in less of a hurry than a write."""


@dataclass(frozen=True, slots=True)
class Membership:
    """What every replica of a fleet has in common.

    `key`, 32 secret bytes, names resources in the store; `fingerprint` stands for the rules; `quarantine` is
    the longest write lease, in seconds.
    """

    key: bytes = field(repr=False)
    fingerprint: str
    quarantine: float


def _nothing(*_told: object) -> None:
    """Hear something and do nothing."""


@dataclass(frozen=True, slots=True)
class Listeners:
    """Who is told what happens.

    Lines for people; standings; failed calls, by reason; states that changed past the fleet.
    """

    say: Callable[[str], None] = _nothing
    on_standing: Callable[[Standing], None] = _nothing
    on_fault: Callable[[str], None] = _nothing
    on_change: Callable[[], None] = _nothing


@dataclass(frozen=True, slots=True)
class Fleet:
    """A store in use."""

    store: Store
    lock: RedisLock
    state: RedisState
    watch: Watch


@asynccontextmanager
async def open_fleet(
    address: StoreAddress,
    member: Membership,
    queue: ResourceLock,
    *,
    fall_back: bool = False,
    listeners: Listeners | None = None,
) -> AsyncIterator[Fleet]:
    """Join a fleet. `queue` is the lock of this process.

    A store that cannot be reached is waited for in the background. Raised when it answers and must not be used:
    `Refused`; when its files of TLS cannot be used: OSError.
    """
    told = listeners or Listeners()
    store = Store(connect(address), Naming(address.prefix, member.key), member.quarantine)
    clustered = address.topology is Topology.CLUSTER
    if address.topology in {Topology.SENTINEL, Topology.CLUSTER}:
        store.lag = inspecting.LONGEST_LAG  # whoever is primary now may have replaced one that does not know yet
    watch = Watch(store, member.fingerprint, clustered=clustered, say=told.say, on_standing=told.on_standing)
    if fall_back:
        watch.report.instead = "go on under this process's own locks alone"

    def doubt(reason: str) -> None:
        told.on_fault(reason)
        watch.doubt()

    store.on_fault, store.on_quarantine, store.on_refusal = doubt, watch.quarantined, watch.report.refuses
    waking = Waking(store.client.pubsub, f"{address.prefix}:fleet")
    state = RedisState(store, on_change=told.on_change)
    lock = RedisLock(store, queue, waking, fall_back=fall_back, on_unseen=state.owe)
    async with AsyncExitStack() as ending:
        for part in (store, watch, waking, state, lock):
            ending.push_async_callback(part.aclose)
        await watch.start()
        yield Fleet(store, lock, state, watch)


async def vouch(address: StoreAddress, key: bytes) -> int:
    """End the store's quarantine, on the word of an operator that no write is under way; return how many there were.

    Raised when the store cannot be used, or reached: `Refused`.
    """
    client: Client = connect(address)
    store = Store(client, Naming(address.prefix, key), 0.0, patience=VOUCHING)
    try:
        await inspecting.inspect(client)
        return await _vouched(store, 1 if address.topology is Topology.CLUSTER else BUCKETS // 16)
    except inspecting.Unfit as unfit:
        raise Refused(str(unfit)) from None
    except FAULTS as fault:
        raise Refused(lasting(fault) or passing(fault)) from fault
    finally:
        await store.aclose()


async def _vouched(store: Store, chunk: int) -> int:
    epochs = store.naming.epochs()
    ended = 0
    for start in range(0, BUCKETS, chunk):
        reply = await store.attempt(VOUCH, epochs[start : start + chunk], store.life)
        ended += reply.status
    return ended
