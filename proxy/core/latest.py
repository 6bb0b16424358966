"""What was made of the latest state of a resource, known again by comparing the state itself.

What lives here: a bounded memory, small content included: to compare 2 KB costs a twentieth of hashing them. What must
not: what is made of a state.
"""

from collections import OrderedDict
from typing import Final, Generic, TypeVar

from proxy.core.fields import Fields
from proxy.core.message import Response

T = TypeVar("T")

Told = tuple[tuple[str, ...] | None, ...]
"""What fields tell of a state."""

RESOURCES: Final = 1024
"""Resources whose latest state is kept."""

LARGEST: Final = 4 * 1024
"""Bytes of content up to which a state is."""

TELLING: Final = ("content-type", "content-language", "content-encoding", "vary", "last-modified")
"""The fields that go into a validator besides content, in lower case."""


class Latest(Generic[T]):
    """The latest state of each of some resources, and what was made of it by rules of a name (`fingerprint`)."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[bytes, Told, bytes, T]] = OrderedDict()

    def of(self, key: str, response: Response, rules: bytes) -> T | None:
        """Return what was made of this state; None where another was the latest, or none is kept."""
        known = self._known.get(key)
        if known is None or known[2] != response.content or known[0] != rules:
            return None
        return known[3] if known[1] == told(response.fields) else None

    def keep(self, key: str, response: Response, rules: bytes, made: T) -> None:
        """Keep the latest state of a resource, if it is small."""
        if len(response.content) <= LARGEST:
            # Not the fields themselves, which may be sixteen times as large, and hold what was made of them.
            self._known[key] = rules, told(response.fields), response.content, made
            if len(self._known) > RESOURCES:
                self._known.popitem(last=False)  # in one step: threads of the workshop are here, too


def told(fields: Fields) -> Told:
    """Return what fields tell of a state."""
    return tuple(map(fields.by_name.get, TELLING))
