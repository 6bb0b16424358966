"""Routes: which resources are guarded, and under which rules.

What lives here: the values of a route with their defaults. What must not: which route a request takes (`matching`), how
a path is compared with a template (`template`), where the values come from (the configuration), and what is done with
them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from proxy.core import injection
from proxy.core.cors import Cors, Sharing
from proxy.core.injection import Injection
from proxy.core.preconditions import Policy
from proxy.core.problem_template import DOCUMENTS, ProblemTemplates
from proxy.core.tag_rules import TagRules
from proxy.core.target import Target
from proxy.core.template import Template, require_captured

MARGIN: Final = 5.0
"""Seconds by which a lease in its write phase outlasts all that the origin server may still do (invariant I3)."""

_MIB: Final = 1024 * 1024


class Guard(Enum):
    """Whether a route is guarded."""

    ENFORCE = "enforce"
    REPORT = "report"
    """All is decided as under `ENFORCE`, and nothing refused."""
    OFF = "off"


class Query(Enum):
    """What the query of a target means."""

    IGNORE = "ignore"
    """Targets that differ in their query alone have one tag key."""
    IDENTITY = "identity"
    """The query is part of the tag key. Writers lock without it all the same."""
    VIEW = "view"
    """A query makes a view of the resource without it. The tag of a view names the state of the whole, too."""


class TagOnWrite(Enum):
    """Whether the answer to a successful write carries the tag of the new state."""

    NEVER = "never"
    VERBATIM = "verbatim"
    """Only a PUT after which the selected content is what was sent (RFC 9110 §9.3.4)."""
    ALWAYS = "always"


class UnconditionalPost(Enum):
    """What becomes of a POST without preconditions (invariant I9)."""

    RELAY = "relay"
    LOCK = "lock"


class Unmatched(Enum):
    """What becomes of a request that no route matches."""

    RELAY = "relay"
    GUARD = "guard"
    """It is guarded under the default rules."""
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes: of request content that is received, and of a representation that a tag is minted from."""

    content: int = 64 * _MIB
    mint: int = 8 * _MIB


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a step may take, in seconds.

    `settle` is how long the origin server may still apply a write after its answer was given up; it also bounds the
    selection after a write.
    """

    connect: float = 2.0
    receive: float = 30.0
    select: float = 5.0
    perform: float = 10.0
    settle: float = 20.0
    relay: float = 60.0


def shortest_write_lease(timeouts: Timeouts) -> float:
    """Return the least seconds that a lease in its write phase must last (invariant I3)."""
    return timeouts.perform + timeouts.settle + MARGIN


@dataclass(frozen=True, slots=True)
class LockRules:
    """How a resource is held: the longest wait and the lease's length in its two phases, in seconds.

    `waiters` is how many requests may queue for one resource in one process.
    """

    wait: float = 10.0
    read: float = 10.0
    write: float = shortest_write_lease(Timeouts())
    waiters: int = 64


@dataclass(frozen=True, slots=True)
class SelectRules:
    """How a write asks for the current state.

    `accept` takes the place of its own Accept where its tag names no variant. `fields`, in lower case, are those of its
    fields that select a representation, besides its credentials; None means all.
    """

    accept: str | None = None
    fields: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """The rules for the resources that a template names.

    `methods` None means every method; GET stands for HEAD too. `state` names the resource whose representation guards
    this one and whose lock its writers take; None means the target itself. `trust` is for how many seconds a remembered
    tag may answer 304 or 412. `fence` names the field in which a write's fence is forwarded; None means nowhere.
    `already_applied`: what would change nothing is answered as done. `problem`: its refusals. `cors`: who may read it.
    `inject`: where tags go into content.

    Raised on construction when `state` uses a name that `template` does not capture: `ValueError`.
    """

    name: str
    template: Template
    methods: frozenset[str] | None = None
    guard: Guard = Guard.ENFORCE
    state: Template | None = None
    query: Query = Query.IGNORE
    policy: Policy = field(default_factory=Policy)
    missing_status: int = 428
    rules: TagRules = field(default_factory=TagRules)
    etag_on_write: TagOnWrite = TagOnWrite.VERBATIM
    limits: Limits = Limits()
    timeouts: Timeouts = Timeouts()
    lock: LockRules = LockRules()
    unconditional_post: UnconditionalPost = UnconditionalPost.RELAY
    trust: float = 0.0
    fence: str | None = None
    select: SelectRules = SelectRules()
    already_applied: bool = False
    problem: ProblemTemplates = DOCUMENTS
    cors: Cors = Sharing.AUTO
    inject: Injection | None = None
    tags_made_by: bytes = field(init=False, repr=False, compare=False)
    """Names how the tags of this route come about: of two routes with the same, one's tags are the other's."""

    def __post_init__(self) -> None:
        made_by = self.rules.fingerprint + b"\n" + injection.fingerprint(self.inject)
        object.__setattr__(self, "tags_made_by", made_by)
        if self.state is not None:
            require_captured(self.state, by=self.template)

    def takes(self, method: str) -> bool:
        """Tell whether the route is for this method. HEAD answers as GET does (RFC 9110 §9.3.2), so GET implies it."""
        return self.methods is None or method in self.methods or (method == "HEAD" and "GET" in self.methods)

    def covers(self, target: Target, coarse: Sequence[str]) -> bool:
        """Tell whether the route is for this target, whose `coarse_segments` are `coarse`.

        A guarded route is matched coarsely, since what escapes it may escape the guard. One that is not guarded is
        matched as spelled, since what falls into it by its spelling escapes the guard of a later route.
        """
        return self.template.fits(coarse) and (self.guard is not Guard.OFF or self.template.spelled_by(target))
