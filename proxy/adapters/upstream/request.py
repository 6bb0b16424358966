"""The head of a request as bytes: what the client wrote, unchanged, and framing of our own (RFC 9112 §3, §6).

What lives here: serialisation, and the refusal of text that would end a line early. Content is the room `sending`.
"""

import re

from proxy.core.forwarding import is_token
from proxy.core.message import Request
from proxy.errors import NotSent
from proxy.ports import Content

_FRAMING = frozenset({"content-length", "transfer-encoding"})
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
    fields = request.fields.edited(request.fields.for_one_connection() | _FRAMING)
    host = () if "host" in fields.by_name else (("Host", authority),)
    lines = [f"{name}: {value}" for name, value in (*host, *fields.lines, *_framing(request.method, content))]
    if not all(map(is_token, fields.names())):
        raise NotSent(_UNFIT)
    head = "\r\n".join([_request_line(request), *lines, "", ""])
    ends = len(lines) + 2
    if head.count("\r") != ends or head.count("\n") != ends or "\0" in head:  # RFC 9110 §5.5
        raise NotSent(_UNFIT)
    try:
        return head.encode("latin-1")
    except UnicodeEncodeError:
        raise NotSent(_UNFIT) from None


def _framing(method: str, content: Content | None) -> tuple[tuple[str, str], ...]:
    if content is None:
        return ()
    if content.length is None:
        return (("Transfer-Encoding", "chunked"),)
    if content.length == 0 and method not in _EXPECT_CONTENT:
        return ()
    return (("Content-Length", str(content.length)),)


def _request_line(request: Request) -> str:
    line = f"{request.method} {request.target.raw} HTTP/1.1"
    if _REQUEST_LINE.fullmatch(line) is None:
        raise NotSent("The request line has a byte that cannot be forwarded.")
    return line
