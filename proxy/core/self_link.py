"""Where an item in a JSON document says which resource it is: by a member that holds its URI, or by parts of that.

What lives here: the two notations, and the reference that they make of an item. What must not: where a reference leads
(`link`).

    self     = JSON Pointer / template
    template = "/" *( text / "{" name "}" / "{" JSON Pointer "}" )

`{name}` stands for what the path of the route captured, `{/id}` for what the pointer leads to in the item.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from proxy.core import json_pointer, json_text
from proxy.core.json_pointer import Json

_BRACED: Final = re.compile(r"\{([^{}]*)\}")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Captured:
    """What the route's path captured under a name."""

    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """What the tokens lead to in the item: a text, or a number as it is spelled. `whole`: it is all there is."""

    tokens: tuple[str, ...]
    whole: bool = False


Part = str | Captured | Member


@dataclass(frozen=True, slots=True)
class SelfLink:
    """How an item refers to itself; `text` is what was written."""

    text: str
    parts: tuple[Part, ...]

    @classmethod
    def parse(cls, text: str) -> "SelfLink":
        """Read a pointer, or a template where there is a brace. Raised when it is malformed: `ValueError`."""
        if "{" not in text and "}" not in text:
            return cls(text, (Member(json_pointer.tokens(text), whole=True),))
        if not text.startswith("/") or text.startswith("/{/}"):
            raise ValueError("a template of a path begins with '/'")
        literal = _BRACED.split(text)
        if any("{" in piece or "}" in piece for piece in literal):
            raise ValueError("its braces are unbalanced")
        parts = (_braced(piece) if odd % 2 else piece for odd, piece in enumerate(literal))
        return cls(text, tuple(part for part in parts if part))

    @property
    def captures(self) -> tuple[str, ...]:
        """The names that the route's path has to capture."""
        return tuple(part.name for part in self.parts if isinstance(part, Captured))

    def of(self, item: Json, captures: Mapping[str, str]) -> str | None:
        """Return an item's reference to itself; None where it has none."""
        spelled = [_spelled(part, item, captures) for part in self.parts]
        return None if None in spelled else "".join(piece for piece in spelled if piece is not None)


def _braced(piece: str) -> Part:
    if piece.startswith("/"):
        return Member(json_pointer.tokens(piece))
    if _NAME.fullmatch(piece) is None:
        raise ValueError(f"{{{piece}}} is neither a name that the path captures nor a JSON Pointer")
    return Captured(piece)


def _spelled(part: Part, item: Json, captures: Mapping[str, str]) -> str | None:
    if isinstance(part, str):
        return part
    if isinstance(part, Captured):
        return captures.get(part.name)
    try:
        found = json_pointer.find(item, part.tokens)
    except LookupError:
        return None
    if not isinstance(found, str) or not found:
        return None
    return _whole(found) if part.whole else quote(json_text.lexeme(found), safe="")


def _whole(found: str) -> str | None:
    """Return a URI; a number is none."""
    return found if json_text.lexeme(found) == found else None
