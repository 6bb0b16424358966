"""How the text of a single value is read, and what the JSON Schema says of it.

What lives here: the three parts of which the types of values are made. What must not: any of those types.
"""

from collections.abc import Callable
from typing import Final

from pydantic import PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

TEXT_EXPECTED: Final = "text_expected"
"""The type of the error about a value that is no text, where only text is read."""


def text_of(expected: str, parse: Callable[[str], object]) -> PlainValidator:
    """Return a validator of text. `parse` raises a ValueError that says what is expected."""

    def read(value: object) -> object:
        if not isinstance(value, str):
            raise PydanticCustomError(TEXT_EXPECTED, "expected {expected}", {"expected": expected})
        return parse(value)

    return PlainValidator(read)


def quantity_of(expected: str, parse: Callable[[str], object]) -> PlainValidator:
    """Return a validator of a number with its unit. A bare number is handed to `parse`, which asks for the unit."""

    def read(value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError(f"expected {expected}")  # noqa: TRY004 - the one type that pydantic collects
        return parse(str(value))

    return PlainValidator(read)


def shown_as(notation: str, example: str, pattern: str | None = None) -> WithJsonSchema:
    """Return what the JSON Schema says of a notation. `pattern` is of the whole text, where it is not any."""
    constraint = {} if pattern is None else {"pattern": f"^(?:{pattern})$"}
    return WithJsonSchema({"type": "string", "title": notation, **constraint, "examples": [example]})
