"""Bodies of refusals in an API's own words: read once, filled in at each refusal.

What lives here: the grammar of such a body, and what fills it. What must not: which refusal has which body (the route
says so), and its status and fields (`proxy.problems`).

    text   = *( part / "{{" / "}}" / any other character )
    part   = "{" name "}"                                 ; the names of `Part`

A mapping or list is sent as JSON, members in the order written; a text is sent as it stands. What fills a part is text:
inside JSON it stays within its string, inside HTML and XML it is no markup, whatever it holds.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from html import escape
from itertools import groupby
from typing import Final

from proxy.core import json_text

PROBLEM_JSON: Final = "application/problem+json"
"""The media type of a problem document (RFC 9457 §6.1)."""


class Part(Enum):
    """What is filled in, by the name between its braces; `problems` says what of a refusal each of them is."""

    DETAIL = "detail"
    """The sentence that says why."""
    CURRENT_ETAG = "current_etag"
    """The tag compared with, as the ETag field shows it; nothing where there is none to tell."""
    CORRELATION_ID = "correlation_id"
    """The name of the request, as in the access log."""
    REASON = "reason"
    """The stable name of the reason."""
    STATUS = "status"
    """The status, in digits."""


Piece = str | Part
Body = Mapping[str, "Body"] | tuple["Body", ...] | str | int | float | bool | None
"""A body as it was written."""


class Filling(Enum):
    """How what fills a part is spelled."""

    AS_IT_IS = "as-it-is"
    IN_A_STRING = "in-a-string"
    """Inside a string of JSON."""
    IN_MARKUP = "in-markup"
    """Inside the text, or a quoted attribute, of HTML or XML."""


_NAMES: Final = [part.value for part in Part]
_TOKEN: Final = re.compile(r"\{\{|\}\}|\{(?P<name>[^{}]*)\}|[{}]")
_MARKUP: Final = re.compile(r"text/html|[^/]+/(?:[^/]+\+)?xml")
_EXPECTED: Final = f"{', '.join(f'{{{name}}}' for name in _NAMES[:-1])} or {{{_NAMES[-1]}}}"


@dataclass(frozen=True, slots=True)
class ProblemTemplate:
    r"""A body whose parts are still to be filled in. In JSON each part stands within a string.

    >>> ProblemTemplate.parse({"message": "Now at {current_etag}"}).fill({Part.CURRENT_ETAG: '"a"'})
    b'{"message":"Now at \\"a\\""}'
    """

    content_type: str
    pieces: tuple[Piece, ...]
    filling: Filling

    @classmethod
    def parse(cls, body: Body, content_type: str = PROBLEM_JSON) -> "ProblemTemplate":
        """Read a body. Raised when a text in it breaks the grammar, or when it cannot be sent: `ValueError`."""
        if isinstance(body, str):
            return cls(content_type, read(body), _filling(content_type))
        return cls(content_type, tuple(_joined(_json(body))), Filling.IN_A_STRING)

    def fill(self, known: Mapping[Part, str]) -> bytes:
        """Return the body with what is `known`; what is not is left empty."""
        filled = (piece if isinstance(piece, str) else self._spelled(known.get(piece, "")) for piece in self.pieces)
        return "".join(filled).encode()

    def _spelled(self, text: str) -> str:
        if self.filling is Filling.IN_A_STRING:
            return _string(text)[1:-1]
        return escape(text) if self.filling is Filling.IN_MARKUP else text


@dataclass(frozen=True, slots=True)
class ProblemTemplates:
    """The bodies of a route for its refusals; None: a problem document of ours."""

    precondition_failed: ProblemTemplate | None = None
    precondition_required: ProblemTemplate | None = None
    malformed_precondition: ProblemTemplate | None = None


DOCUMENTS: Final = ProblemTemplates()
"""Problem documents of ours, whatever is refused."""


def read(text: str) -> tuple[Piece, ...]:
    """Return a text as what is sent as it stands and what is filled in. Raised as by `ProblemTemplate.parse`."""
    _require_characters(text)
    return tuple(_joined(_pieces(text)))


def _filling(content_type: str) -> Filling:
    """Return how parts are spelled in a text of a media type. A tag may hold any of `<>&`, and always has quotes."""
    if json_text.is_json(content_type):
        return Filling.IN_A_STRING
    essence = content_type.partition(";")[0].strip(" ").lower()
    return Filling.AS_IT_IS if _MARKUP.fullmatch(essence) is None else Filling.IN_MARKUP


def _pieces(text: str) -> Iterator[Piece]:
    end = 0
    for token in _TOKEN.finditer(text):
        yield text[end : token.start()]
        yield _piece(token)
        end = token.end()
    yield text[end:]


def _piece(token: re.Match[str]) -> Piece:
    name = token["name"]
    if name in _NAMES:
        return Part(name)
    if name is not None:
        close = [known for known in _NAMES if name and name in known] or get_close_matches(name.lower(), _NAMES, n=1)
        advice = f"did you mean {{{close[0]}}}?" if close else "for braces of your own, write {{ and }}"
        raise ValueError(f"{{{name}}} stands for nothing; expected {_EXPECTED}; {advice}")
    if len(token[0]) == 1:
        raise ValueError(f"a lone {token[0]}; for a brace of your own, write {token[0] * 2}")
    return token[0][0]


def _json(value: Body) -> Iterator[Piece]:
    if isinstance(value, Mapping):
        yield "{"
        for number, (key, member) in enumerate(value.items()):
            _require_characters(key)
            yield f"{',' if number else ''}{_string(key)}:"
            yield from _json(member)
        yield "}"
    elif isinstance(value, tuple):
        yield "["
        for number, item in enumerate(value):
            yield "," if number else ""
            yield from _json(item)
        yield "]"
    elif isinstance(value, str):
        yield '"'
        yield from (piece if isinstance(piece, Part) else _string(piece)[1:-1] for piece in read(value))
        yield '"'
    else:
        yield json.dumps(value, allow_nan=False)  # a number too large to be one is no JSON


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _joined(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Return the pieces, neighbouring texts in one."""
    for literal, group in groupby(pieces, lambda piece: isinstance(piece, str)):
        if literal:
            yield from filter(None, ["".join(map(str, group))])
        else:
            yield from group


def _require_characters(text: str) -> None:
    r"""Refuse half of a surrogate pair, which YAML can write ("\ud800") and no encoding can send."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("it holds half of a surrogate pair, which cannot be sent") from None
