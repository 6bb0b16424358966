"""What a request goes through that changes nothing here: it is identified, relayed, or answered from a selection.

`presume` answers by what is remembered where a route trusts that; `report` says what would be refused of a write that
is relayed. `proxy.gateway.writing` adds the guard.
"""

from contextlib import suppress
from dataclasses import replace

from proxy.core import presenting, selecting
from proxy.core.entity_tag import EntityTag
from proxy.core.matching import UNMATCHED, Match, Routes
from proxy.core.message import Request, Response
from proxy.core.minting import Validator
from proxy.core.preconditions import CONDITIONAL_FIELDS, Preconditions, Require
from proxy.core.representation import Opacity, Opaque, Representation, Selected
from proxy.core.route import Guard, Route
from proxy.core.tag_rules import Aba
from proxy.core.verdict import NotModified, Perform, PreconditionFailed, Reason, Verdict
from proxy.errors import Failure, MalformedPrecondition, NotSent, StoreFailure, Unanswered, Unverifiable
from proxy.gateway.asking import remembered, speaks_for
from proxy.gateway.creating import Creating, Creation
from proxy.gateway.exchange import Answer, Plan, Selection, Underway, matched, unknown
from proxy.gateway.planning import plan
from proxy.ports import Budget, Content, InterimListener, Journal, Purpose, Reply, Step

KNOWN = 1800.0
"""Seconds for which an unchanged tag is not mentioned to the store again."""


class Reading(Creating):
    """Identify, relay, observe. Raised by every coroutine: `errors.Failure`."""

    def adopt(self, routes: Routes) -> None:
        """Take other rules for the requests that come; those on their way keep theirs."""
        self._routes = routes

    @property
    def rules(self) -> Routes:
        """The rules for the requests that come."""
        return self._routes

    def identify(self, request: Request) -> Plan:
        """Say what is to be done with a request, and by which route."""
        return plan(self._routes, request)

    async def relay(  # noqa: PLR0913, PLR0917 - all of a request, and how far it is
        self,
        request: Request,
        content: Content | None,
        planned: Plan,
        journal: Journal,
        interim: InterimListener | None = None,
        underway: Underway | None = None,
    ) -> Answer:
        """Pass a request on as it is, unless that was done, and its answer back as it comes."""
        match, began = planned.match, self._state.now()
        route = UNMATCHED if match is None else match.route
        guarded = match is not None and route.guard is not Guard.OFF
        sent = self._passed_on(request, route) if guarded else request
        budget = Budget(route.timeouts.connect, route.timeouts.relay)
        with journal.step(Step.RELAY):
            try:
                await self._count(request, planned)
                reply = (
                    await self._upstream.send(sent, content, purpose=Purpose.RELAY, budget=budget, interim=interim)
                    if underway is None
                    else await underway.landed(interim)
                )
                await self._forget(request, planned, reply)
            except Unanswered as failure:
                await self._forget(request, planned, ahead=route.timeouts.settle)
                raise failure if request.safe else unknown(failure) from failure
            except NotSent:
                raise
            except BaseException:  # its client left, and it may have been applied
                await self._forget(request, planned, ahead=route.timeouts.settle)
                raise
        journal.note(upstream_status=reply.status)
        response, tag = Response(reply.status, reply.fields), None
        if match is not None and not request.safe:
            tag = await self._followed(Creation(request, match, response, began), journal, reply)
        return Answer(None, presenting.written(response, tag, route.rules) if guarded else response, reply)

    async def report(
        self,
        request: Request,
        content: Content | None,
        planned: Plan,
        journal: Journal,
        interim: InterimListener | None = None,
    ) -> Answer:
        """Pass a write on whatever its preconditions come to, and tell that.

        No lock is taken, so that nobody waits: of two writers within milliseconds both may be found to be right.
        """
        would = await self._foreseen(request, matched(planned), journal)
        answer = await self.relay(request, content, planned, journal, interim)
        return replace(answer, would=would)

    async def observe(
        self, request: Request, planned: Plan, journal: Journal, underway: Underway | None = None
    ) -> Answer:
        """Answer a GET or HEAD on a guarded resource from its current representation.

        Where its selection is `underway`, that is a `glancing.Glance` which did not show enough.
        """
        match = matched(planned)
        if match.route.guard is not Guard.REPORT:
            return await self._observed(request, planned, self.conditions(request, match), journal, underway)
        conditions, fault = Preconditions(), None
        try:
            conditions = self.conditions(request, match)
        except MalformedPrecondition as malformed:
            fault = malformed
        try:
            answer = await self._observed(request, planned, conditions, journal)
        except Unanswered:  # perhaps because a selection has less time than what is relayed
            answer = await self.relay(request, None, planned, journal)
        return answer if fault is None else replace(answer, would=fault)

    async def _observed(
        self,
        request: Request,
        planned: Plan,
        conditions: Preconditions,
        journal: Journal,
        underway: Underway | None = None,
    ) -> Answer:
        match = matched(planned)
        trusted = await self.presume(request, match, conditions, journal)
        if trusted is not None:
            return trusted
        try:
            selection = await self.select_to_show(request, match, journal, underway)
        except StoreFailure:  # what counts the writes does not answer, but the origin server does
            return await self.relay(request, None, planned, journal)
        selected = selection.selected
        if isinstance(selected, Representation) and selection.validator is not None:
            return self._shown(request, match, conditions, selection, selection.validator)
        if _asks_for_a_part(request, selected):
            await selection.aclose()
            return await self.relay(request, None, planned, journal)
        return Answer(None, presenting.untagged(selected.response, match.route.rules), selection.rest)

    def _shown(
        self, request: Request, match: Match, conditions: Preconditions, selection: Selection, current: Validator
    ) -> Answer:
        """Answer a GET or HEAD from a representation, as its preconditions will have it."""
        again = match.route.trust or KNOWN
        whole = presenting.tagged(selection.selected.response, current, match.reading.rules)
        selector = speaks_for(match, selection.asked)
        self._state.mention(match.lock_key, selector, remembered(match, selection, whole), again=again)
        verdict = self.judge_by(request.method, match, conditions, current)
        if isinstance(verdict, NotModified):
            return Answer(verdict, presenting.not_modified(whole))
        if not isinstance(verdict, PreconditionFailed):
            return Answer(verdict, presenting.ranged(request, conditions, whole, current))
        return Answer(None, whole, would=verdict) if match.route.guard is Guard.REPORT else Answer(verdict, None)

    async def presume(
        self, request: Request, match: Match, conditions: Preconditions, journal: Journal
    ) -> Answer | None:
        """Answer 304 or 412 by what is remembered, where the route trusts it; None where the origin has to be asked."""
        if not match.route.trust or not conditions.decisive or selecting.hurried(request):
            return None
        known = await self.recall(request, match, journal)
        now = self._state.now()
        if known is None or known.began.after(now) or now.since(known.began) > match.route.trust:
            return None  # one from the future was written before the store's clock went back
        if not request.safe and not self.is_of_this_variant(match, conditions, known.current):
            return None
        verdict = self.judge_by(request.method, match, conditions, known.current)
        if isinstance(verdict, NotModified):
            kept = presenting.not_modified(Response(200, known.fields)).fields
            return Answer(verdict, Response(304, kept.replacing("Age", str(int(now.since(known.began))))))
        if isinstance(verdict, PreconditionFailed) and match.route.guard is Guard.ENFORCE:
            return Answer(verdict, None)
        return None

    async def _foreseen(self, request: Request, match: Match, journal: Journal) -> Verdict | Failure:
        """Return what would be made of a write."""
        try:
            conditions = self.conditions(request, match)
            if not conditions.conditional and match.route.policy.require is Require.NONE:
                return Perform(Reason.NO_CONDITIONS)
            asks = selecting.on_behalf(request, match.route.select)
            selection = await self.select_compared(asks, match, conditions, journal)
            await selection.aclose()
            comparable(selection)
            return self.judge(request.method, match, conditions, selection)
        except Failure as failure:
            return failure

    def _passed_on(self, request: Request, route: Route) -> Request:
        """Return a request as it is relayed: its conditions may name tags of ours (I6).

        Where the route only reports, the origin server may well enforce those that do not, as it did without us.
        """
        reports = route.guard is Guard.REPORT and not request.safe
        dropped = self.naming_ours(request) if reports else CONDITIONAL_FIELDS
        return selecting.write(request, fence_field=route.fence, conditions=dropped)

    async def _followed(self, creation: Creation, journal: Journal, reply: Reply) -> EntityTag | None:
        try:
            return await self.follow(creation, journal)
        except BaseException:  # cancelled: nobody is left to close it
            await reply.aclose()
            raise

    async def _forget(self, request: Request, planned: Plan, reply: Reply | None = None, *, ahead: float = 0.0) -> None:
        """Forget what an unsafe request may have changed, or will in the time `ahead`. Cancelled, it closes `reply`."""
        if planned.match is None or request.safe:
            return
        try:
            if planned.match.route.guard is not Guard.OFF or self._routes.trust_something:
                await self._state.forget(planned.match.lock_key, ahead=ahead)
            await self._count(request, planned)
        except BaseException:
            if reply is not None:
                await reply.aclose()
            raise

    async def _count(self, request: Request, planned: Plan) -> None:
        """Count a relayed write where writes are counted, if that can be done.

        Before it is sent, and when it is over: it takes no lock, so others may be applied and counted between.
        """
        if planned.match is not None and not request.safe and planned.match.reading.rules.aba is Aba.DETECT:
            with suppress(StoreFailure):
                await self._state.count(planned.match.lock_key)


def comparable(selection: Selection) -> None:
    """Check that a selection shows a state, or an answer that speaks in its place. Raised: `errors.Unverifiable`."""
    selected = selection.selected
    if isinstance(selected, Opaque) and not selected.why.relayed:
        status = selected.response.status
        detail = f"The origin server's answer to GET ({status}) shows no state to compare with: {selected.why.value}."
        raise Unverifiable(detail)


def _asks_for_a_part(request: Request, selected: Selected) -> bool:
    """Tell whether the origin server can be asked for a part of what is too large to mint, and of no other version."""
    too_large = isinstance(selected, Opaque) and selected.why is Opacity.TOO_LARGE
    return too_large and "range" in request.fields and "if-range" not in request.fields
