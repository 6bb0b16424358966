"""The keys of the configuration as Markdown tables, for the documentation.

What lives here: rows made from the model. What must not: prose; it is written by hand around the tables.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from proxy.config.environment import SECRETS, VARIABLES
from proxy.config.scalars import OFF
from proxy.config.schema import model_schema

BEGIN: Final = "<!-- configuration: begin -->"
END: Final = "<!-- configuration: end -->"
"""What the tables stand between in a document."""

_TOP: Final = ("key", "value", "default", "variable", "meaning")
_ROUTE: Final = ("route key", "value", "default", "meaning")

_NOTATIONS: Final = {"null": "`null`", "integer": "number", "string": "text"}

Schema = dict[str, Any]


def table() -> str:
    """Return two tables: the keys at the top, and those of a route."""
    schema = model_schema()
    top = [(*_cells(key, node), _variables(key), node["description"]) for key, node in _rows(schema, schema)]
    routes = _rows(schema["$defs"]["RouteSection"], schema)
    route = [(*_cells(key, node), node["description"]) for key, node in routes]
    return "\n".join([*_lines(_TOP, top), "", *_lines(_ROUTE, route)])


def _rows(section: Schema, schema: Schema, prefix: str = "") -> Iterator[tuple[str, Schema]]:
    """Yield the keys of a section with their values' schemas; the keys of a mapping in place of the mapping's own."""
    for key, node in section["properties"].items():
        if "$ref" not in node:
            yield f"{prefix}{key}", node
        for choice in [node, *node.get("anyOf", ())]:
            if "$ref" in choice:
                yield from _rows(schema["$defs"][choice["$ref"].rpartition("/")[2]], schema, f"{prefix}{key}.")


def _cells(key: str, node: Schema) -> tuple[str, str, str]:
    return f"`{key}`", _values(node), _code(node["default"]) if "default" in node else "required"


def _values(node: Schema) -> str:
    if "enum" in node:
        return ", ".join(map(_code, node["enum"]))
    if "title" in node:
        return str(node["title"])
    if "anyOf" in node:
        return " or ".join(map(_values, node["anyOf"]))
    if "$ref" in node:
        return "route" if node["$ref"].endswith("/RouteSection") else "mapping"
    if node["type"] == "array":
        return f"list of {_values(node['items'])}s"
    return str(_NOTATIONS.get(node["type"], node["type"]))


def _code(value: object) -> str:
    """Return a value as it is written in YAML."""
    plain = isinstance(value, str) and value not in {"", OFF}
    return f"`{value if plain else json.dumps(value)}`"


def _variables(key: str) -> str:
    names = [variables[key] for variables in (VARIABLES, SECRETS) if key in variables]
    return ", ".join(map(_code, names))


def _lines(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for cells in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(cells)} |"
