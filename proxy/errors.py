"""Failures, each with its source and with what became of the request.

What lives here: the exceptions that end a request, and nothing that decides an HTTP status; `proxy.problems` owns
that table. A failure says who caused it (`Source`) and whether the write may have happened (`Outcome`), because those
two facts are what a client needs to decide what to do next.
"""

from enum import Enum
from typing import ClassVar


class Source(Enum):
    """Who caused a failure."""

    CLIENT = "client"
    UPSTREAM = "upstream"
    STORE = "store"
    SELF = "self"


class Outcome(Enum):
    """What became of the request at the origin server (DESIGN G3)."""

    NOT_APPLIED = "not-applied"
    """No byte of it was forwarded, or it was a request that changes nothing."""
    UNKNOWN = "unknown"
    """It was forwarded and no complete answer came: it may have been applied."""


class Failure(Exception):
    """A request that ends without an answer of the origin server's.

    `detail` is one sentence for the person who sent the request. It never echoes raw bytes of the request.
    """

    source: ClassVar[Source] = Source.SELF
    outcome: ClassVar[Outcome] = Outcome.NOT_APPLIED

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class ClientFailure(Failure):
    """The request itself is at fault."""

    source = Source.CLIENT


class MalformedRequest(ClientFailure):
    """The request breaks HTTP's grammar or framing, or could be read in two ways (400)."""


class MalformedTarget(MalformedRequest):
    """The request target is malformed, or an origin server could map it to another resource than we would (400)."""


class MalformedPrecondition(MalformedRequest):
    """A precondition field does not follow its grammar; it is never read as a shorter list (400)."""


class BadFraming(MalformedRequest):
    """The length of the content is ambiguous (RFC 9112 §6.3); the connection must be closed (400)."""


class MethodRefused(ClientFailure):
    """A method this proxy does not serve: CONNECT, TRACE (405)."""


class Misdirected(ClientFailure):
    """The request target names another authority than the request is addressed to (421)."""


class ContentTooLarge(ClientFailure):
    """The request content exceeds the route's `limits.content` (413)."""


class ReceiveTimeout(ClientFailure):
    """The request content did not arrive within the route's `timeouts.receive` (408)."""


class ClientGone(ClientFailure):
    """The client closed its connection before its request was complete; nobody reads an answer."""


class LoopDetected(ClientFailure):
    """The request has already passed through this proxy (508)."""


class UpstreamFailure(Failure):
    """The origin server is at fault. `timed_out` tells 504 from 502."""

    source = Source.UPSTREAM

    def __init__(self, detail: str, *, timed_out: bool = False) -> None:
        super().__init__(detail)
        self.timed_out = timed_out


class NotSent(UpstreamFailure):
    """Raised by the upstream port when no byte of the request left this process."""


class Unanswered(UpstreamFailure):
    """Raised by the upstream port when the request, or a part of it, left and no complete answer came back.

    For a safe request this costs nothing; for a write the gateway turns it into `OutcomeUnknown`.
    """


class Unverifiable(UpstreamFailure):
    """The origin server answered the selection in a way that shows no state to compare with (502)."""


class OutcomeUnknown(UpstreamFailure):
    """A write left and no complete answer came back: it may or may not have been applied (502, 504)."""

    outcome = Outcome.UNKNOWN


class StoreFailure(Failure):
    """The lock cannot be had now, for want of its store where no subclass says more. `retry_after`: whole seconds."""

    source = Source.STORE

    def __init__(self, detail: str, *, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class ResourceBusy(StoreFailure):
    """Other writers hold or await the resource and the wait is over, or the queue is full (503)."""


class LeaseLost(StoreFailure):
    """The lease lapsed before the write was sent; it was not sent (503)."""


class Quarantined(StoreFailure):
    """The store lost its memory of locks, or was replaced: nothing is written until what may be under way is over."""


class ShuttingDown(StoreFailure):
    """The proxy drains and takes no new request (503)."""

    source = Source.SELF


class ConfigurationError(Exception):
    """The configuration cannot be used. `problems` holds one `file:line:column: path: message` a mistake."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
