"""The rules of `inject`: where items are, what the member says, and which messages they are for."""

from typing import Any

import pytest

from proxy.config.json_path import JsonPath
from proxy.core import injection
from proxy.core.entity_tag import EntityTag
from proxy.core.fields import Fields
from proxy.core.injection import MOST_ITEMS, Injection, TooManyItemsError
from proxy.core.self_link import SelfLink
from tests.support.injecting import JSON_TYPE

ITEMS = Injection(items=(JsonPath("$.a[*]"), JsonPath("$..b"), JsonPath("$"), JsonPath("$.a[0]")))


def test_items_are_objects_in_the_document() -> None:
    """Each once, however many paths lead there; neither the document itself nor what has no members."""
    document: Any = {"a": [{"b": {"b": "x"}}, "text", ["c"]], "b": {}}
    places = ITEMS.locate(document, document)
    assert sorted(places, key=repr) == sorted([("a", 0), ("a", 0, "b"), ("b",)], key=repr)
    assert len(set(places)) == len(places)
    assert Injection().locate(document, document) == []
    assert ITEMS.locate("text", "text") == []


def test_too_many_items_are_none() -> None:
    """The limit is a number of places, whatever is there, and is told."""
    fits: Any = {"a": ["x"] * (MOST_ITEMS - 3), "b": {}}
    assert ITEMS.locate(fits, fits) == [("b",)]
    more: Any = {"a": ["x"] * (MOST_ITEMS - 2), "b": {}}
    with pytest.raises(TooManyItemsError):
        ITEMS.locate(more, more)
    assert ITEMS.without({**more, "_etag": "x"}, more) == more


def test_how_a_tag_is_spelled() -> None:
    """As the ETag field says it, or without its quotes."""
    assert Injection().spelled(EntityTag("a")) == '"a"'
    assert Injection(quotes=False).spelled(EntityTag("a")) == "a"


def test_what_a_tag_is_minted_from() -> None:
    """Tags of items are in it, and no other member of that name at the top or in items; elsewhere it is content."""
    document: Any = {"_etag": "x", "a": [{"_etag": "x"}, {"_etag": "x"}], "c": {"_etag": "x"}}
    basis = Injection().basis(document, {("a", 0): EntityTag("t"), ("a", 1): None})
    assert basis == {"a": [{"_etag": '"t"'}, {}], "c": {"_etag": "x"}}
    rules = Injection(items=(JsonPath("$.a[*]"),))
    assert rules.without(document, document) == {"a": [{}, {}], "c": {"_etag": "x"}}
    assert rules.without(["x"], ["x"]) == ["x"]


def test_fingerprints() -> None:
    """Other rules have another; what the origin server is called is no rule of a fleet."""
    rules = [
        None,
        Injection(),
        Injection("tag"),
        Injection(items=(JsonPath("$.a"),)),
        Injection(items=(JsonPath("$.b"),)),
        Injection(link=SelfLink.parse("/self")),
        Injection(quotes=False),
    ]
    assert len({injection.fingerprint(each) for each in rules}) == len(rules)
    assert Injection(origin="a").fingerprint == Injection(origin="b").fingerprint


@pytest.mark.parametrize(
    ("lines", "readable"),
    [
        ([("Content-Type", "application/hal+json")], True),
        ([("Content-Type", 'application/json; charset="UTF-8"')], True),
        ([("Content-Type", "application/json"), ("Content-Encoding", "identity")], True),
        ([("Content-Type", "application/json"), ("Content-Encoding", "gzip")], False),
        ([("Content-Type", "application/json; charset=latin-1")], False),
        ([("Content-Type", "application/json; =")], False),
        ([("Content-Type", "text/plain")], False),
        ([JSON_TYPE, ("Signature-Input", 'a=("@method" "content-digest");created=1')], False),
        ([JSON_TYPE, ("Signature-Input", 'a=("@method")'), ("Signature-Input", 'b=("Content-Length")')], False),
        ([JSON_TYPE, ("Signature-Input", 'a=("@method" "content-type")')], True),
        ([], False),
    ],
)
def test_which_content_may_be_changed(lines: list[tuple[str, str]], readable: bool) -> None:
    """JSON that is told to be in the charset that we would write it in, not coded, and not covered by a signature."""
    assert injection.readable(Fields(lines)) is readable


@pytest.mark.parametrize(
    ("values", "untransformed"),
    [
        (["no-transform"], True),
        (["max-age=1, No-Transform"], True),
        (["private", "no-transform"], True),
        (["no-transformation"], False),
        ([], False),
    ],
)
def test_who_wants_no_transformation(values: list[str], untransformed: bool) -> None:
    """The directive is read in any case, among others, and on any line."""
    assert injection.untransformed(Fields([("Cache-Control", value) for value in values])) is untransformed
