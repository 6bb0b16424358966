"""Selections that are sent out without anybody waiting for them."""

from collections.abc import Callable
from typing import Protocol

from proxy.core.message import Request, Response
from proxy.ports.upstream import Budget, Reply


class Scout(Protocol):
    """A selection that is under way on a connection of its own, until `done`, `landed` or `abandon`."""

    @property
    def seen(self) -> Response | None:
        """The answer, where all of it came at once and nothing is wrong with it; None until then, or where it did not.

        `fields` are as received, hop-by-hop ones removed.
        """
        ...

    def done(self) -> None:
        """Give the connection back: what was `seen` will do."""
        ...

    async def landed(self) -> Reply:
        """Wait for the answer as `Upstream.send` does. Raised: what that raises."""
        ...

    def abandon(self) -> None:
        """Give it up, if that was not yet done in another way: the connection is closed."""
        ...


class Scouts(Protocol):
    """The origin server, for selections that are made without a task."""

    def ready(self, request: Request) -> bytes:
        """Spell a request without content, for all the times it is sent. Raised when it cannot be: `errors.NotSent`."""
        ...

    def set_out(self, ready: bytes, budget: Budget, told: Callable[[], None]) -> Scout | None:
        """Send a selection (`Purpose.SELECT`) if that can be done at once; None where it has to wait, and nothing left.

        `told` is called once, when the answer is `seen` or can be `landed`: it has begun, or something is wrong.
        """
        ...
