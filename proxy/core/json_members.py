"""One member, set or taken out in some objects of a JSON document, which itself stays as it is.

What lives here: the copy that differs. What must not: which objects those are, and what the member says.
"""

from collections.abc import Mapping
from typing import Any, Final

from proxy.core.json_pointer import CONTAINER, Container, Json

Location = tuple[str | int, ...]
"""Where a value is in a document: names of members and indices of items, from the root on."""

ROOT: Final[Location] = ()


def at(document: Any, location: Location) -> Any:
    """Return what is at a location. Raised where nothing is there: `LookupError`, `TypeError`."""
    for step in location:
        document = document[step]
    return document


def edited(document: Json, name: str, values: Mapping[Location, str | None]) -> Json:
    """Return the document with the member `name` of the objects at these locations set, or taken out where None.

    A member that was there keeps its place, a new one goes to the end. What does not change is shared with the
    document, and where nothing changes it is the document itself that is returned.
    """
    changes = {place: value for place, value in values.items() if value is not None or name in _names(document, place)}
    copies: dict[Location, Container] = {}
    for place in sorted(changes, key=len, reverse=True):  # what is inside the member first, while it is there
        value = changes[place]
        copied = _copied(document, copies, place)
        if not isinstance(copied, dict):
            raise TypeError(f"what is at {place} has no members")
        if value is None:
            del copied[name]
        else:
            copied[name] = value
    return copies.get(ROOT, document)


def _names(document: Json, location: Location) -> Container:
    found = at(document, location)
    return found if isinstance(found, dict) else {}


def _copied(document: Json, copies: dict[Location, Container], location: Location) -> Container:
    """Return the copy of the container at a location; those around it are copied as well, each once."""
    for length in range(len(location) + 1):
        place = location[:length]
        if place not in copies:
            copies[place] = _shallow(document if not place else at(copies[place[:-1]], place[-1:]))
            if place:
                copies[place[:-1]][place[-1]] = copies[place]  # type: ignore[index] # a location names its own kind of container
    return copies[location]


def _shallow(value: Json) -> Container:
    if not isinstance(value, CONTAINER):
        raise TypeError("only objects and arrays hold anything")
    return value.copy()
