"""What aiohttp is told of an answer that it did not write.

aiohttp wants a response object from a handler, prepares it and ends it. Here the bytes are ours, so that object only
says whether the connection goes on. What must not be here: what an answer says.
"""

import time
from typing import TYPE_CHECKING, Any

from aiohttp import web

from proxy.core.message import Response
from proxy.server import heads
from proxy.server.heads import Asked

if TYPE_CHECKING:
    from proxy.server.connection import Connection


class Sent:
    """What aiohttp is told of an answer: its bytes are ours, and written already or held in `message`.

    It has what aiohttp asks of a `StreamResponse` and is none: making one costs more than writing the answer.
    `persistent` says what the answer's head promised; the connection may close all the same.
    """

    __slots__ = ("_connection", "_message", "_persistent", "_request")

    def __init__(
        self, connection: "Connection", request: web.BaseRequest, *, persistent: bool = False, message: bytes = b""
    ) -> None:
        self._connection = connection
        self._request = request
        self._persistent = persistent
        self._message = message

    @property
    def keep_alive(self) -> bool | None:
        """Tell aiohttp whether to wait for another request."""
        return self._persistent and self._connection.can_go_on(self._request)

    async def prepare(self, request: web.BaseRequest) -> Any:
        """Write what is not written yet."""
        if self._message:
            self._connection.write(self._message)
        return request.writer

    async def write_eof(self, data: bytes = b"") -> None:  # noqa: ARG002 - aiohttp's signature
        """Before the connection closes on what the client still sends, let it read."""
        if self._message or not self._request.content.is_eof():
            await self._connection.linger()
        else:
            self._connection.watch_head(anew=True)  # that of the next request may have begun behind this one


def parting(problem: Response) -> bytes:
    """Return a whole message, the last of its connection, to a request whose method nobody knows."""
    asked = Asked("", modern=True, persistent=False)
    chosen = heads.frame(asked, problem, streamed=False)
    return heads.final(problem, asked, chosen, int(time.time())) + problem.content
