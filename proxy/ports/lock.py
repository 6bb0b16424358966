"""Mutual exclusion of the writers of a resource."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """How a resource is held. `read` and `write` are the lease's length in its two phases; `wait` the longest wait.

    `waiters` is how many may queue for the resource in this process; None for a request that one selection refuses
    once another writer has won, so that only the process-wide limit bounds it.

    `check` is called when the turn of one who waited in this process has come. What it raises is raised by `hold`, and
    the turn is the next one's. True: nothing is lost if it is served a moment later, with others who are coming.
    """

    wait: float
    read: float
    write: float
    waiters: int | None
    check: Callable[[], bool] | None = None


class Lease(Protocol):
    """One holder's time-limited, exclusive hold of a resource."""

    @property
    def fence(self) -> int:
        """A number greater than that of every earlier lease of this resource."""
        ...

    @property
    def waited(self) -> bool:
        """Tell whether somebody else held the resource when it was asked for."""
        ...

    @property
    def lasts(self) -> bool:
        """Tell whether nobody else can have held the resource yet, without asking anybody. False may be too early."""
        ...

    async def confirm(self) -> None:
        """Prove that the lease is still held and re-arm it for the write phase. May be called again, at little cost.

        From now on nothing is remembered of the resource that was selected before this lease ends.

        Raised when it lapsed: `errors.LeaseLost`; when that cannot be known: `errors.StoreFailure`. Nothing may be
        sent then.
        """
        ...

    def abandon(self) -> None:
        """Do not release on leaving: let the lease lapse by itself (invariant I4)."""
        ...


class ResourceLock(Protocol):
    """Mutual exclusion of the writers of a resource."""

    def hold(self, key: str, terms: LeaseTerms) -> AbstractAsyncContextManager[Lease]:
        """Wait in first-come order, hold the resource `key`, release it on leaving unless abandoned.

        Raised on entering, when the wait or the queue exceeds `terms`: `errors.ResourceBusy`; when the lock cannot be
        had for want of a store: `errors.StoreFailure`. A cancelled waiter leaves the queue. Leaving never raises
        (invariant I8).
        """
        ...
