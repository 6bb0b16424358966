"""A request that becomes a tunnel: the handshake, then bytes both ways until both sides have ended.

What lives here: when an offer is passed on, and the two ends of its tunnel. What must not: whether a path is guarded
(`proxy.gateway.switching`), how one end follows the other (`joining`), and what the bytes mean.

A tunnel has no limit in time. It ends when both sides have ended theirs, when either is lost, when one takes nothing of
what is sent to it for `Patience.stall`, when one has ended and the other says nothing for `Patience.silence`, and with
the server.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from proxy.core import forwarding, upgrading
from proxy.core.fields import Fields
from proxy.core.message import Request
from proxy.errors import ClientGone, Failure, ShuttingDown, Unanswered
from proxy.gateway import Answer, Gateway, Plan
from proxy.ports import InterimListener, Step, Tunnel, Tunnels
from proxy.server.draining import Census
from proxy.server.exchange import Exchange
from proxy.server.joining import Way, join
from proxy.server.presence import WhileHere

Send = Callable[[Exchange, Answer], Awaitable[None]]


class Tunnelling:
    """Handles the requests whose offer to speak another protocol is passed on."""

    def __init__(self, gateway: Gateway, census: Census, tunnels: Tunnels, pseudonym: str) -> None:
        self._gateway = gateway
        self._census = census
        self._tunnels = tunnels
        self._pseudonym = pseudonym

    def takes(self, exchange: Exchange, request: Request, plan: Plan) -> bool:
        """Tell whether the offer of a request is passed on; else it is dropped, as RFC 9110 §7.8 allows."""
        if not upgrading.offered(exchange.method, exchange.version, exchange.fields):
            return False
        return exchange.connection.can_switch and self._gateway.may_switch(request, plan)

    async def carry_out(
        self, exchange: Exchange, request: Request, plan: Plan, interim: InterimListener, send: Send
    ) -> None:
        """Pass the request on; be a tunnel where that is the answer, and `send` any other.

        Raised once the head of the answer is out: why bytes were not passed on to the client.
        """
        with WhileHere(exchange.connection.gone):
            answer, tunnel = await self._gateway.switch(self._tunnels, request, plan, exchange.journal, interim)
            if tunnel is None:
                await send(exchange, answer)
                return
        fields = Fields() if answer.response is None else answer.response.fields
        try:
            with self._census.tunnel(exchange.connection), exchange.journal.step(Step.ANSWER):
                await self._be_tunnel(exchange, forwarding.returning(fields, self._pseudonym), tunnel)
        except BaseException:
            exchange.connection.abort()  # nobody shall take this for an end that the origin server made
            raise
        finally:
            await tunnel.aclose()

    async def _be_tunnel(self, exchange: Exchange, fields: Fields, tunnel: Tunnel) -> None:
        exchange.journal.note(status=upgrading.SWITCHED)
        await exchange.answerer.switch(fields)
        patience = exchange.connection.patience
        client, origin = _Client(exchange), _Origin(tunnel, patience.stall)
        up, down = Way(client, origin), Way(origin, client)
        try:
            await join(up, down, exchange.connection.gone, patience.silence)
        finally:
            exchange.tunnelled = up.passed
        failure = self._failure(up, down)
        if failure is not None:
            raise failure

    def _failure(self, up: Way, down: Way) -> Failure | None:
        """Return why the client was not told all that the origin server said, None where it was."""
        if not down.cut_off:
            return down.failure
        if self._census.draining:
            return ShuttingDown("The proxy shuts down, and a tunnel has no end that could be waited for.")
        return up.failure or ClientGone("The client left its tunnel.")


class _Client:
    """The client's end of a tunnel (`joining.End`)."""

    def __init__(self, exchange: Exchange) -> None:
        self._connection = exchange.connection
        self._answerer = exchange.answerer
        self._inlet = exchange.connection.switch()

    @property
    def open(self) -> bool:
        return not self._connection.gone.done()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._inlet)

    async def write(self, piece: bytes) -> None:
        await self._answerer.pass_on(piece)

    def end(self) -> None:
        """Shut our sending side; over TLS, where that cannot be done alone, close."""
        if not self._connection.finish():
            self._connection.force_close()


class _Origin:
    """The origin server's end of a tunnel (`joining.End`)."""

    def __init__(self, tunnel: Tunnel, stall: float) -> None:
        self._tunnel = tunnel
        self._stall = stall

    @property
    def open(self) -> bool:
        return self._tunnel.open

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._tunnel)

    async def write(self, piece: bytes) -> None:
        try:
            async with asyncio.timeout(self._stall):
                await self._tunnel.write(piece)
        except TimeoutError as error:
            raise Unanswered("The origin server stopped reading from a tunnel.", timed_out=True) from error

    def end(self) -> None:
        self._tunnel.end()
