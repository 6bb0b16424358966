"""Whose turn it is between processes, as far as this one can tell: none is to have a resource for ever.

What lives here: counting. A process has a resource again and again where its own writers queue, or where one comes back
at once; others that wait for it have a longer way to the store, and would lose every race. What must not: how others
are let go first, which is the lock's business.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from proxy.adapters.redis.timing import local_time

IN_A_ROW: Final = 8
"""How many writers of one process may follow each other while other processes wait."""

RECENT: Final = 100_000
"""Microseconds after which nobody counts as having followed: whoever waited then has had the resource since."""

COUNTED: Final = 1_000
"""Of how many resources this process keeps count."""


@dataclass(slots=True)
class _Row:
    count: int
    ended: int


class Turns:
    """How often in a row this process has had each resource while others waited for it."""

    def __init__(self) -> None:
        self._rows: OrderedDict[str, _Row] = OrderedDict()

    def over(self, resource: str) -> bool:
        """Tell whether others go first now. They have been let, then; the count begins anew."""
        row = self._rows.get(resource)
        if row is None or row.count < IN_A_ROW:
            return False
        del self._rows[resource]
        return local_time() - row.ended <= RECENT

    def ended(self, resource: str, others: int) -> None:
        """Take note that a writer of this process has left a resource for which so many other processes wait."""
        row = self._rows.pop(resource, None)
        if not others:
            return
        self._rows[resource] = _Row(1 if row is None else row.count + 1, local_time())
        if len(self._rows) > COUNTED:
            self._rows.popitem(last=False)

    def __len__(self) -> int:
        """Return of how many resources count is kept."""
        return len(self._rows)
