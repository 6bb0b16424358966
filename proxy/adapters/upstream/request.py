"""The head of a request as bytes: what the client wrote, unchanged, and framing of our own (RFC 9112 §3, §6).

What lives here: serialisation, and the refusal of text that would end a line early. Content is the room `sending`.
"""

import re

from proxy.core.fields import Fields
from proxy.core.message import Request
from proxy.errors import NotSent
from proxy.ports import Content

_FRAMING = ("Content-Length", "Transfer-Encoding")
_EXPECT_CONTENT = frozenset({"PUT", "POST", "PATCH"})
"""Methods that give content a meaning: an empty one is announced all the same (RFC 9110 §8.6)."""

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105 - RFC 9110 §5.6.2
_REQUEST_LINE = re.compile(rf"{_TOKEN} [\x21-\x7e\x80-\xff]+ HTTP/1\.1")
_FIELD_LINE = re.compile(rf"{_TOKEN}: [\x01-\x09\x0b\x0c\x0e-\xff]*")  # RFC 9110 §5.5: no CR, LF or NUL


def serialise(request: Request, content: Content | None, authority: str) -> bytes:
    """Return the head of `request`, the empty line included.

    The fields stand in their order and spelling, in front of them Host (`authority`) where it is missing, behind
    them our framing of `content`. Raised when a line could be read as two: `errors.NotSent`.
    """
    fields = request.fields.end_to_end().without(_FRAMING)
    host = [] if "host" in fields else [("Host", authority)]
    lines = [*host, *fields, *_framing(request.method, content)]
    return "\r\n".join([_request_line(request), *map(_field_line, lines), "", ""]).encode("latin-1")


def _framing(method: str, content: Content | None) -> Fields:
    if content is None:
        return Fields()
    if content.length is None:
        return Fields([("Transfer-Encoding", "chunked")])
    if content.length == 0 and method not in _EXPECT_CONTENT:
        return Fields()
    return Fields([("Content-Length", str(content.length))])


def _request_line(request: Request) -> str:
    line = f"{request.method} {request.target.raw} HTTP/1.1"
    if _REQUEST_LINE.fullmatch(line) is None:
        raise NotSent("The request line has a byte that cannot be forwarded.")
    return line


def _field_line(field: tuple[str, str]) -> str:
    line = f"{field[0]}: {field[1]}"
    if _FIELD_LINE.fullmatch(line) is None:
        raise NotSent("A field of the request has a byte that cannot be forwarded.")
    return line
