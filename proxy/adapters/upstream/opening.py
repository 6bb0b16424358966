"""Opening a connection: TCP, Unix sockets and TLS, or `NotSent`.

What lives here: everything that can fail before a request exists on the wire, and how each failure is told. Nothing was
sent then, so every address may be tried.
"""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from proxy.adapters.upstream.addresses import Addresses
from proxy.adapters.upstream.connection import Connection
from proxy.adapters.upstream.watch import Within
from proxy.core.address import Origin, TcpAddress, UnixAddress, parse_authority
from proxy.errors import NotSent

_TOO_LATE = "The origin server did not accept a connection in time."
_TLS_GOODBYE = 1.0
"""Seconds that closing waits for the other side's close_notify."""


async def open_connection(
    origin: Origin,
    tls: ssl.SSLContext | None,
    seconds: float,
    addresses: Addresses | None = None,
    limit: Within | None = None,
) -> Connection:
    """Return a new connection, over TLS where a context is given. Whoever has a `limit` of so many seconds sets it.

    `addresses` are those of the origin server's name; without them the event loop sees to a name each time.

    Raised when it cannot be had, or not within `seconds` (then `timed_out`): `errors.NotSent`.
    """
    loop = asyncio.get_running_loop() if limit is None else limit.loop
    if seconds <= 0:
        raise NotSent(_TOO_LATE, timed_out=True)
    try:
        async with limit or asyncio.timeout_at(loop.time() + seconds):
            if addresses is not None and isinstance(origin.address, TcpAddress):
                return await _Named(origin.address, tls, addresses, loop).open(seconds)
            return await _open(origin, tls, loop)
    except TimeoutError as error:  # ours or the operating system's
        raise NotSent(_TOO_LATE, timed_out=True) from error
    except (OSError, UnicodeError) as error:  # UnicodeError: a host name that IDNA cannot encode
        raise NotSent(_told(error)) from error


async def _open(origin: Origin, tls: ssl.SSLContext | None, loop: asyncio.AbstractEventLoop) -> Connection:
    made = partial(Connection, loop)
    server_name = None if tls is None else _server_name(origin)
    goodbye = None if tls is None else _TLS_GOODBYE
    if isinstance(origin.address, UnixAddress):
        _, connection = await loop.create_unix_connection(
            made, origin.address.path, ssl=tls, server_hostname=server_name, ssl_shutdown_timeout=goodbye
        )
        return connection
    _, connection = await loop.create_connection(
        made,
        origin.address.host,
        origin.address.port,
        ssl=tls,
        server_hostname=server_name,
        ssl_shutdown_timeout=goodbye,
    )
    return connection


@dataclass(frozen=True, slots=True)
class _Named:
    """An origin server that has a name, which must not change on the way to its certificate."""

    address: TcpAddress
    tls: ssl.SSLContext | None
    addresses: Addresses
    loop: asyncio.AbstractEventLoop

    async def open(self, seconds: float) -> Connection:
        """Try the addresses that are known for half of the time, and then those that the name has now.

        A connection is not a request: whoever answers at an address that was wrong has been sent nothing.
        """
        until = self.loop.time() + seconds
        before = self.addresses.latest
        known = await self.addresses.known(seconds / 2)
        if known is not before:
            return await self._first(known.hosts, until)
        try:
            return await self._first(known.hosts, _halfway(self.loop.time(), until))
        except OSError as failure:
            self.addresses.doubt(known)
            newer = await self.addresses.known()
            if newer.hosts == known.hosts and not isinstance(failure, TimeoutError):
                raise  # they have said no a moment ago
        return await self._first(newer.hosts, until)

    async def _first(self, hosts: Sequence[str], until: float) -> Connection:
        """Return a connection to the first address that takes one. Each has half of the time left, the last one all."""
        failures: list[OSError] = []
        for number, host in enumerate(hosts, start=1):
            by = until if number == len(hosts) else _halfway(self.loop.time(), until)
            try:
                return await self._connect(host, by)
            except OSError as failure:
                failures.append(failure)
        if len({type(failure) for failure in failures}) == 1:
            raise failures[0]
        raise OSError(f"{len(failures)} addresses, each for a reason of its own")

    async def _connect(self, host: str, by: float) -> Connection:
        """Connect to one address in time; a handshake that follows may take longer."""
        made = partial(Connection, self.loop)
        if self.tls is None:
            async with asyncio.timeout_at(by):
                _, connection = await self.loop.create_connection(made, host, self.address.port)
            return connection
        async with asyncio.timeout_at(by):
            dialled = await self._dialled(host)
        _, connection = await self.loop.create_connection(
            made,
            sock=dialled,
            ssl=self.tls,
            server_hostname=self.address.host,
            ssl_shutdown_timeout=_TLS_GOODBYE,
        )
        return connection

    async def _dialled(self, host: str) -> socket.socket:
        dialled = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        try:
            dialled.settimeout(0.0)
            await self.loop.sock_connect(dialled, (host, self.address.port))
        except BaseException:
            dialled.close()
            raise
        return dialled


def _halfway(now: float, until: float) -> float:
    return (now + until) / 2


def _server_name(origin: Origin) -> str:
    """Return the name that the certificate must prove."""
    if isinstance(origin.address, TcpAddress):
        return origin.address.host
    return parse_authority(origin.authority).host


def _told(error: OSError | UnicodeError) -> str:
    """Return a sentence for the client. It names no address: those are the operator's."""
    match error:
        case ssl.SSLCertVerificationError():
            return "The origin server's certificate could not be verified."
        case ssl.SSLError():
            return "TLS with the origin server could not be set up."
        case socket.gaierror() | UnicodeError():
            return "The origin server's name could not be resolved."
        case ConnectionRefusedError():
            return "The origin server refused the connection."
        case _:
            return "The origin server could not be reached."
