"""What an idle connection keeps in memory of its last request.

What lives here: an estimate. aiohttp holds a request until the next one comes: its head twice, as bytes and as text,
and some 350 bytes for each line. That is 4 KB of an ordinary head, and could be 1.6 MB of the largest that is read.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Final

HEAVY: Final = 64 * 1024
"""Bytes that a connection may hold while it waits; one that would hold more is closed after its answer instead."""

_LINE: Final = 350


def heavy(raw_headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Tell whether the head of a request is too much to be held until the next."""
    return len(raw_headers) * _LINE + 2 * sum(map(len, chain.from_iterable(raw_headers))) > HEAVY
