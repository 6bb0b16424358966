"""Time in this machine and time in the store, and what one says of the other.

What lives here: readings of clocks and interval arithmetic. Local time is in microseconds of a clock that goes on while
the machine sleeps, since leases do; store time is in microseconds of the store's wall clock, which may be set.
"""

import time
from dataclasses import dataclass
from typing import Final

from proxy.core.moment import SOMETIME, Moment

_BOOT: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # macOS has the latter only
_DRIFT: Final = 2_000
"""Two clocks may drift apart by one part in this many: ten times what a bad crystal does."""

JUMP: Final = 500_000
"""Microseconds by which the store's clock may seem to differ from ours between two readings."""


def local_time() -> int:
    """Return the present local time."""
    return time.clock_gettime_ns(_BOOT) // 1_000


@dataclass(frozen=True, slots=True)
class Reading:
    """The store's clock showed `store` at some time between `sent` and `received` of ours."""

    sent: int
    received: int
    store: int

    def now(self, local: int) -> Moment:
        """Return what the store's clock shows at a local time, unless it was set since."""
        return Moment(*self.bounds(local))

    def bounds(self, local: int) -> tuple[int, int]:
        """Return the ends of that moment."""
        least, most = max(0, local - self.received), max(0, local - self.sent)
        return self.store + least - _drifted(least), self.store + most + _drifted(most)

    def agrees(self, later: "Reading") -> bool:
        """Tell whether the store's clock was not set between the two: it went on as ours did, but for `JUMP`."""
        passed = later.store - self.store
        return later.sent - self.received - JUMP <= passed <= later.received - self.sent + JUMP


class StoreClock:
    """The store's clock as estimated from the best of the recent readings."""

    def __init__(self) -> None:
        self._best: Reading | None = None
        self.doubtful = 0
        """Moments up to this one may have been told before the clock was set back; they order nothing."""

    def read(self, reading: Reading) -> None:
        """Take note of a reading: it replaces one that is less exact by now, or that it contradicts."""
        best, local = self._best, reading.received
        if best is None:
            self._best = reading
            return
        (earliest, latest), (least, most) = reading.bounds(local), best.bounds(local)
        if latest < least:
            self.doubtful = max(self.doubtful, most)
            self._best = reading
        elif latest - earliest <= most - least or not best.agrees(reading):
            self._best = reading

    def now(self) -> Moment:
        """Return what the store's clock shows now."""
        return SOMETIME if self._best is None else self._best.now(local_time())


def _drifted(passed: int) -> int:
    """Return how far two clocks may be apart after that time, rounded up."""
    return -(-passed // _DRIFT)
