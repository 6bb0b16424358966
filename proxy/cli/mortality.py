"""When workers die: what is an accident, and what is a loop of crashes that no replacement ends.

What lives here: counting, given the time. What must not: clocks and processes.
"""

from collections import deque
from typing import Final

YOUNG: Final = 10.0
"""Seconds: a worker that ends before them has not got going."""

WINDOW: Final = 30.0
"""Seconds within which the ends of young workers are counted together."""

TOO_MANY: Final = 5
"""As many ends of young workers are a loop; or twice the number of workers, as one accident may hit them all."""

PAUSE: Final = 0.5
"""Seconds by which each such end puts off the next replacement, so that what ails the young has time to pass."""

LONGEST_PAUSE: Final = 2.0
"""Seconds."""


class Mortality:
    """Judges each end of a worker, by those before. `young` and `window` are in seconds."""

    def __init__(self, workers: int, *, young: float = YOUNG, window: float = WINDOW) -> None:
        self._limit = max(TOO_MANY, 2 * workers)
        self._age = young
        self._window = window
        self._young: deque[float] = deque()

    def __str__(self) -> str:
        return f"{self._limit} workers ended within {self._window:g} s, none older than {self._age:g} s"

    def count(self, lived: float, now: float) -> float | None:
        """Count a worker that ended `now` having lived for `lived` seconds.

        Returns how many seconds to wait before it is replaced; None when there have been too many.
        """
        if lived >= self._age:
            return 0.0
        self._young.append(now)
        while now - self._young[0] > self._window:
            self._young.popleft()
        if len(self._young) >= self._limit:
            return None
        return min((len(self._young) - 1) * PAUSE, LONGEST_PAUSE)
