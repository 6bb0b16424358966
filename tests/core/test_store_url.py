"""The parts of a store's URL."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.store_url import StoreUrl, close_to, decoded, listed, split

SCHEMES = ("memory", "redis", "rediss", "redis+sentinel", "unix")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("memory://", StoreUrl("memory", "", "", "", {})),
        ("REDIS://H", StoreUrl("redis", "", "H", "", {})),
        ("redis://u:p@h:1/2?a=b&c=d", StoreUrl("redis", "u:p", "h:1", "/2", {"a": "b", "c": "d"})),
        ("redis://:p:q@h", StoreUrl("redis", ":p:q", "h", "", {})),
        ("redis://%40@[::1]:1", StoreUrl("redis", "%40", "[::1]:1", "", {})),
        ("redis+sentinel://a,b:1/s", StoreUrl("redis+sentinel", "", "a,b:1", "/s", {})),
        ("redis://h?a=b+c%2Bd%20e", StoreUrl("redis", "", "h", "", {"a": "b+c+d e"})),
        ("redis://h?a=b@c", StoreUrl("redis", "", "h", "", {"a": "b@c"})),
        ("redis://h?a&&b==", StoreUrl("redis", "", "h", "", {"a": "", "b": "="})),
        ("redis://h?", StoreUrl("redis", "", "h", "", {})),
        ("unix:/run/a@b", StoreUrl("unix", "", "", "/run/a@b", {})),
        ("unix://u@/run/a", StoreUrl("unix", "u", "", "/run/a", {})),
        ("unix:///run/%3F?db=1", StoreUrl("unix", "", "", "/run/%3F", {"db": "1"})),
    ],
)
def test_a_url_has_parts(text: str, parts: StoreUrl) -> None:
    """Each ends where RFC 3986 says; only what is a parameter is decoded, once."""
    assert split(text, SCHEMES) == parts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected memory://, redis://, rediss://, redis+sentinel:// or unix://"),
        ("h:6379", "expected memory://, "),
        ("redis:h", "or unix://"),
        ("memory:", "or unix://"),
        ("valkey://h", "; did you mean redis://?"),
        ("valkeys://h", "; did you mean rediss://?"),
        ("rediss+sentinel://h", "; did you mean redis+sentinel://?"),
        ("redis-sentinel://h", "; did you mean redis+sentinel://?"),
        ("REDIZ://h", "; did you mean redis://?"),
        ("redis://h#x", "expected no fragment (#); in a user name or password"),
        ("redis://:p#w@h", "expected no fragment (#); in a user name or password"),
        ("redis://:p/w@h", "expected no @ behind the hosts; in a user name or password"),
        ("redis://:p@w@h", "expected at most one @; in a user name or password"),
        ("redis://h\n", "white space"),
        (" redis://h", "white space"),
        ("redis://:p w@h", "white space"),
        ("redis://:p\x7fw@h", "control characters"),
        ("redis://:\udc80@h", "control characters"),
        ("redis://h?a=1&a=2", "expected each parameter once"),
        ("redis://h?a=%", "expected two hexadecimal digits"),
    ],
)
def test_another_text_is_refused(text: str, message: str) -> None:
    """The sentence says what is expected and how a password with such a character is written."""
    with pytest.raises(ValueError, match="expected") as caught:
        split(text, SCHEMES)
    assert message in str(caught.value)


def test_only_the_slashes_are_missing() -> None:
    """A scheme that is known is not offered as what was meant instead of itself."""
    with pytest.raises(ValueError, match="expected memory") as caught:
        split("redis:h", SCHEMES)
    assert "did you mean" not in str(caught.value)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_what_is_encoded_is_decoded(text: str) -> None:
    """Any text can stand in a part of a URL."""
    assert decoded(quote(text, safe="")) == text


@pytest.mark.parametrize("text", ["%", "a%2", "%zz", "100%", "%C3", "%ff", "%00", "%25%"])
def test_what_is_encoded_wrongly_is_refused(text: str) -> None:
    """Nothing is taken as it stands where an encoding was meant."""
    with pytest.raises(ValueError, match="expected"):
        decoded(text)


def test_names_are_listed_as_one_says_them() -> None:
    """One alone, two, or more."""
    assert [listed(["a"]), listed(["a", "b"])] == ["a", "a or b"]


@pytest.mark.parametrize(("name", "meant"), [("Sentinel-Username", "sentinel_username"), ("xyz", None), ("", None)])
def test_a_name_may_be_close_to_another(name: str, meant: str | None) -> None:
    """Case and hyphens do not count."""
    assert close_to(name, ("prefix", "sentinel_username")) == meant


@given(st.text(), st.sampled_from(["", "redis://", "redis://:", "redis://h?", "redis://h/", "unix:", "redis://h#"]))
def test_nothing_is_repeated(text: str, before: str) -> None:
    """Whatever a text holds, the sentence about it is one of ours."""
    assert "hunter2" not in said(f"{before}{text}hunter2{text}")


def said(text: str) -> str:
    """Return what is said of a text, nothing where it is a URL."""
    try:
        split(text, SCHEMES)
    except ValueError as fault:
        return str(fault)
    return ""
