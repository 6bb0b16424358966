"""Who waits for a resource in this process, in the order of arrival.

What lives here: the queue, and what a waiter says when its turn has come. What must not: who holds the resource when,
which is decided in `proxy.adapters.memory.lock`.
"""

import asyncio  # noqa: TC003 - of which a hint says what is waited for
from collections import OrderedDict
from dataclasses import dataclass, field
from enum import Enum

from proxy.adapters.memory.lease import MemoryLease
from proxy.ports import LeaseTerms


class Turn(Enum):
    """What is to be done with a waiter whose turn has come."""

    OVER = "over"
    """It was told what it waited for, or why it need not wait."""
    NOW = "now"
    SOON = "soon"
    """It is served as well with those who come within a moment."""


@dataclass(slots=True, eq=False)
class Waiter:
    """One that waits. `turn` is to be its lease, `deadline` is on the clock of the lock."""

    terms: LeaseTerms
    deadline: float
    turn: "asyncio.Future[MemoryLease]"

    @property
    def since(self) -> float:
        """When it came, on the clock of the lock."""
        return self.deadline - self.terms.wait

    def called(self) -> Turn:
        """Say what is to be done now that its turn has come; one whose check fails is told so."""
        if self.turn.done():
            return Turn.OVER
        if self.terms.check is None:
            return Turn.NOW
        try:
            return Turn.SOON if self.terms.check() else Turn.NOW
        except Exception as refusal:  # noqa: BLE001 - whatever it is, it is for who waits
            self.turn.set_exception(refusal)
            return Turn.OVER


@dataclass(slots=True)
class Resource:
    """One resource: its holder and those who wait, of whom `bounded` count for the limit of a route.

    `joined` is how many have ever waited; while `gathering` nobody is served, since more are coming, unless one of them
    is `hurried`.
    """

    holder: MemoryLease | None = None
    queue: OrderedDict[Waiter, None] = field(default_factory=OrderedDict)
    bounded: int = 0
    joined: int = 0
    gathering: bool = False
    hurried: bool = False

    @property
    def free(self) -> bool:
        """Tell whether who comes now need not wait."""
        return self.holder is None and not self.queue

    def first(self) -> Waiter:
        """Return the waiter that came first."""
        return next(iter(self.queue))

    def join(self, waiter: Waiter) -> None:
        """Queue."""
        self.queue[waiter] = None
        self.joined += 1
        self.bounded += waiter.terms.waiters is not None

    def leave(self, waiter: Waiter) -> bool:
        """Leave the queue; tell whether it was in there."""
        if waiter not in self.queue:
            return False
        del self.queue[waiter]
        self.bounded -= waiter.terms.waiters is not None
        return True
