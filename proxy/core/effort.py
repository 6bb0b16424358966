"""How long work on content may take, and whom it keeps waiting.

What lives here: the estimate, from sizes and rules alone. What must not: the work, and where it is done.
"""

from enum import Enum
from typing import Final

from proxy.core import coding, injection, json_text
from proxy.core.canonical import CanonicalJson
from proxy.core.message import Response
from proxy.core.route import Route
from proxy.core.tag_rules import kept_tag
from proxy.core.version import MemberVersion

LARGE: Final = 256 * 1024
"""Bytes from which on content is hashed elsewhere: about 0.2 ms. Everything else is measured by that."""

CODED: Final = 8
"""How many times larger compressed JSON is inside."""
READ: Final = 4
"""JSON that is read counts so many times: 64 KiB of it take 2 ms, a long time for whoever waits."""
SEARCHED: Final = 8
"""JSON in which items are found and tagged counts so many times more: 8 KiB of it take 2 ms."""


class Effort(Enum):
    """What it takes to do work on content."""

    SHORT = "short"
    """It is done sooner than it could be handed to somebody else."""
    COMPILED = "compiled"
    """Long, in code of the standard library that lets other threads go on: digests, codings."""
    INTERPRETED = "interpreted"
    """Long, in code that lets no other thread of its process go on: whatever reads JSON."""


def of_tagging(route: Route, response: Response) -> Effort:
    """Say what it takes to tag a representation that is shown by a route, its items included."""
    if route.inject is None and len(response.content) * CODED * READ < LARGE:  # the way of nearly all
        return Effort.SHORT
    injects = route.inject is not None and injection.readable(response.fields)
    if not injects and kept_tag(response.fields, route.rules) is not None:
        return Effort.SHORT
    kind = response.fields.get("content-type") or ""
    by_json = isinstance(route.rules.canonical, CanonicalJson) or isinstance(route.rules.version, MemberVersion)
    reads = injects or (by_json and json_text.is_json(kind))
    searches = injects and route.inject is not None and bool(route.inject.items)
    inside = len(response.content) * (CODED if coding.removable(response.fields) else 1)
    return _effort(inside, reads=reads, searches=searches)


def of_reading(length: int, *, searches: bool) -> Effort:
    """Say what it takes to read so many bytes of JSON, and to find items in it where it `searches`."""
    return _effort(length, reads=True, searches=searches)


def of_digest(length: int) -> Effort:
    """Say what it takes to hash so many bytes."""
    return _effort(length, reads=False, searches=False)


def _effort(length: int, *, reads: bool, searches: bool) -> Effort:
    if length * (READ if reads else 1) * (SEARCHED if searches else 1) < LARGE:
        return Effort.SHORT
    return Effort.INTERPRETED if reads else Effort.COMPILED
