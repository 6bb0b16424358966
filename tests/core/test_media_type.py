"""Which spellings of a media type mean the same."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.media_type import acceptable, charset, normalised

LAW = settings(deadline=None)

written = st.text(st.sampled_from('aB/+;= \t"\\q,1'), max_size=24)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("application/json", "Application/JSON"),
        ("text/html;charset=utf-8", 'text/html; Charset="UTF-8"'),
        ("a/b;x=1;y=2", "a/b ; y=2 ; x=1"),
        ("a/b;", "a/b"),
    ],
)
def test_equivalent_spellings_are_equal(one: str, other: str) -> None:
    """Case, quotes, white space and order do not count (RFC 9110 §8.3.1)."""
    assert normalised(one) == normalised(other)


@pytest.mark.parametrize(("one", "other"), [("a/b;x=a", "a/b;x=A"), ("a/b", "a/c"), ("a/b;x", "a/b"), ("", "a/b")])
def test_others_are_not(one: str, other: str) -> None:
    """The value of a parameter other than charset counts as it is spelled; what is malformed, whole."""
    assert normalised(one) != normalised(other)


@pytest.mark.parametrize(
    ("value", "asked"),
    [
        ("application/hal+json", "application/hal+json"),
        ("Application/JSON; charset=utf-8", "application/json"),
        ('a/b;profile="http://p/1"', 'a/b;profile="http://p/1"'),
        ('a/b; v="1"; q=1', "a/b;v=1"),
        ("json", None),
        ("a/b/c", None),
        ("a b/c", None),
        ("a/b;x", None),
        ("", None),
    ],
)
def test_a_media_type_as_accept_asks_for_it(value: str, asked: str | None) -> None:
    """Without charset, for which there is another field; and nothing where it is no media type."""
    assert acceptable(value) == asked


@LAW
@given(written)
def test_what_is_asked_for_is_what_it_asks_for(value: str) -> None:
    """Asking again changes nothing more."""
    asked = acceptable(value)
    assert asked is None or acceptable(asked) == asked


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("application/json", None),
        ('application/json; a=b; Charset="UTF-8"', "utf-8"),
        ("application/json;charset=", ""),
        ("application/json; charset", ""),
        ("", None),
    ],
)
def test_what_is_said_of_the_charset(value: str, told: str | None) -> None:
    """In lower case; nothing is not the same as what cannot be read."""
    assert charset(value) == told
