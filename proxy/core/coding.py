"""Content codings (RFC 9110 §8.4): what content is without the one that was put on it.

What lives here: which codings there are on content, and taking one off, within bounds. What must not: what is made of
the content (`minting`), and putting codings on: nothing is compressed here (a shared compression tells secrets).

Content that is compressed anew for each answer differs from answer to answer, by a time stamp at least, while it means
the same. So a tag is made of what is inside.
"""

import zlib
from typing import Final

from proxy.core.fields import Fields

LARGEST: Final = 64 * 1024 * 1024
"""Bytes of content, without its coding, up to which it is looked into."""

RATIO: Final = 100
"""How many times larger than the coded content it may be. Honest content seldom exceeds 20, a bomb is near 1,000."""

MEMBERS: Final = 64
"""Members of a gzip file that are looked into. All that follows is copied for each, so many would take the square."""

_WINDOWS: Final = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
"""The codings that can be taken off, and how zlib is told (RFC 9110 §8.4.1)."""


def codings(fields: Fields) -> str:
    """Return the codings of content in lower case, empty when there are none; `identity` is none (§8.4.1)."""
    if "content-encoding" not in fields.by_name:
        return ""
    return ",".join(element for element in fields.elements("content-encoding") if element != "identity")


def removable(fields: Fields) -> bool:
    """Tell whether the codings of content are one that can be taken off."""
    return "content-encoding" in fields.by_name and codings(fields) in _WINDOWS


def decoded(content: bytes, fields: Fields) -> bytes | None:
    """Return content without its coding; None where there is none that can be taken off, or too much comes of it.

    None also where the content is not sound: cut short, or with something behind its end.
    """
    if "content-encoding" not in fields.by_name:
        return None
    window = _WINDOWS.get(codings(fields))
    if window is None:
        return None
    most = min(LARGEST, RATIO * len(content))
    pieces: list[bytes] = []
    try:
        while content and len(pieces) < MEMBERS:  # a gzip file is any number of members (RFC 1952 §2.2)
            decoder = zlib.decompressobj(window)
            pieces.append(decoder.decompress(content, most + 1))
            most -= len(pieces[-1])
            if most < 0 or not decoder.eof:
                return None
            content = decoder.unused_data
    except zlib.error:
        return None
    return None if content else b"".join(pieces)
