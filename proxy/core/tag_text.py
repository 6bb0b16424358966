"""A minted tag as text: a digest and two marks in base64url, behind a dot the variant where there are others.

What lives here: how a tag is put together and taken apart. What must not: what a digest or a mark is made of, and
whether one is right (`minting`).
"""

from base64 import b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Final

from proxy.core.entity_tag import EntityTag

DIGEST_SIZE: Final = 16
"""Bytes of a digest."""
MARK_SIZE: Final = 4
"""Bytes of a mark."""
VIEW: Final = "?"
"""Stands between the tag of a whole resource and what is added for a view of it."""

_VARIANT: Final = "."
_SPELLED: Final = 32
"""Characters of a digest and its two marks in a tag."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a tag that may be ours: what is marked, the two marks, the variant."""

    marked: bytes
    general: bytes
    particular: bytes
    variant: str


def spelled(digest: bytes, general: bytes, particular: bytes, variant: str) -> EntityTag:
    """Return the tag of these parts; `variant` is empty where there are no others."""
    text = urlsafe_b64encode(digest + general + particular).decode()
    return EntityTag(f"{text}{_VARIANT}{variant}" if variant else text)


def read(tag: EntityTag) -> Parts | None:
    """Take a tag apart, or the whole's in that of a view; None for one that nobody here spelled."""
    opaque = tag.opaque.partition(VIEW)[0]
    text, dot, named = opaque[:_SPELLED], opaque[_SPELLED : _SPELLED + 1], opaque[_SPELLED + 1 :]
    if len(text) != _SPELLED or dot not in {"", _VARIANT} or bool(dot) != bool(named):
        return None
    parts = decoded(text)
    if parts is None:
        return None
    digest, marks = parts[:DIGEST_SIZE], parts[DIGEST_SIZE:]
    return Parts(digest + named.encode(), marks[:MARK_SIZE], marks[MARK_SIZE:], named)


def decoded(text: str) -> bytes | None:
    """Return what base64url stands for, None where it is none."""
    try:
        return b64decode(text, b"-_", validate=True)
    except ValueError:
        return None
