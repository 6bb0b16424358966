"""An answer whose final head has arrived: the port's `Reply`.

What lives here: reading content whole or as it arrives, and giving the connection back.
"""

import asyncio
from collections import deque
from typing import Self

from proxy.adapters.upstream.connection import Connection
from proxy.adapters.upstream.exchange import Answered
from proxy.adapters.upstream.pool import Pool
from proxy.core.fields import Fields
from proxy.errors import Unanswered


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
        self._front: deque[bytes] = deque()
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
        if self._response.complete and not self._front and self._response.buffered <= limit:
            return self._response.take_whole()  # nothing to wait for: most answers come in one piece
        try:
            async with asyncio.timeout_at(self._deadline):
                return await self._collect(limit)
        except TimeoutError as error:
            self._connection.abort()
            detail = "The content of the origin server's response did not arrive in time."
            raise Unanswered(detail, timed_out=True) from error
        except BaseException:
            self._connection.abort()
            raise

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._front:
            return self._front.popleft()
        piece = await self._next()
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

    async def _collect(self, limit: int) -> bytes | None:
        held = sum(map(len, self._front))
        while held <= limit:
            piece = await self._next()
            if piece is None:
                whole = b"".join(self._front)
                self._front.clear()
                return whole
            self._front.append(piece)
            held += len(piece)
        return None

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
