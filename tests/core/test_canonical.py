"""Canonical forms: what counts as another state, and what does not."""

import json
from collections.abc import Callable
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core import json_text
from proxy.core.canonical import AsSent, Canonical, CanonicalJson, alike
from proxy.core.json_text import MAX_DEPTH
from tests.support.json_documents import Document, Number, documents, spellings

JSON = "application/json"
RAW = b"\x00"


def form(text: str | bytes, *ignore: str, media_type: str = JSON) -> bytes:
    """Return the canonical form of a JSON text."""
    content = text if isinstance(text, bytes) else text.encode()
    return CanonicalJson(ignore).form(content, media_type)


def read(canonical: bytes) -> Document:
    """Return the document that a canonical form stands for, read by the standard library."""
    document: Document = json.loads(canonical[1:], parse_int=Number, parse_float=Number)
    return document


# Laws ----------------------------------------------------------------------------------------------------------------


@given(st.data())
def test_spelling_does_not_count(data: st.DataObject) -> None:
    """White space, order of members and escapes change nothing."""
    document = data.draw(documents)
    assert form(data.draw(spellings(document))) == form(data.draw(spellings(document)))


@given(st.data())
def test_form_stands_for_the_document(data: st.DataObject) -> None:
    """The form is JSON of the same document, so that two documents never share one."""
    document = data.draw(documents)
    assert read(form(data.draw(spellings(document)))) == document


@given(st.data())
def test_form_is_idempotent(data: st.DataObject) -> None:
    """The canonical form of a canonical form is itself."""
    once = form(data.draw(spellings(data.draw(documents))))
    assert form(once[1:]) == once


@given(documents.flatmap(spellings), st.sampled_from([(), ("/a",), ("/*/b", "/a/0")]), st.sampled_from([JSON, "a/b"]))
def test_a_document_that_was_read_before_is_not_read_again(content: bytes, ignore: tuple[str, ...], kind: str) -> None:
    """It gives the same form as its content, and stays as it is."""
    document, untouched = json_text.parse(content), json_text.parse(content)
    for rules in (CanonicalJson(ignore), AsSent()):
        assert rules.form(content, kind, document) == rules.form(content, kind)
    assert document == untouched


@given(st.binary() | st.text().map(str.encode) | documents.flatmap(spellings), st.sampled_from([JSON, "text/plain"]))
def test_any_content_has_a_form(content: bytes, media_type: str) -> None:
    """No content raises, and what is taken as sent is sent whole."""
    found = form(content, "/a/*", media_type=media_type)
    assert found[:1] in {b"\x00", b"\x01"}
    assert found[:1] != RAW or found[1:] == content


@given(documents.flatmap(spellings))
def test_raw_and_canonical_never_collide(content: bytes) -> None:
    """A content that is taken as sent never passes for the canonical form of another, even with the same bytes."""
    canonical = form(content)
    assert form(canonical[1:], media_type="text/plain") != canonical


# Tables --------------------------------------------------------------------------------------------------------------

DIFFERENT = {
    "numbers that a double makes one": [("9007199254740992", "9007199254740993"), ("1" * 400, "1" * 399 + "2")],
    "numbers spelled in two ways": [("1", "1.0"), ("1", "1e0"), ("1e5", "1E5"), ("0", "-0")],
    "kinds": [("1", '"1"'), ("[1]", '["1"]'), ("[]", "{}"), ("null", "false"), ("null", '"null"')],
    "items": [("[1,2]", "[2,1]"), ("[12]", "[1,2]"), ("[[1],2]", "[1,[2]]")],
    "strings": [('{"a":1}', '{"b":1}'), ('"a"', '"A"'), ('"\u00e9"', '"e\u0301"'), ('"\\\\u0061"', '"\\u0061"')],
}


@pytest.mark.parametrize(("one", "other"), list(chain(*DIFFERENT.values())))
def test_another_state(one: str, other: str) -> None:
    """These differ: above all numbers that a double would round to one, and kinds that look alike."""
    assert form(one) != form(other)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ('{ "b" : 1.50 , "a" : [ true , null ] }', b'{"a":[true,null],"b":1.50}'),
        ('"\\u0061\\/\\u00e9\\n"', '"a/é\\n"'.encode()),
        ('"\\ud83d\\uDE00"', '"\U0001f600"'.encode()),
        ('"\\"\\ud83d\\ude00"', '"\\"\U0001f600"'.encode()),
        (" -12.30E+4 ", b"-12.30E+4"),
        ("\ufeff[1]", b"[1]"),
        ("1" * 5000, b"1" * 5000),
        ('{"\\u0061": 1, "b": 2}', b'{"a":1,"b":2}'),
    ],
)
def test_canonical(text: str, canonical: bytes) -> None:
    """The form is compact JSON with sorted names, plain characters and numbers as they were spelled."""
    assert form(text) == b"\x01" + canonical


UNSOUND = {
    "not JSON": [b"", b"{", b"[1,]", b"1 2", b"01", b"+1", b".5", b"'a'", b'"\x01"', b"\x1f\x8b\x08"],
    "no number": [b"NaN", b"[Infinity]", b"-Infinity"],
    "not UTF-8": [b'"\xff"', b'"\xed\xa0\x80"', "[1]".encode("utf-16"), b"\xef\xbb\xbf\xef\xbb\xbf1"],
    "a name twice": [b'{"a":1,"a":1}', b'[{"b":{"a":1,"\\u0061":2}}]'],
    "half a character": [b'"\\ud800"', b'{"\\uDFFF":1}', b'"\\udfff\\ud800"', b'"\\ud8005\\udfff"'],
    "unclosed": [b"[" * 100_000, b'{"a":' * 100_000],
    "too deep": [
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    ],
}


@pytest.mark.parametrize("content", list(chain(*UNSOUND.values())), ids=lambda content: repr(content[:16]))
def test_unsound_json_counts_as_sent(content: bytes) -> None:
    """What is not JSON of one certain meaning is taken byte for byte."""
    assert form(content, "/a") == RAW + content


def test_depth_does_not_depend_on_the_caller() -> None:
    """The deepest document that is read is read from deep in the stack too."""
    content = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH

    def below(frames: int, then: Callable[[], bytes]) -> bytes:
        return below(frames - 1, then) if frames else then()

    assert below(500, lambda: form(content)) == form(content) == b"\x01" + content


def test_only_json_is_read() -> None:
    """Content of another media type counts as sent, even if it is JSON."""
    assert form("[ ]", media_type="application/problem+json") == b"\x01[]"
    assert form("[ ]", media_type="text/plain") == RAW + b"[ ]"


@pytest.mark.parametrize(
    ("ignore", "text", "left"),
    [
        (["/updated"], '{"updated":1,"b":2}', '{"b":2}'),
        (["/*/updated"], '[{"updated":1,"v":1e0},{"updated":2}]', '[{"v":1e0},{}]'),
        (["/é"], '{"\\u00e9":1}', "{}"),
        (["/a"], '"a"', '"a"'),
        (["/a"], "7", "7"),
    ],
)
def test_ignore(ignore: list[str], text: str, left: str) -> None:
    """What a pointer names makes no other state, and the rest counts as before."""
    assert form(text, *ignore) == form(left)


@pytest.mark.parametrize("pointer", ["", "/*", "updated", "/a~"])
def test_rules_with_malformed_pointers_are_refused(pointer: str) -> None:
    """Rules with a pointer that is none, or that names everything, cannot be made."""
    with pytest.raises(ValueError, match="JSON Pointer"):
        CanonicalJson(("/fine", pointer))


def test_as_sent_counts_every_byte() -> None:
    """Without rules the form is the content."""
    assert AsSent().form(b"[ ]", JSON) == b"[ ]"
    assert AsSent().exact
    assert not CanonicalJson().exact


def test_fingerprints() -> None:
    """Other rules have another fingerprint; order and repetition of the pointers are no other rules."""
    rules: list[Canonical] = [
        AsSent(),
        CanonicalJson(),
        CanonicalJson(("/a",)),
        CanonicalJson(("/b",)),
        CanonicalJson(("/a", "/b")),
    ]
    assert len({rule.fingerprint for rule in rules}) == len(rules)
    assert CanonicalJson(("/a", "/b")).fingerprint == CanonicalJson(("/b", "/a", "/b")).fingerprint


def test_rules_are_values() -> None:
    """Equal rules are equal and hash alike, since routes are compared on reload."""
    assert CanonicalJson(("/a",)) == CanonicalJson(("/a",))
    assert hash(CanonicalJson(("/a",))) == hash(CanonicalJson(("/a",)))
    assert repr(CanonicalJson(("/a",))) == "CanonicalJson(ignore=('/a',))"


@given(st.binary(), st.sampled_from(["text/plain", "application/json", "application/hal+json; x=y", ""]))
def test_what_leads_a_form(content: bytes, kind: str) -> None:
    """Where a form is the content as sent, it is that behind what leads it; what is read as JSON has no lead."""
    assert AsSent().lead(kind) == b""
    lead = CanonicalJson().lead(kind)
    assert (lead is None) is ("json" in kind)
    if lead is not None:
        assert CanonicalJson().form(content, kind) == lead + content


def test_contents_that_are_alike() -> None:
    """By the rules of the route."""
    one, other = b'{"a": 1}', b'{"a":1}'
    assert alike(CanonicalJson(), "application/json", one, other)
    assert not alike(CanonicalJson(), "text/plain", one, other)
    assert not alike(AsSent(), "application/json", one, other)
    assert alike(AsSent(), "application/json", one, one)
