"""What the environment and the command line say: overriding values, and `${VARIABLE}` inside the file's text.

What lives here: precedence (option, then IFMATCH_ variable, then file) and substitution. What must not: what a value
means.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from proxy.config.mistakes import KeyPath, Mistake, quoted
from proxy.config.yaml_source import Value

VARIABLES: Final = {
    "listen": "IFMATCH_LISTEN",
    "admin": "IFMATCH_ADMIN",
    "upstream": "IFMATCH_UPSTREAM",
    "store": "IFMATCH_STORE",
    "on_store_failure": "IFMATCH_ON_STORE_FAILURE",
    "workers": "IFMATCH_WORKERS",
    "tag_key": "IFMATCH_TAG_KEY",
    "unmatched": "IFMATCH_UNMATCHED",
}
"""The keys that may be set from outside the file, and the variable of each."""

SECRETS: Final = {"store": "IFMATCH_STORE_FILE", "tag_key": "IFMATCH_TAG_KEY_FILE"}
"""The keys whose value is never shown (a store's address may hold a password).

The variable of each names a file that holds the value, as secrets are mounted into containers.
"""

NUMBERS: Final = frozenset({"workers"})
"""The keys whose value is a number, where an option or a variable is text."""

_PLAIN_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,8}")  # written otherwise it stays text, which is a mistake
_REFERENCE: Final = re.compile(
    r"(?P<escape>\$\$\{)|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^{}]*))?\}|(?P<odd>\$\{[^}]*\}?)"
)


@dataclass(frozen=True, slots=True)
class Overrides:
    """Values from outside the file, and the name of the source of each: `environment: IFMATCH_STORE`.

    None stands in for the values at the paths `unread`, of which a mistake is known.
    """

    values: dict[str, Value] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    unread: set[KeyPath] = field(default_factory=set)

    def add(self, key: str, value: Value, origin: str) -> None:
        """Set a value; a later one takes the place of an earlier one."""
        self.values[key] = value
        self.origins[key] = origin


@dataclass(frozen=True, slots=True)
class Substituted:
    """Values with references replaced. None stands in for the text at the paths `unset`."""

    values: dict[str, Value]
    mistakes: list[Mistake]
    unset: set[KeyPath]


def overrides(flags: Mapping[str, str], environ: Mapping[str, str]) -> Overrides:
    """Return what options and variables set. An empty variable sets nothing, an empty option does.

    Raised when an option has no key of that name: `KeyError`.
    """
    found = Overrides()
    for key, variable in VARIABLES.items():
        if environ.get(variable) and key not in flags:
            found.add(key, _typed(key, environ[variable]), f"environment: {variable}")
    for key, variable in SECRETS.items():
        if environ.get(variable) and key not in flags:
            _add_secret(found, key, environ[variable])
    for key, value in flags.items():
        if key not in VARIABLES:
            raise KeyError(key)
        found.add(key, _typed(key, value), f"command line: --{key.replace('_', '-')}")
    return found


def substitute(values: dict[str, Value], environ: Mapping[str, str]) -> Substituted:
    """Return the values with `${NAME}` and `${NAME:-default}` replaced in all text; `$${` stands for `${`.

    As in a shell, an empty variable is set for `${NAME}` and unset for `${NAME:-default}`. What is put in is text, and
    is not searched again.
    """
    walk = _Walk(environ)
    replaced = {key: walk.value(value, (key,)) for key, value in values.items()}
    return Substituted(replaced, walk.mistakes, walk.unset)


def refers(text: str) -> bool:
    """Tell whether a text holds a reference, so that what it becomes may be a secret."""
    return _REFERENCE.search(text) is not None


class _Walk:
    """Visits every text once."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.mistakes: list[Mistake] = []
        self.unset: set[KeyPath] = set()

    def value(self, value: Value, path: KeyPath) -> Value:
        if isinstance(value, dict):
            return {key: self.value(member, (*path, key)) for key, member in value.items()}
        if isinstance(value, tuple):
            return tuple(self.value(item, (*path, index)) for index, item in enumerate(value))
        return self._text(value, path) if isinstance(value, str) else value

    def _text(self, text: str, path: KeyPath) -> str | None:
        secret = path[0] in SECRETS
        pieces = [_piece(match, self._environ, secret=secret) for match in _REFERENCE.finditer(text)]
        faults = [piece for piece in pieces if isinstance(piece, _Fault)]
        if not faults:
            following = iter(pieces)
            return _REFERENCE.sub(lambda _: str(next(following)), text)
        self.unset.add(path)
        self.mistakes.extend(Mistake(path, fault.message) for fault in faults)
        return None


@dataclass(frozen=True, slots=True)
class _Fault:
    """A reference that cannot be replaced."""

    message: str


def _piece(match: re.Match[str], environ: Mapping[str, str], *, secret: bool) -> str | _Fault:
    name, default = match["name"], match["default"]
    if match["escape"]:
        return "${"
    if name is None:
        found = "${ and something else (not shown)" if secret else quoted(match["odd"])
        return _Fault(f"found {found}; expected ${{NAME}} or ${{NAME:-default}}; $${{ stands for ${{ itself")
    if default is not None:
        return environ.get(name) or default
    if name not in environ:
        return _Fault(f"the variable {name} is not set; set it, or give a default: ${{{name}:-default}}")
    return environ[name]


def _typed(key: str, text: str) -> Value:
    return int(text) if key in NUMBERS and _PLAIN_NUMBER.fullmatch(text) else text


def _add_secret(found: Overrides, key: str, file: str) -> None:
    variable = SECRETS[key]
    if key in found.values:
        message = f"{VARIABLES[key]} and {variable} are both set; unset one of them"
        found.mistakes.append(Mistake((key,), message))
        return
    found.add(key, None, f"environment: {variable}")
    try:
        found.values[key] = _secret(file)
    except ValueError as fault:
        found.unread.add((key,))
        found.mistakes.append(Mistake((key,), str(fault)))


def _secret(file: str) -> str:
    """Return what a file holds, without the line end. Raised when it cannot be read or holds nothing: `ValueError`."""
    try:
        content = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as failure:
        raise ValueError(f"the file cannot be read: {failure.strerror}") from failure
    except UnicodeDecodeError as failure:
        raise ValueError("the file cannot be read: it is no UTF-8") from failure
    if not content:
        raise ValueError("the file is empty")
    return content
