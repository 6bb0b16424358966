"""An answer whose final head has arrived: the port's `Reply`.

What lives here: reading content whole or as it arrives, and giving the connection back.
"""

import asyncio
from collections.abc import Coroutine
from io import SEEK_END, BytesIO
from typing import Any, Final, Self, TypeVar

from proxy.adapters.upstream.connection import Connection
from proxy.adapters.upstream.exchange import Answered
from proxy.adapters.upstream.pool import Pool
from proxy.core.fields import Fields
from proxy.core.message import Response
from proxy.errors import Unanswered
from proxy.ports import Taker

T = TypeVar("T")

_AT_ONCE: Final = 256 * 1024
"""Bytes in a piece of content that was read, and then turned out to be too much."""


class HttpReply:
    """Fulfils `ports.Reply` with a response that arrives on a connection.

    `deadline`, in the loop's time, bounds `read`. `pool` is where the connection goes when the response is complete,
    None when it must not be used again.
    """

    def __init__(self, answered: Answered, connection: Connection, *, pool: Pool | None, deadline: float) -> None:
        self._status = answered.head.status
        self._fields = answered.head.fields.end_to_end()
        self._response = answered.response
        self._connection = connection
        self._pool = pool
        self._deadline = deadline
        self._front: BytesIO | None = None
        self._closed = False

    @property
    def status(self) -> int:
        """The status code."""
        return self._status

    @property
    def fields(self) -> Fields:
        """The fields as received, hop-by-hop ones removed."""
        return self._fields

    @property
    def complete(self) -> bool:
        """Tell whether all of the content has arrived."""
        return self._response.complete

    async def read(self, limit: int) -> bytes | None:
        """Return the whole content, or None as soon as it is known to exceed `limit` bytes.

        Raised when it does not end cleanly or in time: `errors.Unanswered`.
        """
        if self._response.length is not None and self._response.length > limit:
            return None
        if self._response.complete and self._front is None and self._response.buffered <= limit:
            return self._response.take_whole()  # nothing to wait for: most answers come in one piece
        return await self._in_time(self._collect(limit))

    async def skim(self, taker: Taker) -> None:
        """Pass the whole content to `taker`, piece by piece; see `ports.Reply.skim`."""
        await self._in_time(self._pass(taker))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        front = b"" if self._front is None else self._front.read(_AT_ONCE)
        piece = front or await self._next()
        if piece is None:
            raise StopAsyncIteration
        return piece

    async def aclose(self) -> None:
        """Give the connection back if the answer is complete and left it fit, else close it. Never raises."""
        if self._closed:
            return
        self._closed = True
        if self._pool is not None and self._response.reusable:
            self._pool.put(self._connection)
        else:
            self._connection.abort()

    async def _in_time(self, reading: Coroutine[Any, Any, T]) -> T:
        limit = asyncio.timeout_at(self._deadline)
        try:
            async with limit:
                return await reading
        except TimeoutError as error:
            self._connection.abort()
            if not limit.expired():  # the taker's own
                raise
            detail = "The content of the origin server's response did not arrive in time."
            raise Unanswered(detail, timed_out=True) from error
        except BaseException:
            self._connection.abort()
            raise

    async def _collect(self, limit: int) -> bytes | None:
        """Read all; what exceeds the limit stays in front. A piece is let go of once it is part of the whole."""
        held = self._front
        if held is None:
            held = self._room()
        else:
            held.seek(0, SEEK_END)
        while held.tell() <= limit:
            piece = await self._next()
            if piece is None:
                self._front = None
                return held.getvalue()  # the very bytes that were written to: no copy
            held.write(piece)
        held.seek(0)
        self._front = held
        return None

    def _room(self) -> BytesIO:
        """Return room for all of the content where its length is known: what grows is copied again and again.

        Nobody else has these zeros, so they are written over, and until then they take no memory.
        """
        return BytesIO(bytes(self._response.length or 0))

    async def _pass(self, taker: Taker) -> None:
        while (piece := await self._next()) is not None:
            await taker(piece)

    async def _next(self) -> bytes | None:
        """Return the next piece; None at the end."""
        while True:
            piece = self._response.take()
            self._connection.relieve()
            if piece is not None or self._response.complete:
                return piece
            if self._response.failure is not None:
                raise self._response.failure
            await self._connection.changed()


class SeenReply:
    """Fulfils `ports.Reply` with a response that is all here, whose connection is somebody else's by now."""

    __slots__ = ("_content", "fields", "status")

    def __init__(self, seen: Response) -> None:
        self.status = seen.status
        self.fields = seen.fields
        self._content: bytes | None = seen.content

    async def read(self, limit: int) -> bytes | None:
        """Return the whole content, or None when it exceeds `limit` bytes."""
        content = self._content or b""
        if len(content) > limit:
            return None
        self._content = None
        return content

    async def skim(self, taker: Taker) -> None:
        """Pass the whole content to `taker`; see `ports.Reply.skim`."""
        content, self._content = self._content, None
        if content:
            await taker(content)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece, self._content = self._content, None
        if not piece:
            raise StopAsyncIteration
        return piece

    async def aclose(self) -> None:
        """Let go of the content."""
        self._content = None
