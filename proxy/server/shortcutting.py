"""A connection whose reads may go the short way (`brief`), and from there back to the long one.

What lives here: when the short way is open, and what the events of a connection mean for a read that is on it. What
must not: the read.
"""

from typing import TYPE_CHECKING, Any

from proxy.server.switching import Switchable

if TYPE_CHECKING:
    from proxy.server.brief import Brief, Shortcut


class Shortcutting(Switchable):
    """A connection. `brief` is a read on the short way, while the next one is waited for as far as aiohttp knows."""

    __slots__ = ("_lengthened", "_shortcut", "brief")

    def __init__(self, listener: Any, **settings: Any) -> None:
        super().__init__(listener, **settings)
        self._shortcut: Shortcut | None = listener.shortcut
        self._lengthened: Brief | None = None
        self.brief: Brief | None = None

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

    def answer(self, message: bytes) -> None:
        """Send the answer to the read on the short way, after which another request is waited for."""
        self.brief = None
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self.transport is not None:
            self.transport.write(message)

    def _take_shortcut(self, data: bytes) -> bool:
        """Tell whether what came is a read, and on the short way now."""
        if self._shortcut is None or self._close or self._upgraded:
            return False
        self.brief = self._shortcut.take(self, data)  # type: ignore[arg-type]
        return self.brief is not None

    def _leave_shortcut(self) -> None:
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
