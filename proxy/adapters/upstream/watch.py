"""Deadlines that pass unnoticed nearly always, watched together: a timer of its own costs each more than its request.

What lives here: when to look. What must not: what happens then.
"""

import asyncio
from typing import Final, Protocol

INTERVAL: Final = 0.05
"""Seconds between two looks, by which a deadline may be noticed late."""


class Watched(Protocol):
    """Something with a `deadline`, in the loop's time."""

    deadline: float

    def late(self) -> None:
        """Take it that the deadline has passed."""
        ...


class Watch:
    """What has a deadline. Nothing is looked at while there is nothing."""

    def __init__(self) -> None:
        self._watched: set[Watched] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, watched: Watched, loop: asyncio.AbstractEventLoop) -> None:
        """Watch until `end`, or until it is late."""
        self._watched.add(watched)
        if self._timer is None:
            self._timer = loop.call_later(INTERVAL, self._look, loop)

    def end(self, watched: Watched) -> None:
        """Watch no longer."""
        self._watched.discard(watched)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        try:
            for each in [watched for watched in self._watched if watched.deadline <= now]:
                if each in self._watched:  # what came of another may have ended it
                    self._watched.discard(each)
                    each.late()
        finally:  # a fault of one is none of the others
            self._timer = loop.call_later(INTERVAL, self._look, loop) if self._watched else None
