"""One connection to the origin server: bytes in, bytes out, back-pressure both ways.

What lives here: the asyncio protocol and its transport. It carries one exchange at a time and never decides about a
second one; `pool` and `client` do.
"""

import asyncio
import select
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, cast

from proxy.adapters.upstream.parting import said_goodbye, salvage
from proxy.adapters.upstream.response import IncomingResponse
from proxy.errors import Unanswered

MAX_BUFFERED = 128 * 1024
"""Bytes of response content that may wait here before reading pauses.

Fewer than the loop reads at most in one go (uvloop 250 KB), so that of a large answer one such read is dealt with, and
then whoever else has something to do: uvloop would go on reading.
"""
_RESUME_AT = MAX_BUFFERED // 2
_SELECTING = "GET"


class Ahead(Protocol):
    """A request on its way that nobody awaits yet; see `scout`."""

    def answered_by(self, data: bytes) -> bool:
        """Tell whether these bytes, the first that came, are all of its answer, which has then been told."""
        ...

    def tell(self) -> None:
        """Tell that its answer begins, or that there is none."""
        ...


class Connection(asyncio.Protocol):
    """A transport and the response that arrives on it.

    `ahead` is told when the first bytes come, or none will: nobody awaits them yet. `generation` is that of the pool
    (`pool`) when it was opened.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.loop = loop or asyncio.get_running_loop()
        self.ahead: Ahead | None = None
        self.generation = 0
        self._response: IncomingResponse | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._writable: asyncio.Event | None = None  # while there is no room to write
        self._lost = False
        self._ended: asyncio.Event | None = None  # while somebody waits for the end
        self._paused = False
        self._leave: Callable[[], None] | None = None
        self._poll: select.poll | None = None

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Pass on what arrived. Bytes that answer no request make the connection worthless."""
        if self.ahead is not None and self.ahead.answered_by(data):
            return
        response = self._awaited()
        if response is None:
            self.abort()
            return
        response.feed(data)
        if response.buffered > MAX_BUFFERED and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()
        self.wake()

    def eof_received(self) -> bool:
        """Note the end that the origin server made; go on sending only where another protocol is spoken."""
        response = self._awaited()
        if response is not None:
            response.end(clean=said_goodbye(self._transport))
            if response.switched and self._transport.can_write_eof():
                self.wake()
                return True
        self.abort()  # without a peer to read it, what is left to send would keep the socket open
        self.wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end, whichever it was, and let everyone who waits go on."""
        response = self._awaited()
        if response is not None:
            if exc is not None:
                salvage(self._transport, response)
            response.end(clean=False)
        self.resume_writing()
        self._lost = True
        if self._ended is not None:
            self._ended.set()
        self._vacate()
        self.wake()

    def pause_writing(self) -> None:
        """Make whoever sends wait."""
        self._writable = self._writable or asyncio.Event()

    def resume_writing(self) -> None:
        """Let whoever sends go on."""
        if self._writable is not None:
            self._writable.set()
            self._writable = None

    # What an exchange calls.

    @property
    def open(self) -> bool:
        """Tell whether the connection is, as far as is known here, open."""
        return not self._transport.is_closing()

    @property
    def quiet(self) -> bool:
        """Tell whether the connection is open and nothing, an end included, waits to be read."""
        if self._transport.is_closing():
            return False
        if self._poll is None:
            self._poll = select.poll()
            self._poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not self._poll.poll(0)

    @property
    def flushed(self) -> bool:
        """Tell whether the operating system has taken all that was written."""
        return self._transport.get_write_buffer_size() == 0

    @property
    def response(self) -> IncomingResponse | None:
        """The response that arrives; None while what arrives answers nothing."""
        return self._response

    def expect(self, method: str, *, upgrade: bool = False) -> IncomingResponse:
        """Begin an exchange: what arrives from now on answers a request of that method, perhaps with 101."""
        self._response = IncomingResponse(method, upgrade=upgrade)
        return self._response

    def rest(self) -> None:
        """End an exchange whose response is complete: what arrives from now on answers nothing."""
        self._response = None
        self._resume()
        self._vacate()

    def occupy(self, leave: Callable[[], None]) -> None:
        """Call `leave`, once, when the connection rests or is lost."""
        self._leave = leave
        if self._lost:
            self._vacate()

    def write(self, data: bytes) -> None:
        """Hand bytes to the transport; they count as sent."""
        if not self._transport.is_closing():
            self._transport.write(data)

    async def deliver(self, data: bytes) -> None:
        """Write, and wait until the origin server keeps up."""
        self.write(data)
        await asyncio.sleep(0)  # lets an early answer be read although the content never makes us wait
        if self._writable is not None:
            await self._writable.wait()

    async def changed(self) -> None:
        """Wait until something arrived, the connection ended, or `wake` was called."""
        self._waiter = self.loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def give_up(self, why: str) -> None:
        """Let the one who waits for the response learn that it is waited for no longer."""
        response = self._awaited()
        if response is not None:
            response.fail(Unanswered(why, timed_out=True))
            self.wake()

    def wake(self) -> None:
        """Let the one who awaits `changed`, or would, look again."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        ahead, self.ahead = self.ahead, None
        if ahead is not None:
            ahead.tell()

    def relieve(self) -> None:
        """Read on, where reading was paused, now that content was taken."""
        if self._response is not None and self._response.buffered <= _RESUME_AT:
            self._resume()

    def finish(self) -> None:
        """Say that nothing more will be sent; where that cannot be said alone (TLS), close."""
        if self._transport.is_closing():
            return
        if not self._transport.can_write_eof():
            self._transport.close()
            return
        with suppress(OSError):  # the origin server may be gone without our having heard of it yet
            self._transport.write_eof()

    def watch(self) -> None:
        """Have the operating system ask from time to time whether a peer that says nothing is still there."""
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def abort(self) -> None:
        """Close at once; what was not sent yet is dropped."""
        self._transport.abort()

    def close(self) -> None:
        """Close an idle connection in the orderly way: TLS says goodbye."""
        self._transport.close()

    async def wait_closed(self) -> None:
        """Wait until a connection that is being closed is closed."""
        if not self._lost:
            self._ended = self._ended or asyncio.Event()
            await self._ended.wait()

    def _awaited(self) -> IncomingResponse | None:
        """Return the response that arrives, which begins with the first word on what is `ahead`."""
        if self._response is None and self.ahead is not None:
            return self.expect(_SELECTING)
        return self._response

    def _resume(self) -> None:
        if self._paused and not self._transport.is_closing():
            self._transport.resume_reading()
        self._paused = False

    def _vacate(self) -> None:
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()
