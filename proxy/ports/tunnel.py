"""A connection to the origin server on which another protocol is spoken (RFC 9110 §7.8)."""

from collections.abc import AsyncIterator
from typing import Protocol

from proxy.core.message import Request
from proxy.ports.upstream import Budget, InterimListener, Reply


class Tunnel(Protocol):
    """Bytes both ways, whatever they mean, once the origin server has answered 101.

    Iteration yields what the origin server sends, until it ends its side; it is begun once. It holds a bounded amount
    that nobody took yet. Raised while iterated when the connection breaks: `errors.Unanswered`.
    """

    @property
    def open(self) -> bool:
        """Tell whether the origin server can still be written to, as far as is known here."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def write(self, piece: bytes) -> None:
        """Send bytes, and wait until the origin server keeps up. Raised when it is gone: `errors.Unanswered`."""
        ...

    def end(self) -> None:
        """Say that nothing more will be sent. Where that cannot be said alone (TLS), the connection is closed."""
        ...

    async def aclose(self) -> None:
        """Close the connection; what was written before both sides ended is given a moment. May be called twice."""
        ...


class Tunnels(Protocol):
    """The origin server, for requests that offer to speak another protocol."""

    async def switch(
        self, request: Request, *, budget: Budget, interim: InterimListener | None = None
    ) -> tuple[Reply, Tunnel | None]:
        """Send a request with the offer to speak WebSocket, once, on a fresh connection, as `Upstream.send` does.

        The tunnel is there if and only if the origin server accepted the offer (`core.upgrading.accepted`); its reply
        is then the 101, and whoever has the tunnel closes that and not the reply. Raised besides what `Upstream.send`
        says: `errors.Unanswered` for a 101 that does not accept what was offered.
        """
        ...
