"""Deadlines that pass unnoticed nearly always, watched together: a timer of its own costs each more than its request.

What lives here: when to look, and a limit for a body as `asyncio.timeout_at` is one. What must not: what happens then.
"""

import asyncio
from types import TracebackType
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


class Within:
    """A context whose body is cancelled when it is found late. Raised then: TimeoutError."""

    __slots__ = ("_cancelling", "_late", "_task", "_watch", "deadline", "loop")

    def __init__(self, watch: Watch, deadline: float, loop: asyncio.AbstractEventLoop) -> None:
        self._watch = watch
        self.loop = loop
        self.deadline = deadline
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._late = False

    async def __aenter__(self) -> None:
        self._task = asyncio.current_task(self.loop)
        self._cancelling = 0 if self._task is None else self._task.cancelling()
        self._watch.begin(self, self.loop)

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        self._watch.end(self)
        if task is None or not self._late:
            return
        # If nobody else asked for the cancellation, it ends here.
        if task.uncancel() <= self._cancelling and isinstance(fault, asyncio.CancelledError):
            raise TimeoutError from fault

    def late(self) -> None:
        """Cancel the body."""
        if self._task is not None:
            self._late = True
            self._task.cancel()
