"""From content to the bytes that identify a state: which differences between two contents count.

What lives here: the canonical forms and the rules that choose one. What must not: digests and tags (`minting`).

Two contents with one form are one state, so a form may be too fine (a write is refused that need not be) but never too
coarse (a conflict is missed). What a form cannot read, it takes as sent.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NoReturn

from proxy.core import json_pointer
from proxy.core.json_pointer import CONTAINER, Container, Json, Pointers

MAX_DEPTH: Final = 128
"""JSON nested deeper counts as sent. A number of ours, because the interpreter's own limit depends on who calls."""

_RAW: Final = b"\x00"
_JSON: Final = b"\x01"

_JSON_TYPE: Final = re.compile(r"application/json|[!#$%&'*+.^_`|~0-9a-z-]+/[!#$%&'*+.^_`|~0-9a-z-]+\+json")


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

    def form(self, content: bytes, media_type: str) -> bytes:  # noqa: ARG002 - one signature for all rules
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

    def form(self, content: bytes, media_type: str) -> bytes:
        """Return the canonical JSON where `media_type` is JSON and the content is sound, else the content as sent.

        The first byte says which, so that no content taken as sent passes for a canonical one.
        """
        if not is_json(media_type):
            return _RAW + content
        try:
            document = _parse(content)
            json_pointer.leave_out(document, self._ignored)
            return _JSON + _serialise(document)
        except (ValueError, RecursionError):
            return _RAW + content


Canonical = AsSent | CanonicalJson


def is_json(media_type: str) -> bool:
    """Tell whether a Content-Type names application/json or a `+json` type (RFC 6839 §3.1); parameters are ignored."""
    essence = media_type.partition(";")[0].strip(" \t").lower()
    return _JSON_TYPE.fullmatch(essence) is not None


# Reading -------------------------------------------------------------------------------------------------------------


def _parse(content: bytes) -> Json:
    """Return the document. Raised when it is not JSON of one certain meaning: `ValueError`, `RecursionError`.

    A byte order mark is skipped, as RFC 8259 §8.1 allows: it carries no state, and an origin server that sends one
    sends it always.
    """
    text = content.decode("utf-8-sig")
    if "\\ud" in text or "\\uD" in text:
        _refuse_lone_surrogates(text)
    document: Json = _DECODER.decode(text)
    _refuse_depth(document)
    return document


def _refuse_lone_surrogates(text: str) -> None:
    """Raise `ValueError` for an escape that stands for half a character (RFC 8259 §8.2): nothing encodes it."""
    json.dumps(_PLAIN_DECODER.decode(text), ensure_ascii=False).encode()


def _refuse_depth(document: Json) -> None:
    level = [document] if isinstance(document, CONTAINER) else []
    for _ in range(MAX_DEPTH):
        level = [inner for container in level for inner in _items(container) if isinstance(inner, CONTAINER)]
    if level:
        raise ValueError(f"nested deeper than {MAX_DEPTH}")


def _items(container: Container) -> Iterable[Json]:
    return container.values() if isinstance(container, dict) else container


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    """Return the members of an object. Of two with one name, RFC 8259 §4 leaves open which counts: `ValueError`."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate member name")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


# A number travels through the standard library's reader and writer as a string between two lone surrogates. Both run
# in C and would otherwise round it to a double; and as documents with lone surrogates are refused, the fence is unique.
_OPEN: Final = "\ud800"
_CLOSE: Final = "\udfff"
_fenced: Final = f"{_OPEN}{{}}{_CLOSE}".format

_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_fenced, parse_float=_fenced, parse_constant=_refuse_constant
)
_PLAIN_DECODER: Final = json.JSONDecoder(parse_int=str, parse_float=str)


# Writing -------------------------------------------------------------------------------------------------------------

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, check_circular=False, sort_keys=True, separators=(",", ":"))


def _serialise(document: Json) -> bytes:
    fenced = _ENCODER.encode(document)
    return fenced.replace(f'"{_OPEN}', "").replace(f'{_CLOSE}"', "").encode()
