"""What a connection's end says of the response on it.

What lives here: whether the end was meant, and what had arrived before a reset. What must not: the connection's events.
"""

import asyncio
import os
import ssl
from contextlib import suppress

from proxy.adapters.upstream.response import IncomingResponse

AT_ONCE = 64 * 1024
"""Bytes that are read in one go."""


def said_goodbye(transport: asyncio.Transport) -> bool:
    """Tell whether TLS, where there is any, was ended by the peer and not cut (close_notify, RFC 8446 §6.1).

    asyncio reports both alike. Anyone on the way can cut a connection, and pass the start of content for all of it.
    """
    tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    try:
        return tls is None or tls.read(1) == b""
    except ssl.SSLError:
        return False


def salvage(transport: asyncio.Transport, response: IncomingResponse) -> None:
    """Read what the origin server sent before it reset the connection.

    An origin server that refuses an upload often answers and closes without reading the rest. Our next write
    then fails, and asyncio drops the transport with the answer still unread in the socket. Without it a plain
    413 would become an unknown outcome. Not over TLS: the bytes there need the session, which is gone.
    """
    if transport.get_extra_info("ssl_object") is not None:
        return
    with suppress(OSError):  # one way to learn that there is nothing more
        descriptor = transport.get_extra_info("socket").fileno()
        while data := os.read(descriptor, AT_ONCE):
            response.feed(data)
