"""Connections that wait for the next safe request.

What lives here: who waits, for how long, and how many. Whether a connection is fit to wait is its exchange's word.
"""

import asyncio
from collections import deque

from proxy.adapters.upstream.connection import Connection


class Pool:
    """Idle connections, at most `size`, each for at most `idle` seconds; the one used last is taken first.

    None is of another `generation` than the present one.
    """

    def __init__(self, size: int, idle: float) -> None:
        self.closed = False
        self.generation = 0
        self._size = size
        self._idle = idle
        self._waiting: deque[tuple[float, Connection]] = deque()  # since when; the longest wait is leftmost
        self._timer: asyncio.TimerHandle | None = None

    def take(self) -> Connection | None:
        """Return an idle connection on which nothing has happened since, None when there is none."""
        while self._waiting:
            _, connection = self._waiting.pop()
            if connection.quiet:
                return connection
            connection.abort()
        return None

    def put(self, connection: Connection) -> None:
        """Keep a connection for later; when there are too many, close the one that waits longest."""
        connection.rest()
        if self.closed or connection.generation != self.generation or not connection.open:
            connection.abort()
            return
        loop = connection.loop
        self._waiting.append((loop.time(), connection))
        self.keep(self._size)
        if self._timer is None and self._waiting:
            self._timer = loop.call_later(self._idle, self._expire)

    def keep(self, number: int) -> None:
        """Close those that wait longest until no more than that many wait."""
        while len(self._waiting) > number:
            self._waiting.popleft()[1].close()

    def renew(self) -> None:
        """Begin a new generation: connections that are open may lead elsewhere than those that will be opened."""
        self.generation += 1
        self.keep(0)

    async def aclose(self) -> None:
        """Close every idle connection, keep no other, and wait until all are closed."""
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()
        waiting = [connection for _, connection in self._waiting]
        self._waiting.clear()
        for connection in waiting:
            connection.close()
        for connection in waiting:
            await connection.wait_closed()

    def _expire(self) -> None:
        """Close what has waited long enough and come back when the next one has."""
        now = asyncio.get_running_loop().time()
        while self._waiting and self._waiting[0][0] + self._idle <= now:
            self._waiting.popleft()[1].close()
        self._timer = None
        if self._waiting:
            due = self._waiting[0][0] + self._idle
            self._timer = asyncio.get_running_loop().call_at(due, self._expire)
