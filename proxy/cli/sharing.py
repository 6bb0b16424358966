"""Locks and remembered tags in a store that replicas share, and an operator's word for it.

What lives here: what of settings and metrics the store's adapter is given. What must not: how the store works. This
room is loaded where the settings name such a store, and nowhere else: the client library takes 19 MB.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from proxy.adapters.memory import MemoryLock, MemoryState
from proxy.adapters.redis import Fleet, Listeners, Membership, Refused, Standing, open_fleet, vouch
from proxy.cli.agreeing import fleet_names, fleet_rules
from proxy.config import ConfigurationError, OnStoreFailure, Settings
from proxy.core.fingerprint import longest_write_lease
from proxy.metrics import Metrics


@asynccontextmanager
async def sharing(
    settings: Settings, local: MemoryState, metrics: Metrics, say: Callable[[str], None]
) -> AsyncIterator[Fleet]:
    """Join the fleet of the settings' store; `local` remembers what a lock of this process alone needs.

    Raised when the store answers and must not be used: `errors.ConfigurationError`.
    """
    try:
        async with open_fleet(
            settings.store,
            membership(settings),
            MemoryLock(local),
            fall_back=settings.on_store_failure is OnStoreFailure.LOCAL,
            listeners=_listeners(metrics, say),
        ) as fleet:
            yield fleet
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
    rules = fleet_rules(settings, settings.routes)
    return Membership(fleet_names(settings), rules, longest_write_lease(settings.routes))


def _listeners(metrics: Metrics, say: Callable[[str], None]) -> Listeners:
    def standing(now: Standing) -> None:
        metrics.store_available(now in {Standing.USABLE, Standing.QUARANTINED})
        if now is Standing.QUARANTINED:
            metrics.quarantined()

    return Listeners(say, standing, metrics.store_failed, metrics.out_of_band)
