"""Remembered selections in this process, bounded in number. Forgetting is always safe (invariant I2)."""

import time
from collections import OrderedDict
from collections.abc import Callable

from proxy.core.minting import Validator
from proxy.core.moment import Moment
from proxy.ports import Remembered

SELECTORS = 16
"""How many selections, by different clients, are kept of one resource."""


class MemoryState:
    """Fulfils `ports.StateStore`. At most `limit` resources are kept, the least recently used leave first.

    `on_change` is called when a selection shows another state than the last one, and no write here came in between.
    """

    def __init__(self, *, limit: int = 10_000, on_change: Callable[[], None] = lambda: None) -> None:
        self._limit = limit
        self._on_change = on_change
        self._last = 0
        self._kept: OrderedDict[str, OrderedDict[bytes, Remembered]] = OrderedDict()
        self._forgotten: OrderedDict[str, int] = OrderedDict()
        self._suspended: set[str] = set()
        self._floor = 0
        self._writes: OrderedDict[str, int] = OrderedDict()

    def now(self) -> Moment:
        """Return a moment after every one returned before."""
        self._last = max(self._last + 1, time.monotonic_ns() // 1_000)
        return Moment(self._last, self._last)

    async def recall(self, key: str, selector: bytes) -> Remembered | None:
        """Return the latest selection, if it is still kept."""
        kept = self._known(key, selector)
        if kept is None:
            return None
        self._kept.move_to_end(key)
        return kept

    async def remember(self, key: str, selector: bytes, remembered: Remembered) -> None:
        """Keep a selection unless it began before a later one or before the last write ended."""
        self._keep(key, selector, remembered)

    def mention(self, key: str, selector: bytes, remembered: Remembered, *, again: float) -> None:
        """Keep a selection, unless the same was kept within `again` seconds."""
        if not self.knows(key, selector, remembered.current, remembered.began, again=again):
            self._keep(key, selector, remembered)

    def knows(self, key: str, selector: bytes, current: Validator | None, began: Moment, *, again: float) -> bool:
        """Tell whether the same was kept within `again` seconds."""
        kept = self._known(key, selector)
        return kept is not None and kept.current == current and began.since(kept.began) < again

    async def forget(self, key: str, *, ahead: float = 0.0) -> None:
        """Drop what is kept, and what is still on its way from before then."""
        self._drop(key, ahead)

    async def untouched(self, key: str, since: Moment) -> bool:
        """Tell whether nothing of the resource was forgotten since then: every write makes forget."""
        return self._forgotten.get(key, self._floor) < since.earliest

    async def writes(self, key: str) -> int:
        """Return the number of the latest write, which is its moment."""
        if key not in self._writes:
            await self.count(key)
        self._writes.move_to_end(key)
        return self._writes[key]

    async def count(self, key: str) -> None:
        """Count a write."""
        self._writes[key] = self.now().latest
        self._writes.move_to_end(key)
        if len(self._writes) > self._limit:
            self._writes.popitem(last=False)

    def suspend(self, key: str) -> None:
        """Drop what is kept, and keep nothing until `resume`: a write is on its way."""
        self._suspended.add(key)
        self._kept.pop(key, None)

    def resume(self, key: str) -> None:
        """Keep again what is selected from now on."""
        self._suspended.discard(key)
        self._drop(key)

    def _known(self, key: str, selector: bytes) -> Remembered | None:
        selections = self._kept.get(key)
        return None if selections is None else selections.get(selector)

    def _keep(self, key: str, selector: bytes, remembered: Remembered) -> None:
        if key in self._suspended or remembered.began.earliest <= self._forgotten.get(key, self._floor):
            return
        selections = self._kept.setdefault(key, OrderedDict())
        self._kept.move_to_end(key)
        known = selections.get(selector)
        if known is not None and known.began.after(remembered.began):
            return
        if known is not None and known.current != remembered.current:
            self._on_change()
        selections[selector] = remembered
        selections.move_to_end(selector)
        if len(selections) > SELECTORS:
            selections.popitem(last=False)
        if len(self._kept) > self._limit:
            self._kept.popitem(last=False)

    def _drop(self, key: str, ahead: float = 0.0) -> None:
        self._kept.pop(key, None)
        self._forgotten[key] = max(self.now().latest + round(ahead * 1_000_000), self._forgotten.get(key, 0))
        self._forgotten.move_to_end(key)
        if len(self._forgotten) > self._limit:
            # Without its own mark a resource falls back to the floor, so the floor rises to the mark that leaves.
            self._floor = max(self._floor, self._forgotten.popitem(last=False)[1])
