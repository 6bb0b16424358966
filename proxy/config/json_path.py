"""JSONPaths (RFC 9535), as the core asks for them: a path that was read, and where it leads in a document.

What lives here: the one place that knows the library. What must not: what is done at those places.

Documents come from anybody, so what it takes to follow a path must grow no faster than they do: RFC 9535 §4.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, cast

import jsonpath
from jsonpath.segments import JSONPathSegment

from proxy.core.json_members import Location
from proxy.core.json_text import MAX_DEPTH

LONGEST: Final = 1_000
"""Characters of a path. Following it takes frames of the interpreter for each segment; thousands end the process."""


class _Environment(jsonpath.JSONPathEnvironment):
    """What the standard has, and documents as deep as we read them."""

    max_recursion_depth = MAX_DEPTH + 1


class _Node(jsonpath.JSONPathMatch):
    """A node that knows where it is, and no more.

    The library's spells its place out as well, all names of members in it, and is kept by its parent: a long name with
    many items below it would fill the memory.
    """

    __slots__ = ()

    @classmethod
    def root_of(cls, document: Any) -> "_Node":
        return cls(filter_context={}, obj=document, parent=None, path="", parts=(), root=document)

    def add_child(self, *children: jsonpath.JSONPathMatch) -> None:
        """Let them go."""

    def new_child(self, obj: object, key: int | str) -> "_Node":
        return _Node(filter_context={}, obj=obj, parent=None, path="", parts=(*self.parts, key), root=self.root)


_ENVIRONMENT = _Environment(strict=True)


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A JSONPath (`core.injection.ItemPath`). Equal texts are equal paths; the text is all that another process needs.

    Raised on construction when it is malformed, or could take too long: `ValueError`.
    """

    text: str

    def __post_init__(self) -> None:
        if not self.text.startswith("$"):
            what = "it begins with $, which stands for the whole content"
            raise ValueError(f"expected a JSONPath (RFC 9535) such as $.items[*]; {what}")
        _compiled(self.text)

    def __call__(self, document: Any) -> Iterator[Location]:
        """Yield where the path leads in a document of Python's own values; nowhere if it cannot be followed there."""
        nodes: Iterable[jsonpath.JSONPathMatch] = [_Node.root_of(document)]
        for segment in _compiled(self.text):
            nodes = segment.resolve(nodes)
        try:
            yield from (node.parts for node in nodes)
        except (jsonpath.JSONPathError, RecursionError):
            return


@cache
def _compiled(text: str) -> tuple[JSONPathSegment, ...]:
    """Return the segments of a path. A `..` visits all that is below a place, so a second one would do it all again."""
    if len(text) > LONGEST:
        raise ValueError(f"expected a JSONPath (RFC 9535) of at most {LONGEST} characters")
    try:
        path = cast("jsonpath.JSONPath", _ENVIRONMENT.compile(text))  # the standard has no other kind
    except (jsonpath.JSONPathError, RecursionError) as fault:
        raise ValueError(f"expected a JSONPath (RFC 9535) such as $.items[*]; {_what(fault)}") from None
    if sum(token.kind == "TOKEN_DDOT" for token in _ENVIRONMENT.lexer.tokenize(text)) > 1:
        raise ValueError("expected a JSONPath with at most one `..`; more could take the square of a document's size")
    return tuple(path.segments)


def _what(fault: Exception) -> str:
    """Return what the library says, and at which character."""
    index = getattr(getattr(fault, "token", None), "index", None)
    said = str(fault.args[0]) if fault.args else "it cannot be read"
    return said if index is None or index < 0 else f"at character {index + 1}: {said}"
