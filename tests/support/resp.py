"""Where a command or a reply ends in a stream of RESP (2 or 3), and what it is called.

What lives here: bytes, of which none is changed. What is done with a command or a reply is `tests.support.relaying`'s.
"""

from collections.abc import Iterator
from itertools import islice

LARGEST = 16 * 1024 * 1024
"""How large a command or a reply may be, in bytes."""

SUBSCRIBING = frozenset(
    {"SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"},
)
"""Commands that are answered with a push for each channel, and with nothing in turn."""

MESSAGES = frozenset({"MESSAGE", "PMESSAGE", "SMESSAGE"})

_LINE = b"\r\n"
_CONTAINERS = frozenset(
    {"ACL", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "FUNCTION", "LATENCY", "MEMORY", "OBJECT", "PUBSUB", "SCRIPT"},
)
_SIZED = b"$=!"
_HOLDING = {b"*": 1, b"~": 1, b">": 1, b"%": 2, b"|": 2}
"""What is behind a count, and how many frames belong to one of what is counted."""
_PLAIN = b"+-:_#,("


class Frames:
    """Takes a stream as it comes, and gives it back by whole frames."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the frames that are whole now. Raised when it is no RESP, or a frame is too large: `ValueError`."""
        self._pending += data
        start = 0
        while (end := _end(self._pending, start)) is not None:
            yield bytes(self._pending[start:end])
            start = end
        del self._pending[:start]
        if len(self._pending) > LARGEST:
            raise ValueError(f"a frame of more than {LARGEST} bytes")


def _end(data: bytearray, at: int) -> int | None:
    """Return the index behind the frame that begins there; None when it is not whole yet."""
    wanted = 1
    while wanted:
        line = data.find(_LINE, at)
        if line < 0:
            return None
        kind, rest = bytes(data[at : at + 1]), bytes(data[at + 1 : line])
        at = line + len(_LINE)
        wanted -= 1
        if kind in _HOLDING:
            wanted += max(0, int(rest)) * _HOLDING[kind] + (kind == b"|")  # attributes come before a reply
        elif kind in _SIZED:
            at += max(0, int(rest) + len(_LINE)) if int(rest) >= 0 else 0
        elif kind not in _PLAIN:
            raise ValueError(f"no RESP: {kind!r}")
    return at if at <= len(data) else None


def name(command: bytes) -> str:
    """Return what a command is called, of those that hold others with the second word: `GET`, `CLIENT KILL`."""
    first, *others = islice(_words(command), 2)
    return " ".join([first, *others]) if first in _CONTAINERS else first


def pushed(frame: bytes) -> str | None:
    """Return what an array or a push begins with; None where it is neither, or begins with something else than text."""
    return next(_words(frame), None) if frame[:1] in {b"*", b">"} else None


def _words(frame: bytes) -> Iterator[str]:
    """Yield the strings with which an array begins, in capitals."""
    parts = frame.split(_LINE, 5)
    for size, word in zip(parts[1::2], parts[2::2], strict=False):
        if not size.startswith(b"$"):
            return
        yield word.decode("latin-1").upper()
