"""The head of a request as bytes: what the client wrote, unchanged, and framing of our own (RFC 9112 §3, §6).

What lives here: serialisation, and the refusal of text that would end a line early. Content is the room `sending`.
"""

import re

from proxy.core.fields import HOP_BY_HOP, Fields
from proxy.core.forwarding import is_token
from proxy.core.message import Request
from proxy.errors import NotSent
from proxy.ports import Content

_DROPPED = HOP_BY_HOP | {"content-length", "transfer-encoding"}
_EXPECT_CONTENT = frozenset({"PUT", "POST", "PATCH"})
"""Methods that give content a meaning: an empty one is announced all the same (RFC 9110 §8.6)."""

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105 - RFC 9110 §5.6.2
_REQUEST_LINE = re.compile(rf"{_TOKEN} [\x21-\x7e\x80-\xff]+ HTTP/1\.1")
_UNFIT = "A field of the request has a byte that cannot be forwarded."


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
    text, lines = fields.text, len(fields)
    one_each = text.count("\r") == text.count("\n") == lines and "\0" not in text  # RFC 9110 §5.5
    if not one_each or not all(map(is_token, fields.names())):
        raise NotSent(_UNFIT)


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
