"""A port that can be shut and opened again, and at which no connection is lost in between.

What lives here: taking connections in. asyncio's own server drops one that arrives in the turn in which it is closed
(seen with Python 3.11): its socket stays open, and nobody hears of it. What becomes of connections is their owner's.
"""

import asyncio
import socket
from collections.abc import Callable

from tests.support.ports import LOOPBACK

_BACKLOG = 100


class Door:
    """A port of the running loop. `welcome` is called with each connection as it comes, and owns it from then on."""

    def __init__(self, port: int, welcome: Callable[[socket.socket], None]) -> None:
        self._port = port
        self._welcome = welcome
        self._loop = asyncio.get_running_loop()
        self._listener: socket.socket | None = None

    def open(self) -> None:
        """Listen, unless that is done already."""
        if self._listener is None:
            self._listener = socket.create_server((LOOPBACK, self._port), backlog=_BACKLOG)
            self._listener.settimeout(0)
            self._loop.add_reader(self._listener, self._take_in)

    def shut(self) -> None:
        """Refuse whoever comes; who knocked and was not let in yet is reset."""
        if self._listener is not None:
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    def _take_in(self) -> None:
        if self._listener is None:
            return
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):  # who knocked has left
            return
        connection.settimeout(0)
        self._welcome(connection)


async def streams(connection: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return both ways of a connection that was taken in."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, connection)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)
