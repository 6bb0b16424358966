"""The port's `Upstream` over HTTP/1.1: which connection a request takes, and how often it is sent.

What lives here: the policy of `ports.Purpose` and the outcome of a try. A write is sent at most once, always on a
connection of its own: on one that was used before, silence could mean that the origin server never saw the write.
"""

import asyncio
import ssl
from collections.abc import Callable
from functools import partial

from proxy.adapters.upstream import tunnel
from proxy.adapters.upstream.addresses import addresses_of
from proxy.adapters.upstream.connection import Connection
from proxy.adapters.upstream.exchange import exchange, require_fit
from proxy.adapters.upstream.opening import open_connection
from proxy.adapters.upstream.places import Places
from proxy.adapters.upstream.pool import Pool
from proxy.adapters.upstream.reply import HttpReply
from proxy.adapters.upstream.response import HungUp
from proxy.adapters.upstream.scout import METHOD, HttpScout, back, tell
from proxy.adapters.upstream.sending import Outgoing, gather, prepare, without_content
from proxy.adapters.upstream.watch import Watch, Within
from proxy.core.address import Origin
from proxy.core.message import Request
from proxy.errors import NotSent, Unanswered
from proxy.ports import Budget, Content, InterimListener, LastCheck, Purpose, Reply, Tunnel

POOL_SIZE = 64
"""Idle connections kept, unless told otherwise."""
IDLE = 15.0
"""Seconds an idle connection is kept, unless told otherwise."""
CONNECTIONS = 1024
"""Connections that may be open, unless told otherwise."""


class HttpUpstream:
    """Fulfils `ports.Upstream`, `ports.Tunnels` and `ports.Scouts`.

    At most `connections` are open, and as many again that are tunnels; who comes when all are in use waits for its turn
    within the time to connect. At most `pool_size` idle ones are kept, each for `idle` seconds.
    `ssl_context` replaces the default one, which verifies the certificate against the system's authorities.
    """

    def __init__(
        self,
        origin: Origin,
        *,
        connections: int = CONNECTIONS,
        pool_size: int = POOL_SIZE,
        idle: float = IDLE,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._origin = origin
        self._tls = (ssl_context or ssl.create_default_context()) if origin.tls else None
        self._pool = Pool(pool_size, idle)
        self._addresses = addresses_of(origin, self._pool.renew)
        self._places = Places(connections)
        self._watch = Watch()
        self._for_tunnels = Places(connections)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def aclose(self) -> None:
        """Close the idle connections and take no further request. One in use is closed with its reply."""
        await self._pool.aclose()

    async def send(  # noqa: PLR0913 - each says something else about one exchange
        self,
        request: Request,
        content: Content | None,
        *,
        purpose: Purpose,
        budget: Budget,
        interim: InterimListener | None = None,
        check: LastCheck | None = None,
    ) -> Reply:
        """Send the request and return its reply once the final head has arrived; see `ports.Upstream.send`.

        Raised besides what the port says: whatever the content, the listener or the check raises, once the connection
        is closed. Only a request that takes a fresh connection is checked.
        """
        loop = self._entered()
        if purpose is Purpose.SELECT and request.method == METHOD and content is None:
            reply = await self._scouted(request, budget, loop.create_future())
            if reply is not None:
                return reply
        deadline = loop.time() + budget.answer
        outgoing = await self._ready(request, content, purpose, deadline)
        repeatable = purpose is not Purpose.PERFORM and request.safe and outgoing.rest is None
        connect = budget.connect
        if not self._places.take():
            connect = await self._places.wait(connect, deadline)
        connection = self._pool.take() if repeatable else None
        if connection is None:
            opened = await self._open(self._places, connect, deadline)
            await _checked(opened, check)
            self._require_quiet(opened)
            if purpose is Purpose.PERFORM and outgoing.rest is None:
                return await self._performed(opened, outgoing, budget, deadline, interim)
            patience = budget.answer if purpose is Purpose.RELAY else None
            return await self._send_on(opened, outgoing, deadline, interim, patience)
        connection.occupy(self._places.give)
        try:
            return await self._send_on(connection, outgoing, deadline, interim)
        except HungUp:
            return await self._send_again(outgoing, budget.connect, deadline, interim)

    async def _ready(self, request: Request, content: Content | None, purpose: Purpose, deadline: float) -> Outgoing:
        """Make a request ready to go."""
        if content is None:
            return without_content(request, self._origin.authority)
        prepared = prepare(request, content, self._origin.authority, purpose)
        return prepared or await self._gather(request, content, deadline)

    def ready(self, request: Request) -> bytes:
        """Spell a request without content; see `ports.Scouts.ready`."""
        return without_content(request, self._origin.authority).opening

    def set_out(self, ready: bytes, budget: Budget, told: Callable[[], None]) -> HttpScout | None:
        """Send a selection on an idle connection, if there is one; see `ports.Scouts.set_out`."""
        if self._pool.closed or not self._places.take():
            return None
        connection = self._pool.take()
        if connection is None:
            self._places.give()
            return None
        connection.occupy(self._places.give)
        return HttpScout(connection, ready, budget, told, self._watch, self._pool, self._set_out_again)

    async def _scouted(self, request: Request, budget: Budget, heard: asyncio.Future[None]) -> Reply | None:
        """Send a selection on an idle connection and wait; None where there is none, and nothing was sent."""
        scout = self.set_out(self.ready(request), budget, partial(tell, heard))
        return None if scout is None else await back(scout, heard)

    async def _performed(
        self,
        connection: Connection,
        outgoing: Outgoing,
        budget: Budget,
        deadline: float,
        interim: InterimListener | None,
    ) -> Reply:
        """Send a write in one go, once, and wait."""
        if outgoing.method == "HEAD":  # no write; its answer ends otherwise
            return await self._send_on(connection, outgoing, deadline, interim)
        try:
            require_fit(connection, deadline)
        except NotSent:
            connection.abort()
            raise
        heard, pool = connection.loop.create_future(), self._pool if outgoing.bare else None
        told = partial(tell, heard)
        scout = HttpScout(connection, outgoing.opening, budget, told, self._watch, pool, deadline=deadline)
        return await back(scout, heard, interim)

    async def _set_out_again(
        self, ready: bytes, connect: float, deadline: float, interim: InterimListener | None
    ) -> Reply:
        return await self._send_again(Outgoing(METHOD, ready, None, bare=True), connect, deadline, interim)

    async def switch(
        self, request: Request, *, budget: Budget, interim: InterimListener | None = None
    ) -> tuple[Reply, Tunnel | None]:
        """Send the request with the offer to speak WebSocket; see `ports.Tunnels.switch`."""
        deadline = self._entered().time() + budget.answer
        outgoing = tunnel.offer(request, self._origin.authority)
        connect = budget.connect
        if not self._for_tunnels.take():
            connect = await self._for_tunnels.wait(connect, deadline)
        connection = await self._open(self._for_tunnels, connect, deadline)
        answered = await exchange(connection, outgoing, deadline, interim)
        return tunnel.answer(request, answered, connection, deadline)

    def _require_quiet(self, opened: Connection) -> None:
        """Ask the operating system, in the last moment, whether a new connection ended or carries an answer already.

        Not over TLS, where a server has things to say that are no content.
        """
        if self._tls is None and not opened.quiet:
            opened.abort()
            raise NotSent("The origin server closed the connection, or spoke, before the request could be sent.")

    def _entered(self) -> asyncio.AbstractEventLoop:
        """Return the event loop. Raised when no request is taken any more: `errors.NotSent`."""
        if self._pool.closed:
            raise NotSent("The proxy has closed its connections to the origin server.")
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    async def _gather(self, request: Request, content: Content, deadline: float) -> Outgoing:
        limit = asyncio.timeout_at(deadline)
        try:
            async with limit:
                return await gather(request, content, self._origin.authority)
        except TimeoutError as error:
            if not limit.expired():  # the content's own
                raise
            raise NotSent("The request content could not be read in time.", timed_out=True) from error

    async def _open(self, places: Places, connect: float, deadline: float) -> Connection:
        """Open a connection in a place that was taken for it, and close an idle one if there would be too many."""
        self._pool.keep(self._places.number - self._places.taken)
        loop, generation = self._loop or asyncio.get_running_loop(), self._pool.generation
        try:
            now = loop.time()
            limit = Within(self._watch, min(now + connect, deadline), loop)
            connection = await open_connection(self._origin, self._tls, limit.deadline - now, self._addresses, limit)
        except BaseException:
            places.give()
            raise
        connection.generation = generation
        connection.occupy(places.give)
        return connection

    async def _send_again(
        self, outgoing: Outgoing, connect: float, deadline: float, interim: InterimListener | None
    ) -> Reply:
        """Send a safe request for the second and last time."""
        try:
            if not self._places.take():
                connect = await self._places.wait(connect, deadline)
            opened = await self._open(self._places, connect, deadline)
            return await self._send_on(opened, outgoing, deadline, interim)
        except NotSent as failure:  # this time; the first time it was
            raise Unanswered(failure.detail, timed_out=failure.timed_out) from failure

    async def _send_on(
        self,
        connection: Connection,
        outgoing: Outgoing,
        deadline: float,
        interim: InterimListener | None,
        patience: float | None = None,
    ) -> Reply:
        answered = await exchange(connection, outgoing, deadline, interim, patience)
        # Content that the origin server answered without reading would be its next request on this connection.
        reusable = answered.whole and outgoing.bare
        return HttpReply(answered, connection, pool=self._pool if reusable else None, deadline=deadline)


async def _checked(connection: Connection, check: LastCheck | None) -> None:
    """Ask whether the request may be sent; nobody else has this connection yet, so close it if not."""
    if check is None:
        return
    try:
        await check()
    except BaseException:
        connection.abort()
        raise
