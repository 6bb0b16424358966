"""Where locks and remembered tags are kept: in this process, or in a store that replicas share.

What lives here: the choice, and what of the settings a fleet has to agree on. What must not: how either works.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from proxy.adapters.memory import MemoryLock, MemoryState
from proxy.adapters.redis import Listeners, Membership, Refused, Standing, open_fleet, vouch
from proxy.config import ConfigurationError, OnStoreFailure, Settings
from proxy.core.fingerprint import fingerprint, longest_write_lease
from proxy.core.matching import Routes
from proxy.core.minting import Minter
from proxy.metrics import Metrics
from proxy.ports import ResourceLock, StateStore

_NAMES = b"names of resources in the store"
_RULES = b"rules of the fleet"


@dataclass(frozen=True, slots=True)
class Kept:
    """The lock and the memory of a process."""

    lock: ResourceLock
    state: StateStore


@asynccontextmanager
async def keeping(settings: Settings, metrics: Metrics, say: Callable[[str], None]) -> AsyncIterator[Kept]:
    """Keep locks and tags where the settings say. `say` writes a line for people, once for each change of the store.

    Raised when the store answers and must not be used: `errors.ConfigurationError`.
    """
    state = MemoryState(on_change=metrics.out_of_band)
    if not settings.store.shared:
        yield Kept(MemoryLock(state), state)
        return
    fall_back = settings.on_store_failure is OnStoreFailure.LOCAL
    try:
        async with open_fleet(
            settings.store,
            membership(settings),
            MemoryLock(state),
            fall_back=fall_back,
            listeners=_listeners(metrics, say),
        ) as fleet:
            yield Kept(fleet.lock, fleet.state)
    except Refused as refused:
        raise ConfigurationError([f"store {settings.store} must not be used: {refused}"]) from refused


async def vouched(settings: Settings) -> int:
    """End the quarantine of the store; return how many of its parts were in it. Raised: `errors.ConfigurationError`."""
    try:
        return await vouch(settings.store, membership(settings).key)
    except Refused as refused:
        raise ConfigurationError([f"store {settings.store} cannot be used: {refused}"]) from refused


def membership(settings: Settings) -> Membership:
    """Return what the replicas that share a store must have in common."""
    names = Minter(settings.tag_key).derived(_NAMES)
    return Membership(names, fleet_rules(settings, settings.routes), longest_write_lease(settings.routes))


def fleet_rules(settings: Settings, routes: Routes) -> str:
    """Return the fingerprint of routes under the settings' tag key."""
    return fingerprint(routes, Minter(settings.tag_key).derived(_RULES))


def _listeners(metrics: Metrics, say: Callable[[str], None]) -> Listeners:
    def standing(now: Standing) -> None:
        metrics.store_available(now in {Standing.USABLE, Standing.QUARANTINED})
        if now is Standing.QUARANTINED:
            metrics.quarantined()

    return Listeners(say, standing, metrics.store_failed, metrics.out_of_band)
