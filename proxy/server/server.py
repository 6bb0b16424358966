"""The life of a listening server.

What lives here: putting the rooms together, beginning and ending. What must not: anything about a single connection.
"""

import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from proxy.core.address import Address
from proxy.gateway import Gateway
from proxy.ports import Scouts, Tunnels
from proxy.server.blocks import Blocks
from proxy.server.brief import Shortcut
from proxy.server.draining import Census
from proxy.server.errand import Errands
from proxy.server.handling import Handling
from proxy.server.incoming import Identity
from proxy.server.ledger import Witness
from proxy.server.listening import Listener, bound_address, listen, listen_on, require_native_parser, unlink_socket
from proxy.server.orders import Orders
from proxy.server.patience import Patience
from proxy.server.questions import Questions
from proxy.server.spelling import Spelling
from proxy.server.tunnelling import Tunnelling
from proxy.telemetry import Sparing

if TYPE_CHECKING:
    import asyncio

_log = logging.getLogger(__name__)


class Server:
    """Serves clients through a gateway, from `start` to `drain`.

    `trusted` tells of a peer's IP address, None on a Unix socket, whether its forwarding fields are believed.
    `witnesses` are told of each request that is over. `room` is for how many connections at a time, None: for all.
    Without `tunnels` no offer to speak another protocol is passed on, and without `scouts` nothing goes a short way.
    """

    def __init__(  # noqa: PLR0913 - each is another of the rooms that are put together here
        self,
        gateway: Gateway,
        *,
        pseudonym: str = "ifmatch",
        trusted: Callable[[str | None], bool] = lambda _peer: False,
        witnesses: Sequence[Witness] = (),
        tunnels: Tunnels | None = None,
        scouts: Scouts | None = None,
        patience: Patience | None = None,
        room: int | None = None,
    ) -> None:
        self._census = Census(room)
        tunnelling = None if tunnels is None else Tunnelling(gateway, self._census, tunnels, pseudonym)
        self._handling = Handling(gateway, self._census, Identity(pseudonym, trusted), witnesses, tunnelling)
        self._shortcuts = None if scouts is None else self._short(gateway, scouts, pseudonym)
        self._patience = patience or Patience()
        self._listening: list[asyncio.Server] = []
        self._address: Address | None = None

    @property
    def draining(self) -> bool:
        """Tell whether `drain` was called."""
        return self._census.draining

    async def start(
        self, address: Address, context: ssl.SSLContext | None = None, own: Sequence[socket.socket] = ()
    ) -> Address:
        """Begin to serve, with TLS where there is a `context`, and return the address that was bound.

        `own` are sockets bound to the address already, where several processes serve it (`reserving`); the address
        is not given back at the end then. Raised when the address cannot be had: OSError. Raised when aiohttp runs on
        its pure-Python parser: `errors.ConfigurationError`.
        """
        require_native_parser()
        listener = Listener(self._handling, self._census, self._patience, Sparing(_log), self._shortcuts or ())
        for each in own:
            self._listening.append(await listen_on(listener, each, context))
        if own:
            return address
        self._listening.append(await listen(listener, address, context))
        self._address = bound_address(self._listening[0], address)
        return self._address

    def _short(self, gateway: Gateway, scouts: Scouts, pseudonym: str) -> tuple[Shortcut, Errands]:
        """Return the short ways for reads and for writes, beside which everything else is handled."""
        blocks, census, ledger = Blocks(self._handling.incomings), self._census, self._handling.ledger
        questions, orders = Questions(gateway, scouts, blocks), Orders(gateway, blocks)
        reads = Shortcut(gateway, scouts, questions, Spelling(gateway, pseudonym), census, ledger)
        return reads, Errands(gateway, orders, pseudonym, census, ledger)

    async def drain(self, seconds: float) -> bool:
        """Stop: accept nothing, close idle connections, let the rest finish for `seconds`, then cut it off.

        A write in progress is finished even if its client has left. Tells whether nothing had to be cut off.
        """
        for listening in self._listening:
            listening.close()
        if self._address is not None:
            unlink_socket(self._address)
        return await self._census.drain(seconds)
