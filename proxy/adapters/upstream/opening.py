"""Opening a connection: TCP, Unix sockets and TLS, or `NotSent`.

What lives here: everything that can fail before a request exists on the wire, and how each failure is told.
"""

import asyncio
import socket
import ssl

from proxy.adapters.upstream.connection import Connection
from proxy.core.address import Origin, TcpAddress, UnixAddress, parse_authority
from proxy.errors import NotSent

_TLS_GOODBYE = 1.0
"""Seconds that closing waits for the other side's close_notify."""


async def open_connection(origin: Origin, tls: ssl.SSLContext | None, seconds: float) -> Connection:
    """Return a new connection, over TLS where a context is given.

    Raised when it cannot be had, or not within `seconds` (then `timed_out`): `errors.NotSent`.
    """
    try:
        async with asyncio.timeout(seconds):
            return await _open(origin, tls)
    except TimeoutError as error:  # ours or the operating system's
        raise NotSent("The origin server did not accept a connection in time.", timed_out=True) from error
    except (OSError, UnicodeError) as error:  # UnicodeError: a host name that IDNA cannot encode
        raise NotSent(_told(error)) from error


async def _open(origin: Origin, tls: ssl.SSLContext | None) -> Connection:
    loop = asyncio.get_running_loop()
    server_name = None if tls is None else _server_name(origin)
    goodbye = None if tls is None else _TLS_GOODBYE
    if isinstance(origin.address, UnixAddress):
        _, connection = await loop.create_unix_connection(
            Connection, origin.address.path, ssl=tls, server_hostname=server_name, ssl_shutdown_timeout=goodbye
        )
        return connection
    _, connection = await loop.create_connection(
        Connection,
        origin.address.host,
        origin.address.port,
        ssl=tls,
        server_hostname=server_name,
        ssl_shutdown_timeout=goodbye,
    )
    return connection


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
