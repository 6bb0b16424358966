"""What a request goes through that changes nothing here: it is identified, relayed, or answered from a selection.

`presume` answers by what is remembered where a route trusts that. `select` is also the step in which a write learns the
current state; `proxy.gateway.writing` adds the guard around it.
"""

from dataclasses import replace

from proxy.core import cors, preconditions, presenting, selecting
from proxy.core.message import Request, Response
from proxy.core.minting import Minter, Provenance, Validator
from proxy.core.preconditions import Preconditions, Require
from proxy.core.representation import Opacity, Opaque, Representation, Selected, classify, comparable
from proxy.core.route import Guard, Match, Route, Routes, Timeouts, UnconditionalPost, Unmatched
from proxy.core.verdict import NotModified, PreconditionFailed, Reason, Verdict
from proxy.errors import Unanswered
from proxy.gateway.exchange import Answer, Kind, Plan, Selection, matched, unknown
from proxy.ports import (
    Budget,
    Content,
    InterimListener,
    Journal,
    Lease,
    Purpose,
    Remembered,
    Reply,
    ResourceLock,
    StateStore,
    Step,
    Upstream,
)

KNOWN = 1800.0
"""Seconds for which an unchanged tag is not mentioned to the store again."""


class Reading:
    """Identify, relay, observe. Raised by every coroutine: `errors.Failure`."""

    def __init__(
        self, routes: Routes, upstream: Upstream, lock: ResourceLock, state: StateStore, minter: Minter
    ) -> None:
        self._routes = routes
        self._upstream = upstream
        self._lock = lock
        self._state = state
        self._minter = minter

    def adopt(self, routes: Routes) -> None:
        """Take other rules for the requests that come; those on their way keep theirs."""
        self._routes = routes

    def identify(self, request: Request) -> Plan:
        """Say what is to be done with a request, and by which route."""
        return plan(self._routes, request)

    async def relay(
        self,
        request: Request,
        content: Content | None,
        planned: Plan,
        journal: Journal,
        interim: InterimListener | None = None,
    ) -> Answer:
        """Pass a request on as it is, and its answer back as it comes."""
        route = None if planned.match is None else planned.match.route
        timeouts = Timeouts() if route is None else route.timeouts
        budget = Budget(timeouts.connect, timeouts.relay)
        if route is not None and route.guard is Guard.ENFORCE:
            request = selecting.write(request, fence_field=route.fence)  # its conditions may name tags of ours (I6)
        with journal.step(Step.RELAY):
            try:
                reply = await self._upstream.send(
                    request, content, purpose=Purpose.RELAY, budget=budget, interim=interim
                )
                await self._forget(request, planned, reply)
            except Unanswered as failure:
                await self._forget(request, planned, ahead=timeouts.settle)
                raise failure if request.safe else unknown(failure) from failure
        journal.note(upstream_status=reply.status)
        response = Response(reply.status, reply.fields)
        if route is not None and route.guard is Guard.ENFORCE:
            response = presenting.untagged(response, route.rules)
        return Answer(None, response, reply)

    async def observe(self, request: Request, planned: Plan, journal: Journal) -> Answer:
        """Answer a GET or HEAD on a guarded resource from its current representation."""
        match = matched(planned)
        rules = match.route.rules
        conditions = Preconditions.parse(request.fields, match.route.policy.tolerated)
        trusted = await self.presume(request, match, conditions, journal)
        if trusted is not None:
            return trusted
        selection = await self.select(request, match, journal)
        selected = selection.selected
        if not isinstance(selected, Representation) or selection.validator is None:
            if _asks_for_a_part(request, selected):
                await selection.aclose()
                return await self.relay(request, None, planned, journal)
            return Answer(None, presenting.untagged(selected.response, rules), selection.rest)
        verdict = preconditions.evaluate(request.method, conditions, selection.validator)
        whole = presenting.tagged(selected.response, selection.validator, rules)
        self._state.mention(
            match.lock_key, selection.selector, remembered(match, selection), again=match.route.trust or KNOWN
        )
        if isinstance(verdict, NotModified):
            return Answer(verdict, presenting.not_modified(whole))
        if isinstance(verdict, PreconditionFailed):
            return Answer(self.explained(match, conditions, verdict), None)
        return Answer(verdict, presenting.ranged(request, conditions, whole, selection.validator))

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
        verdict = preconditions.evaluate(request.method, conditions, known.current, match.route.policy)
        if isinstance(verdict, NotModified):
            kept = presenting.not_modified(Response(200, known.fields)).fields
            return Answer(verdict, Response(304, kept.replacing("Age", str(int(now.since(known.began))))))
        if isinstance(verdict, PreconditionFailed):
            return Answer(self.explained(match, conditions, verdict), None)
        return None

    async def recall(self, request: Request, match: Match, journal: Journal) -> Remembered | None:
        """Return what is remembered for a request like this, of what the origin server itself showed."""
        asked = _asked(request, match, revalidate=True)
        with journal.step(Step.RECALL):
            known = await self._state.recall(match.lock_key, speaks_for(match, asked))
        journal.heard(cors.NOTHING if known is None else cors.said(known.fields))
        return known if known is not None and known.firm else None

    async def select(
        self, request: Request, match: Match, journal: Journal, *, under: Lease | None = None, step: Step = Step.SELECT
    ) -> Selection:
        """Ask the origin server for the current state and mint its validator.

        Unless it is asked `under` a lease, or trusted afterwards, a cache on the way there may answer. The fence goes
        along: an origin server that keeps the highest it has seen then refuses the late write of a holder before.
        """
        revalidate = under is not None or match.route.trust > 0
        asked = _asked(request, match, revalidate=revalidate)
        sent = asked if under is None else selecting.fenced(asked, match.route.fence, under.fence)
        began = self._state.now()
        with journal.step(step):
            budget = Budget(match.route.timeouts.connect, match.route.timeouts.select)
            reply = await self._upstream.send(sent, None, purpose=Purpose.SELECT, budget=budget)
            journal.note(upstream_status=reply.status)
            journal.heard(cors.said(reply.fields))
            try:
                selected, validator, rest = await self._read(reply, match)
            except BaseException:
                await reply.aclose()
                raise
        return Selection(selected, validator, rest, speaks_for(match, asked), began, revalidate)

    def explained(self, match: Match, conditions: Preconditions, verdict: Verdict) -> Verdict:
        """Say more precisely why If-Match names no current tag, as far as the tags themselves show it."""
        if not isinstance(verdict, PreconditionFailed) or verdict.reason is not Reason.STALE:
            return verdict
        if verdict.current is None or not isinstance(conditions.if_match, tuple):
            return verdict
        key = match.tag_key
        if self._minter.provenance(key, verdict.current) is not Provenance.RESOURCE:
            return verdict  # the origin server's own tags tell nothing of where they come from
        found = {self._minter.provenance(key, tag) for tag in conditions.if_match}
        if Provenance.RESOURCE in found:
            return verdict
        return replace(
            verdict, reason=Reason.ANOTHER_RESOURCE if Provenance.ELSEWHERE in found else Reason.NEVER_MINTED
        )

    async def _forget(self, request: Request, planned: Plan, reply: Reply | None = None, *, ahead: float = 0.0) -> None:
        """Forget what an unsafe request may have changed, or will in the time `ahead`. Cancelled, it closes `reply`."""
        if planned.match is None or request.safe:
            return
        if planned.match.route.guard is Guard.OFF and not self._routes.trust_something:
            return
        try:
            await self._state.forget(planned.match.lock_key, ahead=ahead)
        except BaseException:
            if reply is not None:
                await reply.aclose()
            raise

    async def _read(self, reply: Reply, match: Match) -> tuple[Selected, Validator | None, Reply | None]:
        """Read the content where its head promises a representation, and mint."""
        head = Response(reply.status, reply.fields)
        if not comparable(reply.status, reply.fields):
            return classify(head, whole=False), None, reply
        content = await reply.read(match.route.limits.mint)
        if content is None:
            return classify(head, whole=False), None, reply
        await reply.aclose()
        response = Response(reply.status, reply.fields, content)
        validator = self._minter.mint(match.tag_key, response, match.route.rules)
        return classify(response, whole=True), validator, None


def _asks_for_a_part(request: Request, selected: Selected) -> bool:
    """Tell whether the origin server can be asked for a part of what is too large to mint, and of no other version."""
    too_large = isinstance(selected, Opaque) and selected.why is Opacity.TOO_LARGE
    return too_large and "range" in request.fields and "if-range" not in request.fields


def remembered(match: Match, selection: Selection) -> Remembered:
    """Return what is worth remembering of a selection of a representation or its absence."""
    head, firm = selection.selected.response, selection.revalidated
    if selection.validator is None:
        return Remembered(None, selection.began, cors.said(head.fields), firm)
    whole = presenting.tagged(head, selection.validator, match.route.rules)
    return Remembered(selection.validator, selection.began, presenting.not_modified(whole).fields, firm)


def _asked(request: Request, match: Match, *, revalidate: bool) -> Request:
    """Return the selection on behalf of a request, as it is whatever the lease."""
    return selecting.selection(request, match.state_target, revalidate=revalidate, fence_field=match.route.fence)


def speaks_for(match: Match, asked: Request) -> bytes:
    """Return what must be equal for one selection to speak for another: the request, and how its tag is made."""
    rules = match.route.rules
    made = (match.tag_key.encode(), rules.upstream.value.encode(), rules.canonical.fingerprint)
    return b"\n".join((selecting.selector(asked), *made))


def plan(routes: Routes, request: Request) -> Plan:
    """Say what is to be done with a request under these routes."""
    match = routes.match(cors.asked_method(request.method, request.fields) or request.method, request.target)
    if match is None:
        return Plan(Kind.REJECT if routes.unmatched is Unmatched.REJECT else Kind.RELAY, None)
    if match.route.guard is Guard.OFF or request.method == "OPTIONS":
        return Plan(Kind.RELAY, match)
    if request.safe:
        # A tag of what `state` does not name would guard nothing; such a view is shown as it comes.
        return Plan(Kind.OBSERVE if match.route.state is None else Kind.RELAY, match)
    return Plan(Kind.RELAY if _passes_unlocked(request, match.route) else Kind.GUARD, match)


def _passes_unlocked(request: Request, route: Route) -> bool:
    """Tell whether a POST that asks for nothing, on a route that asks for nothing, goes by the lock (I9: per route)."""
    if request.method != "POST" or route.unconditional_post is not UnconditionalPost.RELAY:
        return False
    asks = preconditions.CONDITIONAL_FIELDS & request.fields.names()
    return not asks and route.policy.require is Require.NONE
