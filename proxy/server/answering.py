"""Writing the answer of one request: interim responses, the head, content held here or still arriving.

What lives here: when bytes go out, with back-pressure, and that a message cut short never looks whole. What must not:
what the answer says.
"""

import asyncio
import time
from typing import Final

from aiohttp import web

from proxy.core.fields import Fields
from proxy.core.message import Response
from proxy.core.upgrading import SWITCHED, SWITCHING
from proxy.errors import ClientGone, Unanswered
from proxy.ports import Reply
from proxy.server import heads
from proxy.server.connection import Connection
from proxy.server.heads import LAST_CHUNK, Asked, Frame, Framing
from proxy.server.sent import Sent

ONE_WRITE: Final = 64 * 1024
"""Bytes of content that go out together with their head."""

AT_ONCE: Final = 256 * 1024
"""Bytes of content that are written at a time: what the client does not take yet is copied, so not all of it."""

_LEFT: Final = "The client closed its connection before it was answered."

_HTTP_1_1: Final = (1, 1)


class Answerer:
    """Answers one request, with `parting` as the last one.

    `started` once a byte of the final answer may have left; `content_sent` is in bytes.
    """

    def __init__(self, request: web.BaseRequest, connection: Connection, *, parting: bool = False) -> None:
        self._parting = parting
        self._request = request
        self._connection = connection
        self._modern = request.version >= _HTTP_1_1
        self._persistent = False
        self.started = False
        self.content_sent = 0

    def interim(self, status: int, fields: Fields) -> None:
        """Pass an interim response on; HTTP/1.0 knows none (RFC 9110 §15.2)."""
        if self._modern and not self.started:
            self._connection.write(heads.serialised(status, fields))

    async def send(self, response: Response, rest: Reply | None = None, *, close: bool = False) -> None:
        """Write the final answer. Without `rest`, `response` holds all of its content.

        Raised: `errors.ClientGone`; what `rest` raises, after the connection was cut, so that nobody takes what was
        written for the whole; ValueError for a head that cannot be written, before a byte of it was.
        """
        persistent = not close and not self._parting and self._connection.can_go_on(self._request)
        asked = Asked(self._request.method, self._modern, persistent=persistent)
        frame = heads.frame(asked, response, streamed=rest is not None)
        head = heads.final(response, asked, frame, int(time.time()))
        self._persistent = asked.persistent and frame.framing is not Framing.CLOSE
        self.started = self._connection.answering = True
        try:
            if rest is None or frame.framing is Framing.NO_CONTENT:
                await self._send_held(head, b"" if frame.framing is Framing.NO_CONTENT else response.content)
            else:
                await self._write(head)
                await self._send_rest(rest, frame)
        except BaseException:
            self._connection.abort()
            raise

    async def switch(self, fields: Fields) -> None:
        """Write the head behind which another protocol is spoken, by `pass_on`. Raised: `errors.ClientGone`."""
        self.started = self._connection.answering = True
        await self._write(heads.serialised(SWITCHED, Fields([*fields, *SWITCHING])))

    async def pass_on(self, piece: bytes) -> None:
        """Write a piece of what is no HTTP any more. Raised: `errors.ClientGone`."""
        self.content_sent += len(piece)
        await self._write(piece)

    def sent(self) -> Sent:
        """Return what aiohttp is told."""
        return Sent(self._connection, self._request, persistent=self._persistent)

    async def _send_held(self, head: bytes, content: bytes) -> None:
        if len(content) <= ONE_WRITE:
            self._put(head + content)
            self.content_sent += len(content)
            if self._connection.congested:
                await self._keep_up()
            return
        await self._write(head)
        for start in range(0, len(content), AT_ONCE):
            part = memoryview(content)[start : start + AT_ONCE]
            await self._write(part)
            self.content_sent += len(part)
            await asyncio.sleep(0)  # the kernel may take all at once, and others want their turn before that

    async def _send_rest(self, rest: Reply, frame: Frame) -> None:
        """Write content as it arrives. Raised when there is more or less of it than announced: `errors.Unanswered`."""
        async for piece in rest:
            self.content_sent += len(piece)
            if frame.length is not None and self.content_sent > frame.length:
                raise Unanswered("The origin server's content is longer than it announced.")
            if piece:  # an empty chunk would end the content
                await self._write(heads.chunk(piece) if frame.framing is Framing.CHUNKED else piece)
        if frame.length is not None and self.content_sent != frame.length:
            raise Unanswered("The origin server's content is shorter than it announced.")
        if frame.framing is Framing.CHUNKED:
            await self._write(LAST_CHUNK)

    async def _write(self, message: bytes | memoryview) -> None:
        """Write, and wait while the client does not keep up. Raised: `errors.ClientGone`."""
        self._put(message)
        if self._connection.congested:
            await self._keep_up()

    def _put(self, message: bytes | memoryview) -> None:
        """Write. Raised: `errors.ClientGone`."""
        if not self._connection.write(message):
            raise ClientGone(_LEFT)

    async def _keep_up(self) -> None:
        """Wait for a client that does not read as fast as is written. Raised when it does not: `errors.ClientGone`."""
        try:
            async with asyncio.timeout(self._connection.patience.stall):
                await self._request.writer.drain()
        except TimeoutError:
            raise ClientGone("The client stopped reading its answer.") from None
        except ConnectionError as lost:
            raise ClientGone(_LEFT) from lost
