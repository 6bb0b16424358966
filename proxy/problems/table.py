"""The one table from a failure or a refusal to HTTP: status, problem type, title, and what to do (RFC 9457).

What lives here: a row for everything that this proxy answers by itself. What must not: the decision that something
failed, and how a row becomes a response (`documents`).
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from proxy.core.verdict import PreconditionFailed, PreconditionRequired, Reason, Refusal
from proxy.errors import (
    BadFraming,
    ClientGone,
    ContentTooLarge,
    Failure,
    LeaseLost,
    LoopDetected,
    MalformedPrecondition,
    MalformedRequest,
    MalformedTarget,
    MethodRefused,
    Misdirected,
    NotSent,
    Outcome,
    OutcomeUnknown,
    Quarantined,
    ReceiveTimeout,
    ResourceBusy,
    ShuttingDown,
    StoreFailure,
    Unanswered,
    Unverifiable,
    UpstreamFailure,
)

TYPE_PREFIX: Final = "urn:ifmatch:problem:"
"""What a problem type begins with; the rest is the row's `slug`. Types are stable."""


class Situation(Enum):
    """What ends a request and is neither a failure nor a verdict."""

    UNMATCHED = "unmatched"
    """No route speaks, and such requests are rejected."""
    EXPECTATION = "expectation"
    """Expect names something other than 100-continue (RFC 9110 §10.1.1)."""
    FAULT = "fault"
    """An exception that nobody foresaw, before anything that changes state left."""
    FAULT_AFTER_SENDING = "fault-after-sending"
    """The same, after."""

    @property
    def outcome(self) -> Outcome:
        """What became of the request."""
        return Outcome.UNKNOWN if self is Situation.FAULT_AFTER_SENDING else Outcome.NOT_APPLIED


class Late(Enum):
    """Qualifies an upstream failure that is a matter of time."""

    TIMED_OUT = "timed-out"


Cause = type[Failure] | tuple[type[UpstreamFailure], Late] | tuple[type[Refusal], Reason] | Situation


@dataclass(frozen=True, slots=True)
class Problem:
    """A row of the table.

    `error` is a proxy error type (RFC 9209 §2.3), None where none fits. `detail` serves a cause without its own.
    """

    status: int
    slug: str
    title: str
    remedy: str
    error: str | None = None
    detail: str = ""


_AGAIN = "Try again after the time in Retry-After; the request was not forwarded."
_LOOK_FIRST = "Read the resource to learn whether the change was made before you send it again."
_REREAD = "GET the resource, apply your change to its current state, and send that with its ETag in If-Match."
_LATER = "Try again later; the request changed nothing."
_CORRECT = "Correct the request; sent again as it is, it is refused again."
_LOGGED = "The proxy failed in a way that it does not know; its log says more."
_FAILED, _REQUIRED = "Precondition failed", "Precondition required"
_CLIENT, _DENIED, _OWN = "http_request_error", "http_request_denied", "proxy_internal_error"

# fmt: off
TABLE: Final[dict[Cause, Problem]] = {
    MalformedRequest: Problem(400, "malformed-request", "Malformed request", _CORRECT, _CLIENT),
    MalformedTarget: Problem(400, "malformed-target", "Malformed or ambiguous request target",
        "Spell the target without dot segments, fragments, and encoded slashes or control bytes.", _CLIENT),
    MalformedPrecondition: Problem(400, "malformed-precondition", "Malformed precondition",
        "Send entity tags with their double quotes, exactly as the ETag field showed them.", _CLIENT),
    BadFraming: Problem(400, "bad-framing", "Ambiguous or incomplete content",
        "Announce the length of the content once, and send that much.", _CLIENT),
    MethodRefused: Problem(405, "method-refused", "Method not allowed", "Use another method.", _DENIED),
    Misdirected: Problem(421, "misdirected", "Misdirected request",
        "Send the request to the authority that its target names.", _CLIENT),
    ContentTooLarge: Problem(413, "content-too-large", "Content too large",
        "Send less, or have the route's limits.content raised.", _CLIENT),
    ReceiveTimeout: Problem(408, "receive-timeout", "Request timeout",
        "Send the whole content within the route's timeouts.receive.", _CLIENT),
    ClientGone: Problem(400, "client-gone", "Client gone", _CORRECT, _CLIENT),
    LoopDetected: Problem(508, "loop-detected", "Loop detected",
        "Point upstream at the origin server, not at this proxy; or give chained proxies different pseudonyms.",
        "proxy_loop_detected"),
    UpstreamFailure: Problem(502, "upstream-failure", "Bad gateway", _LATER, "http_protocol_error"),
    NotSent: Problem(502, "upstream-unreachable", "The origin server cannot be reached", _LATER,
        "destination_unavailable"),
    (NotSent, Late.TIMED_OUT): Problem(504, "upstream-unreachable", "The origin server cannot be reached", _LATER,
        "connection_timeout"),
    Unanswered: Problem(502, "upstream-unanswered", "The origin server did not answer", _LATER,
        "http_response_incomplete"),
    (Unanswered, Late.TIMED_OUT): Problem(504, "upstream-unanswered", "The origin server did not answer", _LATER,
        "http_response_timeout"),
    Unverifiable: Problem(502, "unverifiable", "The current state cannot be learnt",
        "The write was not forwarded. Have the resource answer GET with 200, or name its state in the route."),
    OutcomeUnknown: Problem(502, "outcome-unknown", "The outcome is unknown", _LOOK_FIRST, "http_response_incomplete"),
    (OutcomeUnknown, Late.TIMED_OUT): Problem(504, "outcome-unknown", "The outcome is unknown", _LOOK_FIRST,
        "http_response_timeout"),
    StoreFailure: Problem(503, "store-unavailable", "The lock cannot be had", _AGAIN, _OWN),
    ResourceBusy: Problem(503, "resource-busy", "Other writers hold the resource", _AGAIN, "proxy_internal_response"),
    Quarantined: Problem(503, "quarantined", "The lock's store is new or lost its memory", _AGAIN, _OWN),
    LeaseLost: Problem(503, "lease-lost", "The lock was lost before the write was sent", _AGAIN, _OWN),
    ShuttingDown: Problem(503, "shutting-down", "The proxy is shutting down", _AGAIN, "proxy_internal_response"),
    Failure: Problem(500, "internal-error", "Internal error", _LATER, _OWN),
    Situation.FAULT: Problem(500, "internal-error", "Internal error", _LATER, _OWN, _LOGGED),
    Situation.FAULT_AFTER_SENDING: Problem(500, "internal-error", "Internal error", _LOOK_FIRST, _OWN, _LOGGED),
    Situation.UNMATCHED: Problem(404, "unmatched", "No such resource", "Use a path that a route names.", _DENIED,
        "No route matches the request, and unmatched requests are rejected here."),
    Situation.EXPECTATION: Problem(417, "expectation-failed", "Expectation failed",
        "Send no Expect field, or Expect: 100-continue.", _CLIENT, "Only the expectation 100-continue can be met."),
    (PreconditionFailed, Reason.STALE): Problem(412, "precondition-failed", _FAILED, _REREAD, _CLIENT,
        "If-Match names no current entity tag: the resource has changed since."),
    (PreconditionFailed, Reason.ANOTHER_RESOURCE): Problem(412, "precondition-failed", _FAILED, _REREAD, _CLIENT,
        "If-Match names no entity tag of this resource, but one of another."),
    (PreconditionFailed, Reason.NEVER_MINTED): Problem(412, "precondition-failed", _FAILED, _REREAD, _CLIENT,
        "If-Match names an entity tag that was never given out here."),
    (PreconditionFailed, Reason.WEAK): Problem(412, "precondition-failed", _FAILED,
        "Send the tag as the ETag field showed it, without W/.", _CLIENT,
        "If-Match names the current state by a weak entity tag, which never matches."),
    (PreconditionFailed, Reason.ABSENT): Problem(412, "precondition-failed", _FAILED,
        "Create the resource with If-None-Match: *, or leave it deleted.", _CLIENT,
        "If-Match demands a current representation, and there is none."),
    (PreconditionFailed, Reason.EXISTS): Problem(412, "precondition-failed", _FAILED, _REREAD, _CLIENT,
        "If-None-Match forbids a representation that exists."),
    (PreconditionFailed, Reason.MODIFIED): Problem(412, "precondition-failed", _FAILED, _REREAD, _CLIENT,
        "The resource has been modified after the date in If-Unmodified-Since."),
    (PreconditionRequired, Reason.MISSING): Problem(428, "precondition-required", _REQUIRED, _REREAD, _DENIED,
        "A write to this resource must say which state it is based on."),
}
# fmt: on
