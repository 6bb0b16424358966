"""The files of cases and rules, read so that no mistake in them goes unseen.

What lives here: YAML to values, and messages that name file, line and case. What must not: what the keys mean (`case`,
`rules`). Reading is the configuration's own: bare words that YAML takes for something else, duplicate keys and aliases
are mistakes here too.
"""

from collections import Counter
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from proxy.config import ConfigurationError, yaml_source
from proxy.config.yaml_source import Misread, Tree
from tests.conformance.case import Case

FOLDER = Path(__file__).parent
RULES = FOLDER / "rules.yaml"

_Entry = TypeVar("_Entry", bound=BaseModel)


class BadFile(Exception):
    """A file of this folder has mistakes. The text holds one line a mistake."""


def cases(folder: Path = FOLDER) -> list[Case]:
    """Return every case of a folder, file by file. Raised when there is a mistake in one: `BadFile`."""
    found = [case for path in sorted(folder.glob("*.yaml")) if path.name != RULES.name for case in read_cases(path)]
    twice = [name for name, times in Counter(case.id for case in found).items() if times > 1]
    if twice:
        raise BadFile(f"{folder}: more than one case is called {', '.join(twice)}")
    return found


def read_cases(path: Path) -> list[Case]:
    """Return the cases of a file. Raised when there is a mistake in it: `BadFile`."""
    return read(path, "cases", Case)["cases"]


def read(path: Path, keys: str, kind: type[_Entry]) -> dict[str, list[_Entry]]:
    """Return the lists of a file by its keys, separated by blanks. Raised when there is a mistake in it: `BadFile`."""
    try:
        tree = yaml_source.read(str(path))
    except ConfigurationError as failure:
        raise BadFile(str(failure)) from failure
    if tree.mistakes:
        raise BadFile("\n".join(_line(path, tree, mistake.path, mistake.message) for mistake in tree.mistakes))
    if set(tree.values) != set(keys.split()):
        raise BadFile(f"{path.name}: the keys are {', '.join(tree.values)}; expected {keys}")
    adapter = TypeAdapter(dict[str, list[kind]])  # type: ignore[valid-type]  # a class that is given
    try:
        return adapter.validate_python(_plain(tree.values))
    except ValidationError as failure:
        raise BadFile("\n".join(_told(path, tree, error) for error in failure.errors())) from failure


def _plain(value: Any) -> Any:
    """Return a value with lists as lists at the top, where a list of entries is wanted; a misread word stays one."""
    return {key: list(items) if isinstance(items, tuple) else items for key, items in value.items()}


def _told(path: Path, tree: Tree, error: Any) -> str:
    """Return a mistake that the model found: what is no key of the file in its place names a member of a union."""
    found = error.get("input")
    said = f"put {found.text!r} in quotes" if isinstance(found, Misread) else error["msg"]
    return _line(path, tree, tuple(error["loc"]), said)


def _line(path: Path, tree: Tree, location: tuple[Any, ...], said: str) -> str:
    """Return a mistake with its place: file, line, entry and key."""
    spot = next((location[:end] for end in range(len(location), 0, -1) if location[:end] in tree.spots), ())
    position = tree.spots[spot].key
    return f"{path.name}:{position.line}: {_named(tree, location)}: {'.'.join(map(str, location[2:]))}: {said}"


def _named(tree: Tree, location: tuple[Any, ...]) -> str:
    """Return what the entry is called in which the mistake is."""
    try:
        entry: Any = tree.values[location[0]][location[1]]  # type: ignore[index]  # caught below
        return str(entry["id"])
    except (IndexError, KeyError, TypeError):
        return ".".join(map(str, location[:2]))
