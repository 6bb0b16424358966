"""The head of a request as bytes: what the client wrote, unchanged, and framing of our own (RFC 9112 §3, §6).

What lives here: serialisation, and the refusal of text that would end a line early. Content is the room `sending`.
"""

import re
from functools import lru_cache
from typing import Final

from proxy.core.fields import HOP_BY_HOP, Fields
from proxy.core.message import Request
from proxy.errors import NotSent
from proxy.ports import Content

_DROPPED = HOP_BY_HOP | {"content-length", "transfer-encoding"}
_EXPECT_CONTENT = frozenset({"PUT", "POST", "PATCH"})
"""Methods that give content a meaning: an empty one is announced all the same (RFC 9110 §8.6)."""

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105 - RFC 9110 §5.6.2
_LINES = re.compile(rf"(?:{_TOKEN}: [^\r\n\0]*\r\n)*+")  # RFC 9110 §5.5
_REQUEST_LINE = re.compile(rf"{_TOKEN} [\x21-\x7e\x80-\xff]+ HTTP/1\.1")
_UNFIT = "A field of the request has a byte that cannot be forwarded."


KEPT: Final = 256
"""Field lines that are known to be sound: a client repeats its own."""
LONGEST_KEPT: Final = 4 * 1024
"""Characters of field lines that may be kept for that."""


def serialise(request: Request, content: Content | None, authority: str) -> bytes:
    """Return the head of `request`, the empty line included.

    The fields stand in their order and spelling, in front of them Host (`authority`) where it is missing, behind
    them our framing of `content`. Raised when a line could be read as two: `errors.NotSent`.
    """
    dropped = _DROPPED
    if "connection" in request.fields.by_name:
        dropped = _DROPPED.union(request.fields.connection_options())
    fields = request.fields.edited(dropped)
    _require_sound(fields)
    host = "" if "host" in fields.by_name else f"Host: {authority}\r\n"
    head = f"{_request_line(request)}\r\n{host}{fields.text}{_framing(request.method, content)}\r\n"
    try:
        return head.encode("latin-1")
    except UnicodeEncodeError:
        raise NotSent(_UNFIT) from None


def _require_sound(fields: Fields) -> None:
    """Check that each line is one line, and each name a name. Raised otherwise: `errors.NotSent`."""
    sound = _known_as_sound if len(fields.text) <= LONGEST_KEPT else _sound
    if not sound(fields.text, len(fields)):
        raise NotSent(_UNFIT)


def _sound(text: str, lines: int) -> bool:
    return text.count("\n") == lines and _LINES.fullmatch(text) is not None


_known_as_sound = lru_cache(maxsize=KEPT)(_sound)


def _framing(method: str, content: Content | None) -> str:
    if content is None:
        return ""
    if content.length is None:
        return "Transfer-Encoding: chunked\r\n"
    if content.length == 0 and method not in _EXPECT_CONTENT:
        return ""
    return f"Content-Length: {content.length}\r\n"


def _request_line(request: Request) -> str:
    line = f"{request.method} {request.target.raw} HTTP/1.1"
    if _REQUEST_LINE.fullmatch(line) is None:
        raise NotSent("The request line has a byte that cannot be forwarded.")
    return line
