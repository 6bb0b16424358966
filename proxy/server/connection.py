"""A client's connection: aiohttp's protocol, with what it does badly or not at all done here.

What lives here: the events of one connection (bytes, a half-close, its loss), and the answer to a message that cannot
be parsed. What must not: a request that could be parsed; that is `proxy.server.handling`.

What aiohttp 3.14.5 does by itself: it forgets content whose framing breaks (the reader waits for ever), drops the
answer to a client that shuts its sending side, logs a traceback for every bad request, and echoes its bytes.
"""

import asyncio
import struct
from socket import AF_INET, AF_INET6, SO_LINGER, SOL_SOCKET
from typing import TYPE_CHECKING, Any, Final, cast

from aiohttp import hdrs, web
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import LineTooLong

from proxy import problems
from proxy.errors import BadFraming, ClientGone, Failure, MalformedRequest
from proxy.problems import Situation
from proxy.server.sent import Sent, parting
from proxy.server.shortcutting import Shortcutting

if TYPE_CHECKING:
    from aiohttp.streams import StreamReader

    from proxy.server.listening import Listener

_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER on, for no time: closing then sends RST, which nobody can take for a clean end."""


class Connection(Shortcutting):
    """One client connection.

    `gone` is done once it is lost. `answering`: the final answer to the present request has begun.
    """

    __slots__ = (
        "_arriving",
        "_deaf",
        "_leaving",
        "_noise",
        "_timers",
        "_wire",
        "_written",
        "answering",
        "census",
        "gone",
        "patience",
    )

    def __init__(self, listener: "Listener", **settings: Any) -> None:
        super().__init__(listener, **settings)
        self.census = listener.census
        self.patience = listener.patience
        self.gone: asyncio.Future[None] = self._loop.create_future()
        self._noise = listener.noise
        self._wire: asyncio.Transport | None = None
        self._arriving: StreamReader | None = None
        self._deaf = False
        self._leaving = False
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._written = 0
        self.answering = False

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop."""
        return self._loop

    @property
    def peer(self) -> str | None:
        """The client's IP address; None on a Unix socket."""
        return self.peername[0] if isinstance(self.peername, tuple) else None

    @property
    def scheme(self) -> str:
        """How the client reached us."""
        return "http" if self.ssl_context is None else "https"

    def can_go_on(self, request: web.BaseRequest) -> bool:
        """Tell whether another request may follow this one: its content is over, and nobody wants to stop."""
        if request.method == hdrs.METH_CONNECT or hdrs.UPGRADE in request.headers:
            return False  # aiohttp loses count of what follows such a head, and could take content for a request
        more_may_come = not self.ended or bool(self._messages)
        return request.keep_alive and request.content.is_eof() and more_may_come and not self.census.draining

    def write(self, message: bytes | memoryview) -> bool:
        """Write, and tell whether the client is still there. While `congested`, it does not keep up."""
        transport = self.transport
        if transport is None or transport.is_closing():
            return False
        self._written += len(message)
        transport.write(message)
        return True

    async def linger(self) -> None:
        """Shut our sending side and let the client read on, dropping what it sends (RFC 9112 §9.6).

        Closing at once would make the kernel answer unread bytes with a reset, which can overtake the answer.
        """
        self._deaf = self._leaving = True
        if self.ended or self.transport is None or self.transport.is_closing():
            return
        self._resume_transport_reading()
        self.finish()
        await asyncio.wait([self.gone], timeout=self.patience.linger)

    def watch_head(self, *, anew: bool = False) -> None:
        """Bound the time from the first byte of a request head to its last; `anew` once what it waited for is over."""
        if anew or self._messages:
            self._stop_timer("head")
        if self.begun and not self._messages and "head" not in self._timers:
            self._timers["head"] = self._loop.call_later(self.patience.head, self.retire)

    def retire(self) -> None:
        """Close if idle (`draining.Retirable`)."""
        if self.idle:
            self.force_close()

    def abort(self) -> None:
        """Close at once, with a reset, so that a broken message is never taken for a whole one."""
        if self._wire is None:
            return
        connected = self._wire.get_extra_info("socket")
        if connected is not None and connected.family in {AF_INET, AF_INET6}:
            connected.setsockopt(SOL_SOCKET, SO_LINGER, _RESET)
        self._wire.abort()

    # ------------------------------------------------------------------------------------------ events of the protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, unless the server drains."""
        self.census.enter(self)
        super().connection_made(transport)
        self._wire = self.transport
        if self.census.draining:
            self.force_close()

    def connection_lost(self, exc: BaseException | None) -> None:
        """End: wake whoever waits for this client."""
        for timer in self._timers.values():
            timer.cancel()
        self.leave_shortcut()
        self._fail_content(ClientGone("The client closed its connection before its request was complete."))
        super().connection_lost(exc)
        self._wire = None
        if not self.gone.done():
            self.gone.set_result(None)
        self.census.leave(self)

    def pause_writing(self) -> None:
        """Note that the client does not keep up."""
        self.congested = True
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that it does again."""
        self.congested = False
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """Parse, and notice when that fails; what can be answered the short way is not even parsed."""
        if self._deaf:
            return
        if self.brief is not None:
            self.lengthen()  # something follows that read: it is no longer alone
        elif not self._timers and self.idle and self._take_shortcut(data):
            return
        super().data_received(data)
        if self._messages:
            self._arrived()
        self.watch_head()

    def eof_received(self) -> bool | None:  # type: ignore[override]  # aiohttp's never keeps the connection open
        """Take a half-close: answer what was asked, never forward what was cut short."""
        self.ended = True
        self.lengthen()
        if self.switched:
            return self.end_inlet()
        self._fail_content(BadFraming("The content ended before its announced length."))
        if self._leaving or self.idle or self.ssl_context is not None:  # TLS cannot stay half-open in asyncio
            return None
        self._watch_silence(self._progress())
        return True

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it echoes bytes of the request
    ) -> web.StreamResponse:
        """Answer a message that aiohttp could not parse; or, should our own handler ever raise, that.

        In aiohttp's place: it logs a traceback and echoes request bytes.
        """
        if status != 400:  # noqa: PLR2004 - aiohttp's word for a message that it could not parse
            self.log_exception("the handler of a request raised", exc_info=exc)
            if self.answering or request.writer.output_size > 0:
                self.abort()
                return _told(Sent(self, request))
            return _told(Sent(self, request, message=parting(problems.of_situation(Situation.FAULT_AFTER_SENDING))))
        self._noise.warning(f"refused a message from {self.peer or 'a local client'}: {type(exc).__name__}")
        detail = "A line of the request is too long." if isinstance(exc, LineTooLong) else "The request is malformed."
        return _told(Sent(self, request, message=parting(problems.of_failure(MalformedRequest(detail)))))

    # ------------------------------------------------------------------------------------------------------- inner life

    def _arrived(self) -> None:
        """Remember whose content is arriving; when parsing failed, fail it."""
        message, content = self._messages[-1]
        if isinstance(message, RawRequestMessage):
            self._arriving = content
            return
        self._deaf = True  # the parser would report the same error again, for every byte that follows
        self._fail_content(BadFraming("The framing of the content is malformed."))

    def _fail_content(self, failure: Failure) -> None:
        if self._arriving is not None and not self._arriving.is_eof():
            self._arriving.set_exception(failure)

    def _stop_timer(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def _progress(self) -> tuple[object, int]:
        """Return what changes whenever something is written."""
        return self._current_request, self._written

    def _watch_silence(self, before: tuple[object, int]) -> None:
        self._timers["silence"] = self._loop.call_later(self.patience.silence, self._judge_silence, before)

    def _judge_silence(self, before: tuple[object, int]) -> None:
        now = self._progress()
        if now == before:
            self.abort()
        else:
            self._watch_silence(now)


def _told(sent: Sent) -> web.StreamResponse:
    """Return what aiohttp takes for a response."""
    return cast("web.StreamResponse", sent)
