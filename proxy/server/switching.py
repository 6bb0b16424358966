"""A client's connection that may be taken out of HTTP, by what aiohttp has for its own WebSockets.

What lives here: whether and how the bytes that a client sends become somebody else's, and the end of our own. What must
not: requests and answers, which are `proxy.server.connection`.
"""

from contextlib import suppress
from typing import Any

from aiohttp import web

from proxy.server.inlet import Inlet


class Switchable(web.RequestHandler):
    """A connection. `ended`: its client has shut its sending side."""

    __slots__ = ("ended",)

    def __init__(self, listener: Any, **settings: Any) -> None:
        super().__init__(listener, **settings)
        self.ended = False

    @property
    def can_switch(self) -> bool:
        """Tell whether the parser left alone what follows the request in hand, so that it need not be requests."""
        return self._upgraded and not self._messages

    @property
    def switched(self) -> bool:
        """Tell whether it was taken out of HTTP."""
        return self._payload_parser is not None

    def switch(self) -> Inlet:
        """Take the connection out of HTTP: return what the client sends from now on, and sent behind its request."""
        inlet = Inlet(self._pause_transport_reading, self._resume_transport_reading)
        self.set_parser(inlet)  # type: ignore[arg-type]  # aiohttp calls what an `Inlet` has, and nothing else
        if self.ended:
            inlet.feed_eof()
        return inlet

    def end_inlet(self) -> bool | None:
        """Tell the inlet that the client has shut its sending side; return what `eof_received` has to."""
        self._payload_parser.feed_eof()
        return self.ssl_context is None  # TLS cannot stay half-open in asyncio

    def finish(self) -> bool:
        """Shut our sending side; tell whether that could be done alone."""
        if self.transport is None or self.transport.is_closing() or not self.transport.can_write_eof():
            return False
        with suppress(OSError):  # the client may be gone without our having heard of it yet
            self.transport.write_eof()
        return True
