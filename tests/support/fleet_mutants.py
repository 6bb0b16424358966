"""Proxies in which one part of what a fleet does is broken; `tests.support.mutants` runs them.

What lives here: what stands between replicas, in the lease and in the scripts. What a single process does is there.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from proxy.adapters.redis import RedisLock, scripts
from proxy.adapters.redis.lease import RedisLease
from proxy.ports import Lease, LeaseTerms

BRIEF = 0.05
"""Seconds of a lease that is too short for any write."""

_hold = RedisLock.hold


def unconfirmed() -> None:
    """Send a write without having asked whether the lease still holds."""

    async def confirm(self: RedisLease) -> None:
        pass

    RedisLease.confirm = confirm  # type: ignore[method-assign]  # a mutant has another


def brief() -> None:
    """Hold a resource for 50 ms, whatever the rules say, and never look again."""

    @asynccontextmanager
    async def hold(self: RedisLock, key: str, terms: LeaseTerms) -> AsyncIterator[Lease]:
        async with _hold(self, key, replace(terms, read=BRIEF, write=BRIEF)) as lease:
            yield lease

    RedisLock.hold = hold  # type: ignore[method-assign]  # likewise
    unconfirmed()


def amnesic() -> None:
    """Take a store that is new, was restarted or replaced for the one that was there before."""
    _rewrite(scripts._EPOCH, "local function held_back() return 0, 0 end\n")  # noqa: SLF001 - broken on purpose


def level() -> None:
    """Give every lease the same fence."""
    _rewrite("local fence = math.max(now, (redis.call('GET', KEYS[2]) or 0) + 1)", "local fence = 1")


def _rewrite(part: str, other: str) -> None:
    """Replace a part of the scripts in which it is. Raised when it is in none: `AssertionError`."""
    found = [script for script in scripts.ALL if part in script.text]
    assert found, f"no script has {part!r}"
    for script in found:
        object.__setattr__(script, "text", script.text.replace(part, other))
