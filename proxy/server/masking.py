"""Heads without what names a request across systems, which differs from one to the next and selects nothing.

What lives here: the values of those fields, taken out of the bytes of a head and put back. What must not: what is made
of a head, and of a name (`core.correlation`).
"""

import re
from typing import Final

from proxy.core.fields import Fields
from proxy.core.selecting import TRACING

MARK: Final = b"ifmatch:a-value-goes-here"
"""Stands for a value that was taken out."""

_NAMES: Final = b"|".join(re.escape(name.encode()) for name in sorted(TRACING))
# Visible ASCII alone: no white space that a parser would take off, nothing that it would refuse.
_NAMED: Final = re.compile(rb"\r\n(%b): ([!-~]{1,512})(?=\r\n)" % _NAMES, re.IGNORECASE)
_MASKED: Final = rb"\r\n\1: " + MARK
_MARKED: Final = MARK.decode("ascii")

NOTHING: Final = Fields()

Values = list[tuple[bytes, bytes]]
"""Names and the values taken out, in their order."""


def masked(head: bytes) -> tuple[bytes, Values]:
    """Return a head with marks for values, and the values."""
    values = _NAMED.findall(head)
    return (_NAMED.sub(_MASKED, head), values) if values and MARK not in head else (head, [])


def unmasked(parts: list[bytes], values: Values) -> bytes:
    """Put the values back where a masked text was cut at its marks; there is one part more than values."""
    joined = parts[0]
    for part, (_, value) in zip(parts[1:], values, strict=True):
        joined += value + part
    return joined


def named(fields: Fields) -> Fields:
    """Return those field lines whose values may have been taken out."""
    if TRACING.isdisjoint(fields.by_name):
        return NOTHING
    return Fields([line for line in fields.lines if line[0].lower() in TRACING])


def filled(fields: Fields, values: Values) -> Fields:
    """Return field lines with the values put back where there are marks, in their order."""
    if not values:
        return fields  # what looks like a mark is none
    rest = iter(values)
    return Fields(
        [(name, next(rest)[1].decode("ascii") if value == _MARKED else value) for name, value in fields.lines]
    )
