"""Telling of requests that are over.

What lives here: whom, and when: not before their answers have left, and those of one turn of the event loop together,
which costs a fraction of telling of each by itself. What must not: what is told; that is `telemetry`.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

_log = logging.getLogger(__name__)

Witness = Callable[[Mapping[str, object]], None]
"""Is told of each request that is over, by the members of its line; see `telemetry.RequestJournal.line`."""


class Over(Protocol):
    """A request that is over."""

    def line(self) -> Mapping[str, object]:
        """Return the members of its line."""
        ...


class Ledger:
    """The requests that are over and that nobody was told of yet."""

    def __init__(self, witnesses: Sequence[Witness]) -> None:
        self._witnesses = witnesses
        self._over: list[Over] = []

    def enter(self, request: Over, loop: asyncio.AbstractEventLoop) -> None:
        """Have the witnesses told in the next turn of the loop."""
        if not self._over:
            loop.call_soon(self.settle)
        self._over.append(request)

    def settle(self) -> None:
        """Tell the witnesses."""
        over, self._over = self._over, []
        for each in over:
            try:
                line = each.line()
                for witness in self._witnesses:
                    witness(line)
            except Exception:  # noqa: BLE001 - the others of this turn have their lines all the same
                _log.exception("a request could not be told of")
