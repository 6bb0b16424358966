"""Figures of several rounds: least, median, most, and how one contestant's compare to another's.

What lives here: arithmetic and its spelling. Nothing is measured here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """The least, the median and the most of some figures."""

    least: float
    middle: float
    most: float

    def told(self, digits: int = 2) -> str:
        """Return all three with so many digits behind the point; thousands are set off.

        >>> Spread(1234.5, 2345.6, 3456.7).told(0)
        '1,234 / 2,346 / 3,457'
        """
        return " / ".join(f"{figure:,.{digits}f}" for figure in (self.least, self.middle, self.most))


def spread(figures: Iterable[float]) -> Spread:
    """Return how they spread. Raised when there are none: `ValueError`."""
    ordered = sorted(figures)
    if not ordered:
        raise ValueError("nothing was measured")
    return Spread(ordered[0], median(ordered), ordered[-1])


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Return how ours compare to theirs, round by round: what disturbs the machine for long disturbs both of a round.

    Raised when there are not as many: `ValueError`.
    """
    return spread(our / their for our, their in zip(ours, theirs, strict=True))


def differences(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Return what ours have on top of theirs, round by round. Raised when there are not as many: `ValueError`."""
    return spread(our - their for our, their in zip(ours, theirs, strict=True))


def percentile(figures: Iterable[float], percent: float) -> float:
    """Return the least figure that is not exceeded by so many percent of them. Raised without any: `ValueError`."""
    ordered = sorted(figures)
    if not ordered:
        raise ValueError("nothing was measured")
    return ordered[max(0, ceil(percent / 100 * len(ordered)) - 1)]
