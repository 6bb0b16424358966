"""From what pydantic found to a sentence: what was found, what is expected, and what to write instead.

What lives here: the words. What must not: how values are read, and where they stand.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, Final

from pydantic_core import ErrorDetails

from proxy.config.environment import SECRETS, VARIABLES, refers
from proxy.config.mistakes import KeyPath, quoted
from proxy.config.model import SECTIONS
from proxy.config.notation import TEXT_EXPECTED
from proxy.config.section import keys
from proxy.config.yaml_source import Misread

_BARE_REFERENCE: Final = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{,20}://")
_PLAIN_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)")

_OTHER_KINDS: Final = {type(None): "nothing", dict: "a mapping", tuple: "a list"}

_EXPECTED: Final = {
    "model_type": "expected a mapping of keys",
    "tuple_type": "expected a list",
    "string_type": "expected text",
    "int_type": "expected a whole number in plain digits",
    "bool_type": "expected true or false",
    "greater_than_equal": "expected at least {ge}",
    "less_than_equal": "expected at most {le}",
    "literal_error": "expected {expected}",
    TEXT_EXPECTED: "expected {expected}",
}


def sentence(error: ErrorDetails, written: str | None) -> str:
    """Return what to say of one error; `written` is the scalar as it stands in the file, if it does."""
    path, kind = error["loc"], error["type"]
    if kind == "extra_forbidden":
        return f"unknown key{_did_you_mean(str(path[-1]), _keys(path[:-1]))}"
    if kind == "missing":
        return f"this key is required{_elsewhere(path)}: {_description(path)}"
    found = _found(error["input"], written, path)
    return f"found {found}; {_expected(error)}{_advice(error, written)}"


def _keys(path: KeyPath) -> Iterable[str]:
    return keys(SECTIONS[tuple(part for part in path if isinstance(part, str))])


def _elsewhere(path: KeyPath) -> str:
    """Return how else a key may be given."""
    variable = VARIABLES.get(str(path[0])) if len(path) == 1 else None
    return "" if variable is None else f", here or as --{path[0]} or {variable}"


def _description(path: KeyPath) -> str | None:
    section = SECTIONS[tuple(part for part in path[:-1] if isinstance(part, str))]
    return keys(section)[str(path[-1])].description


def _found(value: object, written: str | None, path: KeyPath) -> str:
    if path[0] in SECRETS:
        return _hidden(value, written)
    if isinstance(value, Misread):
        return f"{_kind(value.value)}, which is how YAML reads a bare {value.text}"
    if isinstance(value, str) and written is not None and refers(written):
        return f"{quoted(written)}, and what it stands for does not fit"
    return _kind(value)


def _hidden(value: object, written: str | None) -> str:
    """Return what of a secret is no secret: the scheme of an address, or a reference and nothing else."""
    if written is not None and _BARE_REFERENCE.fullmatch(written):
        return f"{quoted(written)}, and what it stands for does not fit"
    scheme = _SCHEME.match(value) if isinstance(value, str) else None
    return "a value (not shown)" if scheme is None else f'"{scheme[0]}..." (not shown in full)'


def _kind(value: object) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {value}"
    return _OTHER_KINDS.get(type(value), "a date")


def _expected(error: ErrorDetails) -> str:
    context: dict[str, Any] = error.get("ctx", {})
    template = _EXPECTED.get(error["type"])
    return str(context.get("error", error["msg"])) if template is None else template.format_map(context)


def _advice(error: ErrorDetails, written: str | None) -> str:
    """Return what to write instead, where that is certain enough."""
    value, kind = error["input"], error["type"]
    if kind == "literal_error":
        return _choice(value, str(error["ctx"]["expected"]), written)
    if kind in {"string_type", TEXT_EXPECTED} and _bare(value):
        what = "put it" if error["loc"][0] in SECRETS else f"write {quoted(written or str(value))}"
        return f"; to mean the text, {what} in quotes"
    if kind == "int_type" and isinstance(value, str) and _PLAIN_NUMBER.fullmatch(value) and not refers(written or ""):
        return f"; write {value} without quotes"
    if kind == "bool_type":
        return _truth(value)
    if kind == "tuple_type" and isinstance(value, str) and not refers(written or ""):
        return f"; write [{quoted(value)}]"
    return ""


def _truth(value: object) -> str:
    if isinstance(value, Misread) and isinstance(value.value, bool):
        return f"; write {_kind(value.value)}"
    return f"; write {value} without quotes" if value in {"true", "false"} else ""


def _choice(value: object, expected: str, written: str | None) -> str:
    if isinstance(value, str):
        if value in re.findall(r"[0-9]+", expected):
            return f"; write {value} without quotes"
        return "" if refers(written or "") else _did_you_mean(value, re.findall(r"'(\w+)'", expected), mark="'")
    if _bare(value) and f"'{written}'" in expected:
        return f'; write "{written}" in quotes'
    return ""


def _bare(value: object) -> bool:
    """Tell whether quotes would have made text of a value."""
    return isinstance(value, Misread | bool | int | float)


def _did_you_mean(written: str, known: Iterable[str], mark: str = "") -> str:
    close = get_close_matches(written.lower().replace("-", "_"), list(known), n=1)
    return f"; did you mean {mark}{close[0]}{mark}?" if close else ""
