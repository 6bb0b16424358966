"""What a selection showed: a representation, its absence, or nothing that can be compared with.

Only a complete 200 to GET is a representation (DESIGN section 5); 404 and 410 say that there is none. Everything else
is opaque, and its `Opacity` says what a write is then answered with (invariant I7): never a permit, never a 412.
"""

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from proxy.core.fields import Fields
from proxy.core.message import Response

OK = 200
ABSENT = frozenset({404, 410})
UNSELECTABLE = frozenset({405, 501})
UNRELAYABLE = frozenset({303, 304})
"""As the answer to a write, 303 says that it was done (RFC 9110 §15.4.4), and 304 nothing at all."""


class Opacity(Enum):
    """Why a selection shows no state. The values are stable: they stand in logs and answers."""

    REFUSED = "refused"
    """Another 4xx: authorization and the like speak first; relayed."""
    REDIRECTED = "redirected"
    """3xx: relayed, not followed."""
    UNSELECTABLE = "unselectable"
    """405 or 501: the resource cannot be read with GET."""
    FAILED = "failed"
    """5xx."""
    PARTIAL = "partial"
    """A 2xx but 200, a 303 or a 304: not a whole representation."""
    STREAM = "stream"
    """An event stream has no end and so no state."""
    TOO_LARGE = "too-large"
    """Larger than the route's `limits.mint`."""

    @property
    def relayed(self) -> bool:
        """Tell whether a write is answered with the origin server's answer itself."""
        return self in {Opacity.REFUSED, Opacity.REDIRECTED}


@dataclass(frozen=True, slots=True)
class Representation:
    """A whole representation: a 200 and all of its content."""

    response: Response


@dataclass(frozen=True, slots=True)
class Absent:
    """The origin server's 404 or 410: no current representation."""

    response: Response


@dataclass(frozen=True, slots=True)
class Opaque:
    """An answer without a comparable state."""

    response: Response
    why: Opacity


Selected = Representation | Absent | Opaque


def comparable(status: int, fields: Fields) -> bool:
    """Tell from the head alone whether the content, once whole, is a representation."""
    return status == OK and media_type(fields) != "text/event-stream"


def classify(response: Response, *, whole: bool) -> Selected:
    """Say what an answer to a selection shows. `whole`: `response.content` is all of the content."""
    if response.status in ABSENT:
        return Absent(response)
    if not comparable(response.status, response.fields):
        return Opaque(response, _opacity(response.status))
    return Representation(response) if whole else Opaque(response, Opacity.TOO_LARGE)


def media_type(fields: Fields) -> str:
    """Return the media type without its parameters, in lower case; empty when there is none."""
    return _essence(fields.get("content-type") or "")


@lru_cache(maxsize=256)  # an API has few
def _essence(value: str) -> str:
    return value.partition(";")[0].strip().lower()


def _opacity(status: int) -> Opacity:
    if status == OK:
        return Opacity.STREAM
    if status in UNSELECTABLE:
        return Opacity.UNSELECTABLE
    if status in UNRELAYABLE:
        return Opacity.PARTIAL
    by_class = {2: Opacity.PARTIAL, 3: Opacity.REDIRECTED, 4: Opacity.REFUSED}
    return by_class.get(status // 100, Opacity.FAILED)
