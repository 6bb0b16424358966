"""How mappings are declared."""

import pytest
from pydantic import ValidationError

from proxy.config.section import Section, key, keys, required


class Tool(Section):
    """A mapping."""

    source: str = required("Whence.", "here")
    target: int = key(1, "Whither.", ge=1, alias="import")


def test_a_key_may_be_a_word_of_pythons() -> None:
    """It is written by its alias, in files and in messages."""
    assert [(name, field.description) for name, field in keys(Tool).items()] == [
        ("source", "Whence."),
        ("import", "Whither."),
    ]
    assert Tool.model_validate({"source": "a", "import": 2}).target == 2


@pytest.mark.parametrize("values", [{}, {"source": "a", "target": 2}, {"source": "a", "import": 0}, {"source": 1}])
def test_what_does_not_fit_is_refused(values: dict[str, object]) -> None:
    """A key that is missing, unknown, out of bounds, or of another type."""
    with pytest.raises(ValidationError):
        Tool.model_validate(values)
