"""The product on one screen: what a write goes through (DESIGN section 3).

Each word of the life of a write is one method, in that order; `select` is in `proxy.gateway.reading`. The gateway
awaits ports and nothing else: it knows no event loop, clock, socket or store, so that a test can step two writers
through every interleaving. It decides; it writes no HTTP of its own but the fields that name the current state.
"""

from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial

from proxy.core import presenting, selecting
from proxy.core.entity_tag import EntityTag
from proxy.core.matching import Match
from proxy.core.message import Request, Response
from proxy.core.minting import Validator
from proxy.core.preconditions import Preconditions, Require
from proxy.core.presenting import Statement
from proxy.core.representation import Representation
from proxy.core.tag_rules import Aba
from proxy.core.verdict import (
    Perform,
    PreconditionRequired,
    Reason,
    Refusal,
    Verdict,
)
from proxy.errors import Failure, NotSent, Outcome, StoreFailure, Unanswered
from proxy.gateway import rewriting
from proxy.gateway.creating import Creation
from proxy.gateway.exchange import Answer, Plan, Selection, Write, matched, unknown
from proxy.gateway.glancing import Glancing
from proxy.gateway.holding import Holding
from proxy.gateway.reconsidering import Overtaken, Reconsidering
from proxy.gateway.skimming import Needs
from proxy.gateway.switching import Switching
from proxy.ports import Budget, Journal, Lease, LeaseTerms, Purpose, ReceivedContent, Reply, Step

INCONCLUSIVE = frozenset({502, 504})
"""What a gateway between us and the origin server says of a write that it lost sight of (RFC 9110 15.6.3, 15.6.5)."""


class Gateway(Reconsidering, Switching, Glancing):
    """Decides about every request. Raised by every coroutine: `errors.Failure`."""

    async def guard(self, request: Request, content: ReceivedContent, plan: Plan, journal: Journal) -> Answer:
        """Let a write through only if its preconditions hold now, while nobody else writes (I1)."""
        match = matched(plan)
        request, content = await self.forwarded(request, content, match)
        conditions = self.conditions(request, match)
        asks = selecting.on_behalf(request, match.route.select)
        write = Write(request, asks, content, match, conditions, self._state.now(), journal, self._sharing.now())
        lacking = self.require(match, conditions, journal)
        refused = await self.foreknow(write) if lacking is None else Answer(lacking, None)
        if refused is not None:
            return refused
        try:
            return await self._held(write)
        except Overtaken as overtaken:
            return await self.refuse_overtaken(write, overtaken)

    async def _held(self, write: Write) -> Answer:
        """Decide about a write and do it, all under one lease."""
        answer: Answer | None = None
        try:
            async with self.hold(write) as lease:
                answer = await self._decided(write, lease)
        except BaseException:
            if answer is not None and answer.rest is not None:  # cancelled on leaving: nobody else can close it
                await answer.rest.aclose()
            raise
        return answer

    async def _decided(self, write: Write, lease: Lease) -> Answer:
        match, conditions, asks = write.match, write.conditions, write.asks
        if write.depends_on_state:
            refused = await self.reconsider(write, lease)
            if refused is not None:
                return refused
            selection = await self.select_compared(
                asks, match, conditions, write.journal, under=lease, needs=write.needs
            )
            verdict = self.evaluate(write, selection)
            if not isinstance(verdict, Perform):
                return await self.decline(write, verdict, selection)
            await selection.aclose()
            asks = selection.asks
            forwarded = _forwarded(write, selection.validator, lease)
        else:
            verdict, forwarded = Perform(Reason.NO_CONDITIONS), _forwarded(write, None, lease)
        await self.confirm(write, lease)
        response = await self.perform(write, forwarded, lease)
        tag = await self.settle(write if asks is write.asks else replace(write, asks=asks), response, lease)
        return Answer(verdict, presenting.written(response, tag, match.reading.rules))

    async def forwarded(
        self, request: Request, content: ReceivedContent, match: Match | None
    ) -> tuple[Request, ReceivedContent]:
        """Return a request and its content as they are forwarded; see `rewriting.forwarded`."""
        return await rewriting.forwarded(request, content, match, self._craft)

    def foresee(self, request: Request, plan: Plan, journal: Journal) -> Answer | None:
        """Return the refusal that the head of a write decides, so that its content need not be sent (RFC 9110 10.1.1).

        Raised: `errors.MalformedPrecondition`.
        """
        match = matched(plan)
        refusal = self.require(match, self.conditions(request, match), journal)
        return None if refusal is None else Answer(refusal, None)

    def require(self, match: Match, conditions: Preconditions, journal: Journal) -> Refusal | None:
        """Refuse what lacks the precondition that the route requires whatever the state (428)."""
        with journal.step(Step.REQUIRE):
            if match.route.policy.require is Require.ALWAYS and not conditions.guarding:
                return PreconditionRequired(Reason.MISSING, None)
            return None

    async def foreknow(self, write: Write) -> Answer | None:
        """Refuse by what is remembered and trusted, where that says enough."""
        if not write.shown_at_once:
            return None
        return await self.presume(write.asks, write.match, write.conditions, write.journal)

    def hold(self, write: Write) -> AbstractAsyncContextManager[Lease]:
        """Keep every other writer of the resource out, from here to the end of the write (I1, I9).

        Raised when what is seen meanwhile refuses a write that waits: `Overtaken`.
        """
        rules = write.match.route.lock
        waiters = None if write.exclusive else rules.waiters
        check = partial(self.overtaken, write) if write.depends_on_state else None
        terms = LeaseTerms(rules.wait, rules.read, rules.write, waiters, check)
        return Holding(self._lock.hold(write.match.lock_key, terms), write, self._sharing)

    def evaluate(self, write: Write, selection: Selection) -> Verdict:
        """Compare the preconditions with what the origin server just showed (RFC 9110 section 13.2.2)."""
        with write.journal.step(Step.EVALUATE):
            return self.judge(write.request.method, write.match, write.conditions, selection)

    async def confirm(self, write: Write, lease: Lease) -> None:
        """Prove that the lease still holds, and re-arm it for as long as the write may take (I3)."""
        with write.journal.step(Step.CONFIRM):
            await lease.confirm()

    async def last_check(self, write: Write, lease: Lease) -> None:
        """Confirm again now that the connection stands, right before the first byte; count the write where that counts.

        One that is counted and then not sent makes tags stale without need, and loses nothing.
        """
        if write.match.reading.rules.aba is Aba.DETECT:
            await self._state.count(write.match.lock_key)
        await self.confirm(write, lease)

    async def perform(self, write: Write, request: Request, lease: Lease) -> Response:
        """Forward the write, once, and read its whole answer; abandon the lease where it decides nothing (I4).

        Once the connection stands the lease is confirmed again: opening it may have taken its time.
        """
        timeouts = write.match.route.timeouts
        with write.journal.step(Step.PERFORM):
            try:
                budget = Budget(timeouts.connect, timeouts.perform)
                reply = await self._upstream.send(
                    request,
                    write.content,
                    purpose=Purpose.PERFORM,
                    budget=budget,
                    check=partial(self.last_check, write, lease),
                )
                response = await self._collect(reply, write)
            except (NotSent, StoreFailure):
                raise
            except Unanswered as failure:
                lease.abandon()
                raise unknown(failure) from failure
            except BaseException:
                # Cancelled, or a fault of ours: bytes may have left, so the origin server may yet apply them.
                lease.abandon()
                raise
        if response.status in INCONCLUSIVE:
            write.journal.note(outcome=Outcome.UNKNOWN.value)
            lease.abandon()
        return response

    async def settle(self, write: Write, response: Response, lease: Lease) -> EntityTag | None:
        """Return the new state's tag where the route asks for it, selected under the lease (I11).

        The write is done: whatever fails here takes nothing from its answer. A selection that outlasts the lease may
        show the next writer's state.
        """
        created = await self.follow(Creation(write.request, write.match, response, write.arrived, lease), write.journal)
        may_say = presenting.statement(write.match, write.request.method, response)
        return created if may_say is Statement.CREATED else await self._tag_of_new_state(write, may_say, lease)

    async def _tag_of_new_state(self, write: Write, may_say: Statement, lease: Lease) -> EntityTag | None:
        if may_say is Statement.NOTHING:
            return None
        try:
            needs = Needs.DIGEST if may_say is Statement.IF_VERBATIM else Needs.TAG
            selection = await self.select(
                write.asks, write.match, write.journal, under=lease, step=Step.SETTLE, needs=needs
            )
            await selection.aclose()
        except Failure:
            return None
        said = await self._may_be_said(may_say, write, selection)
        return selection.validator.tag if said and selection.validator is not None and lease.lasts else None

    async def _may_be_said(self, may_say: Statement, write: Write, selection: Selection) -> bool:
        """Tell whether the new tag may be said: perhaps only of content that was stored as it was sent (§9.3.4)."""
        if not isinstance(selection.selected, Representation):
            return False
        return may_say is not Statement.IF_VERBATIM or await self.is_verbatim(write, selection)

    async def _collect(self, reply: Reply, write: Write) -> Response:
        """Read the whole answer to a write: only a complete one says that it is over."""
        try:
            write.journal.note(upstream_status=reply.status)
            content = await reply.read(write.match.route.limits.content)
        finally:
            await reply.aclose()
        if content is None:
            detail = "The origin server's answer exceeds the route's `limits.content`."
            raise Unanswered(detail)
        return Response(reply.status, reply.fields, content)


def _forwarded(write: Write, current: Validator | None, lease: Lease) -> Request:
    """Return the write as it is forwarded: with its preconditions only where they name its target's tag, not of ours.

    An origin server that enforces those knows of writers that go past us; one that does not takes no harm (I6). The
    fence goes along where the route says so.
    """
    route, listed = write.match.route, isinstance(write.conditions.if_match, tuple)
    weakly = current is not None and current.tag.weak and listed  # tolerated here, and true nowhere else (§13.1.1)
    if current is None or current.minted or weakly or route.state is not None:
        return selecting.fenced(selecting.write(write.request), route.fence, lease.fence)
    request = write.request
    if listed:  # one of them names it, perhaps in a spelling tolerated here alone
        request = request.with_fields(request.fields.replacing("If-Match", str(current.tag)))
    return selecting.fenced(request, route.fence, lease.fence)
