"""Locks and memories of this process that tell more, or that lie, so that a test can see what rests on them."""

from dataclasses import replace
from typing import Any

from proxy.adapters.memory import MemoryLock, MemoryState
from proxy.adapters.memory.lease import MemoryLease
from proxy.core.moment import Moment
from proxy.errors import StoreFailure
from proxy.ports import LeaseTerms, Remembered


class WatchedLock(MemoryLock):
    """The lock of this process. `leases` are those that it gave, which can be made to lapse like those of a store."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.leases: list[MemoryLease] = []

    async def acquire(self, key: str, terms: LeaseTerms) -> MemoryLease:
        self.leases.append(await super().acquire(key, terms))
        return self.leases[-1]

    def lapse(self) -> None:
        """Let no lease that is held now outlast its time, though its holder is still there."""
        for lease in self.leases:
            lease.abandon()


class ClockedState(MemoryState):
    """A memory whose clock a test sets forward, and which knows it only to within `blur` seconds either way."""

    def __init__(self, *, blur: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self._ahead = 0
        self._blur = round(blur * 1_000_000)

    def forward(self, seconds: float) -> None:
        """Let that much time pass."""
        self._ahead += round(seconds * 1_000_000)

    def now(self) -> Moment:
        moment = super().now()
        return Moment(moment.earliest + self._ahead - self._blur, moment.latest + self._ahead + self._blur)


class ForgedState(ClockedState):
    """A memory that claims, of every resource and to everyone, that what it is told to claim was seen just now."""

    def __init__(self, forged: Remembered | None, **options: Any) -> None:
        super().__init__(**options)
        self._forged = forged

    async def recall(self, key: str, selector: bytes) -> Remembered | None:
        return None if self._forged is None else replace(self._forged, began=self.now())


class HoardingState(MemoryState):
    """A memory that never forgets."""

    async def forget(self, key: str, *, ahead: float = 0.0) -> None:
        pass

    def suspend(self, key: str) -> None:
        pass

    def resume(self, key: str) -> None:
        pass


class UncountedState(MemoryState):
    """A memory whose store does not answer when writes are counted."""

    async def writes(self, key: str) -> int:
        raise StoreFailure(key)

    async def count(self, key: str) -> None:
        raise StoreFailure(key)
