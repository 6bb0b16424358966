"""JSONPaths: where they lead, and what is said of those that cannot be read."""

import pickle
import tracemalloc

import pytest

from proxy.config.json_path import LONGEST, JsonPath
from proxy.core.json_members import Location
from proxy.core.json_text import MAX_DEPTH

DOCUMENT = {"items": [{"id": 1, "price": 8}, {"id": 2, "price": 12}], "self": {"id": 3}}


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("$", [()]),
        ("$.items[*]", [("items", 0), ("items", 1)]),
        ("$.items[-1]", [("items", 1)]),
        ("$['items'][?@.price > 10]", [("items", 1)]),
        ("$.items[?@.id == $.self.id]", []),
        ("$.nothing[*]", []),
        ("$..id", [("self", "id"), ("items", 0, "id"), ("items", 1, "id")]),
    ],
)
def test_a_path_leads_to_places(text: str, places: list[Location]) -> None:
    """A place is given by its steps from the root; filters compare numbers as numbers."""
    assert sorted(JsonPath(text)(DOCUMENT), key=len) == places


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("items", "it begins with $, which stands for the whole content"),
        ("/items", "it begins with $"),
        ("$.a[", "unexpected end of query"),
        ("$.a[?foo(@)]", "at character 6: function 'foo' is not defined"),
        ("$.a ", "trailing whitespace"),
        ("$.a|$.b", "at character 4: "),
        ("^.a", "it begins with $"),
        ("$.~", "at character 3: "),
        ("$[" * (LONGEST // 2), "maximum recursion depth exceeded"),
        ("$" + ".a" * LONGEST, "of at most 1000 characters"),
        ("", "it begins with $"),
    ],
)
def test_a_path_that_cannot_be_read_says_where(text: str, said: str) -> None:
    """Nor is any read that the standard does not know."""
    with pytest.raises(ValueError, match=r"expected a JSONPath \(RFC 9535\) (such as|of at most) ") as raised:
        JsonPath(text)
    assert said in str(raised.value)


@pytest.mark.parametrize("text", ["$..a..b", "$..a[?@..b]", "$.a[?@..b && @..c]", "$..[?$..a]"])
def test_no_path_goes_down_twice(text: str) -> None:
    """A document nested deep enough would be visited once more for each of its levels."""
    with pytest.raises(ValueError, match=r"at most one `\.\.`"):
        JsonPath(text)


def test_two_dots_in_a_string_are_none() -> None:
    """A name is no step, whatever it holds."""
    assert list(JsonPath("$..['a..b', 'c..d']")({"a..b": 1})) == [("a..b",)]


@pytest.mark.parametrize("text", ["$.items.*[*]", "$..[?@.id]", "$..[*]"])
def test_long_names_cost_no_more_than_they_are_long(text: str) -> None:
    """They are not spelled out for each place below them, and what was found is not kept."""
    document = {"items": {"name" * 100_000: [{"id": number} for number in range(1_000)]}}
    tracemalloc.start()
    try:
        found = sum(1 for _ in JsonPath(text)(document))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found >= 1_000
    assert peak < 10_000_000


def test_the_deepest_document_is_searched() -> None:
    """Whatever is read is searched to its end."""
    document: list[object] = []
    for _ in range(MAX_DEPTH - 1):
        document = [document]
    assert len(list(JsonPath("$..*")(document))) == MAX_DEPTH - 1


def test_a_path_that_cannot_be_followed_leads_nowhere() -> None:
    """What is deeper than anything that is read ends the search, not the request."""
    document: list[object] = []
    for _ in range(MAX_DEPTH + 50):
        document = [document]
    assert len(list(JsonPath("$..*")(document))) < MAX_DEPTH + 50


def test_paths_are_values() -> None:
    """A path is the same in another process, as routes are handed on to workers."""
    path = JsonPath("$.items[*]")
    copied = pickle.loads(pickle.dumps(path))  # noqa: S301 - written a moment ago
    assert copied == path != JsonPath("$.items")
    assert hash(path) == hash(JsonPath("$.items[*]"))
