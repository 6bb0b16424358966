"""Heads without the values that differ from one to the next and that nothing is decided by.

What lives here: values of those fields, taken out of the bytes of a head, and put back into what is made of it. What
must not: what is made of a head, and of a name (`core.correlation`).

Whatever such a value is, it goes on as it is or is dropped with its line, and may be among what selects. So heads that
differ in nothing else are read, checked and matched once.
"""

import re
from dataclasses import dataclass
from typing import Final

from proxy.core.correlation import NAMED_BY
from proxy.core.fields import Fields
from proxy.core.selecting import CREDENTIALS, TRACING

MARK: Final = b"ifmatch:a-value-goes-here:"
"""Stands for a value that was taken out; a letter behind it says for which."""

MOST: Final = 26
"""Values that are taken out of a head; with more of them it keeps all."""

TAKEN: Final = TRACING | CREDENTIALS | {"referer", "user-agent", "x-forwarded-for"}
"""The fields whose values are, in lower case."""

_NAMES: Final = frozenset(name.encode() for name in TAKEN)
VALUE: Final = re.compile(rb"[!-~](?:[ -~]{0,1022}[!-~])?")
"""Printable ASCII alone, and no white space that a parser would take off: nothing that it would refuse."""
_LETTERS: Final = b"abcdefghijklmnopqrstuvwxyz"
_MARKED: Final = tuple(MARK + _LETTERS[place : place + 1] for place in range(MOST))
_MARKS: Final = re.compile(re.escape(MARK) + rb"([a-z])")

_NAMING: Final = frozenset(NAMED_BY)
NOTHING: Final = Fields()

Values = list[tuple[bytes, bytes]]
"""Names and the values taken out, in their order."""


def masked(head: bytes) -> tuple[bytes, Values]:
    """Return a head with marks for values, and the values."""
    values: Values = []
    lines = head.split(b"\r\n")
    for place in range(1, len(lines) - 2):
        name, _, value = lines[place].partition(b": ")
        if name.lower() in _NAMES and VALUE.fullmatch(value):
            if len(values) == MOST:
                return head, []
            lines[place] = b"%b: %b" % (name, _MARKED[len(values)])
            values.append((name, value))
    return (b"\r\n".join(lines), values) if values and MARK not in head else (head, [])


@dataclass(frozen=True, slots=True)
class Cut:
    """A text that was made of a masked head, cut at its marks. Between each two `pieces` stands one of the values."""

    pieces: tuple[bytes, ...]
    places: tuple[int, ...]

    def filled(self, values: Values) -> bytes:
        """Return the text with these values. Raised where there are too few of them: IndexError."""
        text = self.pieces[0]
        for place, piece in zip(self.places, self.pieces[1:], strict=True):
            text += values[place][1] + piece
        return text


def cut(text: bytes, values: int) -> Cut:
    """Cut a text at the marks of a head from which so many values were taken; where none were, it has no marks."""
    if not values:
        return Cut((text,), ())
    pieces = _MARKS.split(text)
    return Cut(tuple(pieces[::2]), tuple(map(_LETTERS.index, pieces[1::2])))


def named(fields: Fields) -> Fields:
    """Return the field lines that name a request, as `core.correlation` has it."""
    if _NAMING.isdisjoint(fields.by_name):
        return NOTHING
    return Fields([line for line in fields.lines if line[0].lower() in _NAMING])


def filled(fields: Fields, values: Values) -> Fields:
    """Return field lines with the values in the place of their marks."""
    cuts = [(name, cut(value.encode("latin-1"), len(values))) for name, value in fields.lines]
    return Fields([(name, each.filled(values).decode("latin-1")) for name, each in cuts])
