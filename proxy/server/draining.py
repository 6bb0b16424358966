"""Who is here: the open connections, the exchanges and the writes in progress, and how they come to an end.

What lives here: counting, and leaving in good order (DESIGN section 10). What must not: what an exchange does.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, Protocol, TypeVar

T = TypeVar("T")

GRACE: Final = 1.0
"""Seconds that are left to what has been cut off, to clean up behind itself."""


class Retirable(Protocol):
    """A connection, as far as its end is concerned."""

    def retire(self) -> None:
        """Close if idle. A busy one closes by itself after its answer, because the census says `draining`."""
        ...

    def abort(self) -> None:
        """Close at once; what was not sent is lost."""
        ...


class Census:
    """The connections, exchanges and writes of one server. `room` is for how many connections; None: for any number."""

    def __init__(self, room: int | None = None) -> None:
        self.draining = False
        """No new work is taken, and every answer says that its connection closes."""
        self.room = room
        self._connections: set[Retirable] = set()
        self._exchanges = 0
        # A strong reference: the event loop keeps none, and a write whose client left has no other owner.
        self._writes: set[asyncio.Task[Any]] = set()
        self._vacated = asyncio.Event()
        self._vacated.set()

    @property
    def empty(self) -> bool:
        """Tell whether nobody is here."""
        return not (self._connections or self._exchanges or self._writes)

    @property
    def full(self) -> bool:
        """Tell whether there is no room for another connection."""
        return self.room is not None and len(self._connections) >= self.room

    def enter(self, connection: Retirable) -> None:
        """Count a connection in."""
        self._connections.add(connection)
        self._vacated.clear()

    def leave(self, connection: Retirable) -> None:
        """Count a connection out."""
        self._connections.discard(connection)
        self._settle()

    def begin_exchange(self) -> None:
        """Count an exchange in."""
        self._exchanges += 1
        self._vacated.clear()

    def end_exchange(self) -> None:
        """Count an exchange out."""
        self._exchanges -= 1
        if not self._connections:
            self._settle()

    def write(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start a write as a task of its own, which outlives its client and its connection."""
        task = asyncio.get_running_loop().create_task(work)
        self._writes.add(task)
        self._vacated.clear()
        task.add_done_callback(self._written)
        return task

    async def drain(self, seconds: float) -> bool:
        """Wait until everyone has left, then cut off who has not; tell whether all left by themselves."""
        self.draining = True
        await asyncio.sleep(0)  # a connection made in this very turn has yet to begin to wait for a request
        for connection in tuple(self._connections):
            connection.retire()
        if await self._vacated_within(seconds):
            return True
        for connection in tuple(self._connections):
            connection.abort()
        for task in tuple(self._writes):
            task.cancel()
        await self._vacated_within(GRACE)
        return False

    async def _vacated_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._vacated.wait()
        except TimeoutError:
            return False
        return True

    def _written(self, task: asyncio.Task[Any]) -> None:
        self._writes.discard(task)
        self._settle()

    def _settle(self) -> None:
        if self.empty:
            self._vacated.set()
