"""JSON read and written again: what is refused, and that nothing else is lost."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.json_text import MAX_DEPTH, canonical, is_json, parse, plain, values

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
documents = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(documents.map(lambda document: json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()))
def test_plain_is_what_was_read(text: bytes) -> None:
    """A compact text is written as it was read: order of members, digits and characters are kept."""
    assert plain(parse(text)) == text


@given(documents.map(json.dumps).map(str.encode))
def test_both_spellings_are_the_same_document(text: bytes) -> None:
    """Whether the names are sorted or not, what is written stands for what was read."""
    document = parse(text)
    assert json.loads(plain(document)) == json.loads(canonical(document)) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "as_read", "as_sorted"),
    [
        (b'{ "b" : 1.50 , "a" : [ 1e2 ] }', b'{"b":1.50,"a":[1e2]}', b'{"a":[1e2],"b":1.50}'),
        (b'[-0, "-0", 1E+400]', b'[-0,"-0",1E+400]', b'[-0,"-0",1E+400]'),
    ],
)
def test_spellings(text: bytes, as_read: bytes, as_sorted: bytes) -> None:
    """One spelling keeps the order of members and one sorts them; both keep the digits."""
    assert plain(parse(text)) == as_read
    assert canonical(parse(text)) == as_sorted


@pytest.mark.parametrize(
    ("content", "because"),
    [
        (b"", "Expecting value"),
        (b"[1,]", "Expecting value"),
        (b"[NaN]", "NaN is not JSON"),
        (b'"\xff"', "can't decode byte"),
        (b'{"a":1,"\\u0061":1}', "duplicate member name"),
        (b'["\\ud800"]', "surrogates not allowed"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "nested deeper than 128"),
    ],
)
def test_what_has_no_certain_meaning_is_refused(content: bytes, because: str) -> None:
    """Neither broken JSON is read, nor JSON of which two readers would make two documents."""
    with pytest.raises(ValueError, match=because):
        parse(content)


@pytest.mark.parametrize(
    ("media_type", "is_read"),
    [
        ("application/json", True),
        ("Application/JSON ; charset=utf-8", True),
        ("application/problem+json", True),
        ("application/vnd.api+json;ext=x", True),
        ("application/json-seq", False),
        ("application/x-ndjson", False),
        ("text/plain", False),
        ("text/plain; a=application/json", False),
        ("text/html, application/ld+json", False),
        ("application/+json", False),
        ("+json", False),
        ("", False),
    ],
)
def test_media_types(media_type: str, is_read: bool) -> None:
    """Only application/json and `+json` types are read as JSON, whatever their parameters."""
    assert is_json(media_type) is is_read


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (b'{"a": [1, 1.5, -0, 1e400, "1"]}', {"a": [1, 1.5, 0, float("inf"), "1"]}),
        (b"\xef\xbb\xbf[true]", [True]),
        (b"9007199254740993", 9007199254740993),
        (b"[1, " + b"1" * 5000 + b"]", [1.0, float("inf")]),
    ],
)
def test_values_are_pythons_own(text: bytes, read: object) -> None:
    """Numbers can be compared, those too that the interpreter has no room for."""
    assert values(text) == read
