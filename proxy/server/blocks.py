"""Field lines of requests that came in one piece: read once for all requests that have the same.

What lives here: bytes to the fields of a request whose head is all of it. What must not: the request line, content.
"""

import asyncio
from functools import lru_cache
from typing import Final

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpRequestParser, RawRequestMessage

from proxy.server.incoming import Incoming, Incomings
from proxy.server.parsing import LIMITS

KEPT: Final = 1024
"""Blocks of lines that are remembered."""

MOST_LINES: Final = 40
"""Field lines of a head that may be remembered: each takes some hundred bytes more than its text."""

_PIECE: Final = 2**16  # bytes; there is no content
_ANY_LINE: Final = b"GET / HTTP/1.1\r\n"
_MORE_TO_IT: Final = frozenset({"content-length", "transfer-encoding", "expect", "upgrade"})
"""Fields of requests that are more than a head, in lower case."""


class Blocks:
    """Reads the field lines of heads, and knows the latest of them again."""

    def __init__(self, incomings: Incomings) -> None:
        self._incomings = incomings
        self.of = lru_cache(maxsize=KEPT)(self._read)
        """Return the fields of a block of lines and its empty one, from a peer (its IP address, None on a Unix socket)
        who came by this scheme; None where they are those of more than a head, or of the last on its connection."""

    def _read(self, block: bytes, peer: str | None, scheme: str) -> Incoming | None:
        message = _parsed(_ANY_LINE + block)
        if message is None or message.should_close or message.upgrade or len(message.raw_headers) > MOST_LINES:
            return None
        incoming = self._incomings(message.raw_headers, message.version, peer, scheme)
        plain = not incoming.heavy and _MORE_TO_IT.isdisjoint(incoming.fields.by_name)
        return incoming if plain else None


def _parsed(head: bytes) -> RawRequestMessage | None:
    """Read a head as every connection does; None where that finds anything but one request.

    The parser is a new one each time: one that has read of content, or of an end, waits for that.
    """
    loop = asyncio.get_running_loop()
    try:
        messages, upgraded, tail = HttpRequestParser(BaseProtocol(loop), loop, _PIECE, **LIMITS).feed_data(head)
    except Exception:  # noqa: BLE001 - whatever is wrong, the long way meets it again and answers
        return None
    return None if len(messages) != 1 or upgraded or tail else messages[0][0]
