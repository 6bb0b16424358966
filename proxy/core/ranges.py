"""Single byte ranges of a representation (RFC 9110 §14), and whether If-Range lets them apply (§13.1.5).

What lives here: a Range field against a length, and the Content-Range that answers it. What must not: whether the route
or the method allows ranges at all; that is for the caller.

A server may ignore any Range field (§14.2). All but one plain range is ignored: several ranges cost more than they are
worth, and another unit or a malformed value has no better answer than the whole representation.
"""

import re
from dataclasses import dataclass
from typing import Final

from proxy.core.entity_tag import EntityTag
from proxy.core.minting import Validator

# ranges-specifier = range-unit "=" range-set; the unit's name is case-insensitive (§14.1).
# 19 digits reach beyond any content; more are ignored, since int() refuses some thousands of them.
_SINGLE: Final = re.compile("bytes=(?P<first>[0-9]{0,19})-(?P<last>[0-9]{0,19})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Part of a representation: the positions of its first and last byte, counted from 0, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """Return the number of bytes, at least 1."""
        return self.last - self.first + 1

    def of(self, content: bytes) -> bytes:
        """Return the part of `content` that lies in this range."""
        return content[self.first : self.last + 1]

    def content_range(self, length: int) -> str:
        """Return the Content-Range of a 206 for a representation of `length` bytes (RFC 9110 §14.4)."""
        return f"bytes {self.first}-{self.last}/{length}"


@dataclass(frozen=True, slots=True)
class Unsatisfiable:
    """A well-formed range that no byte lies in (416)."""

    def content_range(self, length: int) -> str:
        """Return the Content-Range of a 416 for a representation of `length` bytes (RFC 9110 §14.4)."""
        return f"bytes */{length}"


def parse(text: str, length: int) -> ByteRange | Unsatisfiable | None:
    """Return the range that a Range field asks of a representation of `length` bytes; None when it is ignored."""
    found = _SINGLE.fullmatch(text.strip(" \t"))
    if found is None:
        return None
    first, last = found["first"], found["last"]
    if first:
        return _from(int(first), int(last) if last else None, length)
    return _suffix(int(last), length) if last else None


def if_range_holds(if_range: EntityTag | int | None, validator: Validator) -> bool:
    """Tell whether a Range field applies: without If-Range always, else only to exactly that state (RFC 9110 §13.1.5).

    A tag compares strongly; a date, in seconds since the epoch, must equal Last-Modified.
    """
    if if_range is None:
        return True
    if isinstance(if_range, EntityTag):
        return if_range.strong_match(validator.tag)
    return if_range == validator.modified


def _from(first: int, last: int | None, length: int) -> ByteRange | Unsatisfiable | None:
    if last is not None and last < first:
        return None  # an int-range that ends before it begins is invalid, not unsatisfiable (§14.1.1)
    if first >= length:
        return Unsatisfiable()
    return ByteRange(first, length - 1 if last is None else min(last, length - 1))


def _suffix(wanted: int, length: int) -> ByteRange | Unsatisfiable | None:
    if wanted == 0:
        return Unsatisfiable()
    if length == 0:
        return None  # satisfiable by §14.1.2, but Content-Range cannot write down the range of nothing
    return ByteRange(max(0, length - wanted), length - 1)
