"""What passes between the gateway and the server: a plan for a request, and its answer.

Values only. `Selection` and `Write` are the gateway's own; they are here because they are values too.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from proxy.core import selecting
from proxy.core.entity_tag import ANY
from proxy.core.matching import Match
from proxy.core.message import Request, Response
from proxy.core.minting import Validator
from proxy.core.moment import Moment
from proxy.core.preconditions import Preconditions, Require
from proxy.core.representation import Selected
from proxy.core.verdict import Verdict
from proxy.errors import Failure, OutcomeUnknown, Unanswered
from proxy.gateway.skimming import Needs
from proxy.ports import InterimListener, Journal, ReceivedContent, Reply


class Kind(Enum):
    """What is done with a request."""

    RELAY = "relay"
    REPORT = "report"
    OBSERVE = "observe"
    GUARD = "guard"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done with a request, and by which route; `match` is None where no route speaks."""

    kind: Kind
    match: Match | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the client is answered.

    `response` None: a refusal, to be told from `verdict` as the route says. `rest`: the content is not in `response`
    but still arrives here; whoever writes it out closes it. `note`: why the origin server's answer to a selection
    stands in for the answer to a request that was not forwarded. `would` is what would have been made of a request
    where the route only reports; None where it enforces.
    """

    verdict: Verdict | None
    response: Response | None
    rest: Reply | None = None
    note: str | None = None
    would: Verdict | Failure | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """What the origin server showed. `validator` is that of a representation, `rest` content that was not read.

    A selection that was not made for its content may have none (`skimming.Needs`); `digest` is that of content that was
    hashed and not kept, where it was asked for.

    `asks` is the request on whose behalf it was made, `asked` what the origin server was asked whatever the lease: what
    another must equal for this one to speak for it (`asking.speaks_for`). `began` is when it was asked; `revalidated`:
    no cache on the way there answered.
    """

    selected: Selected
    validator: Validator | None
    rest: Reply | None
    asks: Request
    asked: Request
    began: Moment
    revalidated: bool
    digest: bytes | None = None

    async def aclose(self) -> None:
        """Let go of what was not read."""
        if self.rest is not None:
            await self.rest.aclose()


@dataclass(frozen=True, slots=True)
class Underway:
    """A read that was sent already.

    `began` is from before that; `landed` waits for its answer, and tells of interim ones.
    """

    began: Moment
    landed: Callable[[InterimListener | None], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Write:
    """An unsafe request on a guarded resource. `arrived` is when it was received whole, as replicas can compare it.

    `came` is the same in the order of this process, which is exact (`sharing`).
    `asks` is the same request with the fields from which its selections are made.
    """

    request: Request
    asks: Request
    content: ReceivedContent
    match: Match
    conditions: Preconditions
    arrived: Moment
    journal: Journal
    came: int = 0

    @property
    def depends_on_state(self) -> bool:
        """Tell whether it may go on only in some states of the resource."""
        return self.conditions.conditional or self.match.route.policy.require is not Require.NONE

    @property
    def wants_representation(self) -> bool:
        """Tell whether a refusal shall show the current representation."""
        return selecting.prefers_representation(self.request)

    @property
    def shown_at_once(self) -> bool:
        """Tell whether a remembered state, without its content, is enough to refuse it."""
        return not self.wants_representation and not self.match.route.already_applied

    @property
    def needs(self) -> Needs:
        """What it takes of a selection to decide about it, and to answer it where it is refused."""
        return Needs.TAG if self.shown_at_once else Needs.CONTENT

    @property
    def exclusive(self) -> bool:
        """Tell whether at most one of many such writes can win, so that one selection refuses the others (I2)."""
        return isinstance(self.conditions.if_match, tuple) or self.conditions.if_none_match is ANY


def matched(plan: Plan) -> Match:
    """Return the match that OBSERVE and GUARD always have."""
    if plan.match is None:
        message = f"{plan.kind} needs a route"
        raise ValueError(message)
    return plan.match


def unknown(failure: Unanswered) -> OutcomeUnknown:
    """Turn a write that left and was not answered into what the client is told."""
    return OutcomeUnknown(failure.detail, timed_out=failure.timed_out)
