"""What the preconditions of a request came to: a value with a named reason that reaches log, metric and answer.

Verdicts decide; they carry no HTTP. `proxy.problems` turns a refusal into a status and a document.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from proxy.core.entity_tag import EntityTag


class Reason(Enum):
    """Why a verdict is what it is. The values are stable: they stand in logs, metrics and problem documents."""

    NO_CONDITIONS = "no-conditions"
    """The request carries no precondition that applies to its method."""
    HOLDS = "holds"
    """Every precondition that applies is true."""
    STALE = "stale"
    """If-Match names no current tag: the representation has changed."""
    ANOTHER_RESOURCE = "another-resource"
    """If-Match names no tag of this resource, but one that was minted here for another."""
    NEVER_MINTED = "never-minted"
    """If-Match names only tags that were never minted here, or with another key."""
    WEAK = "weak"
    """If-Match names the current tag only in its weak form, which never matches strongly (RFC 9110 §13.1.1)."""
    ABSENT = "absent"
    """There is no current representation."""
    EXISTS = "exists"
    """If-None-Match forbids what exists."""
    MODIFIED = "modified"
    """If-Unmodified-Since is earlier than Last-Modified."""
    UNMODIFIED = "unmodified"
    """The client's copy is current (304)."""
    MISSING = "missing"
    """The route requires a precondition and none was sent."""
    APPLIED = "applied"
    """The state is what the request would make it: nothing is left to do (RFC 9110 §13.1.1)."""
    UNVERIFIABLE = "unverifiable"
    """The origin server's answer to the selection shows no state to compare with."""


@dataclass(frozen=True, slots=True)
class Perform:
    """The request may go on."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class NotModified:
    """A GET or HEAD whose If-None-Match or If-Modified-Since is false (304)."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class PreconditionFailed:
    """A false precondition (412). `current` is the tag of the representation compared with, None when absent."""

    reason: Reason
    current: EntityTag | None


@dataclass(frozen=True, slots=True)
class PreconditionRequired:
    """The route asks for a precondition and the request has none (428, or as the route says)."""

    reason: Reason
    current: EntityTag | None


@dataclass(frozen=True, slots=True)
class Indeterminate:
    """Preconditions are not evaluated: the origin server's own answer to the selection speaks (RFC 9110 §13.2.1)."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class AlreadyApplied:
    """A write whose If-Match is false because it has been done before: answered as done, and not forwarded."""

    reason: Reason


Verdict = Perform | NotModified | PreconditionFailed | PreconditionRequired | Indeterminate | AlreadyApplied
WORDS: Final[dict[type[Verdict], str]] = {
    Perform: "perform",
    NotModified: "not-modified",
    PreconditionFailed: "precondition-failed",
    PreconditionRequired: "precondition-required",
    Indeterminate: "indeterminate",
    AlreadyApplied: "already-applied",
}
"""What logs and answers call a verdict. Stable."""

Refusal = PreconditionFailed | PreconditionRequired
"""The verdicts that may rest on a remembered selection (invariant I2)."""
