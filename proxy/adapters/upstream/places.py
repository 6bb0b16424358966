"""How many connections may be in use at once, and whose turn is next.

What lives here: a count and a queue. A place is had from before a connection is opened, or taken from those that wait,
until it waits again or is lost. What must not: connections.
"""

import asyncio
from collections import deque

from proxy.errors import NotSent


class Places:
    """`number` places; who comes when all are taken waits for one, first come first served. `taken`: how many are."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.taken = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    def take(self) -> bool:
        """Take a place if there is one, which nobody waits for then; tell whether that is so."""
        if self.taken < self.number:
            self.taken += 1
            return True
        return False

    async def wait(self, seconds: float, deadline: float) -> float:
        """Take a place when it is our turn; return what is left of the `seconds` in which it had to come.

        Raised when it did not come in these, nor before `deadline`, in the loop's time: `errors.NotSent`.
        """
        loop = asyncio.get_running_loop()
        until = min(loop.time() + seconds, deadline)
        turn: asyncio.Future[None] = loop.create_future()
        self._queue.append(turn)
        try:
            async with asyncio.timeout_at(until):
                await turn
        except BaseException as failure:
            self._forgo(turn)
            if isinstance(failure, TimeoutError):
                raise NotSent("All connections to the origin server are in use.", timed_out=True) from failure
            raise
        return until - loop.time()

    def give(self) -> None:
        """Give a place back, to whoever has waited longest."""
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.taken -= 1

    def _forgo(self, turn: "asyncio.Future[None]") -> None:
        """Leave the queue; a place that was given in the same moment is given on."""
        if turn.done() and not turn.cancelled():
            self.give()
        elif turn in self._queue:
            self._queue.remove(turn)
