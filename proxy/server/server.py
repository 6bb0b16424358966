"""The life of a listening server.

What lives here: putting the rooms together, beginning and ending. What must not: anything about a single connection.
"""

import logging
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING

from proxy.core.address import Address
from proxy.gateway import Gateway
from proxy.server.connection import Patience
from proxy.server.draining import Census
from proxy.server.handling import Handling, Identity
from proxy.server.listening import Listener, bound_address, listen, require_native_parser, unlink_socket
from proxy.telemetry import AccessLog, Sparing

if TYPE_CHECKING:
    import asyncio

_log = logging.getLogger(__name__)


class Server:
    """Serves clients through a gateway, from `start` to `drain`.

    `trusted` tells of a peer's IP address, None on a Unix socket, whether its forwarding fields are believed.
    """

    def __init__(
        self,
        gateway: Gateway,
        *,
        pseudonym: str = "ifmatch",
        trusted: Callable[[str | None], bool] = lambda _peer: False,
        access_log: AccessLog | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._census = Census()
        self._handling = Handling(gateway, self._census, Identity(pseudonym, trusted), access_log)
        self._patience = patience or Patience()
        self._listening: asyncio.Server | None = None
        self._address: Address | None = None

    @property
    def draining(self) -> bool:
        """Tell whether `drain` was called."""
        return self._census.draining

    async def start(self, address: Address, context: ssl.SSLContext | None = None) -> Address:
        """Begin to serve, with TLS where there is a `context`, and return the address that was bound.

        Raised when the address cannot be had: OSError. Raised when aiohttp runs on its pure-Python parser:
        `errors.ConfigurationError`.
        """
        require_native_parser()
        listener = Listener(self._handling, self._census, self._patience, Sparing(_log))
        self._listening = await listen(listener, address, context)
        self._address = bound_address(self._listening, address)
        return self._address

    async def drain(self, seconds: float) -> bool:
        """Stop: accept nothing, close idle connections, let the rest finish for `seconds`, then cut it off.

        A write in progress is finished even if its client has left. Tells whether nothing had to be cut off.
        """
        if self._listening is not None:
            self._listening.close()
        if self._address is not None:
            unlink_socket(self._address)
        return await self._census.drain(seconds)
