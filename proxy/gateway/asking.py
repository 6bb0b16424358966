"""How the current state is learnt: what is asked of the origin server, and what is remembered of its answers.

`select` is the step on which every decision about a resource rests, for readers and writers alike. What must not be
here: what is done about the state; `proxy.gateway.reading` and `proxy.gateway.writing` say that.
"""

from collections.abc import Awaitable
from dataclasses import replace

from proxy.core import cors, entity_tag, preconditions, presenting, selecting
from proxy.core.effort import LARGE
from proxy.core.entity_tag import EntityTag
from proxy.core.fields import Fields
from proxy.core.matching import Match, Routes
from proxy.core.message import Request, Response
from proxy.core.minting import Minter, Provenance, Validator
from proxy.core.preconditions import Preconditions
from proxy.core.representation import Opaque, Representation
from proxy.core.route import Query
from proxy.core.tag_rules import Aba
from proxy.core.target import Target
from proxy.core.verdict import Indeterminate, PreconditionFailed, Reason, Verdict
from proxy.gateway.crafting import Craft
from proxy.gateway.exchange import Selection, Underway
from proxy.gateway.sharing import Sharing
from proxy.gateway.skimming import Needs, Shown
from proxy.ports import (
    Budget,
    Journal,
    Lease,
    Purpose,
    Remembered,
    Reply,
    ResourceLock,
    StateStore,
    Step,
    Upstream,
    Workshop,
)

NOT_ACCEPTABLE = 406

TAGGED = ("if-match", "if-none-match", "if-range")
"""Fields of preconditions that hold entity tags."""


class Asking:
    """Select, mint, remember, recall. Raised by every coroutine: `errors.Failure`.

    Without a workshop all work on content is done at once.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - each port is another part of the world
        self,
        routes: Routes,
        upstream: Upstream,
        lock: ResourceLock,
        state: StateStore,
        minter: Minter,
        workshop: Workshop | None = None,
    ) -> None:
        self._routes = routes
        self._upstream = upstream
        self._lock = lock
        self._state = state
        self._minter = minter
        self._craft = Craft(minter, workshop)
        self._sharing = Sharing()

    def conditions(self, request: Request, match: Match) -> Preconditions:
        """Read the preconditions as the route takes them. Raised when malformed: `errors.MalformedPrecondition`.

        On a write the tag of a view stands for that of the whole, too.
        """
        parsed = Preconditions.parse(request.fields, match.route.policy.tolerated)
        if request.safe or match.reading.query is not Query.VIEW or not isinstance(parsed.if_match, tuple):
            return parsed
        wholes = (self._minter.of_whole(tag) for tag in parsed.if_match)
        return replace(parsed, if_match=(*parsed.if_match, *(whole for whole in wholes if whole is not None)))

    def naming_ours(self, request: Request) -> frozenset[str]:
        """Return the fields of preconditions that name a tag of ours, in any spelling; it is nothing elsewhere (I6)."""
        return frozenset(name for name in TAGGED if any(map(self._minter.is_ours, _listed(request.fields, name))))

    async def select(  # noqa: PLR0913 - whose it is, what for, and under which lease
        self,
        request: Request,
        match: Match,
        journal: Journal,
        *,
        under: Lease | None = None,
        step: Step = Step.SELECT,
        needs: Needs = Needs.CONTENT,
        underway: Underway | None = None,
    ) -> Selection:
        """Ask the origin server for the current state and mint its validator.

        Unless it is asked `under` a lease, or trusted afterwards, a cache on the way there may answer. The fence goes
        along: an origin server that keeps the highest it has seen then refuses the late write of a holder before.
        """
        revalidate = under is not None or match.route.trust > 0
        asked = asked_of_origin(request, match, match.state_target, revalidate=revalidate)
        sent = asked if under is None else selecting.fenced(asked, match.route.fence, under.fence)
        with journal.step(step):
            # Before the number is read that its tag bears.
            began, begun = self._state.now() if underway is None else underway.began, self._sharing.now()
            writes = await self._state.writes(match.lock_key) if match.reading.rules.aba is Aba.DETECT else None
            shown = await self.ask(sent, match, journal, step, needs, writes, underway)
        selected, validator = shown.selected, shown.validator
        if isinstance(selected, Representation) and validator is None:
            received, routes = selected.response, self._routes
            validator, tagged = await self._craft.tagged(request, match, received, routes, writes=writes)
            selected = selected if tagged is received else Representation(tagged)
        selection = Selection(selected, validator, shown.rest, request, asked, began, revalidate, shown.digest)
        if under is not None and self._sharing.awaits(match.lock_key):
            self._tell(match, selection, begun, kept=shown.validator is None)
        return selection

    def _tell(self, match: Match, selection: Selection, begun: int, *, kept: bool) -> None:
        """Tell those who wait what was seen: a state, with its content if that was `kept`, or that there is another.

        An answer that sets a cookie may refuse others, and is shown to none of them: the session is that of who asked.
        Nor is a long one, which would have to be held for as long as somebody waits.
        """
        selected, head = selection.selected, selection.selected.response
        if isinstance(selected, Opaque) and head.status != NOT_ACCEPTABLE:
            return
        shows = kept and len(head.content) < LARGE and "set-cookie" not in head.fields
        seen = replace(selection, rest=None) if shows or isinstance(selected, Opaque) else remembered(match, selection)
        self._sharing.tell(match.lock_key, speaks_for(match, selection.asked), seen, begun=begun)

    def selector(self, request: Request, match: Match) -> bytes:
        """Return what a selection on behalf of a write goes by."""
        return speaks_for(match, asked_of_origin(request, match, match.state_target, revalidate=True))

    async def recall(self, request: Request, match: Match, journal: Journal) -> Remembered | None:
        """Return what is remembered for a request like this, of what the origin server itself showed."""
        target = match.target if request.safe and match.is_view else match.state_target
        asked = asked_of_origin(request, match, target, revalidate=True)
        with journal.step(Step.RECALL):
            known = await self._state.recall(match.lock_key, speaks_for(match, asked))
        journal.heard(cors.NOTHING if known is None else cors.said(known.fields))
        return known if known is not None and known.firm else None

    def judge(self, method: str, match: Match, conditions: Preconditions, selection: Selection) -> Verdict:
        """Compare preconditions with what the origin server just showed (RFC 9110 section 13.2.2)."""
        if isinstance(selection.selected, Opaque):
            return Indeterminate(Reason.UNVERIFIABLE)
        return self.judge_by(method, match, conditions, selection.validator)

    def judge_by(self, method: str, match: Match, conditions: Preconditions, current: Validator | None) -> Verdict:
        """Compare preconditions with a state."""
        verdict = preconditions.evaluate(method, conditions, current, match.route.policy)
        return self.explained(match, conditions, verdict)

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

    async def ask(  # noqa: PLR0913, PLR0917 - what is asked, and what it is for
        self,
        sent: Request,
        match: Match,
        journal: Journal,
        step: Step,
        needs: Needs = Needs.CONTENT,
        writes: int | None = None,
        underway: Underway | None = None,
    ) -> Shown:
        """Send a selection, unless that was done, and see what it shows."""
        reply = await (self._sent(sent, match) if underway is None else underway.landed(None))
        if step is not Step.SETTLE:  # the write was answered already, and that is what is told
            journal.note(upstream_status=reply.status)
        journal.heard(cors.said(reply.fields))
        try:
            return await self._craft.shown(reply, match, needs, writes)
        except BaseException:
            await reply.aclose()
            raise

    def _sent(self, selection: Request, match: Match) -> Awaitable[Reply]:
        timeouts = match.route.timeouts
        budget = Budget(timeouts.connect, timeouts.select)
        return self._upstream.send(selection, None, purpose=Purpose.SELECT, budget=budget)


def _listed(fields: Fields, name: str) -> tuple[EntityTag, ...]:
    """Return the tags in a field, in any spelling that is tolerated somewhere; none of what cannot be read."""
    try:
        tags = entity_tag.parse_list(fields.get(name) or "", entity_tag.TOLERANT)
    except ValueError:
        return ()
    return tags if isinstance(tags, tuple) else ()


def remembered(match: Match, selection: Selection, shown: Response | None = None) -> Remembered:
    """Return what is worth remembering of a selection of a representation or its absence.

    `shown` is the tagged answer, where that was made before.
    """
    head, firm = selection.selected.response, selection.revalidated
    if selection.validator is None or not firm:  # what is not firm is shown to nobody
        return Remembered(selection.validator, selection.began, cors.said(head.fields), firm)
    whole = shown or presenting.tagged(head, selection.validator, match.reading.rules)
    return Remembered(selection.validator, selection.began, presenting.not_modified(whole).fields, firm)


def speaks_for(match: Match, asked: Request) -> bytes:
    """Return what must be equal for one selection to speak for another: the request, and how its tag is made."""
    return spoken(match, selecting.selects(asked, match.route.select))


def spoken(match: Match, selects: bytes) -> bytes:
    """Return the same, of what selects (`selecting.selects`)."""
    return b"\n".join((selecting.digest(selects), match.tag_key.encode(), match.reading.tags_made_by))


def asked_of_origin(request: Request, match: Match, target: Target, *, revalidate: bool) -> Request:
    """Return the selection on behalf of a request, as it is whatever the lease."""
    return selecting.selection(request, target, revalidate=revalidate, fence_field=match.route.fence)
