"""Contracts between the gateway and the world: the origin server, the lock, the memory of tags, the journal.

The contract is in the docstrings; `proxy.adapters` fulfils it and one contract suite a port checks every adapter.
Nothing here has behaviour. Times are seconds, sizes are bytes.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from proxy.core.fields import Fields
from proxy.core.message import Request
from proxy.core.minting import Validator
from proxy.core.moment import Moment


class Purpose(Enum):
    """What a request to the origin server is for; it decides the connection it may use."""

    SELECT = "select"
    """A GET of ours. A kept-alive connection; sent again once if that connection turns out to be closed."""
    PERFORM = "perform"
    """A guarded write. A fresh connection, never a second send."""
    RELAY = "relay"
    """A request passed on untouched. As SELECT when it is safe and has no content, else as PERFORM."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How long an exchange may take.

    `connect` bounds the opening of a connection; `answer` runs from the call of `send` until the head has arrived
    and, where `Reply.read` is used, until the content is complete. Content that is relayed starts it anew with each
    part that is sent. Content that is iterated has no deadline.
    """

    connect: float
    answer: float


class Content(Protocol):
    """Request content on its way to the origin server. `length` is None when unknown: it is then sent chunked."""

    @property
    def length(self) -> int | None: ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...


class ReceivedContent(Content, Protocol):
    """Request content received whole. It can be iterated more than once; the owner closes it."""

    @property
    def length(self) -> int: ...

    @property
    def digest(self) -> bytes:
        """BLAKE2b-256 of the bytes."""
        ...


class Reply(Protocol):
    """An answer of the origin server whose final head has arrived and whose content may still be arriving.

    `fields` are as received, hop-by-hop fields removed. Exactly one of `read`, iteration or neither is used, except
    that iteration may follow a `read` that returned None; then `aclose`.
    """

    @property
    def status(self) -> int: ...

    @property
    def fields(self) -> Fields: ...

    async def read(self, limit: int) -> bytes | None:
        """Return the whole content, or None when it exceeds `limit` (what was read stays in front of iteration).

        Raised when it does not end cleanly or in time: `errors.Unanswered`.
        """
        ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the content as it arrives. Raised when it ends early: `errors.Unanswered`."""
        ...

    async def aclose(self) -> None:
        """Give the connection back if the answer is complete, else close it. Never raises; may be called twice."""
        ...


InterimListener = Callable[[int, Fields], None]
"""Called with the status and fields of each interim (1xx) response but 100 and 101."""

LastCheck = Callable[[], Awaitable[None]]
"""Awaited when a request could be sent and nothing of it was."""


class Upstream(Protocol):
    """The origin server."""

    async def send(  # noqa: PLR0913 - each says something else about one exchange
        self,
        request: Request,
        content: Content | None,
        *,
        purpose: Purpose,
        budget: Budget,
        interim: InterimListener | None = None,
        check: LastCheck | None = None,
    ) -> Reply:
        """Send the request and return its reply once the final head has arrived.

        The target, field case, order and repeated lines go out as they are; framing fields are made here. No
        redirect is followed, no cookie kept, no content decoded. `check` is awaited once the connection stands, right
        before the first byte; what it raises is raised here, and nothing was sent then.

        Raised: `errors.NotSent` when no byte of the request left; `errors.Unanswered` when something left and no
        final head came back.
        """
        ...


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """How a resource is held. `read` and `write` are the lease's length in its two phases; `wait` the longest wait.

    `waiters` is how many may queue for the resource in this process; None for a request that one selection refuses
    once another writer has won, so that only the process-wide limit bounds it.
    """

    wait: float
    read: float
    write: float
    waiters: int | None


class Lease(Protocol):
    """One holder's time-limited, exclusive hold of a resource."""

    @property
    def fence(self) -> int:
        """A number greater than that of every earlier lease of this resource."""
        ...

    @property
    def waited(self) -> bool:
        """Tell whether somebody else held the resource when it was asked for."""
        ...

    @property
    def lasts(self) -> bool:
        """Tell whether nobody else can have held the resource yet, without asking anybody. False may be too early."""
        ...

    async def confirm(self) -> None:
        """Prove that the lease is still held and re-arm it for the write phase. May be called again, at little cost.

        From now on nothing is remembered of the resource that was selected before this lease ends.

        Raised when it lapsed: `errors.LeaseLost`; when that cannot be known: `errors.StoreFailure`. Nothing may be
        sent then.
        """
        ...

    def abandon(self) -> None:
        """Do not release on leaving: let the lease lapse by itself (invariant I4)."""
        ...


class ResourceLock(Protocol):
    """Mutual exclusion of the writers of a resource."""

    def hold(self, key: str, terms: LeaseTerms) -> AbstractAsyncContextManager[Lease]:
        """Wait in first-come order, hold the resource `key`, release it on leaving unless abandoned.

        Raised on entering, when the wait or the queue exceeds `terms`: `errors.ResourceBusy`; when the lock cannot be
        had for want of a store: `errors.StoreFailure`. A cancelled waiter leaves the queue. Leaving never raises
        (invariant I8).
        """
        ...


@dataclass(frozen=True, slots=True)
class Remembered:
    """The outcome of a selection that began then. `current` is None where there was no representation.

    `fields` are those that a 304 repeats (RFC 9110 15.4.5). `firm` is False where a cache between us and the origin
    server may have answered: that one tells that something has changed, and answers nothing.
    """

    current: Validator | None
    began: Moment
    fields: Fields = field(default_factory=Fields)
    firm: bool = True


class StateStore(Protocol):
    """What the proxy remembers of selections. It may forget anything at any time; it never permits a write (I2).

    The write phase of a lease forgets by itself (`Lease.confirm`). Nothing here raises.
    """

    def now(self) -> Moment:
        """Return the present moment, as replicas that share the store can compare it."""
        ...

    async def recall(self, key: str, selector: bytes) -> Remembered | None:
        """Return the latest selection of `key` made with the same credentials and selecting fields."""
        ...

    async def remember(self, key: str, selector: bytes, remembered: Remembered) -> None:
        """Keep a selection, unless a later one is kept or `key` was forgotten after this one began.

        On return whoever shares the store can recall it.
        """
        ...

    def mention(self, key: str, selector: bytes, remembered: Remembered, *, again: float) -> None:
        """Keep a selection when convenient, and not at all if the same was kept in the last `again` seconds."""
        ...

    async def forget(self, key: str) -> None:
        """Drop every selection of `key` that began before now."""
        ...


class Step(Enum):
    """The words of the life of a request; also the names of its spans."""

    RECEIVE = "receive"
    REQUIRE = "require"
    HOLD = "hold"
    RECALL = "recall"
    SELECT = "select"
    EVALUATE = "evaluate"
    CONFIRM = "confirm"
    PERFORM = "perform"
    SETTLE = "settle"
    REMEMBER = "remember"
    RELAY = "relay"
    ANSWER = "answer"


class Journal(Protocol):
    """What is written down about one request."""

    def step(self, step: Step) -> AbstractContextManager[None]:
        """Enter a step; leaving it ends its time."""
        ...

    def note(self, **facts: str | int | None) -> None:
        """Add facts to the request's log line."""
        ...
