"""From content to the bytes that identify a state: which differences between two contents count.

What lives here: the canonical forms and the rules that choose one. What must not: digests and tags (`minting`),
and how JSON is read and written (`json_text`).

Two contents with one form are one state, so a form may be too fine (a write is refused that need not be) but never too
coarse (a conflict is missed). What a form cannot read, it takes as sent.
"""

import json
from dataclasses import dataclass, field
from typing import Final

from proxy.core import json_pointer, json_text
from proxy.core.json_pointer import Json, Pointers

_RAW: Final = b"\x00"
_JSON: Final = b"\x01"


@dataclass(frozen=True, slots=True)
class AsSent:
    """Every byte counts."""

    @property
    def fingerprint(self) -> bytes:
        """Name these rules; rules that could give another form have another fingerprint."""
        return b"as-sent"

    @property
    def exact(self) -> bool:
        """Tell whether equal forms mean equal bytes, so that byte ranges may be served (RFC 9110 §8.8.1)."""
        return True

    def lead(self, media_type: str) -> bytes | None:  # noqa: ARG002 - one signature for all rules
        """Return what stands before content in its form, where the rest is the content as sent; None elsewhere."""
        return b""

    def form(self, content: bytes, media_type: str, document: Json = None) -> bytes:  # noqa: ARG002 - likewise
        """Return the content itself."""
        return content


@dataclass(frozen=True, slots=True)
class CanonicalJson:
    """Key order and white space of JSON do not count, nor does what the pointers in `ignore` name.

    A number counts as it is spelled: 1, 1.0 and 1e0 differ, and so do integers beyond 2**53 that differ in one digit.
    A string counts as what its escapes mean.

    What `json_pointer` says of pointers holds here: `*` stands for every member or item, and one that names nothing in
    a document is no error. Raised on construction when a pointer is malformed: `ValueError`.
    """

    ignore: tuple[str, ...] = ()
    _ignored: Pointers = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ignored", json_pointer.parse(self.ignore))

    @property
    def fingerprint(self) -> bytes:
        """Name these rules; rules that could give another form have another fingerprint."""
        return b"json 1 " + json.dumps(sorted(set(self.ignore))).encode()

    @property
    def exact(self) -> bool:
        """Tell whether equal forms mean equal bytes: they do not."""
        return False

    def lead(self, media_type: str) -> bytes | None:
        """Return what stands before content in its form, where the rest is the content as sent; None elsewhere."""
        return None if json_text.is_json(media_type) else _RAW

    def form(self, content: bytes, media_type: str, document: Json = None) -> bytes:
        """Return the canonical JSON where `media_type` is JSON and the content is sound, else the content as sent.

        The first byte says which, so that no content taken as sent passes for a canonical one. `document` is what
        `json_text.parse` makes of the content, where that was done before; it stays as it is.
        """
        if not json_text.is_json(media_type):
            return _RAW + content
        try:
            if document is None or self._ignored:
                document = json_text.parse(content)
                json_pointer.leave_out(document, self._ignored)
            return _JSON + json_text.canonical(document)
        except (ValueError, RecursionError):
            return _RAW + content


Canonical = AsSent | CanonicalJson


def alike(rules: Canonical, media_type: str, one: bytes, other: bytes) -> bool:
    """Tell whether two contents of one media type are one state."""
    return rules.form(one, media_type) == rules.form(other, media_type)
