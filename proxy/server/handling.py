"""From a parsed request to its answer: translate in, ask the gateway, translate out.

What lives here: the order of things around the gateway, one method a kind of plan, and that every request ends in
exactly one answer and one line of the access log. What must not: decisions about state (`proxy.gateway`), and how
bytes are read and written.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from aiohttp import web

from proxy import problems
from proxy.core import admission, cors, forwarding, framing, uninjecting
from proxy.core.fields import Fields
from proxy.core.message import Request, Response
from proxy.core.route import Guard
from proxy.errors import ClientGone, Failure, MalformedRequest
from proxy.gateway import Answer, Gateway, Kind, Plan
from proxy.gateway.exchange import matched
from proxy.ports import Content, Step
from proxy.problems import Situation
from proxy.server import replying
from proxy.server.draining import Census
from proxy.server.errand import Errand
from proxy.server.exchange import Exchange
from proxy.server.incoming import Identity, Incoming, remembering
from proxy.server.ledger import Ledger, Witness
from proxy.server.presence import WhileHere, finished
from proxy.server.receiving import Received, Resumed, begin, receive
from proxy.server.sent import Sent
from proxy.server.tunnelling import Tunnelling

if TYPE_CHECKING:
    from proxy.server.connection import Connection

_log = logging.getLogger(__name__)


class Handling:
    """Handles the requests of a server, each in a call.

    `incomings` reads their fields, `ledger` tells of them; those that go the short way (`brief`) share both.
    """

    def __init__(
        self,
        gateway: Gateway,
        census: Census,
        identity: Identity,
        witnesses: Sequence[Witness],
        tunnelling: Tunnelling | None = None,
    ) -> None:
        self._gateway = gateway
        self._tunnelling = tunnelling
        self._census = census
        self._identity = identity
        self.ledger = Ledger(witnesses)
        self.incomings = remembering(identity)

    async def __call__(self, request: web.BaseRequest) -> Sent:
        """Answer a request; never raises but when cancelled."""
        exchange = Exchange(request, self._read(request))
        self._census.begin_exchange()
        try:
            await self._answer(exchange)
        finally:
            exchange.concluded()
            if exchange.brief is not None:
                exchange.brief.abandon()
            self.ledger.enter(exchange.journal, exchange.connection.loop)
            self._census.end_exchange()
        return exchange.answerer.sent()

    async def _answer(self, exchange: Exchange) -> None:
        try:
            await (self._carry_out(exchange) if exchange.errand is None else self._go_on(exchange, exchange.errand))
        except Failure as failure:
            await self._fail(exchange, failure)
        except Exception:  # noqa: BLE001 - the one place where any fault of ours still gets an answer and a log line
            _log.exception("request %s ended in a fault", exchange.journal.line()["id"])
            await self._fault(exchange)

    async def _carry_out(self, exchange: Exchange) -> None:
        request = self._admit(exchange)
        if exchange.expectation not in {None, "100-continue"}:
            await self._settle(exchange, Situation.EXPECTATION)
            return
        plan = self._gateway.identify(request)
        if plan.match is not None:
            exchange.route = plan.match.route
            exchange.journal.note(route=plan.match.route.name)
        preflight = cors.answered(exchange.cors, exchange.method, exchange.fields)
        if preflight is not None:
            await self._write(exchange, preflight)
        elif plan.kind is Kind.REJECT:
            await self._settle(exchange, Situation.UNMATCHED)
        elif plan.kind is Kind.GUARD:
            await self._guard(exchange, request, plan)
        elif self._tunnelling is not None and self._tunnelling.takes(exchange, request, plan):
            await self._tunnelling.carry_out(exchange, request, plan, self._interim(exchange), self._send)
        else:
            with WhileHere(exchange.connection.gone):
                await self._pass(exchange, request, plan)

    async def _go_on(self, exchange: Exchange, errand: Errand) -> None:
        """Answer a write that has begun on the short way."""
        await self._send(exchange, await finished(errand.work, exchange.connection.gone, exchange.journal))

    def _admit(self, exchange: Exchange) -> Request:
        """Check the head and make of it what goes to the origin server."""
        onward = exchange.incoming.onward()
        return Request(exchange.method, admission.admit_line(exchange.method, exchange.raw_target, onward), onward)

    def _read(self, request: web.BaseRequest) -> Incoming:
        """Read the fields of a request."""
        connection, version = cast("Connection", request.protocol), request.version
        return self.incomings(request.raw_headers, version, connection.peer, connection.scheme)

    async def _pass(self, exchange: Exchange, request: Request, plan: Plan) -> None:
        """Relay or observe: given up as soon as the client leaves."""
        content_of_get = plan.kind is Kind.OBSERVE and framing.has_content(exchange.fields)
        if content_of_get and matched(plan).route.guard is not Guard.REPORT:
            raise MalformedRequest(f"{request.method} must have no content here.")
        if plan.kind is Kind.OBSERVE and not content_of_get:
            answer = await self._gateway.observe(request, plan, exchange.journal, exchange.underway(plan))
        elif exchange.framed and uninjecting.concerns(request, plan.match):
            await self._pass_whole(exchange, request, plan)
            return
        else:
            content = exchange.content() if exchange.framed else None
            answer = await self._onward(exchange, request, content, plan)
        await self._send(exchange, answer)

    async def _pass_whole(self, exchange: Exchange, request: Request, plan: Plan) -> None:
        """Receive the whole content of a request that is relayed, since what is forwarded of it depends on it.

        Where the route only reports, nothing is too large or too late: what cannot be looked into goes on as it comes.
        """
        arriving, whole = exchange.content(), True
        if plan.kind is Kind.REPORT:
            route = matched(plan).route
            with exchange.journal.step(Step.RECEIVE):
                content, whole = await begin(arriving, route.limits.mint, route.timeouts.relay)
        else:
            content = await self._received(exchange, plan)
        try:
            kept: tuple[Request, Content] = (request, Resumed(content, arriving))
            if whole:
                kept = await self._gateway.forwarded(request, content, plan.match)
            await self._send(exchange, await self._onward(exchange, *kept, plan))
        finally:
            content.close()

    async def _onward(self, exchange: Exchange, request: Request, content: Content | None, plan: Plan) -> Answer:
        onward, interim = cors.relayed(exchange.cors, request), self._interim(exchange)
        if plan.kind is Kind.REPORT:
            return await self._gateway.report(onward, content, plan, exchange.journal, interim)
        return await self._gateway.relay(onward, content, plan, exchange.journal, interim, exchange.underway(plan))

    async def _guard(self, exchange: Exchange, request: Request, plan: Plan) -> None:
        """Receive the whole content, then write: no lock is held while a client sends (I10)."""
        if exchange.expectation is not None:
            refusal = self._gateway.foresee(request, plan, exchange.journal)
            if refusal is not None:
                await self._send(exchange, refusal)
                return
        content = await self._received(exchange, plan)
        guarded = self._gateway.guard(request, content, plan, exchange.journal)
        work = self._census.write(guarded, exchange.connection.loop)
        work.add_done_callback(lambda _: content.close())
        await self._send(exchange, await finished(work, exchange.connection.gone, exchange.journal))

    async def _received(self, exchange: Exchange, plan: Plan) -> Received:
        route = matched(plan).route
        with exchange.journal.step(Step.RECEIVE):
            return await receive(exchange.content(), route.limits.content, route.timeouts.receive)

    async def _send(self, exchange: Exchange, answer: Answer) -> None:
        """Write the gateway's answer, and let go of it whatever happens."""
        try:
            replying.note(exchange, answer)
            await self._write(exchange, replying.response(exchange, answer, self._identity.pseudonym), answer)
        finally:
            if answer.rest is not None:
                await answer.rest.aclose()

    async def _settle(self, exchange: Exchange, situation: Situation) -> None:
        exchange.journal.note(reason=situation.value, outcome=situation.outcome.value)
        await self._write(exchange, problems.of_situation(situation))

    async def _fail(self, exchange: Exchange, failure: Failure) -> None:
        """Answer a failure; one that cut an answer short can only be noted."""
        name = problems.name_of(failure)
        if exchange.answerer.started:
            exchange.journal.note(cut_short=name)
            return
        outcome = exchange.outcome(failure)
        exchange.journal.note(reason=name, outcome=outcome.value)
        if not exchange.connection.gone.done():
            with suppress(ClientGone):
                response = problems.of_failure(failure, outcome, exchange.wording)
                await self._write(exchange, response, close=problems.closes(failure))

    async def _fault(self, exchange: Exchange) -> None:
        """Answer an exception that nobody foresaw."""
        if exchange.answerer.started:
            exchange.journal.note(cut_short=Situation.FAULT.value)
            return
        with suppress(ClientGone):
            await self._settle(exchange, exchange.fault)

    async def _write(
        self, exchange: Exchange, response: Response, answer: Answer | None = None, *, close: bool = False
    ) -> None:
        response = replying.shared(exchange, response, answer)
        with exchange.journal.step(Step.ANSWER):
            await exchange.answerer.send(response, None if answer is None else answer.rest, close=close)

    def _interim(self, exchange: Exchange) -> Callable[[int, Fields], None]:
        return lambda status, fields: exchange.answerer.interim(
            status, forwarding.returning(fields, self._identity.pseudonym)
        )
