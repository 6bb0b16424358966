"""How an item in a list says which resource it is."""

import json
from typing import Any

import pytest

from proxy.core import json_text
from proxy.core.self_link import SelfLink

LIST = {"resource": "a%20b"}


@pytest.mark.parametrize(
    ("text", "item", "reference"),
    [
        ("/_links/self/href", {"_links": {"self": {"href": "/a"}}}, "/a"),
        ("/_links/self/href", {"_links": {"self": {"href": "http://h/a b"}}}, "http://h/a b"),
        ("/_links/self/href", {"_links": {"self": {"href": None}}}, None),
        ("/_links/self/href", {"_links": {"self": {"href": ["/a"]}}}, None),
        ("/_links/self/href", {"_links": {"self": "/a"}}, None),
        ("/urls/0", {"urls": ["/b"]}, "/b"),
        ("/id", {"id": 7}, None),
        ("/things/{/id}", {"id": 7}, "/things/7"),
        ("/things/{/id}", {"id": 9007199254740993}, "/things/9007199254740993"),
        ("/things/{/id}", {"id": "a/b ?"}, "/things/a%2Fb%20%3F"),
        ("/things/{/id}", {"id": "\u00e9"}, "/things/%C3%A9"),
        ("/things/{/id}", {"id": ""}, None),
        ("/things/{/id}", {"id": None}, None),
        ("/things/{/id}", {"id": True}, None),
        ("/things/{/id}", {"id": [7]}, None),
        ("/things/{/id}", {}, None),
        ("/{resource}/{/key/id}.json?v={/v}", {"key": {"id": 7}, "v": "x"}, "/a%20b/7.json?v=x"),
    ],
)
def test_an_item_refers_to_itself(text: str, item: Any, reference: str | None) -> None:
    """By a text at the end of a pointer; or by parts, each as a segment of a path; or not at all."""
    read = json_text.parse(json.dumps(item).encode())
    assert SelfLink.parse(text).of(read, LIST) == reference


def test_what_is_not_captured_is_no_reference() -> None:
    """Names are those of the list's own path."""
    link = SelfLink.parse("/{other}/{/id}")
    assert link.captures == ("other",)
    assert link.of({"id": "7"}, LIST) is None


@pytest.mark.parametrize(
    "text",
    ["", "id", "/a~2", "things/{/id}", "/things/{/id", "/things/}", "/{}", "/{a b}", "/{/a~2}", "/{{/id}}", "{/id}"],
)
def test_other_texts_are_refused(text: str) -> None:
    """When the rule is made."""
    with pytest.raises(ValueError, match=r"\S"):
        SelfLink.parse(text)
