"""JSON as text: read with numbers as they are spelled, and written again without a digit changed.

What lives here: which media types are JSON, which content is JSON of one certain meaning, and its two spellings. What
must not: what of a document counts (`canonical`), and where something is in it (`json_pointer`).
"""

import json
import re
from collections.abc import Iterable
from typing import Final, NoReturn

from proxy.core.json_pointer import CONTAINER, Container, Json

MAX_DEPTH: Final = 128
"""JSON nested deeper is not read. A number of ours, because the interpreter's own limit depends on who calls."""

_JSON_TYPE: Final = re.compile(r"application/json|[!#$%&'*+.^_`|~0-9a-z-]+/[!#$%&'*+.^_`|~0-9a-z-]+\+json")


def is_json(media_type: str) -> bool:
    """Tell whether a Content-Type names application/json or a `+json` type (RFC 6839 §3.1); parameters are ignored."""
    essence = media_type.partition(";")[0].strip(" \t").lower()
    return _JSON_TYPE.fullmatch(essence) is not None


# Reading -------------------------------------------------------------------------------------------------------------


def parse(content: bytes) -> Json:
    """Return the document, its numbers spelled between two fences: they cannot be mistaken for strings.

    A byte order mark is skipped, as RFC 8259 §8.1 allows: it carries no state, and an origin server that sends one
    sends it always. Raised when the content is not JSON of one certain meaning: `ValueError`, `RecursionError`.
    """
    text = content.decode("utf-8-sig")
    if "\\ud" in text or "\\uD" in text:
        _refuse_lone_surrogates(text)
    document: Json = _DECODER.decode(text)
    _refuse_depth(document)
    return document


def values(content: bytes) -> object:
    """Return a document that `parse` accepts with its numbers as Python's, for who compares or counts with them.

    A number that has no end of digits is a double, and infinite where that is too small.
    """
    text = content.decode("utf-8-sig")
    try:
        return json.loads(text)
    except ValueError:  # the interpreter reads no integer of more than some thousand digits
        return json.loads(text, parse_int=float)


def _refuse_lone_surrogates(text: str) -> None:
    """Raise `ValueError` for an escape that stands for half a character (RFC 8259 §8.2): nothing encodes it."""
    json.dumps(_PLAIN_DECODER.decode(text), ensure_ascii=False).encode()


def _refuse_depth(document: Json) -> None:
    level = [document] if isinstance(document, CONTAINER) else []
    for _ in range(MAX_DEPTH):
        if not level:
            return
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

_CANONICAL: Final = json.JSONEncoder(ensure_ascii=False, check_circular=False, sort_keys=True, separators=(",", ":"))
_PLAIN: Final = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"))


def canonical(document: Json) -> bytes:
    """Spell a document in the one way in which all documents that are equal to it are spelled: names are sorted."""
    return _spell(_CANONICAL, document)


def plain(document: Json) -> bytes:
    """Spell a document without white space, its members in the order in which they were read."""
    return _spell(_PLAIN, document)


def lexeme(text: str) -> str:
    """Return the text of a string, or the spelling of a number, of a document."""
    return text.removeprefix(_OPEN).removesuffix(_CLOSE)


def _spell(encoder: json.JSONEncoder, document: Json) -> bytes:
    fenced = encoder.encode(document)
    return fenced.replace(f'"{_OPEN}', "").replace(f'{_CLOSE}"', "").encode()
