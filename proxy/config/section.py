"""What the mappings of a configuration have in common.

What lives here: how a mapping and its keys are declared. What must not: any mapping.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo


def key(default: object, why: str, **constraints: Any) -> Any:
    """Return a key with a default, written as a user would write it."""
    return Field(default=default, validate_default=True, description=why, **constraints)


def required(why: str, example: str) -> Any:
    """Return a key that has to be given."""
    return Field(description=why, examples=[example])


class Section(BaseModel):
    """A mapping of known keys only. Nothing is coerced: text is no number and a number is no text."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True)


def keys(section: type[Section]) -> dict[str, FieldInfo]:
    """Return the keys of a mapping as they are written; a word of Python's has another name in the class."""
    return {field.alias or name: field for name, field in section.model_fields.items()}
