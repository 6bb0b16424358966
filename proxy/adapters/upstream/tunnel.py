"""An offer to speak WebSocket as bytes, and the port's `Tunnel` where the origin server accepts it.

What lives here: the head of such a request, what counts as its acceptance, and the two directions behind it. What is
offered at all is decided in `core.upgrading`; whose bytes they are is nobody's business here.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from proxy.adapters.upstream.connection import Connection
from proxy.adapters.upstream.exchange import Answered
from proxy.adapters.upstream.reply import HttpReply
from proxy.adapters.upstream.request import serialise
from proxy.adapters.upstream.sending import Outgoing
from proxy.core.message import Request
from proxy.core.upgrading import SWITCHING, accepted
from proxy.errors import Unanswered

MOMENT = 1.0
"""Seconds that the origin server has to take what was sent to it before both sides ended."""

_OFFER = "".join(f"{name}: {value}\r\n" for name, value in SWITCHING).encode("latin-1")
_END = b"\r\n"


def offer(request: Request, authority: str) -> Outgoing:
    """Make a request with the offer ready to go. Raised when it cannot be serialised: `errors.NotSent`."""
    head = serialise(request, None, authority).removesuffix(_END)
    return Outgoing(request.method, head + _OFFER + _END, None, upgrade=True)


def answer(
    request: Request, answered: Answered, connection: Connection, deadline: float
) -> tuple[HttpReply, "HttpTunnel | None"]:
    """Return the reply, and the tunnel if it opens one. Raised when it opens another: `errors.Unanswered`.

    A connection that was offered something else than another request is not used again.
    """
    reply = HttpReply(answered, connection, pool=None, deadline=deadline)
    if not answered.head.switched:
        return reply, None
    if answered.head.version != "1.1" or not accepted(request.fields, answered.head.fields):
        connection.abort()
        raise Unanswered("The origin server switched to another protocol than was offered, or without proof.")
    connection.watch()
    return reply, HttpTunnel(reply, connection)


class HttpTunnel:
    """Fulfils `ports.Tunnel`: the content of the 101 is what the origin server sends."""

    def __init__(self, reply: HttpReply, connection: Connection) -> None:
        self._reply = reply
        self._connection = connection
        self._ended = False

    @property
    def open(self) -> bool:
        """Tell whether the origin server can still be written to, as far as is known here."""
        return self._connection.open

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._reply)

    async def write(self, piece: bytes) -> None:
        """Send bytes, and wait until the origin server keeps up. Raised when it is gone: `errors.Unanswered`."""
        await self._connection.deliver(piece)
        if not self._connection.open:
            raise Unanswered("The origin server closed its end of a tunnel.")

    def end(self) -> None:
        """Say that nothing more will be sent; over TLS, close."""
        self._ended = True
        self._connection.finish()

    async def aclose(self) -> None:
        """Close, at once unless both sides have ended."""
        try:
            if self._ended and self._reply.complete and self._connection.open:
                self._connection.close()
                with suppress(TimeoutError):
                    async with asyncio.timeout(MOMENT):
                        await self._connection.wait_closed()
        finally:
            await self._reply.aclose()
