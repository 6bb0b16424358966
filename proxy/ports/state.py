"""What is remembered of selections."""

from dataclasses import dataclass, field
from typing import Protocol

from proxy.core.fields import Fields
from proxy.core.minting import Validator
from proxy.core.moment import Moment


@dataclass(frozen=True, slots=True)
class Remembered:
    """The outcome of a selection that began then. `current` is None where there was no representation.

    `fields` are those that a 304 repeats (RFC 9110 15.4.5). `firm` is False where a cache between us and the origin
    server may have answered: that one tells that something has changed, and answers nothing.
    """

    current: Validator | None
    began: Moment
    fields: Fields = field(default_factory=Fields)
    firm: bool = True


class StateStore(Protocol):
    """What the proxy remembers of selections. It may forget anything at any time; it never permits a write (I2).

    The write phase of a lease forgets by itself (`Lease.confirm`). Nothing here raises but what counts writes.
    """

    def now(self) -> Moment:
        """Return the present moment, as replicas that share the store can compare it."""
        ...

    async def recall(self, key: str, selector: bytes) -> Remembered | None:
        """Return the latest selection of `key` made with the same credentials and selecting fields."""
        ...

    async def remember(self, key: str, selector: bytes, remembered: Remembered) -> None:
        """Keep a selection, unless a later one is kept or `key` was forgotten after this one began.

        On return whoever shares the store can recall it.
        """
        ...

    def mention(self, key: str, selector: bytes, remembered: Remembered, *, again: float) -> None:
        """Keep a selection when convenient, and not at all if the same was kept in the last `again` seconds."""
        ...

    def knows(self, key: str, selector: bytes, current: Validator | None, began: Moment, *, again: float) -> bool:
        """Tell whether there is nothing to mention of a selection that began then and showed that."""
        ...

    async def forget(self, key: str, *, ahead: float = 0.0) -> None:
        """Drop every selection of `key` that began before now, or will begin in the `ahead` seconds that follow."""
        ...

    async def untouched(self, key: str, since: Moment) -> bool:
        """Tell whether no write of `key` has ended since then, for who holds it. False where that is not known."""
        ...

    async def writes(self, key: str) -> int:
        """Return the number of the latest write of `key`: the same until `count`, and then none that there was before.

        A number that was lost is replaced by a new one. Raised when it cannot be known: `errors.StoreFailure`.
        """
        ...

    async def count(self, key: str) -> None:
        """Count a write of `key`. Raised when that cannot be done: `errors.StoreFailure`."""
        ...
