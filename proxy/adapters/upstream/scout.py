"""A request that was sent in one write, and that nobody has to await: the port's `Scout`.

What lives here: an answer that comes whole in one read, as most do, and the way back to `exchange` for every other.
What must not: which connection it takes; that is `client`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Final

from proxy.adapters.upstream.connection import Connection
from proxy.adapters.upstream.content import decoder
from proxy.adapters.upstream.exchange import SILENT, Answered, awaited
from proxy.adapters.upstream.head import KEPT, head_length, read_at_once
from proxy.adapters.upstream.pool import Pool
from proxy.adapters.upstream.reply import HttpReply, SeenReply
from proxy.adapters.upstream.response import HungUp
from proxy.adapters.upstream.watch import Watch
from proxy.core.fields import Fields
from proxy.core.message import Response
from proxy.errors import Unanswered
from proxy.ports import Budget, InterimListener, Reply

METHOD: Final = "GET"
"""That of every selection."""

Again = Callable[[bytes, float, float, InterimListener | None], Awaitable[Reply]]


class HttpScout:
    """Fulfils `ports.Scout` on a connection that is its own until it is done. `ready` is no HEAD.

    The connection goes back to `pool`; without one it is closed. `again` sends the request a second time, given the
    seconds to connect and until when; without it that is not done. `deadline` is in the loop's time, and where it is
    None the budget begins now.
    """

    __slots__ = (
        "_again",
        "_connect",
        "_connection",
        "_data",
        "_over",
        "_pool",
        "_ready",
        "_told",
        "_watch",
        "deadline",
        "seen",
    )

    def __init__(  # noqa: PLR0913, PLR0917 - the two ends of an exchange, and the two ways in which it goes on
        self,
        connection: Connection,
        ready: bytes,
        budget: Budget,
        told: Callable[[], None],
        watch: Watch,
        pool: Pool | None = None,
        again: Again | None = None,
        deadline: float | None = None,
    ) -> None:
        self.seen: Response | None = None
        self._connection = connection
        self._ready = ready
        self._connect = budget.connect
        self.deadline = connection.loop.time() + budget.answer if deadline is None else deadline
        self._told = told
        self._pool = pool
        self._again = again
        self._data = b""
        self._over = False
        self._watch = watch
        watch.begin(self, connection.loop)
        connection.ahead = self
        connection.write(ready)

    def answered_by(self, data: bytes) -> bool:
        """Tell whether these bytes are the whole answer; else it is told once they are fed to a response."""
        length = head_length(data)
        promised = None if length is None else _promised(data[:length])
        if promised is None or len(data) != promised[0] or not self._connection.flushed:
            return False
        self.seen = Response(promised[1], promised[2], data[length:])
        self._data = data
        self._connection.ahead = None
        self.tell()
        return True

    def tell(self) -> None:
        """Tell that it has been answered, or takes somebody who awaits it."""
        told, self._told = self._told, _nobody  # who is told has the scout: each would keep the other
        told()

    def done(self) -> None:
        """Give the connection back."""
        self._leave()
        if self._pool is None:
            self._connection.abort()
        else:
            self._pool.put(self._connection)

    def late(self) -> None:
        """Take it that the time for an answer is over."""
        self._connection.give_up(SILENT)

    async def landed(self, interim: InterimListener | None = None) -> Reply:
        """Wait for the answer as `client` does. Raised: what `exchange.awaited` raises."""
        self._leave()
        connection = self._connection
        response = connection.response or connection.expect(METHOD)
        if self.seen is not None:
            response.feed(self._data)
        try:
            answered: Answered = await awaited(connection, response, self.deadline, interim)
        except HungUp:
            if self._again is None:
                raise
            return await self._again(self._ready, self._connect, self.deadline, interim)
        pool = self._pool if answered.whole else None
        return HttpReply(answered, connection, pool=pool, deadline=self.deadline)

    def abandon(self) -> None:
        """Close the connection, unless somebody else has it by now."""
        if not self._over:
            self._leave()
            self._connection.abort()

    def _leave(self) -> None:
        """Look no more at what comes, and tell nobody: whoever goes on from here knows."""
        self._over = True
        self._watch.end(self)
        self._connection.ahead = None
        self._told = _nobody


def tell(heard: asyncio.Future[None]) -> None:
    """Tell who waits for `back`."""
    if not heard.done():
        heard.set_result(None)


async def back(scout: HttpScout, heard: asyncio.Future[None], interim: InterimListener | None = None) -> Reply:
    """Wait for what a scout is sent for, that tells `heard`. Raised: what `HttpScout.landed` raises."""
    try:
        await heard
    except BaseException:
        scout.abandon()
        raise
    if scout.seen is None:
        return await scout.landed(interim)
    scout.done()
    return SeenReply(scout.seen)


def _nobody() -> None:
    """Is told in place of who was told before."""


@lru_cache(maxsize=KEPT)
def _promised(raw: bytes) -> tuple[int, int, Fields] | None:
    """Return how long the response is that begins with this head, its status and its fields.

    None where its content does not end by a number of bytes, or the connection with it, or those who get the fields
    would not learn that number.
    """
    try:
        read = read_at_once(raw)
        if read is None or read[0].interim or not read[0].persistent:
            return None
        length = decoder(METHOD, read[0]).length
    except Unanswered:
        return None
    fields = read[0].fields.end_to_end()
    hidden = "content-length" in read[0].fields.by_name and "content-length" not in fields.by_name
    return None if length is None or hidden else (len(raw) + length, read[0].status, fields)
