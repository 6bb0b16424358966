"""What differs between contents that ought to be one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core import json_pointer, json_text
from proxy.core.canonical import CanonicalJson
from proxy.core.differing import NOTHING, How, Span, places, spans

Named = list[tuple[str, How]]


def named(*texts: str) -> Named:
    """Return where JSON texts differ that came in one burst, and how."""
    return [(place.pointer, place.how) for place in places([[json_text.parse(text.encode()) for text in texts]])]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (['{"a": 1, "b": 2}', '{"b":2,"a":1}'], []),
        (['{"a": 1}', '{"a": 1.0}'], [("/a", How.VALUE)]),
        (['{"a": 9007199254740992}', '{"a": 9007199254740993}'], [("/a", How.VALUE)]),
        (['{"a": "1"}', '{"a": 1}'], [("/a", How.VALUE)]),
        (['{"a": {"x/y": {"~": 1}}}', '{"a": {"x/y": {"~": 2}}}'], [("/a/x~1y/~0", How.VALUE)]),
        (['{"z": 1, "a": 1}', '{"z": 2, "a": 2}'], [("/z", How.VALUE), ("/a", How.VALUE)]),
        (['{"a": 1}', '{"a": 1, "b": null}'], [("/b", How.MEMBER)]),
        (['{"a": {}}', '{"a": []}'], [("/a", How.VALUE)]),
        (['{"a": [1, 2]}', '{"a": [1, 3]}'], [("/a/1", How.VALUE)]),
        (['{"a": [1, 2]}', '{"a": [1]}'], [("/a", How.LENGTH)]),
        (['{"a": [1, 2, 2]}', '{"a": [2, 1, 2]}'], [("/a", How.ORDER)]),
        (
            ['{"a": [{"x": {"t": 1}}, {"x": {"t": 2}}]}', '{"a": [{"x": {"t": 3}}, {"x": {"t": 4}}]}'],
            [("/a/*/x/t", How.VALUE)],
        ),
        (['{"a": [{"t": 1}, {"t": 2}, {"t": 3}]}', '{"a": [{"t": 1}, {"t": 2}, {"t": 4}]}'], [("/a/2/t", How.VALUE)]),
        (
            ['[[{"t": 1}, {"t": 2}], [{"t": 3}, {"t": 4}]]', '[[{"t": 5}, {"t": 6}], [{"t": 3}, {"t": 0}]]'],
            [("/*/*/t", How.VALUE)],
        ),
        ([json.dumps({name: {"t": shift, "n": 1} for name in "abcde"}) for shift in (1, 2)], [("/*/t", How.VALUE)]),
        (
            [json.dumps(dict.fromkeys("abcde", shift)) for shift in (1, 2)],
            [(f"/{name}", How.VALUE) for name in "abcde"],
        ),
        (['{"a": {"k1": 1}}', '{"a": {"k2": 1}}', '{"a": {"k3": 1}}'], [("/a", How.NAMES)]),
        (['{"a": {"k1": 1}}', '{"a": {"k2": 1}}'], [("/a/k1", How.MEMBER), ("/a/k2", How.MEMBER)]),
        (['{"a": {}}', '{"a": {"k2": 1}}', '{"a": {"k3": 1}}'], [("/a/k2", How.MEMBER), ("/a/k3", How.MEMBER)]),
        (['{"k1": 1}', '{"k2": 1}', '{"k3": 1}'], [(f"/k{number}", How.MEMBER) for number in (1, 2, 3)]),
    ],
)
def test_what_differs_is_named(texts: list[str], expected: Named) -> None:
    """The pointer goes as deep as the difference and no deeper; `*` stands for several items or many members."""
    assert named(*texts) == expected


@pytest.mark.parametrize(
    ("texts", "nameable"),
    [(["1", "2"], False), (["[1, 2]", "[3, 4]"], False), (["[1, 2]", "[1, 3]"], True), (['{"*": 1}', "{}"], False)],
)
def test_what_is_everything_cannot_be_named(texts: list[str], nameable: bool) -> None:
    """No pointer leaves out all of a document: `CanonicalJson` refuses it, and a place says so beforehand."""
    (place,) = places([[json_text.parse(text.encode()) for text in texts]])
    assert place.nameable == nameable
    if not nameable:
        with pytest.raises(ValueError, match="whole document"):
            json_pointer.parse([place.pointer])


def test_what_each_document_has_there_is_kept() -> None:
    """Behind a `*` it is what the first item that differs has."""
    texts = ['{"a": [{"t": 0}, {"t": 1}, {"t": 2}]}', '{"a": [{"t": 0}, {"t": 1.0}, {}]}']
    (place,) = places([[json_text.parse(text.encode()) for text in texts]])
    assert [json_text.canonical(seen) for seen in place.seen if seen is not NOTHING] == [b"1", b"1.0"]
    (missing,) = places([[json_text.parse(text) for text in (b'{"a": 1}', b"{}")]])
    assert missing.seen[1] is NOTHING


@pytest.mark.parametrize(
    ("first", "second", "at_once"),
    [
        (["1", "1"], ["2", "2"], False),
        (["1", "1"], ["2", "3"], True),
        (["1", "2"], ["2", "2"], True),
        (['[{"t": 1}, {"t": 1}]', '[{"t": 1}, {"t": 2}]'], ['[{"t": 3}, {"t": 3}]'] * 2, True),
        (['[{"t": 1}, {"t": 1}]'] * 2, ['[{"t": 3}, {"t": 3}]'] * 2, False),
        (["{}", '{"s": 1}'], ["[]", "[]"], True),
    ],
)
def test_what_differs_at_once_is_told_from_what_differs_with_time(
    first: list[str], second: list[str], at_once: bool
) -> None:
    """A place differs at once if any burst shows it, under the same pointer or another that meets it."""
    bursts = [[json_text.parse(f'{{"a": {text}}}'.encode()) for text in burst] for burst in (first, second)]
    (place,) = places(bursts)
    assert place.at_once == at_once


NAMES = ["a", "b", "c", "d", "e", "0", "1", "*", "/", "~"]


def containers(inner: st.SearchStrategy[json_pointer.Json]) -> st.SearchStrategy[json_pointer.Json]:
    """Objects and arrays of `inner`."""
    return st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner)


scalars = st.sampled_from([b"1", b"1.0", b'"1"', b"null", b"true"]).map(json_text.parse)
values: st.SearchStrategy[json_pointer.Json] = st.recursive(scalars, containers, max_leaves=12)


@given(st.lists(st.fixed_dictionaries({"it": values, "stays": st.just("yes")}), min_size=2, max_size=5))
def test_without_what_is_named_documents_are_one(documents: list[json_pointer.Json]) -> None:
    """The law that makes a proposal good: a canonical form that ignores the places is the same for all."""
    contents = [json_text.canonical(document) for document in documents]
    rules = CanonicalJson(tuple(place.pointer for place in places([documents[:2], documents[2:]])))
    assert len({rules.form(content, "application/json") for content in contents}) == 1


@given(st.lists(values, min_size=1, max_size=4))
def test_equal_documents_differ_nowhere(documents: list[json_pointer.Json]) -> None:
    """Nothing is named where nothing differs, and something is where anything does."""
    same = all(document == documents[0] for document in documents)
    assert (places([documents, documents]) == ()) == same


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        ([b"same", b"same"], []),
        ([b"abcdef", b"abXdef", b"abYdeZ"], [(2, (b"cdef", b"Xdef", b"YdeZ"))]),
        ([b"a.............b", b"x.............y"], [(0, (b"a", b"x")), (14, (b"b", b"y"))]),
        ([b"took 5 ms", b"took 12 ms"], [(5, (b"5", b"12"))]),
        ([b"aa", b"aaa"], [(2, (b"", b"a"))]),
        ([b"", b"x"], [(0, (b"", b"x"))]),
        ([b"\0\1", b"\1\1"], [(0, (b"\0", b"\1"))]),
    ],
)
def test_bytes_that_differ_are_found(contents: list[bytes], expected: list[tuple[int, tuple[bytes, ...]]]) -> None:
    """Spans of one length are told apart if they are far apart; lengths that differ make one span of all."""
    assert list(spans([contents])) == [Span(start, seen, at_once=True) for start, seen in expected]


@given(st.lists(st.binary(max_size=40), min_size=2, max_size=4))
def test_outside_the_spans_contents_are_equal(contents: list[bytes]) -> None:
    """What is not in a span is the same in all contents, and in the same order."""
    found = spans([contents])
    rests = set()
    for index, content in enumerate(contents):
        rest, behind = b"", 0
        for span in found:
            rest += content[behind : span.start] + b"|"
            behind = span.start + len(span.seen[index])
        rests.add(rest + content[behind:])
    assert len(rests) == 1


def test_bytes_that_differ_with_time_are_told() -> None:
    """As with JSON: what no burst shows by itself is no difference at once."""
    bursts = [[b"at 10:00, id 1", b"at 10:00, id 2"], [b"at 10:05, id 3", b"at 10:05, id 4"]]
    assert [(span.start, span.at_once) for span in spans([[b"at 10:00"] * 2, [b"at 10:05"] * 2])] == [(7, False)]
    assert [span.at_once for span in spans(bursts)] == [True]
