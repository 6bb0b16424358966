"""Many calls on one connection at a time: each is sent at once, and replies come in the order of the calls.

What lives here: that order, the time that each call has, and the end of a connection. What must not: how a connection
is made, which is redis-py's, and what a call means. A late reply is nobody's; its connection takes no further calls.
What nobody waits for any more is not sent.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from itertools import chain
from math import inf
from typing import Any, Final

from hiredis import pack_command
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import RedisError, ResponseError

Opening = Callable[[], AbstractAsyncContextManager[AbstractConnection]]
Answer = asyncio.Future[Any]

GRACE: Final = 3
"""Turns of the loop that a late call is given: for what came to be polled, taken in and given to its call."""

_FAULTS: Final = (RedisError, OSError, TimeoutError)


@dataclass(slots=True, eq=False)
class _Call:
    """A call: what is sent, what will be its answer, how many seconds it has, and until when that is."""

    packed: bytes
    answer: Answer
    seconds: float
    until: float


class Pipeline:
    """Calls over one connection, and over another once that one is late or lost. `opening` makes one that is ready."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._link: _Link | None = None
        self._links: set[_Link] = set()

    def call(self, seconds: float, *words: str | bytes | float) -> Answer:
        """Send a command, and return what will be its reply. All calls have the same time, from when they are sent.

        A connection has as much for coming about. What comes of it if not a reply: TimeoutError, OSError or RedisError.
        """
        link = self._link
        if link is None or not link.usable:
            link = self._link = _Link(self._opening, self._links.discard)
            self._links.add(link)
        return link.call(seconds, words)

    async def aclose(self) -> None:
        """End; calls without a reply fail."""
        for link in list(self._links):
            await link.aclose()


class _Link:
    """One connection, from before it is opened to its end. It is `usable` until a call is late, or it ends."""

    def __init__(self, opening: Opening, on_end: Callable[["_Link"], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._opening = opening
        self._on_end = on_end
        self._calls: deque[_Call] = deque()
        """Those that were sent and have no reply yet, in order."""
        self._unsent: list[_Call] = []
        self._more = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self.usable = True
        self._task = self._loop.create_task(self._run())
        self._task.add_done_callback(self._end)  # not in the task: it may be cancelled before it begins

    def call(self, seconds: float, words: tuple[str | bytes | float, ...]) -> Answer:
        answer: Answer = self._loop.create_future()
        until = self._loop.time() + seconds
        packed = pack_command(words)  # type: ignore[arg-type]  # its stub says one word, and means any number
        self._unsent.append(_Call(packed, answer, seconds, until))
        self._more.set()
        if self._timer is None:
            self._timer = self._loop.call_at(until, self._ring)
        return answer

    async def aclose(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    def _ring(self, turns: int = GRACE) -> None:
        """Look for what is late, once what has come meanwhile was read: it may be our own loop that stood still."""
        if turns and self.usable:
            self._timer = self._loop.call_later(0.0, self._ring, turns - 1)
        else:
            self._look()

    def _look(self) -> None:
        """Fail what is late. Once something was, the connection ends when nothing is waited for any more.

        One timer does for all calls: it is set for the first that is waited for.
        """
        self._timer = None
        now = self._loop.time()
        for call in chain(self._calls, self._unsent):
            if call.answer.done():
                continue
            if call.until > now:
                self._timer = self._loop.call_at(call.until, self._ring)
                return
            call.answer.set_exception(TimeoutError())
            self.usable = False
        if not self.usable:
            self._task.cancel()

    async def _run(self) -> None:
        async with self._opening() as connection:
            writing = self._loop.create_task(self._write(connection))
            try:
                async for reply in _replies(connection):
                    self._answer(reply)
            finally:
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)  # where it failed, so did reading

    def _end(self, task: "asyncio.Task[None]") -> None:
        self.usable = False
        self._on_end(self)
        if self._timer is not None:
            self._timer.cancel()
        fault = _fault(task)
        for call in chain(self._calls, self._unsent):
            if not call.answer.done():
                call.answer.set_exception(fault)

    async def _write(self, connection: AbstractConnection) -> None:
        """Send what there is whenever there is something: all calls of a turn of the loop go out in one piece.

        Their time begins now: that our own loop stood still before is not the store's fault. One that was given up
        before stays here: nobody expects it to be executed any more.
        """
        while await self._more.wait():
            self._more.clear()
            ready = [call for call in self._unsent if not call.answer.done()]
            self._unsent.clear()
            now = self._loop.time()
            for call in ready:
                call.until = now + call.seconds
            self._calls.extend(ready)
            if ready:
                await connection.send_packed_command([call.packed for call in ready])

    def _answer(self, reply: object) -> None:
        """Give a reply to the call that has waited for longest. Raised when there is none: `Disconnected`."""
        if not self._calls:
            raise Disconnected("A reply came to no call.")
        answer = self._calls.popleft().answer
        if answer.done():
            return
        if isinstance(reply, ResponseError):
            answer.set_exception(reply)
        else:
            answer.set_result(reply)


def _fault(task: "asyncio.Task[None]") -> BaseException:
    """Return what a call ends in whose connection did."""
    fault = None if task.cancelled() else task.exception()
    if fault is None:
        return Disconnected("The connection was closed.")
    return fault if isinstance(fault, _FAULTS) else RedisError(f"the client failed: {fault!r}")


async def _replies(connection: AbstractConnection) -> AsyncIterator[object]:
    """Yield replies as they come, refusals as well. Raised when no more does: `RedisError`, OSError."""
    while True:
        try:
            reply = await connection.read_response(disable_decoding=True, timeout=inf)
        except ResponseError as refusal:
            reply = refusal
        yield reply
