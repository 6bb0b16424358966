"""What a route's `inject` says: in which objects of a JSON document a member is the proxy's own, and how it is written.

What lives here: the rules as values, where their paths lead, and which content they are for. What must not: the tags
that go in (`injecting`), and how a JSONPath is read: a path comes as something that can be asked.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final, Protocol

from proxy.core import json_members, json_pointer, json_text, media_type
from proxy.core.entity_tag import EntityTag
from proxy.core.fields import Fields
from proxy.core.json_members import ROOT, Location
from proxy.core.json_pointer import Json
from proxy.core.self_link import SelfLink

DIGEST_FIELDS: Final = frozenset({"content-digest", "repr-digest", "digest", "content-md5"})
"""Fields that are wrong once the content is another."""

MOST_ITEMS: Final = 5_000
"""The items of a document with more of them are left alone."""

HAL: Final = SelfLink.parse("/_links/self/href")

_UTF8: Final = frozenset({None, "utf-8", "utf8"})


class TooManyItemsError(Exception):
    """The items of a document are more, or larger, than anybody should be made to wait for."""


class ItemPath(Protocol):
    """A path that was read. Called with a document in Python's own values, it yields where it leads."""

    @property
    def text(self) -> str:
        """The path as it is written; equal texts are equal paths."""
        ...

    def __call__(self, document: object) -> Iterable[Location]:
        """Yield each place, some perhaps more than once. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class Injection:
    """The rules of a route. `link` is how an item refers to itself (`inject.self`).

    `quotes`: the member holds the tag as the ETag field does, else without its quotes. `origin` is the authority of the
    origin server, which links may name.
    """

    field: str = "_etag"
    items: tuple[ItemPath, ...] = ()
    link: SelfLink = HAL
    quotes: bool = True
    origin: str | None = None

    @property
    def fingerprint(self) -> bytes:
        """Name these rules; rules that could give another tag or another content have another fingerprint."""
        return json.dumps([self.field, [path.text for path in self.items], self.link.text, self.quotes]).encode()

    def spelled(self, tag: EntityTag) -> str:
        """Return a tag as the member says it."""
        return str(tag) if self.quotes else tag.opaque

    def locate(self, document: Json, values: object) -> list[Location]:
        """Return where the items of a document are: objects in it, but not itself, each once.

        `values` is the document as `json_text.values` has it. Raised when the paths lead to too many places:
        `TooManyItemsError`.
        """
        if not isinstance(document, json_pointer.CONTAINER):
            return []
        named = list(islice(chain.from_iterable(path(values) for path in self.items), MOST_ITEMS + 1))
        if len(named) > MOST_ITEMS:
            raise TooManyItemsError
        places = dict.fromkeys(place for place in named if place != ROOT)
        return [place for place in places if isinstance(json_members.at(document, place), dict)]

    def basis(self, document: Json, tags: Mapping[Location, EntityTag | None]) -> Json:
        """Return what the tag of a representation is minted from: the document with the tags of its items.

        It has no other member of that name, neither at the top nor in these items, where only a tag of ours may stand.
        """
        members = {place: None if tag is None else self.spelled(tag) for place, tag in tags.items()}
        own: dict[Location, str | None] = {ROOT: None} if isinstance(document, dict) else {}
        return json_members.edited(document, self.field, {**members, **own})

    def without(self, document: Json, values: object) -> Json:
        """Return a document without the member, at its top and in its items; itself where there is none."""
        try:
            items = self.locate(document, values)
        except TooManyItemsError:
            items = []
        return self.basis(document, dict.fromkeys(items))


def fingerprint(injection: Injection | None) -> bytes:
    """Name the rules of a route, which may have none."""
    return b"" if injection is None else injection.fingerprint


def readable(fields: Fields) -> bool:
    """Tell whether the content of a message with this head is JSON in UTF-8 that is neither coded nor signed."""
    kind = fields.get("content-type") or ""
    coded = (fields.get("content-encoding") or "").strip(" \t").lower() not in {"", "identity"}
    return not coded and json_text.is_json(kind) and media_type.charset(kind) in _UTF8 and not _signed(fields)


def _signed(fields: Fields) -> bool:
    """Tell whether a signature covers the content, by its digest or its length (RFC 9421).

    Whoever checks it would refuse the message, be the digest another one or missing.
    """
    covered = (fields.get("signature-input") or "").lower()
    return any(f'"{name}"' in covered for name in (*DIGEST_FIELDS, "content-length"))


def untransformed(fields: Fields) -> bool:
    """Tell whether a message asks intermediaries to leave content alone (RFC 9111 §5.2.1.6, §5.2.2.6)."""
    directives = (fields.get("cache-control") or "").split(",")
    return any(directive.strip(" \t").lower() == "no-transform" for directive in directives)
