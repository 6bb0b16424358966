"""JSON Pointers: what they name, and what is left without it."""

import copy
import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from proxy.core.json_pointer import Json, cover, covered, leave_out, parse, reaches, spelled, tokens

TOKENS = ["a", "b", "0", "1", "2", "*", "~", "/", ""]


def left(text: str, *pointers: str) -> Json:
    """Return the document without what the pointers name."""
    document: Json = json.loads(text)
    leave_out(document, parse(pointers))
    return document


def containers(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    """Objects and arrays of `inner`."""
    return st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(TOKENS), inner, max_size=4)


scalars: st.SearchStrategy[Json] = st.none() | st.booleans() | st.sampled_from(TOKENS)
documents: st.SearchStrategy[Json] = st.recursive(scalars, containers, max_leaves=20)
places = st.lists(st.sampled_from(TOKENS), min_size=1, max_size=3).map(tuple)


def kept(document: Json, ignored: list[tuple[str, ...]], at: tuple[str, ...] = ()) -> Json:
    """Return the document without what is ignored: the definition, one place at a time."""

    def goes(token: str) -> bool:
        here = (*at, token)
        alike = [path for path in ignored if len(path) == len(here)]
        return any(all(step in {there, "*"} for step, there in zip(path, here, strict=True)) for path in alike)

    if isinstance(document, dict):
        return {name: kept(item, ignored, (*at, name)) for name, item in document.items() if not goes(name)}
    if isinstance(document, list):
        return [kept(item, ignored, (*at, str(i))) for i, item in enumerate(document) if not goes(str(i))]
    return document


@given(documents, st.lists(places, max_size=4))
def test_exactly_what_is_named_goes(document: Json, ignored: list[tuple[str, ...]]) -> None:
    """What any pointer names goes, whatever the others name, indices counted as received; the rest stays."""
    assume(("*",) not in ignored)
    spelled = ["".join("/" + token.replace("~", "~0").replace("/", "~1") for token in path) for path in ignored]
    assert left(json.dumps(document), *spelled) == kept(document, ignored)


@pytest.mark.parametrize(
    ("pointers", "text", "rest"),
    [
        (["/a"], '{"a":1,"b":2}', '{"b":2}'),
        (["/a/b"], '{"a":{"b":1,"c":2}}', '{"a":{"c":2}}'),
        (["/a", "/a/b"], '{"a":{"b":1},"c":1}', '{"c":1}'),
        (["/a/b", "/a"], '{"a":{"b":1},"c":1}', '{"c":1}'),
        (["/*/t"], '[{"t":1,"v":1},{"t":2}]', '[{"v":1},{}]'),
        (["/*/t"], '{"x":{"t":1},"y":3}', '{"x":{},"y":3}'),
        (["/a/*"], '{"a":[1,2]}', '{"a":[]}'),
        (["/a/*"], '{"a":7}', '{"a":7}'),
        (["/*/x", "/a/y"], '{"a":{"x":1,"y":2,"z":3},"b":{"x":1,"y":2}}', '{"a":{"z":3},"b":{"y":2}}'),
        (["/0", "/2"], "[1,2,3,4]", "[2,4]"),
        (["/1", "/1/a"], '[{"a":1},{"a":1}]', '[{"a":1}]'),
        (["/01", "/-", "/9", "/-1", "/99999999999999999999"], "[1,2]", "[1,2]"),
        (["/0"], '{"0":1,"1":2}', '{"1":2}'),
        (["/a~1b", "/m~0n", "/~01"], '{"a/b":1,"m~n":2,"~1":3,"c":4}', '{"c":4}'),
        (["/"], '{"":1,"a":2}', '{"a":2}'),
        (["/a//b"], '{"a":{"":{"b":1}}}', '{"a":{"":{}}}'),
        (["/missing/x"], '{"a":1}', '{"a":1}'),
        (["/a"], '"a"', '"a"'),
        ([], '{"a":[]}', '{"a":[]}'),
        (["/*/*/x"], '{"*":{"*":{"x":1}},"b":{"c":{"x":2,"y":3}}}', '{"*":{"*":{}},"b":{"c":{"y":3}}}'),
    ],
)
def test_leave_out(pointers: list[str], text: str, rest: str) -> None:
    """A pointer removes what it names, `*` every member or item, and nothing else."""
    assert left(text, *pointers) == json.loads(rest)


@pytest.mark.parametrize("pointer", ["", "/*", "a", "a/b", "#/a", "/a~", "/~2", "/a/~x/b", "*"])
def test_malformed_pointers_are_refused(pointer: str) -> None:
    """What is no pointer, or names everything, is refused, and the sentence quotes it."""
    with pytest.raises(ValueError, match="JSON Pointer") as fault:
        parse(["/fine", pointer])
    assert repr(pointer) in str(fault.value)


def test_nested_wildcards_do_not_multiply() -> None:
    """A member named `*` is met by the wildcard once, so the work does not double at each level."""
    levels = 60
    text = '{"*":' * levels + '{"x":1}' + "}" * levels
    rest = '{"*":' * levels + "{}" + "}" * levels
    assert left(text, "/*" * levels + "/x", "/*" * (levels - 1) + "/none") == json.loads(rest)


@given(st.lists(places, min_size=1, max_size=4), places)
def test_what_is_covered_adds_nothing(named: list[tuple[str, ...]], other: tuple[str, ...]) -> None:
    """A place is covered by pointers exactly if one of them names it, or what it is in, in every document."""
    assume(("*",) not in {*named, other})
    covering = [path for path in named if len(path) <= len(other)]
    expected = any(all(step in {"*", its} for step, its in zip(path, other, strict=False)) for path in covering)
    assert cover(parse(map(spelled, named)), other) == expected


@given(places)
def test_a_spelled_pointer_reads_as_its_tokens(tokens: tuple[str, ...]) -> None:
    """Slashes and tildes in tokens are escaped, so that what was spelled names the same place."""
    assume(tokens != ("*",))
    tree = parse([spelled(tokens)])
    for token in tokens:
        assert list(tree) == [token]
        tree = tree[token]
    assert tree == {}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/a/b", True),
        ("/a/*", True),
        ("/*/b", True),
        ("/l/0/x", True),
        ("/l/*/y", True),
        ("/l/2/x", False),
        ("/l/00/x", False),
        ("/a/c", False),
        ("/a/b/c", False),
        ("/l/*/z", False),
        ("/n", True),
    ],
)
def test_a_pointer_may_name_nothing(path: str, found: bool) -> None:
    """Wherever its wildcards lead."""
    document: Json = {"a": {"b": "1"}, "l": [{"x": "1"}, {"y": "2"}], "n": None}
    assert reaches(document, tokens(path)) is found


@given(st.lists(st.lists(st.sampled_from(["a", "b", "*", "0"]), min_size=1, max_size=3).map(spelled), max_size=5))
def test_what_others_cover_can_be_left_out(written: list[str]) -> None:
    """Without it the pointers are the same tree, and nothing of what is left covers anything."""
    pointers = [pointer for pointer in written if pointer != "/*"]
    left = [pointer for index, pointer in enumerate(pointers) if index not in covered(pointers)]
    assert covered(left) == {}
    document: Json = {"a": {"a": ["1", {"b": "2"}], "b": {"a": "3"}}, "b": ["4", {"0": "5", "a": "6"}], "0": "7"}
    one, other = copy.deepcopy(document), copy.deepcopy(document)
    leave_out(one, parse(pointers))
    leave_out(other, parse(left))
    assert one == other
