"""What passes between a bench and its hand: work and content one way, results the other.

What lives here: messages on a socket, in blocking calls, since both ends have nothing else to do. Content is not
pickled: it may be large, and goes from its place to the socket without a copy. What must not: processes.
"""

import pickle
import struct
from collections.abc import Callable
from contextlib import suppress
from socket import SHUT_RDWR, socket
from typing import Any, Final

READY: Final = b"+"
"""The first byte from a hand: it can work."""

_SIZES: Final = struct.Struct("!QQ")

Work = Callable[[bytes], Any]


class Line:
    """One end. Raised by everything here, when the other end is gone, or this one closed: OSError, EOFError."""

    def __init__(self, end: socket) -> None:
        self._end = end
        self._reader = end.makefile("rb")

    def ready(self) -> None:
        """Say that work can be done."""
        self._end.sendall(READY)

    def await_ready(self) -> None:
        """Wait until the other end says so."""
        self._read(len(READY))

    def send(self, message: object, content: bytes = b"") -> None:
        """Send something that can be pickled, and content beside it."""
        pickled = pickle.dumps(message)
        self._end.sendall(_SIZES.pack(len(pickled), len(content)) + pickled)
        if content:
            self._end.sendall(content)

    def receive(self) -> tuple[bytes, bytes]:
        """Return what was sent: what `read` turns into a message again, and content."""
        size, length = _SIZES.unpack(self._read(_SIZES.size))
        return self._read(size), self._read(length)

    def close(self) -> None:
        """Close this end; whoever waits at either is woken. May be called from another thread, and twice."""
        with suppress(OSError):  # the other end is gone already
            self._end.shutdown(SHUT_RDWR)
        self._reader.close()
        self._end.close()

    def _read(self, size: int) -> bytes:
        try:
            read = self._reader.read(size)
        except ValueError as closed:  # by another thread
            raise EOFError from closed
        if len(read) < size:
            raise EOFError
        return read


def read(pickled: bytes) -> Any:
    """Return a message. Raised when it cannot be read here: whatever pickle raises."""
    return pickle.loads(pickled)  # noqa: S301 - both ends are this program, on a socket that nobody else has
