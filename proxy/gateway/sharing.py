"""What the selection for one request tells the others that wait for the same resource in this process.

What lives here: the latest selections of what is waited for, and which request came before which selection. What must
not: whether one refuses a request (`proxy.gateway.reconsidering`). Nothing is kept for longer than somebody waits who
may be told, so there is nothing to forget after a write: who waited then still had arrived before.
"""

from dataclasses import dataclass
from itertools import count

from proxy.gateway.exchange import Selection, Write
from proxy.ports import Remembered

SELECTORS = 16
"""How many selections, by different clients, are kept of one resource."""

Seen = Selection | Remembered
"""What was seen of a resource: by a selection of this process, or by one of another that the fleet remembers."""


@dataclass(frozen=True, slots=True)
class Sight:
    """Something seen. `begun` is when a selection began in the order of this process; 0 for one of another."""

    seen: Seen
    begun: int

    def follows(self, write: Write) -> bool:
        """Tell whether it began after the request arrived. In this process no clock tells, since one may be set."""
        return self.begun > write.came if self.begun else self.seen.began.after(write.arrived)


class Sharing:
    """What is told among those who wait."""

    def __init__(self) -> None:
        self._order = count(1)
        self._waiting: dict[str, int] = {}
        self._sights: dict[str, dict[bytes, Sight]] = {}

    def now(self) -> int:
        """Return a number higher than all before: requests and selections of this process have an exact order."""
        return next(self._order)

    def waiting(self, key: str) -> "Waiting":
        """Be told what is seen of `key` while the body runs."""
        return Waiting(self, key)

    def enter(self, key: str) -> None:
        """Begin to wait."""
        self._waiting[key] = self._waiting.get(key, 0) + 1

    def leave(self, key: str) -> None:
        """Wait no longer."""
        others = self._waiting.pop(key) - 1
        if others:
            self._waiting[key] = others
        else:
            self._sights.pop(key, None)

    def awaits(self, key: str) -> bool:
        """Tell whether anybody waits for `key`."""
        return key in self._waiting

    def tell(self, key: str, selector: bytes, seen: Seen, *, begun: int = 0) -> None:
        """Tell those who wait for `key` what was seen of it, unless something later is known."""
        if key not in self._waiting:
            return
        sights = self._sights.setdefault(key, {})
        known = sights.pop(selector, None)
        later = known is not None and known.seen.began.after(seen.began)
        sights[selector] = known if known is not None and later else Sight(seen, begun)
        if len(sights) > SELECTORS:
            del sights[next(iter(sights))]

    def latest(self, write: Write, selector: bytes) -> Sight | None:
        """Return what was seen last with that selector."""
        sights = self._sights.get(write.match.lock_key, {})
        sight = sights.get(selector)
        if sight is not None:
            sights[selector] = sights.pop(selector)  # what is asked for stays
        return sight


class Waiting:
    """One that waits, for as long as the body runs."""

    __slots__ = ("_key", "_sharing")

    def __init__(self, sharing: Sharing, key: str) -> None:
        self._sharing = sharing
        self._key = key

    def __enter__(self) -> None:
        self._sharing.enter(self._key)

    def __exit__(self, *_fault: object) -> None:
        self._sharing.leave(self._key)
