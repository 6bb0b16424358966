"""How single values are read, apart from what they mean."""

from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from proxy.config.notation import TEXT_EXPECTED, quantity_of, shown_as, text_of

WORD: TypeAdapter[Any] = TypeAdapter(Annotated[str, text_of("a word", str.upper), shown_as("word", "yes", "[a-z]+")])
NUMBER: TypeAdapter[Any] = TypeAdapter(Annotated[float, quantity_of("a number", float)])


def test_text_is_read_by_its_own_reader() -> None:
    """What is no text never gets there, so that a number is not taken for one."""
    assert WORD.validate_python("yes") == "YES"
    with pytest.raises(ValidationError) as caught:
        WORD.validate_python(1)
    assert [error["type"] for error in caught.value.errors()] == [TEXT_EXPECTED]


@pytest.mark.parametrize(("given", "read"), [("2", 2.0), (2, 2.0), (2.5, 2.5)])
def test_a_quantity_may_be_a_bare_number(given: object, read: float) -> None:
    """Its reader decides what to say of a missing unit."""
    assert NUMBER.validate_python(given) == read


@pytest.mark.parametrize("given", [True, None, ("2",)])
def test_a_quantity_is_nothing_else(given: object) -> None:
    """True is no number."""
    with pytest.raises(ValidationError, match="expected a number"):
        NUMBER.validate_python(given)


def test_the_schema_names_the_notation() -> None:
    """With an example, and the form where there is one."""
    shown = {"type": "string", "title": "word", "pattern": "^(?:[a-z]+)$", "examples": ["yes"]}
    assert WORD.json_schema() == shown
