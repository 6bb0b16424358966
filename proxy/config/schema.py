"""The JSON Schema of the configuration, for editors.

What lives here: the model as a schema. It is looser than the model where a schema cannot say it (path templates, what
keys mean together) and never stricter, so that an editor marks nothing that loads.
"""

from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema

from proxy.config.model import Document

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_REFERENCE: Final = r"\$\{"
"""Text that refers to a variable may become anything."""


def schema() -> dict[str, Any]:
    """Return the schema for editors."""
    made = model_schema()
    made["$defs"] = {name: _without(section, "title") for name, section in made["$defs"].items()}
    # No key is required at the top: the upstream may come from an option or a variable.
    return {"$schema": DIALECT, "title": "Configuration of ifmatch", **_without(_with_references(made), "required")}


def model_schema() -> dict[str, Any]:
    """Return the model as a schema. The `title` of a value is its notation: `duration`, `path template`."""
    return _without(Document.model_json_schema(schema_generator=_Notations), "title")


class _Notations(GenerateJsonSchema):
    """Pydantic's own, but no key is repeated as the title of its value."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 - pydantic's signature
        return False


def _without(node: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in node.items() if name != key}


def _with_references(node: Any) -> Any:
    """Return the schema with `${VARIABLE}` allowed wherever text is."""
    if isinstance(node, list):
        return [_with_references(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "pattern" in node:
        return {**node, "pattern": f"{node['pattern']}|{_REFERENCE}"}
    if any(isinstance(choice, str) for choice in node.get("enum", ())):
        rest = _without(_without(node, "enum"), "type")
        return {"anyOf": [{"enum": node["enum"]}, {"type": "string", "pattern": _REFERENCE}], **rest}
    return {key: _with_references(value) for key, value in node.items()}
