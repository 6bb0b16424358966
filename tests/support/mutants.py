"""Proxies in which one part of the promise is broken, so that a test can be seen to notice.

`python -m tests.support.mutants unlocked run ...` is `ifmatch run ...` without that part.
"""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from proxy.adapters.memory import MemoryLock, MemoryState
from proxy.adapters.memory.lock import MemoryLease
from proxy.adapters.upstream import HttpUpstream
from proxy.cli import main
from proxy.errors import Unanswered
from proxy.gateway import Gateway
from proxy.gateway.exchange import Write
from proxy.ports import Lease, Purpose, Reply

_send = HttpUpstream.send


class FreeLease:
    """A lease of nothing."""

    fence = 0

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


def released() -> None:
    """Release a resource although the outcome of its last write is unknown."""
    MemoryLease.abandon = lambda _self: None  # type: ignore[assignment, method-assign]  # likewise


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
    """Refuse by whatever is remembered, however long ago it was seen."""
    recall = Gateway.recall

    async def old(self: Gateway, write: Write) -> Any:
        object.__setattr__(write, "arrived", 0)
        return await recall(self, write)

    async def forget(_self: object, _key: str) -> None:
        pass

    Gateway.recall = old  # type: ignore[method-assign]  # likewise
    MemoryState.forget = forget  # type: ignore[assignment, method-assign]  # likewise


MUTATIONS: dict[str, Callable[[], None]] = {
    mutation.__name__: mutation for mutation in (unlocked, released, repeating, remembering)
}

if __name__ == "__main__":
    MUTATIONS[sys.argv[1]]()
    raise SystemExit(main(sys.argv[2:]))
