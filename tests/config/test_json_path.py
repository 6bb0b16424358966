"""JSONPaths: where they lead, and what is said of those that cannot be read."""

import pickle

import pytest

from proxy.config.json_path import JsonPath
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
        ("$[" * 5000, "maximum recursion depth exceeded"),
        ("", "it begins with $"),
    ],
)
def test_a_path_that_cannot_be_read_says_where(text: str, said: str) -> None:
    """Nor is any read that the standard does not know."""
    with pytest.raises(ValueError, match=r"expected a JSONPath \(RFC 9535\) such as ") as raised:
        JsonPath(text)
    assert said in str(raised.value)


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
