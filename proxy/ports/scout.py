"""Reads that are sent out without anybody waiting for them."""

from collections.abc import Callable
from typing import Protocol

from proxy.core.message import Request, Response
from proxy.ports.upstream import Budget, InterimListener, Reply


class Scout(Protocol):
    """A read that is under way on a connection of its own, until `done`, `landed` or `abandon`."""

    @property
    def seen(self) -> Response | None:
        """The answer, where all of it came at once and nothing is wrong with it; None until then, or where it did not.

        `fields` are as received, hop-by-hop ones removed.
        """
        ...

    def done(self) -> None:
        """Give the connection back: what was `seen` will do."""
        ...

    async def landed(self, interim: InterimListener | None = None) -> Reply:
        """Wait for the answer, and tell of interim ones, as `Upstream.send` does. Raised: what that raises."""
        ...

    def abandon(self) -> None:
        """Give it up, if that was not yet done in another way: the connection is closed."""
        ...


class Scouts(Protocol):
    """The origin server, for reads that take no task."""

    def ready(self, request: Request) -> bytes:
        """Spell a request without content, for all the times it is sent. Raised when it cannot be: `errors.NotSent`."""
        ...

    def set_out(self, ready: bytes, budget: Budget, told: Callable[[], None]) -> Scout | None:
        """Send a GET, as for `Purpose.SELECT`, if that can be done at once; None where it has to wait: nothing left.

        `told` is called once, when the answer is `seen` or can be `landed`: it has begun, or something is wrong.
        """
        ...
