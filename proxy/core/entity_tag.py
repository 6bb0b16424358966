"""Entity tags: their grammar and the two ways to compare them (RFC 9110 §8.8.3).

What lives here: one tag, the lone `*`, and the scanner that reads them from a field value. What must not: which field
they came from and what a match means for a request (`preconditions`), and how a tag comes about (`minting`).

The scanner reads the whole value or raises; it never returns what it understood so far, because a list cut short
turns a false If-None-Match into a true one.
"""

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum
from typing import Final

MAX_TAGS: Final = 64
"""The longest list that is read."""
MAX_BYTES: Final = 4096
"""The longest field value that is read, for a list and for a single tag alike: a longer one could not come back."""
MAX_EMPTY: Final = 16
"""The most empty list elements that are ignored: "a reasonable number" of RFC 9110 §5.6.1.2."""

# entity-tag = [ weak ] opaque-tag
# weak       = %s"W/"
# opaque-tag = DQUOTE *etagc DQUOTE
# etagc      = %x21 / %x23-7E / obs-text   ; no space, no DQUOTE, no DEL; commas and backslashes are ordinary
_ETAGC = r"[\x21\x23-\x7E\x80-\xFF]"
_OPAQUE: Final = re.compile(rf"{_ETAGC}*")
_ENTITY_TAG: Final = re.compile(rf'(W/)?"({_ETAGC}*)"')
# What clients send that strip the quotes: etagc without comma.
_UNQUOTED: Final = re.compile(r"(?!\*)[\x21\x23-\x2B\x2D-\x7E\x80-\xFF]+")
_OWS: Final = " \t"

CODING_SUFFIXES: Final = ("-gzip", "--gzip", ";gzip", "-br", "-zstd")
"""What intermediaries append to the opaque tag of an answer that they compress."""

_UNFINISHED = "the tag that begins here is not closed, or holds a space or another character that a tag may not hold"
_FAULTS: Final = (
    ("*", "* is no entity tag; as the wildcard it stands alone"),
    ("w/", "the W/ of a weak entity tag is written in upper case"),
    ('"', _UNFINISHED),
    ('W/"', _UNFINISHED),
    ("", 'an entity tag, as "x" or W/"x", is expected'),
)
"""What a text begins with where it is no tag, and what is wrong then. The first that fits speaks."""


@dataclass(frozen=True, slots=True)
class EntityTag:
    """An opaque name of one state of a representation; `opaque` is what stands between the quotes.

    Raised when `opaque` holds a character that a tag may not hold: ValueError.
    """

    opaque: str
    weak: bool = False

    def __post_init__(self) -> None:
        if _OPAQUE.fullmatch(self.opaque) is None:
            raise ValueError("an entity tag holds no space, control character or double quote (RFC 9110 §8.8.3)")

    def __str__(self) -> str:
        return f'W/"{self.opaque}"' if self.weak else f'"{self.opaque}"'

    def strong_match(self, other: "EntityTag") -> bool:
        """Tell whether both are strong and equal, as If-Match and If-Range compare (RFC 9110 §8.8.3.2)."""
        return not self.weak and not other.weak and self.opaque == other.opaque

    def weak_match(self, other: "EntityTag") -> bool:
        """Tell whether both are equal, weak or not, as If-None-Match compares (RFC 9110 §8.8.3.2)."""
        return self.opaque == other.opaque


class Tolerated(Enum):
    """Spellings that strict readers refuse, or that name no current tag, and that a route may take all the same."""

    UNQUOTED = "unquoted"
    """A tag without its double quotes."""
    WEAK = "weak"
    """In If-Match a weak tag stands for the strong one: an intermediary that compresses weakens what it passes on."""
    CODING_SUFFIX = "coding-suffix"
    """A tag with one of `CODING_SUFFIXES` also stands for the tag without it."""


STRICT: Final[frozenset[Tolerated]] = frozenset()
TOLERANT: Final = frozenset(Tolerated)


class AnyTag(Enum):
    """The type of the lone `*` of If-Match and If-None-Match: whatever the current representation is."""

    ANY = "*"

    def __str__(self) -> str:
        return self.value


ANY: Final = AnyTag.ANY
TagList = tuple[EntityTag, ...] | AnyTag
"""What If-Match and If-None-Match hold."""


def scan(text: str, start: int, tolerated: AbstractSet[Tolerated] = STRICT) -> tuple[EntityTag, int]:
    """Read the one tag that begins at index `start`; return it and the index behind it.

    Raised when none begins there: ValueError, saying at which character (counted from 1) and why.
    """
    found = _ENTITY_TAG.match(text, start)
    bare = _UNQUOTED.match(text, start) if found is None and Tolerated.UNQUOTED in tolerated else None
    if bare is not None:
        return EntityTag(bare[0]), bare.end()
    if found is None:
        wrong = next(wrong for beginning, wrong in _FAULTS if text.startswith(beginning, start))
        raise ValueError(f"character {start + 1}: {wrong}")
    return EntityTag(found[2], weak=found[1] is not None), found.end()


def parse(text: str) -> EntityTag:
    """Read a value that is exactly one tag, as an ETag field holds it.

    Raised when it is anything else, or longer than `MAX_BYTES`: ValueError.
    """
    _check_length(text)
    value = text.strip(_OWS)
    tag, end = scan(value, 0)
    if end != len(value):
        raise ValueError(f"character {end + 1}: nothing may follow the entity tag")
    return tag


def parse_list(text: str, tolerated: AbstractSet[Tolerated] = STRICT) -> TagList:
    """Read `*` or a list of tags, as If-Match and If-None-Match hold it (RFC 9110 §13.1.1, §13.1.2).

    Behind the tags that are written come those that they stand for too, where coding suffixes are tolerated.

    Raised when any part of it is malformed, when it holds no tag, or when it exceeds a limit: ValueError.
    """
    _check_length(text)
    alone = _ENTITY_TAG.fullmatch(text)
    if alone is not None and Tolerated.CODING_SUFFIX not in tolerated:  # as most clients send it
        return (EntityTag(alone[2], weak=alone[1] is not None),)
    if text.strip(_OWS) == "*":
        return ANY
    elements = list(_elements(text, tolerated))
    tags = tuple(element for element in elements if element is not None)
    if not tags:
        raise ValueError("the list holds no entity tag")
    if len(tags) > MAX_TAGS:
        raise ValueError(f"the list holds more than {MAX_TAGS} entity tags")
    if len(elements) - len(tags) > MAX_EMPTY:
        raise ValueError(f"the list holds more than {MAX_EMPTY} empty elements")
    return tags + tuple(_without_suffix(tags)) if Tolerated.CODING_SUFFIX in tolerated else tags


def _check_length(text: str) -> None:
    if len(text) > MAX_BYTES:
        raise ValueError(f"the value is longer than {MAX_BYTES} bytes")


def _without_suffix(tags: tuple[EntityTag, ...]) -> Iterator[EntityTag]:
    """Yield what the tags are without a coding's suffix: two, where `--gzip` may be one suffix or the end of a tag."""
    for tag in tags:
        for suffix in CODING_SUFFIXES:
            if tag.opaque.endswith(suffix):
                yield EntityTag(tag.opaque.removesuffix(suffix), tag.weak)


def _elements(text: str, tolerated: AbstractSet[Tolerated]) -> Iterator[EntityTag | None]:
    """Yield the elements of a list, None for an empty one (RFC 9110 §5.6.1.2)."""
    at = _behind_whitespace(text, 0)
    while True:
        element = None
        if at < len(text) and text[at] != ",":
            element, at = scan(text, at, tolerated)
            at = _behind_whitespace(text, at)
        yield element
        if at == len(text):
            return
        if text[at] != ",":
            raise ValueError(f"character {at + 1}: a comma is expected between two entity tags")
        at = _behind_whitespace(text, at + 1)


def _behind_whitespace(text: str, at: int) -> int:
    while at < len(text) and text[at] in _OWS:
        at += 1
    return at
