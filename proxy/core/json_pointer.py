"""JSON Pointers (RFC 6901) that may hold a wildcard, and the removal of what they name.

What lives here: how a place in a JSON document is named, and nothing about what a document is or means.

The token `*` stands for every member of an object and every item of an array; a member literally named `*` cannot be
named alone. An array index is a token like a member name, with no leading zero, and counts from 0 in the array as
received: it means the same whatever the other pointers remove. The items behind a removed one close up.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

Container = dict[str, "Json"] | list["Json"]
Json = Container | str | bool | None
"""A JSON document. A number is a `str` too: how its reader tells the two apart is the reader's business."""

CONTAINER: Final = (dict, list)
"""For `isinstance`."""

Pointers = dict[str, "Pointers"]
"""Pointers as one tree of their tokens; where nothing follows, a pointer ends."""

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,9}")
_POINTER: Final = re.compile(r"(?:/(?:[^/~]|~[01])*)+")


def parse(pointers: Iterable[str]) -> Pointers:
    """Read pointers. Raised when one is malformed or names everything in a document: `ValueError`."""
    tree: Pointers = {}
    for path in sorted(map(tokens, pointers)):
        node = tree
        for token in path:
            if node.get(token) == {}:
                break  # a shorter pointer covers this one
            node = node.setdefault(token, {})
    return tree


def spelled(path: Iterable[str]) -> str:
    """Return the pointer of reference tokens, escaped as RFC 6901 §3 asks for. The token `*` is the wildcard."""
    return "".join(f"/{token.replace('~', '~0').replace('/', '~1')}" for token in path)


def cover(pointers: Pointers, path: Sequence[str]) -> bool:
    """Tell whether what the reference tokens `path` name is named by the pointers, or in what they name."""
    inner = [pointers[token] for token in {path[0], "*"} & pointers.keys()] if path else []
    return any(not node or cover(node, path[1:]) for node in inner)


def covered(pointers: Sequence[str]) -> dict[int, str]:
    """Return which of the pointers name nothing that the others leave: by index, with the first that covers it."""
    found: dict[int, str] = {}
    for index, pointer in enumerate(pointers):
        others = [*pointers[:index], *(other for other in pointers[index + 1 :] if other != pointer)]
        first = next((other for other in others if cover(parse([other]), tokens(pointer))), None)
        if first is not None:
            found[index] = first
    return found


def tokens(pointer: str) -> tuple[str, ...]:
    """Return the reference tokens, unescaped in the order that RFC 6901 §4 asks for.

    Raised when it is malformed, or names the whole document: `ValueError`.
    """
    if pointer in {"", "/*"}:
        raise ValueError(f"JSON Pointer {pointer!r} names the whole document; nothing would be left")
    if _POINTER.fullmatch(pointer) is None:
        raise ValueError(f"JSON Pointer {pointer!r} must be tokens that begin with '/', with '~' written ~0 or ~1")
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer[1:].split("/"))


def find(document: Json, path: Iterable[str]) -> Json:
    """Return what stands at the end of a path of tokens; `*` is a name like any other here.

    Raised where nothing stands there: `LookupError`.
    """
    for token in path:
        if isinstance(document, dict):
            document = document[token]
        elif isinstance(document, list) and _INDEX.fullmatch(token):
            document = document[int(token)]
        else:
            raise LookupError(token)
    return document


def reaches(document: Json, path: Sequence[str]) -> bool:
    """Tell whether a path of tokens names anything in a document; `*` stands for every member and item."""
    if not path:
        return True
    members: dict[str, Json] = {}
    if isinstance(document, CONTAINER):
        members = document if isinstance(document, dict) else {str(index): item for index, item in enumerate(document)}
    inner = list(members.values()) if path[0] == "*" else [members[path[0]]] if path[0] in members else []
    return any(reaches(each, path[1:]) for each in inner)


def leave_out(document: Json, pointers: Pointers) -> None:
    """Remove what the pointers name, in place. One that names nothing is no error."""
    if pointers and isinstance(document, CONTAINER):
        _leave_out(document, [pointers])


def _leave_out(container: Container, nodes: list[Pointers]) -> None:
    """Remove what all the `nodes` that lead here name; several do where wildcards and names meet."""
    every = [node["*"] for node in nodes if "*" in node]
    if not all(every):
        container.clear()
        return
    names = {token for node in nodes for token in node} - {"*"}
    named = {token: [node[token] for node in nodes if token in node] for token in names}
    for token, inner in _inner(container):
        below = every + named.get(token, [])
        if below:
            _leave_out(inner, below)
    _remove(container, {token for token, below in named.items() if not all(below)})


def _inner(container: Container) -> list[tuple[str, Container]]:
    """Return the objects and arrays directly in `container`, each with its token."""
    if isinstance(container, dict):
        return [(name, item) for name, item in container.items() if isinstance(item, CONTAINER)]
    return [(str(index), item) for index, item in enumerate(container) if isinstance(item, CONTAINER)]


def _remove(container: Container, named: set[str]) -> None:
    if isinstance(container, dict):
        for token in named & container.keys():
            del container[token]
    elif named:
        container[:] = [item for index, item in enumerate(container) if str(index) not in named]
