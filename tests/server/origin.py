"""A hand-written origin server behind the port `Upstream`, scripted by the test, and content that comes on demand."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from proxy.core.fields import Fields
from proxy.core.message import Request
from proxy.errors import Failure
from proxy.ports import Budget, Content, InterimListener, LastCheck, Purpose, Taker

TEXT = Fields([("Content-Type", "text/plain")])


class Pieces:
    """Content that the test sends piece by piece; `end` completes it, `break_off` fails it."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bytes | Failure | None] = asyncio.Queue()

    def send(self, piece: bytes) -> None:
        self._queue.put_nowait(piece)

    def end(self) -> None:
        self._queue.put_nowait(None)

    def break_off(self, failure: Failure) -> None:
        self._queue.put_nowait(failure)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            piece = await self._queue.get()
            if piece is None:
                return
            if isinstance(piece, Failure):
                raise piece
            yield piece


@dataclass
class OriginReply:
    """An answer. `closed` is set once it was let go of."""

    status: int = 200
    fields: Fields = TEXT
    content: bytes | Pieces = b""
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self, limit: int) -> bytes | None:
        content = b"".join([piece async for piece in self])
        return content if len(content) <= limit else None

    async def skim(self, taker: Taker) -> None:
        async for piece in self:
            await taker(piece)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if isinstance(self.content, bytes):
            yield self.content
        else:
            async for piece in self.content:
                yield piece

    async def aclose(self) -> None:
        self.closed.set()


Script = Callable[[Request, Content | None, InterimListener | None], Awaitable[OriginReply]]


@dataclass
class Seen:
    """A request as it reached the origin server; `content` None when it had none, or was not read."""

    request: Request
    content: bytes | None
    purpose: Purpose


class Origin:
    """An origin server of one resource, or of whatever `script` says. `seen` are the requests, in order."""

    def __init__(self, content: bytes = b"one", script: Script | None = None) -> None:
        self.content = content
        self.script = script
        self.seen: list[Seen] = []
        self.arrived = asyncio.Event()

    @property
    def writes(self) -> list[Seen]:
        return [seen for seen in self.seen if seen.purpose is Purpose.PERFORM]

    async def send(
        self,
        request: Request,
        content: Content | None,
        *,
        purpose: Purpose,
        budget: Budget,
        interim: InterimListener | None = None,
        check: LastCheck | None = None,
    ) -> OriginReply:
        if check is not None:
            await check()
        seen = Seen(request, None, purpose)
        self.seen.append(seen)
        self.arrived.set()
        if self.script is not None:
            return await self.script(request, content, interim)
        seen.content = None if content is None else b"".join([piece async for piece in content])
        if request.safe:
            return OriginReply(content=self.content)
        self.content = seen.content or b""
        return OriginReply(204, Fields())


def answering(reply: OriginReply) -> Script:
    """Return a script that gives every request this reply, without reading its content."""

    async def script(request: Request, content: Content | None, interim: InterimListener | None) -> OriginReply:
        return reply

    return script


def failing(fault: BaseException, method: str | None = None) -> Script:
    """Return a script that raises, for `method` only if there is one; others are answered with an empty 200."""

    async def script(request: Request, content: Content | None, interim: InterimListener | None) -> OriginReply:
        if method in {None, request.method}:
            raise fault
        return OriginReply()

    return script


class Gate:
    """A script that answers like `Origin` by itself, but lets requests of `purpose` wait until it is opened."""

    def __init__(self, purpose: Purpose) -> None:
        self.purpose = purpose
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.origin = Origin(script=self)

    async def __call__(self, request: Request, content: Content | None, interim: InterimListener | None) -> OriginReply:
        if self.origin.seen[-1].purpose is self.purpose:
            self.reached.set()
            try:
                await self.opened.wait()
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
        if request.safe:
            return OriginReply(content=self.origin.content)
        assert content is not None
        self.origin.content = b"".join([piece async for piece in content])
        return OriginReply(204, Fields())
