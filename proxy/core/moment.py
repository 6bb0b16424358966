"""When something happened, as far as several processes can agree on it.

What lives here: a value and its order. Whose clock it is, and how well it is known, is the business of a store.
"""

from dataclasses import dataclass
from typing import Final

_END: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Moment:
    """A point on the clock of a store, known to lie between two numbers of microseconds.

    Two replicas read one clock with an error each; what they order must be ordered whatever the errors were.
    """

    earliest: int
    latest: int

    def after(self, other: "Moment") -> bool:
        """Tell whether this is certainly later than the other.

        >>> Moment(20, 30).after(Moment(10, 19)), Moment(20, 30).after(Moment(10, 20))
        (True, False)
        """
        return self.earliest > other.latest

    def since(self, other: "Moment") -> float:
        """Return how many seconds may have passed at most since the other."""
        return (self.latest - other.earliest) / 1_000_000


SOMETIME: Final = Moment(0, _END)
"""A moment of which nothing is known. It is neither after nor before any other."""
