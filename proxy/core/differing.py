"""What differs between contents that ought to be one: places in JSON documents, spans of bytes in everything else.

What lives here: finding what differs, naming it, and telling what differs at once from what differs with time. What
must not: what is done about it, and the words in which people are told.

Contents come in bursts, each read within a moment. What differs within one is made for each answer; what differs from
burst to burst only may be a time stamp of a coarse clock, or somebody's write.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import reduce
from itertools import chain
from operator import or_
from typing import Final

from proxy.core import json_pointer, json_text
from proxy.core.json_pointer import Json

Tokens = tuple[str, ...]
"""Reference tokens of a JSON Pointer; `*` stands for every item or member."""

_MADE_UP: Final = 3
"""From so many documents on, each with names of its own in one object, the names are taken for made up."""
_ITEMS: Final = 2
_MEMBERS: Final = 5
"""From so many items of an array, or members of an object, that differ in the same way, `*` stands for all of them."""
_GAP: Final = 8
"""Equal bytes between two that differ, up to which they are one span."""
_DIFFERS: Final = re.compile(rb"[^\0]+")


class Nothing(Enum):
    """The type of `NOTHING`: what stands at a place that a document has not."""

    NOTHING = "nothing"


NOTHING: Final = Nothing.NOTHING
Seen = Json | Nothing


class How(Enum):
    """In what way documents differ at a place."""

    VALUE = "value"
    """They have different values there. A number that is spelled otherwise is another one."""
    MEMBER = "member"
    """Some have such a member, some have not."""
    NAMES = "names"
    """Members of the object have a name in one document that no other knows."""
    LENGTH = "length"
    """The array has more items in one than in another."""
    ORDER = "order"
    """The array has the same items in another order."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where JSON documents differ. `seen` is what each has there; behind a `*`, in the first item that differs.

    `at_once`: it differs within a burst.
    """

    tokens: Tokens
    how: How
    seen: tuple[Seen, ...]
    at_once: bool

    @property
    def pointer(self) -> str:
        """The JSON Pointer, as `json_pointer.parse` reads it if `nameable`."""
        return json_pointer.spelled(self.tokens)

    @property
    def nameable(self) -> bool:
        """Tell whether a pointer can name it and leave something of the document."""
        return self.tokens not in {(), ("*",)}


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes in which contents differ: from the offset `start`, in each content those in `seen`.

    `at_once`: they differ within a burst.
    """

    start: int
    seen: tuple[bytes, ...]
    at_once: bool


def places(bursts: Sequence[Sequence[Json]]) -> tuple[Place, ...]:
    """Return where documents differ, in their order, such that equal documents remain without what is at the places.

    Where several items of an array, or many members of an object, differ in the same way, one place with `*` stands for
    all of them.
    """
    found = _at_root(tuple(chain.from_iterable(bursts)))
    at_once = frozenset(chain.from_iterable(_at_root(tuple(burst)) for burst in bursts))
    return tuple(
        Place(tokens, how, seen, tokens in at_once or any(_meet(tokens, other) for other in at_once))
        for tokens, (how, seen) in found.items()
    )


def spans(bursts: Sequence[Sequence[bytes]]) -> tuple[Span, ...]:
    """Return where contents differ. Contents of different lengths differ in one span: what lies between equal ends."""
    contents = tuple(chain.from_iterable(bursts))
    if len(set(contents)) == 1:
        return ()
    found = _runs(contents) if len(set(map(len, contents))) == 1 else [_middle(contents)]
    return tuple(_span(bursts, start, tail) for start, tail in found)


# JSON ----------------------------------------------------------------------------------------------------------------

_What = tuple[How, tuple[Seen, ...]]
_Found = dict[Tokens, _What]


def _at_root(documents: tuple[Seen, ...]) -> _Found:
    """Return what differs. That all names differ is no way to name anything here: nothing would be left."""
    found = _differing(documents)
    return _in_members(documents) if () in found and found[()][0] is How.NAMES else found


def _differing(values: tuple[Seen, ...]) -> _Found:
    if all(value == values[0] for value in values):
        return {}
    if all(isinstance(value, dict) for value in values):
        return {(): (How.NAMES, values)} if _names_are_made_up(values) else _in_members(values)
    if all(isinstance(value, list) for value in values):
        how = _as_a_whole(values)
        return _in_items(values) if how is None else {(): (how, values)}
    return {(): (How.MEMBER if NOTHING in values else How.VALUE, values)}


def _names_are_made_up(objects: Sequence[Seen]) -> bool:
    """Tell whether each object has names that no other has, so that the next one will again have others."""
    names = [frozenset(item) for item in objects if isinstance(item, dict)]
    common = frozenset.intersection(*names)
    strange = {own - common for own in names}
    apart = sum(map(len, strange)) == len(frozenset.union(*strange))
    return len(strange) >= _MADE_UP and all(strange) and apart


def _in_members(objects: Sequence[Seen]) -> _Found:
    known = [item for item in objects if isinstance(item, dict)]
    by_name: list[tuple[str, _Found]] = []
    for name in dict.fromkeys(chain.from_iterable(known)):
        inner = _differing(tuple(item.get(name, NOTHING) for item in known))
        if inner:
            by_name.append((name, inner))
    return _generalised(by_name, lambda tokens: _MEMBERS if tokens else len(by_name) + 1)


def _as_a_whole(arrays: Sequence[Seen]) -> How | None:
    """Return how arrays differ where their items cannot be compared one by one."""
    known = [item for item in arrays if isinstance(item, list)]
    if len(set(map(len, known))) > 1:
        return How.LENGTH
    same_items = len({tuple(sorted(map(json_text.canonical, items))) for items in known}) == 1
    return How.ORDER if same_items else None


def _in_items(arrays: Sequence[Seen]) -> _Found:
    known = [item for item in arrays if isinstance(item, list)]
    by_index: list[tuple[str, _Found]] = []
    for index, values in enumerate(zip(*known, strict=True)):
        inner = _differing(values)
        if inner:
            by_index.append((str(index), inner))
    return _generalised(by_index, lambda _tokens: _ITEMS)


def _generalised(below: Sequence[tuple[str, _Found]], enough: Callable[[Tokens], int]) -> _Found:
    """Return what differs below each token, with `*` in its place for what does so below `enough` of them."""
    general = _covering({tokens for _, inner in below for tokens in inner})
    gathered: dict[Tokens, list[tuple[str, Tokens, _What]]] = {}
    for token, inner in below:
        for tokens, what in inner.items():
            gathered.setdefault(general.get(tokens, tokens), []).append((token, tokens, what))
    found: _Found = {}
    for path, where in gathered.items():
        if len({token for token, _, _ in where}) >= enough(path):
            found["*", *path] = where[0][2]
        else:
            found |= {(token, *tokens): what for token, tokens, what in where}
    return found


def _covering(paths: Collection[Tokens]) -> dict[Tokens, Tokens]:
    """Return, for each path that another one with more `*` covers, the one with most."""
    wild = sorted((path for path in paths if "*" in path), key=lambda path: path.count("*"))
    return {path: other for other in wild for path in paths if path != other and _covers(other, path)}


def _covers(path: Tokens, other: Tokens) -> bool:
    return len(path) == len(other) and all(mine in {"*", its} for mine, its in zip(path, other, strict=True))


def _meet(path: Tokens, other: Tokens) -> bool:
    """Tell whether two paths may name one place, or one of them something in what the other names."""
    return all(mine == its or "*" in {mine, its} for mine, its in zip(path, other, strict=False))


# Bytes ---------------------------------------------------------------------------------------------------------------


def _span(bursts: Sequence[Sequence[bytes]], start: int, behind: int) -> Span:
    seen = [[content[start : len(content) - behind] for content in burst] for burst in bursts]
    return Span(start, tuple(chain.from_iterable(seen)), any(len(set(burst)) > 1 for burst in seen))


def _runs(contents: Sequence[bytes]) -> list[tuple[int, int]]:
    """Return where contents of one length differ: offsets, and how many bytes are behind."""
    size = len(contents[0])
    found: list[tuple[int, int]] = []
    for run in _DIFFERS.finditer(_mask(contents)):
        start, stop = run.span()
        if found and start - (size - found[-1][1]) <= _GAP:
            start, _ = found.pop()
        found.append((start, size - stop))
    return found


def _middle(contents: Sequence[bytes]) -> tuple[int, int]:
    """Return how many bytes are equal at the front of contents of several lengths, and how many behind."""
    shortest = min(map(len, contents))
    front = shortest - len(_mask([content[:shortest] for content in contents]).lstrip(b"\0"))
    left = shortest - front
    behind = left - len(_mask([content[len(content) - left :] for content in contents]).rstrip(b"\0"))
    return front, behind


def _mask(contents: Sequence[bytes]) -> bytes:
    """Return a zero byte for each that contents of one length have in common. Numbers compare at the speed of C."""
    numbers = [int.from_bytes(content, "big") for content in contents]
    differing = reduce(or_, (number ^ numbers[0] for number in numbers))
    return differing.to_bytes(len(contents[0]), "big")
