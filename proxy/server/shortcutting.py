"""A connection whose requests may go a short way (`brief`, `errand`), and from there back to the long one.

What lives here: when a short way is open, and what the events of a connection mean for a request that is on it. What
must not: the request.
"""

import logging
from typing import TYPE_CHECKING, Any, Final, Protocol

from aiohttp.http import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD

from proxy.server.switching import Switchable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.server.brief import Brief
    from proxy.server.connection import Connection
    from proxy.server.errand import Errand

_log = logging.getLogger(__name__)

AT_ONCE: Final = 32 * 1024
"""Bytes of content that are sent the short way: a client that reads nothing does not keep more than that waiting."""

_END: Final = b"\r\n\r\n"
_EMPTY: Final = (b"\r", b"\n")
_BEGUN: Final = -1


class ShortWay(Protocol):
    """A short way for some requests."""

    def take(self, connection: "Connection", message: bytes, /) -> "Brief | Errand | None":
        """Begin a request that came whole and alone, if that is possible at once; None where it is not."""
        ...


class Shortcutting(Switchable):
    """A connection. `brief` is a request on a short way, while the next one is waited for as far as aiohttp knows.

    `congested`: what was written waits here for the client to read.
    """

    __slots__ = ("_lengthened", "_shortcuts", "_unread", "brief", "congested")

    def __init__(self, listener: Any, **settings: Any) -> None:
        super().__init__(listener, **settings)
        self._shortcuts: Sequence[ShortWay] = listener.shortcuts
        self._lengthened: Brief | Errand | None = None
        self._unread: int | None = 0  # see `_left_of`
        self.brief: Brief | Errand | None = None
        self.congested = False

    def data_received(self, data: bytes) -> None:
        """Parse, and keep in mind how far that leaves the parser from the end of a request."""
        before = len(self._messages)
        super().data_received(data)
        self._unread = self._left_of(data, len(self._messages) - before)

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002 - aiohttp's signature
        """Read on, where that was paused: aiohttp does all it takes whenever a piece of content was taken."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    @property
    def idle(self) -> bool:
        """Tell whether the next request is waited for, and no part of one is being answered."""
        waiter = self._waiter
        return waiter is not None and not waiter.done() and not self._messages and self.brief is None

    @property
    def begun(self) -> bool:
        """Tell whether the first bytes of a head are known to be here, and not its last."""
        return self._unread is not None and self._unread < 0

    def lengthen(self) -> None:
        """Go on with a request on the long way, where it is parsed as if it came just now."""
        if self.transport is None or self.transport.is_closing():
            self.leave_shortcut()  # aiohttp could not begin to handle it any more
        brief, self.brief = self.brief, None
        if brief is not None:
            brief.lengthened()
            self._lengthened = brief
            super().data_received(brief.head)

    def take_lengthened(self) -> "Brief | Errand | None":
        """Return, once, the request that began on a short way and is handled now."""
        brief, self._lengthened = self._lengthened, None
        return brief

    def answer(self, message: bytes) -> bool:
        """Send the answer to the request on a short way, after which another one is waited for.

        Tells whether the client was still there.
        """
        self.brief = None
        transport = self.transport
        if transport is None or transport.is_closing():
            return False
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        transport.write(message)
        return True

    def _take_shortcut(self, data: bytes) -> bool:
        """Tell whether what came is a whole request, and on a short way now."""
        if self._close or self._force_close or self._upgraded or self.congested:
            return False
        if self._unread != 0:  # what looks like a head may be in the middle of another one, or of content
            return False
        try:
            for way in self._shortcuts:
                self.brief = way.take(self, data)  # type: ignore[arg-type]  # it is a `Connection`
                if self.brief is not None:
                    return True
        except Exception:  # noqa: BLE001 - the long way has an answer to any fault of ours
            _log.exception("a request could not take the short way")
        return False

    def leave_shortcut(self) -> None:
        """Take it that the client is gone."""
        brief, self.brief = self.brief, None
        if brief is not None:
            brief.left()
        lost = self.take_lengthened()
        if lost is not None:
            lost.lost()

    def _left_of(self, data: bytes, requests: int) -> int | None:
        """Return how many bytes the parser has yet to be fed until it is between two requests; None if nobody knows.

        Less than 0 where a head has begun. `data` is what it was fed last, in which so many heads ended.
        """
        before = self._unread
        if requests == 0:
            if before is None and data and self.idle:
                before = 0  # whatever there was is over
            return None if before is None else before - len(data)
        message, content = self._messages[-1]
        if len(data) < len(_END) or not isinstance(message, RawRequestMessage):
            return None  # its last bytes came in another piece, or were held back till now; or it cannot be read
        if content is EMPTY_PAYLOAD:  # its head is all of it, and no head goes on behind this
            return 0 if data.endswith(_END) else _BEGUN
        head, length = data.find(_END), message.headers.get("Content-Length")
        if before != 0 or requests > 1 or head < 0 or length is None or message.chunked:
            return None
        # Behind empty lines its end would be taken for earlier than it is.
        return None if data.startswith(_EMPTY) else head + len(_END) + int(length) - len(data)

    def _process_keepalive(self) -> None:
        if self.brief is not None:
            self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        super()._process_keepalive()
