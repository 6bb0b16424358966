"""Whose turn it is between processes, as far as this one can tell: none is to have a resource for ever.

What lives here: counting. A process has a resource again and again where its own writers queue, or where one comes back
at once; others that wait for it have a longer way to the store, and would lose every race. What must not: how others
are let go first, which is the store's business.
"""

from collections import OrderedDict
from typing import Final

TURNS: Final = 8
"""How often a process may have a resource for which others wait before it lets them go first, in a row or not: two that
race each other would else keep out a third."""

COUNTED: Final = 1_000
"""Of how many resources this process keeps count."""


class Turns:
    """How often this process has had each resource while others waited for it."""

    def __init__(self) -> None:
        self._counts: OrderedDict[str, int] = OrderedDict()

    def last(self, resource: str) -> bool:
        """Tell whether others are to go first when the writer that has the resource leaves it."""
        return self._counts.get(resource, 0) >= TURNS - 1

    def ended(self, resource: str, others: int) -> None:
        """Take note that a writer has left a resource for which so many other processes wait."""
        count = self._counts.pop(resource, 0) + 1
        if not others or count >= TURNS:
            return
        self._counts[resource] = count
        if len(self._counts) > COUNTED:
            self._counts.popitem(last=False)

    def __len__(self) -> int:
        """Return of how many resources count is kept."""
        return len(self._counts)
