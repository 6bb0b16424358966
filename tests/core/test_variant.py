"""Which variant an answer is, and how a tag names it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core import variant
from proxy.core.entity_tag import EntityTag
from proxy.core.fields import Fields
from proxy.core.variant import LONGEST, Variant

LAW = settings(deadline=None)
JSON = "application/json"

tokens = st.text(st.sampled_from("abz+.-_~!1"), min_size=1, max_size=6)
values = st.text(st.sampled_from('aZ "\\@?%,;=/'), max_size=6)


def answer(vary: str | None, kind: str | None = JSON, language: str | None = None) -> Fields:
    """Return the fields of an answer."""
    lines = (("Vary", vary), ("Content-Type", kind), ("Content-Language", language))
    return Fields((name, value) for name, value in lines if value is not None)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (answer(None), None),
        (answer("Origin, Cookie"), None),
        (answer("*"), None),
        (answer("Accept"), Variant(JSON)),
        (answer("origin, ACCEPT"), Variant(JSON)),
        (answer("Accept", f"{JSON}; charset=utf-8"), Variant(JSON)),
        (answer("Accept", language="en"), Variant(JSON)),
        (answer("Accept-Language", language="en-GB"), Variant(None, "en-gb")),
        (answer("Accept, Accept-Language", language="en"), Variant(JSON, "en")),
        (answer("Accept, Accept-Language"), Variant(JSON)),
        (answer("Accept-Language", language="en, de"), None),
        (answer("Accept", None), None),
        (answer("Accept", "nonsense"), None),
        (answer("Accept", f"a/{'b' * LONGEST}"), None),
        (answer("Accept-Encoding"), None),
    ],
)
def test_an_answer_says_whether_there_are_others(fields: Fields, expected: Variant | None) -> None:
    """By Vary: what is not named there was no choice."""
    assert variant.of(fields) == expected


@pytest.mark.parametrize(
    ("named", "text"),
    [
        (Variant(JSON), JSON),
        (Variant("application/hal+json", "en-gb"), "application/hal+json@en-gb"),
        (Variant(None, "de"), "@de"),
        (Variant('a/b;p="x y,@?"'), "a/b;p=%22x%20y%2C%40%3F%22"),
    ],
)
def test_a_variant_can_be_read(named: Variant, text: str) -> None:
    """By people too; what a tag may not hold is encoded."""
    assert str(named) == text
    assert variant.parse(text) == named


@pytest.mark.parametrize("text", ["", "@", "json", "a/b@", "a/b@en@de", "a/b@e n", "A/B", "a/b;q=1", "a/%62", "*"])
def test_what_nobody_wrote_here_names_none(text: str) -> None:
    """A text that is not spelled as we spell it asks for nothing."""
    assert variant.parse(text) is None


@LAW
@given(tokens, tokens, tokens, values)
def test_a_tag_can_hold_every_variant(kind: str, subtype: str, name: str, value: str) -> None:
    """What is written in a tag is read back from it, whatever a media type holds."""
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    found = variant.of(answer("Accept", f'{kind}/{subtype}; {name}="{quoted}"'))
    if found is not None:
        assert variant.parse(EntityTag(str(found)).opaque) == found


def test_a_variant_is_asked_for_in_the_fields_that_choose_it() -> None:
    """In place of what the client would like better; what was no choice stays."""
    mine = Fields([("Accept", "text/html"), ("Accept-Language", "fr"), ("X", "1")])
    asked = Variant(JSON).asked_in(mine)
    assert (asked.get("accept"), asked.get("accept-language"), asked.get("x")) == (JSON, "fr", "1")
    assert Variant(None, "en").asked_in(mine).get("accept-language") == "en"
