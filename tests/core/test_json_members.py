"""One member in some objects of a document: the copy differs there, and the document does not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.json_members import ROOT, Location, at, edited

scalars = st.none() | st.booleans() | st.text(max_size=3)
names = st.sampled_from(["a", "b", "tag"])
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=15
)


def objects(document: Any, location: Location = ROOT) -> list[Location]:
    """Return where the objects of a document are."""
    steps: list[str | int] = list(document) if isinstance(document, dict) else []
    if isinstance(document, list):
        steps = list(range(len(document)))
    below = [place for step in steps for place in objects(document[step], (*location, step))]
    return [location, *below] if isinstance(document, dict) else below


@given(st.data())
def test_what_is_said_is_there_and_nothing_else_changed(data: st.DataObject) -> None:
    """Each place says what it should, and without the member both documents are the same; the first is as it was.

    A place inside a member that is set, or taken out, is there no more.
    """
    document = data.draw(documents)
    before = json.dumps(document)
    places = {place: data.draw(st.none() | st.text(max_size=3)) for place in objects(document)}
    changed = edited(document, "tag", places)
    for place, value in ((place, places[place]) for place in places if "tag" not in place):
        assert at(changed, place).get("tag") == value
    assert json.dumps(document) == before
    assert bare(changed) == bare(document)


def bare(document: Any) -> Any:
    """Return a document without the member in any object."""
    if isinstance(document, dict):
        return {name: bare(value) for name, value in document.items() if name != "tag"}
    return [bare(value) for value in document] if isinstance(document, list) else document


def test_order_of_members_is_kept() -> None:
    """A member that was there keeps its place, a new one goes to the end."""
    document: Any = {"tag": "x", "a": {"b": "1"}, "c": [{"tag": "y", "d": "2"}]}
    changed = edited(document, "tag", {ROOT: "1", ("a",): "2", ("c", 0): "3"})
    assert json.dumps(changed) == '{"tag": "1", "a": {"b": "1", "tag": "2"}, "c": [{"tag": "3", "d": "2"}]}'


def test_nothing_to_do_makes_no_copy() -> None:
    """Taking out what is not there changes nothing; what is not on the way to a change is shared."""
    shared: Any = {"b": "1"}
    document: Any = {"a": shared, "c": [{"d": "2"}]}
    assert edited(document, "tag", {ROOT: None, ("c", 0): None}) is document
    assert edited(document, "tag", {}) is document
    assert edited("text", "tag", {}) == "text"
    assert at(edited(document, "tag", {("c", 0): "x"}), ("a",)) is shared


@pytest.mark.parametrize("place", [("a",), ("a", 0)])
def test_only_objects_have_members(place: Location) -> None:
    """An array or a text at a place that is to say something is a mistake of whoever named it."""
    with pytest.raises(TypeError):
        edited({"a": ["x"]}, "tag", {place: "x"})
