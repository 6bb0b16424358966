"""A connection whose reads may go the short way (`brief`), and from there back to the long one.

What lives here: when the short way is open, and what the events of a connection mean for a read that is on it. What
must not: the read.
"""

import logging
from typing import TYPE_CHECKING, Any, Final

from aiohttp.http import RawRequestMessage

from proxy.server.switching import Switchable

if TYPE_CHECKING:
    from proxy.server.brief import Brief, Shortcut

_log = logging.getLogger(__name__)

_END: Final = b"\r\n\r\n"


class Shortcutting(Switchable):
    """A connection. `brief` is a read on the short way, while the next one is waited for as far as aiohttp knows.

    `congested`: what was written waits here for the client to read.
    """

    __slots__ = ("_apart", "_lengthened", "_shortcut", "brief", "congested")

    def __init__(self, listener: Any, **settings: Any) -> None:
        super().__init__(listener, **settings)
        self._shortcut: Shortcut | None = listener.shortcut
        self._lengthened: Brief | None = None
        self._apart = True
        self.brief: Brief | None = None
        self.congested = False

    @property
    def idle(self) -> bool:
        """Tell whether the next request is waited for, and no part of one is being answered."""
        waiter = self._waiter
        return waiter is not None and not waiter.done() and not self._messages and self.brief is None

    def lengthen(self) -> None:
        """Go on with a read on the long way, where it is parsed as if it came just now."""
        brief, self.brief = self.brief, None
        if brief is not None:
            brief.lengthened()
            self._lengthened = brief
            super().data_received(brief.head)

    def take_lengthened(self) -> "Brief | None":
        """Return, once, the read that began on the short way and is handled now."""
        brief, self._lengthened = self._lengthened, None
        return brief

    def answer(self, message: bytes) -> bool:
        """Send the answer to the read on the short way, after which another request is waited for.

        Tells whether the client is still there.
        """
        transport = self.transport
        if transport is None or transport.is_closing():
            return False
        self.brief = None
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        transport.write(message)
        return True

    def _take_shortcut(self, data: bytes) -> bool:
        """Tell whether what came is a read, and on the short way now."""
        if (
            self._shortcut is None
            or not self._apart
            or self._close
            or self._force_close
            or self._upgraded
            or self.congested
        ):
            return False
        try:
            self.brief = self._shortcut.take(self, data)  # type: ignore[arg-type]
        except Exception:  # noqa: BLE001 - the long way has an answer to any fault of ours
            _log.exception("a read could not take the short way")
        return self.brief is not None

    def _parsed(self, data: bytes, *, alone: bool) -> None:
        """Note whether what comes next is the beginning of a head, of which the parser may have a part already.

        It does not tell; but it has none where an empty line came last, or one request with what it announced and no
        more: `alone`, since nothing was on its way, and behind the end of what came before. What cannot be told counts
        as a part: to take the rest of a head for one would be to ask what nobody asked.
        """
        if data:  # aiohttp has its parser go on by feeding it nothing
            self._apart = data.endswith(_END) or (self._apart and alone and self._is_one(data))

    def _is_one(self, data: bytes) -> bool:
        """Tell whether these bytes are one whole request, which they began with, and no more."""
        message = self._messages[0][0] if len(self._messages) == 1 else None
        _, _, content = data.partition(_END)
        return isinstance(message, RawRequestMessage) and str(len(content)) == message.headers.get("Content-Length")

    def leave_shortcut(self) -> None:
        """Take it that the client is gone."""
        brief, self.brief = self.brief, None
        if brief is not None:
            brief.left()
        lost = self.take_lengthened()
        if lost is not None:
            lost.abandon()

    def _process_keepalive(self) -> None:
        if self.brief is not None:
            self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        super()._process_keepalive()
