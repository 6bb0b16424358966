"""Proxies in which one part of the promise is broken, so that a test can be seen to notice.

`python -m tests.support.mutants unlocked run ...` is `ifmatch run ...` without that part; `halting,brief` are two.
What a fleet has besides is broken in `tests.support.fleet_mutants`; `halting` breaks nothing.
"""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from proxy.adapters.memory import MemoryLock, MemoryState
from proxy.adapters.memory.lease import MemoryLease
from proxy.adapters.redis import RedisLock
from proxy.adapters.redis.lease import RedisLease
from proxy.adapters.upstream import HttpUpstream
from proxy.cli import main
from proxy.core.moment import Moment
from proxy.core.target import Target
from proxy.errors import Unanswered
from proxy.gateway import Answer, Gateway
from proxy.gateway.exchange import Write
from proxy.ports import Lease, Purpose, Reply
from tests.support.fleet_mutants import amnesic, brief, level, unconfirmed
from tests.support.halting import halting

_send = HttpUpstream.send


class FreeLease:
    """A lease of nothing."""

    fence = 0
    lasts = True
    waited = True

    async def confirm(self) -> None:
        pass

    def abandon(self) -> None:
        pass


def unlocked() -> None:
    """Let everyone hold everything at once."""

    @asynccontextmanager
    async def hold(_self: MemoryLock, _key: str, _terms: object) -> AsyncIterator[Lease]:
        yield FreeLease()

    MemoryLock.hold = hold  # type: ignore[assignment, method-assign]  # a mutant has another
    RedisLock.hold = hold  # type: ignore[assignment, method-assign]  # likewise


def released() -> None:
    """Release a resource although the outcome of its last write is unknown."""
    MemoryLease.abandon = lambda _self: None  # type: ignore[assignment, method-assign]  # likewise
    RedisLease.abandon = lambda _self: None  # type: ignore[assignment, method-assign]  # likewise


def repeating() -> None:
    """Send a write again when no answer comes, as HTTP clients do."""

    async def send(self: HttpUpstream, *arguments: Any, **options: Any) -> Reply:
        try:
            return await _send(self, *arguments, **options)
        except Unanswered:
            if options["purpose"] is not Purpose.PERFORM:
                raise
            return await _send(self, *arguments, **options)

    HttpUpstream.send = send  # type: ignore[method-assign]  # likewise


def remembering() -> None:
    """Refuse by whatever is remembered, however long ago it was seen, and forget nothing."""
    reconsider = Gateway.reconsider

    async def old(self: Gateway, write: Write, lease: Lease) -> Answer | None:
        object.__setattr__(write, "arrived", Moment(-1, -1))
        return await reconsider(self, write, FreeLease())

    async def forget(self: MemoryState, key: str, *, ahead: float = 0.0) -> None:
        pass

    def hoard(self: MemoryState, key: str) -> None:
        pass

    Gateway.reconsider = old  # type: ignore[assignment, method-assign]  # likewise
    MemoryState.forget = forget  # type: ignore[method-assign]  # likewise
    MemoryState.suspend = MemoryState.resume = hoard  # type: ignore[method-assign]  # likewise


def pedantic() -> None:
    """Take every spelling of a target for a resource of its own."""
    Target.lock_key = Target.key  # type: ignore[method-assign]  # likewise


MUTATIONS: dict[str, Callable[[], None]] = {
    mutation.__name__: mutation
    for mutation in (unlocked, released, repeating, remembering, pedantic, amnesic, brief, level, unconfirmed, halting)
}

if __name__ == "__main__":
    for chosen in sys.argv[1].split(","):
        MUTATIONS[chosen]()
    raise SystemExit(main(sys.argv[2:]))
