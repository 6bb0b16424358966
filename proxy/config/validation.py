"""Plain values against the model: every mistake at once, and a document to go on with.

What lives here: one look at all values, and a second at what is left without the faulty ones, so that what keys mean
together can be checked although some of them are wrong. What must not: the words of a message.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from proxy.config.mistakes import KeyPath, Mistake
from proxy.config.model import SECTIONS, Document
from proxy.config.wording import sentence
from proxy.config.yaml_source import Spot, Value

_STAND_INS: Final[Mapping[tuple[str, ...], dict[str, Value]]] = {
    (): {"upstream": "http://stand-in.invalid"},
    ("routes",): {"path": "/"},
    ("tls",): {"certificate": "-", "key": "-"},
    ("routes", "problem", "precondition_failed"): {"body": "-"},
    ("routes", "problem", "precondition_required"): {"body": "-"},
    ("routes", "problem", "malformed_precondition"): {"body": "-"},
}
"""Values for required keys that are missing or wrong, in a document that is not going to be used."""


@dataclass(frozen=True, slots=True)
class Validated:
    """A document, and what is wrong with it. The values at the paths `doubtful` are defaults or stand-ins."""

    document: Document
    mistakes: list[Mistake]
    doubtful: set[KeyPath]


def validate(values: dict[str, Value], spots: Mapping[KeyPath, Spot], unread: set[KeyPath]) -> Validated:
    """Return the document. Nothing is said of the values at the paths `unread`, of which a mistake is known already."""
    try:
        return Validated(Document.model_validate(values), [], unread)
    except ValidationError as failure:
        errors = failure.errors(include_url=False)
    mistakes = []
    for error in errors:
        path, spot = error["loc"], spots.get(error["loc"])
        if not any(path[: len(known)] == known for known in unread):
            position = spot.key if spot is not None and error["type"] == "extra_forbidden" else None
            mistakes.append(Mistake(path, sentence(error, None if spot is None else spot.text), position))
    doubtful = unread | {_replaceable(error["loc"]) for error in errors}
    return Validated(Document.model_validate(_mended(values, (), doubtful)), mistakes, doubtful)


def _replaceable(path: KeyPath) -> KeyPath:
    """Return the path of what can be left out without moving its neighbours: a key, or a whole route."""
    own = 2 if path[:1] == ("routes",) else 0
    return path[: next((end for end, part in enumerate(path) if end >= own and isinstance(part, int)), len(path))]


def _mended(value: Value, path: KeyPath, doubtful: set[KeyPath]) -> Value:
    """Return the value without its doubtful parts."""
    section = tuple(part for part in path if isinstance(part, str))
    if isinstance(value, dict):
        members = {key: (*path, key) for key in value if (*path, key) not in doubtful}
        kept = {key: _mended(value[key], member, doubtful) for key, member in members.items()}
        return _STAND_INS.get(section, {}) | kept if section in SECTIONS else kept
    if isinstance(value, tuple) and path == ("routes",):
        return tuple(
            dict(_STAND_INS[section]) if (*path, index) in doubtful else _mended(item, (*path, index), doubtful)
            for index, item in enumerate(value)
        )
    return value
