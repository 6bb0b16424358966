"""Remembered selections in this process, bounded in number. Forgetting is always safe (invariant I2)."""

from collections import OrderedDict
from itertools import count

from proxy.ports import Remembered

SELECTORS = 16
"""How many selections, by different clients, are kept of one resource."""


class MemoryState:
    """Fulfils `ports.StateStore`. At most `limit` resources are kept, the least recently used leave first."""

    def __init__(self, *, limit: int = 10_000) -> None:
        self._limit = limit
        self._stamps = count(1)
        self._kept: OrderedDict[str, OrderedDict[bytes, Remembered]] = OrderedDict()
        self._forgotten: OrderedDict[str, int] = OrderedDict()
        self._floor = 0

    def stamp(self) -> int:
        """Return the next number."""
        return next(self._stamps)

    async def recall(self, key: str, selector: bytes) -> Remembered | None:
        """Return the latest selection, if it is still kept."""
        selections = self._kept.get(key)
        if selections is None:
            return None
        self._kept.move_to_end(key)
        return selections.get(selector)

    async def remember(self, key: str, selector: bytes, remembered: Remembered) -> None:
        """Keep a selection unless it began before a later one or before the last `forget`."""
        if remembered.began <= self._forgotten.get(key, self._floor):
            return
        selections = self._kept.setdefault(key, OrderedDict())
        self._kept.move_to_end(key)
        known = selections.get(selector)
        if known is not None and known.began > remembered.began:
            return
        selections[selector] = remembered
        selections.move_to_end(selector)
        if len(selections) > SELECTORS:
            selections.popitem(last=False)
        if len(self._kept) > self._limit:
            self._kept.popitem(last=False)

    async def forget(self, key: str) -> None:
        """Drop what is kept, and what is still on its way from before now."""
        self._kept.pop(key, None)
        self._forgotten[key] = self.stamp()
        self._forgotten.move_to_end(key)
        if len(self._forgotten) > self._limit:
            # Without its own mark a resource falls back to the floor, so the floor rises to the mark that leaves.
            self._floor = self._forgotten.popitem(last=False)[1]
