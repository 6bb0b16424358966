"""Response heads as bytes: status line, field lines, and how the content is framed (RFC 9112).

What lives here: text to bytes, exactly, and the choice of framing. A character is a byte, and case, order and repeated
lines stay; aiohttp's own serialiser writes UTF-8 and adds fields. What must not: any I/O.
"""

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from proxy.core import http_date
from proxy.core.fields import Fields
from proxy.core.message import Response

LAST_CHUNK: Final = b"0\r\n\r\n"

_date: Final = lru_cache(maxsize=4)(http_date.format)  # the same for every answer of a second
_NUMBER: Final = re.compile(r"[0-9]{1,18}")  # a longer one is longer than any content
_WITHOUT_CONTENT: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
_FRAMED: Final = frozenset({"transfer-encoding", "connection", "keep-alive"})
_FRAMED_OTHERWISE: Final = _FRAMED | {"content-length"}
_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True, slots=True)
class Asked:
    """What decides how an answer is framed. `modern`: HTTP/1.1. `persistent`: the connection goes on after it."""

    method: str
    modern: bool
    persistent: bool


class Framing(Enum):
    """How the end of the content is told (RFC 9112 §6.3)."""

    NO_CONTENT = "no-content"
    LENGTH = "length"
    CHUNKED = "chunked"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Frame:
    """The framing of one message. `length`, in bytes, is what Content-Length says; None when it is not sent."""

    framing: Framing
    length: int | None = None


def frame(asked: Asked, response: Response, *, streamed: bool) -> Frame:
    """Choose the framing. `streamed`: the content is not in `response`, so its length is what the fields say."""
    if response.status in _WITHOUT_CONTENT:
        return Frame(Framing.NO_CONTENT)
    said = _said_length(response.fields)
    if asked.method == "HEAD":
        # RFC 9110 §8.6: as the answer to GET would have it; without content and field, nobody knows.
        held = len(response.content) or None
        return Frame(Framing.NO_CONTENT, held if said is None else said)
    length = said if streamed else len(response.content)
    if length is not None:
        return Frame(Framing.LENGTH, length)
    return Frame(Framing.CHUNKED if asked.modern else Framing.CLOSE)


def final(response: Response, asked: Asked, chosen: Frame, now: int) -> bytes:
    """Return the head of a final response. `now`, in seconds since the epoch, is for a missing Date (RFC 9110 §6.6.1).

    Raised when a line would not be one line: ValueError.
    """
    fields, length = response.fields, () if chosen.length is None else (str(chosen.length),)
    as_it_is = fields.by_name.get("content-length", ()) == length
    added = [] if as_it_is else [("Content-Length", value) for value in length]
    if chosen.framing is Framing.CHUNKED:
        added.append(("Transfer-Encoding", "chunked"))
    if "date" not in fields.by_name:
        added.append(("Date", _date(now)))
    if not asked.persistent or chosen.framing is Framing.CLOSE:
        added.append(("Connection", "close"))
    elif not asked.modern:
        added.append(("Connection", "keep-alive"))
    return serialised(response.status, fields.edited(_FRAMED if as_it_is else _FRAMED_OTHERWISE, added))


def serialised(status: int, fields: Fields) -> bytes:
    """Return a status line and field lines. Raised when one would not be one line: ValueError."""
    lines, text = len(fields), fields.text
    if text.count("\n") != lines or text.count("\r") != lines:
        raise ValueError("a field line of a response holds a line break")
    return f"HTTP/1.1 {status} {_PHRASES.get(status, '')}\r\n{text}\r\n".encode("latin-1")


def chunk(content: bytes) -> bytes:
    """Return content, not empty, as one chunk (RFC 9112 §7.1)."""
    return b"%x\r\n%b\r\n" % (len(content), content)


def _said_length(fields: Fields) -> int | None:
    """Return what Content-Length says, None where it is missing, repeated or no number."""
    said = fields.by_name.get("content-length", ())
    return int(said[0]) if len(said) == 1 and _NUMBER.fullmatch(said[0]) else None
