"""Two ends of a tunnel joined: what one says goes to the other, until both have ended.

What lives here: how the end of one becomes that of the other, and what is not waited for. What must not: who the ends
are, and what they say.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from proxy.errors import Failure


class End(Protocol):
    """One end of a tunnel. Iteration yields what it says until it ends its side; that and `write` raise `Failure`."""

    @property
    def open(self) -> bool:
        """Tell whether it can still be written to, as far as is known here."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def write(self, piece: bytes) -> None:
        """Send bytes, and wait until it keeps up."""
        ...

    def end(self) -> None:
        """Say that nothing more will be sent."""
        ...


class Way:
    """One direction. `passed`: bytes so far. `failure`: why it ended, None where its source did.

    `cut_off`: it was ended before its source was.
    """

    def __init__(self, source: End, sink: End) -> None:
        self.passed = 0
        self.failure: Failure | None = None
        self.cut_off = False
        self._source = source
        self._sink = sink
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Tell whether it was begun and is not over."""
        return self._task is not None and not self._task.done()

    @property
    def hopeless(self) -> bool:
        """Tell whether, now that this direction is over, the other one is of no use any more.

        So it is when this one's source is gone, for which the other is meant; or when its sink is there and takes
        nothing. A sink that is gone may have left words behind, which the other direction still has to pass on.
        """
        return not self._source.open or (self.failure is not None and self._sink.open)

    def begin(self) -> "asyncio.Task[None]":
        """Pass on, in a task, what the source says; then tell the sink that it has ended."""
        self._task = asyncio.create_task(self._pass_on())
        return self._task

    def cut(self) -> None:
        """Pass on no more."""
        if self._task is not None and self.running:
            self.cut_off = True
            self._task.cancel()

    async def _pass_on(self) -> None:
        try:
            async for piece in self._source:
                await self._sink.write(piece)
                self.passed += len(piece)
        except Failure as failure:
            self.failure = failure
        else:
            self._sink.end()


async def join(up: Way, down: Way, gone: "asyncio.Future[None]", silence: float) -> None:
    """Pass bytes both ways until both have ended.

    When one way has, the other is cut off if it is hopeless, or after `silence` seconds in which nothing has passed.
    `gone` is done when the source of `up` is lost: then there is nobody for `down`, which may have nothing to say.
    """

    def leave(_gone: "asyncio.Future[None]") -> None:
        down.cut()

    tasks = {up.begin(), down.begin()}
    gone.add_done_callback(leave)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for over, other in ((up, down), (down, up)):
            if not over.running and over.hopeless:
                other.cut()
        while up.running or down.running:
            before = up.passed + down.passed
            await asyncio.wait(tasks, timeout=silence)
            if up.passed + down.passed == before:
                up.cut()
                down.cut()
    finally:
        gone.remove_done_callback(leave)
        up.cut()
        down.cut()
        await asyncio.wait(tasks)
