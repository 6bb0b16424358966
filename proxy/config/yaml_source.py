"""YAML text to plain values, and where each of them stands.

What lives here: YAML 1.1 as PyYAML reads it, with what makes it treacherous refused. What must not: which keys there
are, what a value means, and any environment.

A configuration is read by other programs too (editors, templating, deployment tools), and some of them write it anew.
So a bare word that YAML takes for something else than it looks like must be put in quotes, and values stand where they
are used: duplicate keys, aliases, merge keys and tags of an application are mistakes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from proxy.config.mistakes import KeyPath, Located, Mistake, Position, quoted
from proxy.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Misread:
    """A bare word that YAML 1.1 takes for something else than it looks like: `off`, `010`, `1:30`."""

    text: str
    value: object


Value = dict[str, "Value"] | tuple["Value", ...] | str | int | float | bool | Misread | None
"""A value as YAML means it. Whether a key may have it is not known here."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a value and its key stand, and how a scalar was written. An item of a list is its own key."""

    key: Position
    value: Position
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Tree:
    """A configuration file as read.

    `mistakes` are those that YAML alone shows; None stands in for the values at the paths `unread`.
    """

    values: dict[str, Value] = field(default_factory=dict)
    spots: dict[KeyPath, Spot] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    unread: set[KeyPath] = field(default_factory=set)

    def position(self, path: KeyPath) -> Position | None:
        """Return where the value at `path` stands; for one that is missing, where it would have been added."""
        nearest = next((path[:end] for end in range(len(path), -1, -1) if path[:end] in self.spots), None)
        return None if nearest is None else self.spots[nearest].value


_STANDARD: Final = "tag:yaml.org,2002:"
_ALIAS: Final = "!alias"
_TEXT: Final = {f"{_STANDARD}{kind}" for kind in ("str", "value", "merge")}
_SCALARS: Final = _TEXT | {f"{_STANDARD}{kind}" for kind in ("int", "float", "bool", "null", "timestamp")}
_MERGE: Final = f"{_STANDARD}merge"
_EXACT: Final = re.compile(r"(?i:true|false)|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?|(?i:null)|~|")
"""Bare words that YAML 1.1 and 1.2 read alike, and people too."""

_HINTS: Final = {
    "'\\t'": "indent with spaces, not tabs",
    "mapping values are not allowed": "a key may be indented too far, or text with a colon and a space needs quotes",
    "another document": "one file holds one document",
    "could not find expected ':'": "a key is followed by a colon and a space",
}


def read(file: str) -> Tree:
    """Return the values of a file.

    Raised when it cannot be read at all, is no YAML, or holds no mapping: `errors.ConfigurationError` with one line.
    """
    try:
        content = Path(file).read_bytes()
    except OSError as failure:
        raise ConfigurationError([f"{file}: cannot be read: {failure.strerror}"]) from failure
    return parse(_decoded(content, file), file)


def parse(text: str, file: str) -> Tree:
    """Return the values of a text; `file` is its name in messages. Raised as by `read`."""
    try:
        node = _Loader(text).get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise _unusable(file, _no_mapping(node), Position(1, 1) if node is None else _position(node.start_mark))
        return _Reader().tree(node)
    except yaml.reader.ReaderError as fault:
        raise _unusable(file, "found a control character", _position_at(text, fault.position)) from fault
    except yaml.MarkedYAMLError as fault:
        raise _unusable(file, _syntax(fault), _marked(fault)) from fault
    except RecursionError as fault:
        raise _unusable(file, "nested too deeply", Position(1, 1)) from fault


class _Loader(yaml.SafeLoader):
    """PyYAML's own, but an alias stays one instead of becoming what it stands for, and a written tag stays one too."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.get_event()  # type: ignore[no-untyped-call]  # the stubs leave it out
            return yaml.ScalarNode(_ALIAS, event.anchor, event.start_mark, event.end_mark)
        return super().compose_node(parent, index)

    def compose_scalar_node(self, anchor: dict[Any, yaml.Node]) -> yaml.ScalarNode:
        tag = self.peek_event().tag  # type: ignore[no-untyped-call]  # the stubs leave it out
        node = super().compose_scalar_node(anchor)
        if tag not in {None, "!", f"{_STANDARD}str"}:
            node.tag = _written(tag)
        return node


class _Reader:
    """Walks the nodes of one document."""

    def __init__(self) -> None:
        self._spots: dict[KeyPath, Spot] = {}
        self._mistakes: list[Mistake] = []
        self._unread: set[KeyPath] = set()

    def tree(self, node: yaml.MappingNode) -> Tree:
        start = _position(node.start_mark)
        self._spots[()] = Spot(start, start)
        return Tree(self._mapping(node, ()), self._spots, self._mistakes, self._unread)

    def _value(self, node: yaml.Node, path: KeyPath) -> Value:
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_STANDARD}map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_STANDARD}seq":
            return tuple(self._items(node, path))
        if isinstance(node, yaml.ScalarNode) and node.tag in _SCALARS:
            return _scalar(node)
        self._refuse(node, path, _foreign(node))
        self._unread.add(path)
        return None

    def _items(self, node: yaml.SequenceNode, path: KeyPath) -> Iterator[Value]:
        for index, item in enumerate(node.value):
            self._spots[(*path, index)] = _spot(item, item)
            yield self._value(item, (*path, index))

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Value]:
        members: dict[str, Value] = {}
        for key, value in node.value:
            if self._usable_key(key, path):
                self._spots[(*path, key.value)] = _spot(key, value)
                members[key.value] = self._value(value, (*path, key.value))
        return members

    def _usable_key(self, key: yaml.Node, path: KeyPath) -> bool:
        """Tell whether a key can be taken as text: what is not a mistake of YAML here may be one of the model."""
        if not isinstance(key, yaml.ScalarNode) or key.tag not in _SCALARS:
            self._refuse(key, path, "found a key that is not plain text")
        elif key.tag == _MERGE:
            self._refuse(key, (*path, "<<"), "merge keys are not read; write the keys out")
        elif (*path, key.value) in self._spots:
            first = self._spots[(*path, key.value)].key
            self._refuse(key, (*path, key.value), f"duplicate key; the first is on line {first.line}")
        else:
            return True
        return False

    def _refuse(self, node: yaml.Node, path: KeyPath, message: str) -> None:
        self._mistakes.append(Mistake(path, message, _position(node.start_mark)))


def _scalar(node: yaml.ScalarNode) -> Value:
    text = str(node.value)
    if node.tag in _TEXT:
        return text
    try:
        value = yaml.SafeLoader("").construct_object(node)
    except ValueError:  # 2026-13-45: a date by its form alone
        return text
    if _EXACT.fullmatch(text) and (value is None or isinstance(value, bool | int | float)):
        return value
    return Misread(text, value)


def _foreign(node: yaml.Node) -> str:
    if node.tag == _ALIAS:
        return (
            f"found the alias {quoted('*' + str(node.value))}; aliases are not read: write the value out, or in quotes"
        )
    return f"found the tag {quoted(_written(node.tag))}; tags are not read: write a plain value"


def _written(tag: str) -> str:
    return tag.replace(_STANDARD, "!!", 1)


def _spot(key: yaml.Node, value: yaml.Node) -> Spot:
    text = str(value.value) if isinstance(value, yaml.ScalarNode) else None
    return Spot(_position(key.start_mark), _position(value.start_mark), text)


def _position(mark: yaml.Mark) -> Position:
    return Position(mark.line + 1, mark.column + 1)


def _position_at(text: str, index: int) -> Position:
    before = text[:index]
    return Position(before.count("\n") + 1, index - (before.rfind("\n") + 1) + 1)


def _decoded(content: bytes, file: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        before = content[: fault.start].decode("utf-8-sig", "replace")
        message = f"found the byte 0x{content[fault.start]:02x}, which is no UTF-8; save the file as UTF-8"
        raise _unusable(file, message, _position_at(before, len(before))) from fault


def _no_mapping(node: yaml.Node | None) -> str:
    if node is None:
        return "the file is empty; expected a mapping with at least the key upstream"
    found = "a list" if isinstance(node, yaml.SequenceNode) else "a single value"
    return f"found {found}; expected a mapping of keys such as upstream and routes"


def _syntax(fault: yaml.MarkedYAMLError) -> str:
    problem = fault.problem or fault.context or "unreadable"
    hint = next((f"; {hint}" for sign, hint in _HINTS.items() if sign in problem), "")
    return f"this is no YAML: {problem}{hint}"


def _marked(fault: yaml.MarkedYAMLError) -> Position:
    mark = fault.problem_mark or fault.context_mark
    return Position(1, 1) if mark is None else _position(mark)


def _unusable(file: str, message: str, position: Position) -> ConfigurationError:
    return ConfigurationError([str(Located(Mistake((), message), file, position))])
