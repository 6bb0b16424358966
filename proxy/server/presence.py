"""What becomes of work when the client it is for leaves (DESIGN section 10, I1, I4).

What lives here: the two answers to that question. A read is given up at once. A write is given up until it may have
been forwarded, and finished after that. What must not: how it is noticed; that is `proxy.server.connection`.
"""

import asyncio
from types import TracebackType
from typing import Final, TypeVar

from proxy.errors import ClientGone
from proxy.ports import Step
from proxy.telemetry import RequestJournal

T = TypeVar("T")

BEFORE_THE_WRITE: Final = frozenset({Step.RECEIVE, Step.REQUIRE, Step.HOLD, Step.RECALL, Step.SELECT, Step.EVALUATE})
"""Steps in which giving up leaves no trace at the origin server."""

_GONE = "The client closed its connection before it was answered."


class WhileHere:
    """A context whose body is cancelled when the client leaves. Raised then: `errors.ClientGone`."""

    __slots__ = ("_cancelling", "_gone", "_left", "_task")

    def __init__(self, gone: "asyncio.Future[None]") -> None:
        self._gone = gone
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._left = False

    def __enter__(self) -> None:
        self._task = asyncio.current_task(self._gone.get_loop())
        self._cancelling = 0 if self._task is None else self._task.cancelling()
        self._gone.add_done_callback(self._leave)

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        self._gone.remove_done_callback(self._leave)
        if task is None or not self._left:
            return
        # As asyncio.timeout does: if nobody else asked for the cancellation, it ends here.
        if task.uncancel() <= self._cancelling and isinstance(fault, asyncio.CancelledError):
            raise ClientGone(_GONE) from fault

    def _leave(self, _gone: "asyncio.Future[None]") -> None:
        if self._task is not None:  # the body may be over by the time the event loop calls
            self._left = True
            self._task.cancel()


async def finished(task: "asyncio.Task[T]", gone: "asyncio.Future[None]", journal: RequestJournal) -> T:
    """Wait for a write and return its result. If the client leaves before the write began, cancel it.

    Raised when it was cancelled: `errors.ClientGone`. Cancelling the caller leaves the write alone.
    """

    def leave(_gone: "asyncio.Future[None]") -> None:
        if journal.latest in BEFORE_THE_WRITE:
            task.cancel()

    over = gone.get_loop().create_future()  # awaited in place of the task, which being cancelled here would cancel

    def end(_task: "asyncio.Task[T]") -> None:
        if not over.done():
            over.set_result(None)

    task.add_done_callback(end)
    gone.add_done_callback(leave)
    try:
        await over
    finally:
        gone.remove_done_callback(leave)
    if task.cancelled():
        raise ClientGone(_GONE)
    return task.result()
