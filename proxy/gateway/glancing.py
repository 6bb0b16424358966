"""A read that takes one look at the origin server and nothing else, in two steps with the look between them.

What lives here: which reads these are, and the same answer as `reading` gives, made without waiting for anything. What
must not: how the look is taken.
"""

from dataclasses import dataclass

from proxy.core import cors, effort, presenting, selecting
from proxy.core.effort import Effort
from proxy.core.matching import UNMATCHED, Match
from proxy.core.message import Request, Response
from proxy.core.minting import Validator
from proxy.core.moment import Moment
from proxy.core.preconditions import Preconditions
from proxy.core.representation import comparable
from proxy.core.route import Guard, Route
from proxy.core.tag_rules import Aba
from proxy.core.verdict import NotModified, PreconditionFailed, Verdict
from proxy.gateway.asking import asked_of_origin
from proxy.gateway.exchange import Kind, Plan, matched
from proxy.gateway.reading import KNOWN, Reading
from proxy.ports import Budget, Remembered


@dataclass(frozen=True, slots=True)
class Glance:
    """A read of which all is known but what the origin server shows.

    `asked` is what it is asked, for how long says `budget`; `selects` is what another must equal that this speaks for.
    """

    conditions: Preconditions
    asked: Request
    selects: bytes
    budget: Budget


@dataclass(frozen=True, slots=True)
class Passing:
    """A read that is passed on as it is, and so is its answer."""

    asked: Request
    budget: Budget


class Glancing(Reading):
    """Say what is asked, and what is made of the answer. Nothing here is a coroutine."""

    def passing(self, request: Request, planned: Plan) -> Passing | None:
        """Return a read that nothing is guarded of; None for every other request."""
        match = planned.match
        guarded = match is not None and match.route.guard is not Guard.OFF
        if planned.kind is not Kind.RELAY or request.method != "GET" or guarded:
            return None
        timeouts = (UNMATCHED if match is None else match.route).timeouts
        return Passing(request, Budget(timeouts.connect, timeouts.relay))

    def glance(self, request: Request, planned: Plan) -> Glance | None:
        """Return what has to be looked at for a request; None where that is not all.

        Raised: `errors.MalformedPrecondition`.
        """
        if planned.kind is not Kind.OBSERVE or request.method != "GET" or "range" in request.fields:
            return None
        match = matched(planned)
        if match.is_view or not _is_plain(match.route) or not _is_plain(match.reading):
            return None
        asked = asked_of_origin(request, match, match.state_target, revalidate=False)
        timeouts = match.route.timeouts
        budget = Budget(timeouts.connect, timeouts.select)
        selects = selecting.selects(asked, match.route.select)
        return Glance(self.conditions(request, match), asked, selects, budget)

    def began(self) -> Moment:
        """Return the present moment, as `glimpsed` wants it from before the origin server is asked."""
        return self._state.now()

    def glimpsed(
        self, match: Match, conditions: Preconditions, selector: bytes, began: Moment, seen: Response
    ) -> tuple[Verdict, Validator] | None:
        """Return what a read with these preconditions comes to, by what the origin server showed, and the tag of that.

        `selector` is that of what selects (`asking.spoken`).
        None where it takes more than that: it is no representation, or one that takes long, or is refused.
        """
        by = match.reading
        if not comparable(seen.status, seen.fields) or len(seen.content) > by.limits.mint:
            return None
        if effort.of_tagging(by, seen) is not Effort.SHORT:
            return None
        current = self._minter.mint(match.tag_key, seen, by.rules)
        verdict = self.judge_by("GET", match, conditions, current)
        if isinstance(verdict, PreconditionFailed):
            return None
        if not self._state.knows(match.lock_key, selector, current, began, again=KNOWN):
            known = Remembered(current, began, cors.said(seen.fields), firm=False)
            self._state.mention(match.lock_key, selector, known, again=KNOWN)
        return verdict, current

    def shown(self, match: Match, seen: Response, verdict: Verdict, current: Validator) -> Response:
        """Return the answer to a read that came to this."""
        whole = presenting.tagged(seen, current, match.reading.rules)
        return presenting.not_modified(whole) if isinstance(verdict, NotModified) else whole


def _is_plain(route: Route) -> bool:
    """Tell whether a route guards as most do: it trusts no memory, counts no writes, changes no content."""
    remembers = route.trust > 0 or route.rules.aba is Aba.DETECT
    return route.guard is Guard.ENFORCE and not remembers and route.inject is None
