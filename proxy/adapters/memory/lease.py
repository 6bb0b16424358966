"""One holder's lease of a resource in this process.

What lives here: what a lease is. What must not: who holds what, which is in the books of `proxy.adapters.memory.lock`.
"""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from proxy.ports import LeaseTerms


class Books(Protocol):
    """Who holds what."""

    def has(self, lease: "MemoryLease") -> bool:
        """Tell whether a lease holds its resource still."""
        ...

    def rearm(self, lease: "MemoryLease") -> None:
        """Start the write phase of a lease that is still held. Raised otherwise: `errors.LeaseLost`."""
        ...


class Lender(Protocol):
    """Who gives leases and takes them back."""

    async def acquire(self, key: str, terms: LeaseTerms) -> "MemoryLease":
        """Wait for a lease. Raised when the queue or the wait is too long: `errors.ResourceBusy`."""
        ...

    def release(self, lease: "MemoryLease") -> None:
        """Take a lease back. Never raises."""
        ...


@dataclass(slots=True, eq=False)
class MemoryLease:
    """Fulfils `ports.Lease`. `timer` rings when it lapses, where somebody waits for that."""

    books: Books
    key: str
    terms: LeaseTerms
    fence: int
    expires: float
    waited: bool = False
    abandoned: bool = False
    writing: bool = False
    timer: asyncio.TimerHandle | None = None

    @property
    def lapses(self) -> bool:
        """Tell whether it lapses when its time is over."""
        return self.abandoned or not self.writing

    @property
    def lasts(self) -> bool:
        """Tell whether the lease has not lapsed."""
        return self.books.has(self)

    async def confirm(self) -> None:
        """Re-arm for the write phase. Raised when the lease lapsed: `errors.LeaseLost`."""
        self.books.rearm(self)

    def abandon(self) -> None:
        """Let the lease lapse by itself."""
        self.abandoned = True


class Holding:
    """A resource held for as long as the body runs. A generator in its place would cost several times as much."""

    __slots__ = ("_key", "_lease", "_lender", "_terms")

    def __init__(self, lender: Lender, key: str, terms: LeaseTerms) -> None:
        self._lender = lender
        self._key = key
        self._terms = terms

    async def __aenter__(self) -> MemoryLease:
        self._lease = await self._lender.acquire(self._key, self._terms)
        return self._lease

    async def __aexit__(self, *_fault: object) -> None:
        self._lender.release(self._lease)
