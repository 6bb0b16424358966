"""A write that has its resource to itself, and what is done while it waits for that.

What lives here: the context of a lease, and that who waits is told meanwhile what others see (`proxy.gateway.sharing`).
What must not: how long a lease is, and what is done under it (`proxy.gateway.writing`).
"""

from contextlib import AbstractAsyncContextManager
from types import TracebackType

from proxy.gateway.exchange import Write
from proxy.gateway.sharing import Sharing
from proxy.ports import Lease, Step


class Holding:
    """Holds the resource of a write for as long as the body runs. A generator would cost several times as much."""

    __slots__ = ("_held", "_sharing", "_write")

    def __init__(self, held: AbstractAsyncContextManager[Lease], write: Write, sharing: Sharing) -> None:
        self._held = held
        self._write = write
        self._sharing = sharing

    async def __aenter__(self) -> Lease:
        with self._write.journal.step(Step.HOLD), self._sharing.waiting(self._write.match.lock_key):
            return await self._held.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return await self._held.__aexit__(kind, fault, trace)
