"""Versions that the origin server keeps itself: what names a state in place of its content (`etag.from`).

What lives here: where a version stands in an answer, and what is read there. What must not: whether it is true that it
changes with every change of the resource; that is the operator's word.
"""

from dataclasses import dataclass, field

from proxy.core import json_pointer, json_text
from proxy.core.message import Response


@dataclass(frozen=True, slots=True)
class MemberVersion:
    """A member of JSON content, such as `/version`. Raised on construction for a malformed pointer: `ValueError`."""

    pointer: str
    _tokens: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_tokens", json_pointer.tokens(self.pointer))

    @property
    def fingerprint(self) -> bytes:
        """Name this rule."""
        return b"member " + self.pointer.encode()

    def of(self, response: Response, media_type: str) -> bytes | None:
        """Return the version as canonical JSON; None where there is none, so that the content has to speak."""
        if not json_text.is_json(media_type):
            return None
        try:
            found = json_pointer.find(json_text.parse(response.content), self._tokens)
            return None if found is None else json_text.canonical(found)
        except (ValueError, LookupError, RecursionError):
            return None


@dataclass(frozen=True, slots=True)
class FieldVersion:
    """A field of the answer, such as Last-Modified."""

    name: str

    @property
    def fingerprint(self) -> bytes:
        """Name this rule."""
        return b"field " + self.name.lower().encode()

    def of(self, response: Response, media_type: str) -> bytes | None:  # noqa: ARG002 - one signature for both
        """Return the field's value, None where there is none."""
        value = response.fields.get(self.name)
        return value.encode("latin-1") if value else None


Version = MemberVersion | FieldVersion
