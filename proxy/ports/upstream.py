"""The origin server, and the content that goes there and comes back."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from proxy.core.fields import Fields
from proxy.core.message import Request

DIGEST_SIZE: Final = 32
"""Bytes of `ReceivedContent.digest`."""


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
    and, where `Reply.read` or `skim` is used, until the content is complete. Content that is relayed starts it anew
    with each part that is sent. Content that is iterated has no deadline.
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
    def held(self) -> bytes | None:
        """The bytes where they are in memory; None where they have to be iterated."""
        ...

    @property
    def digest(self) -> bytes:
        """BLAKE2b-256 of the bytes."""
        ...


Taker = Callable[[bytes], Awaitable[None]]
"""Takes the next piece of content; no other comes before it returns."""


class Reply(Protocol):
    """An answer of the origin server whose final head has arrived and whose content may still be arriving.

    `fields` are as received, hop-by-hop fields removed. Exactly one of `read`, `skim`, iteration or none is used,
    except that iteration may follow a `read` that returned None; then `aclose`.
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

    async def skim(self, taker: Taker) -> None:
        """Pass the whole content to `taker`, piece by piece, and keep none of it.

        Raised when it does not end cleanly or in time: `errors.Unanswered`; whatever `taker` raises.
        """
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
