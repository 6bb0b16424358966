"""A client's line to the proxy: kept alive while all goes well, then made anew, and left in ways no library would.

What lives here: one connection of `http.client`. What is said on it, and what the answer means, is for others.
"""

import socket
import struct
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from tests.support.clients import PATIENCE, Heard

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on, for no time: closing then sends RST."""


class Line:
    """A connection to a server. Field names of answers are in lower case."""

    def __init__(self, url: str) -> None:
        self._connection = HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)

    def ask(self, method: str, path: str, content: bytes | None, fields: Mapping[str, str]) -> Heard | None:
        """Return the answer, None where none came."""
        try:
            self._send(method, path, content, fields)
            with self._connection.getresponse() as answer:  # one that ends the connection has it for itself
                fields = {name.lower(): value for name, value in answer.getheaders()}
                return Heard(answer.status, fields, answer.read())
        except (OSError, HTTPException):
            self.close()
            return None

    def leave(self, method: str, path: str, content: bytes, fields: Mapping[str, str], *, short: int = 0) -> None:
        """Send a request, except for the last `short` bytes that it announces, and do not wait for the answer."""
        with suppress(OSError, HTTPException):
            self._send(method, path, content[: len(content) - short], {**fields, "Content-Length": str(len(content))})

    def close(self, *, reset: bool = False) -> None:
        """Close the connection; the next request makes another."""
        connected: socket.socket | None = self._connection.sock
        if reset and connected is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._connection.close()

    def _send(self, method: str, path: str, content: bytes | None, fields: Mapping[str, str]) -> None:
        """Send the request; without a length of their own the fields get the content's."""
        framing = {} if content is None else {"Content-Length": str(len(content))}
        self._connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in {**framing, **fields}.items():
            self._connection.putheader(name, value)
        self._connection.endheaders(content)
