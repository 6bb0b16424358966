"""The tags of the items in a JSON representation: each the one that a GET of the item alone would show.

What lives here: which items there are, how their own GETs would be answered, and their tags. What must not: where the
tags go (`injecting`), and how a tag is made of content (`minting`).

An item's tag is minted from what stands in the list, by the rules of the item's own route. Items in an item count in it
if that route injects, so what is inside goes before what is around. Where the item's own answer cannot be foreseen from
the list it gets no tag: where its route counts writes, or takes a version from a field, or may keep a tag of the origin
server's (of which it is a sign that the list has one too), or where not every spelling of the JSON counts as one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from proxy.core import json_members, json_text, link
from proxy.core.address import Authority
from proxy.core.canonical import CanonicalJson
from proxy.core.entity_tag import EntityTag
from proxy.core.fields import Fields
from proxy.core.forwarding import HOST
from proxy.core.injection import MOST_ITEMS, Injection, TooManyItemsError
from proxy.core.json_members import ROOT, Location
from proxy.core.json_pointer import Json
from proxy.core.matching import Match, Routes
from proxy.core.message import Request, Response
from proxy.core.minting import Minter
from proxy.core.route import Guard
from proxy.core.tag_rules import Aba, kept_tag
from proxy.core.target import Target
from proxy.core.version import FieldVersion

MOST_BYTES: Final = 64 * 1024 * 1024
"""Where items amount to more none is tagged; one counts as often as it is part of another."""

SEARCHING: Final = 16
"""Looking for items in an item costs about as much as minting from so many times its bytes."""

# What of the list's head describes the item's content too.
_SHARED: Final = frozenset({"content-type", "content-language", "vary"})


@dataclass(frozen=True, slots=True)
class Content:
    """JSON content, read: as `json_text.parse` and as `json_text.values` have it."""

    document: Json
    values: object


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    """A representation with items in it: its target, where relative references start, and the rules of its route.

    `captures` are those of its path.
    """

    base: Target
    captures: Mapping[str, str]
    rules: Injection


_Place = tuple[_Frame, Location]
"""Where an item was found. Locations are those in the outermost document."""

_Key = tuple[str, Location]
"""An item: which target it is the representation of, and where it stands. Several places may be found to be one."""


@dataclass(frozen=True, slots=True)
class _Item:
    """An item whose own GET can be foreseen: the match of that, and where there are items in it."""

    match: Match
    inner: tuple[_Place, ...]


def unforeseen(match: Match) -> str | None:
    """Say why no list can tell what tag a GET of the resource would show, as far as rules decide; None if it can."""
    route, rules = match.route, match.route.rules
    reasons = (
        (route.guard is Guard.OFF, "its route is not guarded"),
        (route.state is not None, "another resource guards it"),
        (match.is_view, "its query makes a view"),
        (rules.aba is not Aba.ALLOW, "etag.aba counts writes"),
        (isinstance(rules.version, FieldVersion), "etag.from is a field of its own answer"),
        (rules.version is None and not isinstance(rules.canonical, CanonicalJson), "etag.canonical is none"),
    )
    return next((reason for holds, reason in reasons if holds), None)


@dataclass(slots=True)
class ItemTags:
    """Finds the items of a whole 200 answer to GET and mints their tags.

    `left` is how many bytes may still be minted from. Too much is too much for all items: what a GET of one alone finds
    to be too much is too much in the list as well, so no item has one tag here and another there.
    """

    request: Request
    response: Response
    routes: Routes
    minter: Minter
    left: int = MOST_BYTES
    _frames: dict[tuple[str, int], _Frame] = field(default_factory=dict)
    _found: dict[_Place, _Key | None] = field(default_factory=dict)
    _items: dict[_Key, _Item] = field(default_factory=dict)
    _tags: dict[_Key, EntityTag | None] = field(default_factory=dict)

    def of(self, match: Match, rules: Injection, content: Content) -> dict[Location, EntityTag | None]:
        """Return the tag of each item in the representation that a match selects, None for an item that gets none.

        An item is an object that a path of the rules leads to, but not the document itself; there are none where that
        would be too much.
        """
        try:
            outer = self._places(match, rules, content, ROOT)
            self._find(outer, content)
            self._mint(content.document)
        except TooManyItemsError:
            return {}
        return {place[1]: self._tag_of(place) for place in outer}

    def _places(self, match: Match, rules: Injection, content: Content, around: Location) -> tuple[_Place, ...]:
        """Return the items in the representation that stands at `around`."""
        base = match.state_target
        frame = self._frames.setdefault((base.raw, id(rules)), _Frame(base, match.shown_captures, rules))
        document = json_members.at(content.document, around)
        values = json_members.at(content.values, around)
        return tuple((frame, (*around, *location)) for location in rules.locate(document, values))

    def _find(self, outer: tuple[_Place, ...], content: Content) -> None:
        own = link.authorities(self._names())
        waiting = list(outer)
        while waiting:
            place = waiting.pop()
            if place in self._found:
                continue
            match = self._own_get(place, content.document, own)
            self._found[place] = key = None if match is None else (match.target.raw, place[1])
            if len(self._found) > MOST_ITEMS:
                raise TooManyItemsError
            if match is not None and key is not None and key not in self._items:
                self._items[key] = item = _Item(match, self._inner(match, place[1], content))
                waiting.extend(item.inner)

    def _names(self) -> Iterator[str | None]:
        """Yield the names that links may have for us: what the client asked for, and what the origin server is called.

        A proxy in front of us says the client's in a field of its own.
        """
        yield self.request.fields.get("host")
        yield self.request.fields.get(HOST)
        yield from {route.inject.origin for route in self.routes.routes if route.inject is not None}

    def _own_get(self, place: _Place, document: Json, own: tuple[Authority, ...]) -> Match | None:
        frame, location = place
        reference = frame.rules.link.of(json_members.at(document, location), frame.captures)
        target = None if reference is None else link.follow(reference, frame.base, own)
        match = None if target is None else self.routes.match("GET", target)
        return match if match is not None and self._foreseen(match) else None

    def _foreseen(self, match: Match) -> bool:
        """Tell whether the head of the list and the rules of a route let us know how the item's tag is made."""
        return unforeseen(match) is None and kept_tag(self.response.fields, match.route.rules) is None

    def _inner(self, match: Match, location: Location, content: Content) -> tuple[_Place, ...]:
        if match.route.inject is None or not match.route.inject.items:
            return ()
        self._spend(SEARCHING * len(json_text.plain(json_members.at(content.document, location))))
        return self._places(match, match.route.inject, content, location)

    def _mint(self, document: Json) -> None:
        fields = Fields(line for line in self.response.fields if line[0].lower() in _SHARED)
        for key in sorted(self._items, key=lambda key: len(key[1]), reverse=True):
            alone = self._alone(self._items[key], key[1], document)
            content = json_text.plain(alone)
            self._spend(len(content))
            self._tags[key] = self._tag(self._items[key].match, Response(200, fields, content), alone)

    def _alone(self, item: _Item, location: Location, document: Json) -> Json:
        """Return what the tag in the item's own GET is minted from."""
        shown: Json = json_members.at(document, location)
        if item.match.route.inject is None:
            return shown
        inner = {place[1][len(location) :]: self._tag_of(place) for place in item.inner}
        return item.match.route.inject.basis(shown, inner)

    def _tag_of(self, place: _Place) -> EntityTag | None:
        key = self._found[place]
        return None if key is None else self._tags[key]

    def _tag(self, match: Match, alone: Response, document: Json) -> EntityTag | None:
        rules = match.route.rules
        by_content = rules.version is None or rules.version.of(alone, alone.fields.get("content-type") or "") is None
        if by_content and not isinstance(rules.canonical, CanonicalJson):
            return None
        small = len(alone.content) <= match.route.limits.mint
        return self.minter.mint(match.tag_key, alone, rules, document=document).tag if small else None

    def _spend(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise TooManyItemsError
