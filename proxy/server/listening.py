"""Where clients come in: the factory of connections, and the sockets it listens on.

What lives here: what has to be right before the first byte is read. What must not: anything about a request.
"""

import asyncio
import errno
import logging
import os
import socket
import ssl
import stat
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, cast

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import HttpRequestParser, RawRequestMessage
from aiohttp.http_parser import HttpRequestParserPy
from aiohttp.streams import StreamReader
from yarl import URL

from proxy.core.address import Address, TcpAddress, UnixAddress
from proxy.errors import ConfigurationError
from proxy.server.connection import Connection
from proxy.server.draining import Census
from proxy.server.parsing import LIMITS
from proxy.server.patience import Patience
from proxy.server.sent import Sent
from proxy.server.shortcutting import ShortWay
from proxy.telemetry import Sparing

BACKLOG: Final = 1024
"""Connections that the kernel holds until they are accepted."""

ONE: Final = 1
"""Connections that are accepted in one go from a queue shared with other processes.

asyncio accepts as many as the backlog: whoever wakes first would have the whole of a burst.
"""

HANDSHAKE: Final = 10.0
"""Seconds for a TLS handshake."""

SOCKET_MODE: Final = 0o660
"""Who may connect to a Unix socket: its owner and its group."""

_log = logging.getLogger(__name__)

_NOWHERE: Final = URL("/")

Handler = Callable[[web.BaseRequest], Awaitable[Sent]]


class Listener(web.Server):
    """Makes a `Connection` of each connection accepted."""

    def __init__(
        self,
        handler: Handler,
        census: Census,
        patience: Patience,
        noise: Sparing,
        shortcuts: Sequence[ShortWay] = (),
    ) -> None:
        super().__init__(
            cast("Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]", handler),
            handler_cancellation=False,
            keepalive_timeout=patience.keepalive,
            access_log=None,
            **LIMITS,
            lingering_time=0,  # Connection.linger knows when that is needed
            auto_decompress=False,
        )
        self.census = census
        self.patience = patience
        self.noise = noise
        self.shortcuts = shortcuts
        self._crowd = Sparing(_log)

    def __call__(self) -> "Connection | TurnedAway":  # type: ignore[override]  # aiohttp has room for everyone
        """Return the protocol of a new connection."""
        if self.census.full:
            self._crowd.warning(f"closed a new connection: {self.census.room} are open, all that there are files for")
            return TurnedAway()
        return Connection(self, loop=self._loop, **self._kwargs)

    def _make_request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> web.BaseRequest:
        """Keep aiohttp from taking the URL apart: on some hosts that raises, and the connection hangs.

        `proxy.core.target` judges the target, by the bytes of the request line.
        """
        return super()._make_request(message._replace(url=_NOWHERE), payload, protocol, writer, task)


class TurnedAway(asyncio.Protocol):
    """A connection for which there is no room, closed at once: without a file left, nothing could be done for it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close."""
        transport.close()


def require_native_parser() -> None:
    """Refuse aiohttp's pure-Python parser, which reads more than HTTP allows. Raised then: ConfigurationError."""
    if HttpRequestParser is HttpRequestParserPy:
        message = (
            "aiohttp runs on its pure-Python HTTP parser, which is too lenient to guard with; "
            "unset AIOHTTP_NO_EXTENSIONS, or install a build of aiohttp with its native extensions"
        )
        raise ConfigurationError([message])


async def listen(factory: Listener, address: Address, context: ssl.SSLContext | None) -> asyncio.Server:
    """Begin to accept connections. Raised when the address cannot be had: OSError."""
    loop = asyncio.get_running_loop()
    handshake = None if context is None else HANDSHAKE
    if isinstance(address, UnixAddress):
        bound = bind_unix(address)
        return await loop.create_unix_server(
            factory, sock=bound, ssl=context, backlog=BACKLOG, ssl_handshake_timeout=handshake
        )
    return await loop.create_server(
        factory,
        address.host or None,
        address.port,
        ssl=context,
        backlog=BACKLOG,
        ssl_handshake_timeout=handshake,
    )


async def listen_on(factory: Listener, own: socket.socket, context: ssl.SSLContext | None) -> asyncio.Server:
    """Begin to accept connections on a socket bound elsewhere, to an address that other processes listen on too."""
    shared = own.family == socket.AF_UNIX
    server = await asyncio.get_running_loop().create_server(  # a Unix socket too: its file is not ours to remove
        factory,
        sock=own,
        ssl=context,
        backlog=ONE if shared else BACKLOG,
        ssl_handshake_timeout=None if context is None else HANDSHAKE,
    )
    if shared:
        own.listen(BACKLOG)
    return server


def bound_address(server: asyncio.Server, asked: Address) -> Address:
    """Return the address that was bound: that asked for, with the port that the kernel chose for port 0."""
    if isinstance(asked, UnixAddress):
        return asked
    return TcpAddress(asked.host, server.sockets[0].getsockname()[1])


def unlink_socket(address: Address) -> None:
    """Remove the file of a Unix socket that nobody listens on any more."""
    if isinstance(address, UnixAddress):
        Path(address.path).unlink(missing_ok=True)


def bind_unix(address: UnixAddress) -> socket.socket:
    """Return a socket bound to a path, in the place of one that nobody answers at. Raised when one does: OSError."""
    _remove_stale(address)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        bound.bind(address.path)
        Path(address.path).chmod(SOCKET_MODE)  # before listen(): nobody has come in yet
    except BaseException:
        bound.close()
        raise
    return bound


def _remove_stale(address: UnixAddress) -> None:
    """Remove a socket that nobody answers at. Raised when somebody does: OSError; asyncio would take it over."""
    path = Path(address.path)
    if not path.exists() or not stat.S_ISSOCK(path.stat().st_mode):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(address.path)
        except ConnectionRefusedError:
            path.unlink()
            return
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), address.path)
