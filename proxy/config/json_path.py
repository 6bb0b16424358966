"""JSONPaths (RFC 9535), as the core asks for them: a path that was read, and where it leads in a document.

What lives here: the one place that knows the library. What must not: what is done at those places.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import jsonpath

from proxy.core.json_members import Location
from proxy.core.json_text import MAX_DEPTH


class _Environment(jsonpath.JSONPathEnvironment):
    """What the standard has, and documents as deep as we read them."""

    max_recursion_depth = MAX_DEPTH + 1


_ENVIRONMENT = _Environment(strict=True)


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A JSONPath (`core.injection.ItemPath`). Equal texts are equal paths; the text is all that another process needs.

    Raised on construction when it is malformed: `ValueError`.
    """

    text: str

    def __post_init__(self) -> None:
        if not self.text.startswith("$"):
            what = "it begins with $, which stands for the whole content"
            raise ValueError(f"expected a JSONPath (RFC 9535) such as $.items[*]; {what}")
        _compiled(self.text)

    def __call__(self, document: Any) -> Iterator[Location]:
        """Yield where the path leads in a document of Python's own values; nowhere if it cannot be followed there."""
        try:
            yield from (match.parts for match in _compiled(self.text).finditer(document))
        except (jsonpath.JSONPathError, RecursionError):
            return


@cache
def _compiled(text: str) -> jsonpath.JSONPath | jsonpath.CompoundJSONPath:
    try:
        return _ENVIRONMENT.compile(text)
    except (jsonpath.JSONPathError, RecursionError) as fault:
        raise ValueError(f"expected a JSONPath (RFC 9535) such as $.items[*]; {_what(fault)}") from None


def _what(fault: Exception) -> str:
    """Return what the library says, and at which character."""
    index = getattr(getattr(fault, "token", None), "index", None)
    said = str(fault.args[0]) if fault.args else "it cannot be read"
    return said if index is None or index < 0 else f"at character {index + 1}: {said}"
