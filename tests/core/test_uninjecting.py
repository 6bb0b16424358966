"""Writes without the tags that came with what their clients read."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from proxy.config.json_path import JsonPath
from proxy.core.canonical import CanonicalJson
from proxy.core.fields import Fields
from proxy.core.injection import Injection
from proxy.core.matching import Match
from proxy.core.message import Request
from proxy.core.route import Guard, Route
from proxy.core.target import parse
from proxy.core.template import Template
from proxy.core.uninjecting import changed, concerns, rules_for, without_tags
from tests.support.injecting import ITEM, JSON_TYPE, Site
from tests.support.json_documents import documents, spellings

RULES = Injection(items=(JsonPath("$.items[*]"),))
PATCH = ("Content-Type", "application/json-patch+json; charset=utf-8")


def request(*lines: tuple[str, str], method: str = "PUT") -> Request:
    """Return a request for an item."""
    return Request(method, parse("/items/1", None), Fields(lines))


def match(route: Route = ITEM) -> Match:
    """Return its match."""
    return Match(route, parse("/items/1", None), route)


def kept(content: Any, *lines: tuple[str, str], rules: Injection = RULES) -> Any:
    """Return what is forwarded of JSON content; None where it is forwarded as it came."""
    left = without_tags(Fields(lines or (JSON_TYPE,)), rules, json.dumps(content).encode())
    return None if left is None else json.loads(left)


@given(documents.flatmap(spellings))
def test_what_was_put_in_is_taken_out(content: bytes) -> None:
    """What a client reads and sends back reaches the origin server as the document that it had sent."""
    assume(b"_etag" not in content)
    shown = Site().get("/items", content).response.content
    left = without_tags(Fields([JSON_TYPE]), RULES, shown) or shown
    assert CanonicalJson().form(left, "application/json") == CanonicalJson().form(content, "application/json")
    assert without_tags(Fields([JSON_TYPE]), RULES, left) is None


@given(st.binary())
def test_no_content_raises(content: bytes) -> None:
    """What cannot be read is forwarded as it came."""
    left = without_tags(Fields([JSON_TYPE]), RULES, content)
    assert left is None or json.loads(left) != json.loads(content)


def test_digits_and_order_are_kept() -> None:
    """Nothing else of a number or an object changes; white space goes."""
    content = b'{ "_etag": "x", "b": 1.50, "a": 90071992547409931 }'
    assert without_tags(Fields([JSON_TYPE]), RULES, content) == b'{"b":1.50,"a":90071992547409931}'


@pytest.mark.parametrize(("name", "field"), [(r"_et\u0061g", "_etag"), (r"a\/b", "a/b"), (r"\"", '"'), ("é", "é")])
def test_a_name_is_dropped_however_it_is_spelled(name: str, field: str) -> None:
    """An escape says the same as the character that it stands for."""
    content = f'{{"a":1,"{name}":2}}'.encode()
    assert without_tags(Fields([JSON_TYPE]), Injection(field), content) == b'{"a":1}'


@pytest.mark.parametrize(
    ("content", "left"),
    [
        ({"_etag": "x", "a": 1}, {"a": 1}),
        ({"_etag": None}, {}),
        ({"items": [{"_etag": "x", "b": {"_etag": "x"}}, "text"]}, {"items": [{"b": {"_etag": "x"}}, "text"]}),
        ({"a": {"_etag": "x"}}, None),
        ([{"_etag": "x"}], None),
        ("_etag", None),
        ({"a": 1}, None),
    ],
)
def test_which_members_are_dropped(content: Any, left: Any) -> None:
    """At the top and in items, whatever they say; anywhere else a member of that name is the origin server's."""
    assert kept(content) == left
    assert kept(content, ("Content-Type", "application/merge-patch+json")) == left


@pytest.mark.parametrize(
    ("operations", "left"),
    [
        ([{"op": "replace", "path": "/_etag", "value": "x"}, {"op": "remove", "path": "/a"}], [1]),
        ([{"op": "remove", "path": "/_etag"}], []),
        ([{"op": "add", "path": "/_etag", "value": "x"}], []),
        ([{"op": "test", "path": "/_etag", "value": "x"}], None),
        ([{"op": "move", "from": "/_etag", "path": "/a"}, {"op": "copy", "from": "/a", "path": "/_etag"}], None),
        ([{"op": "replace", "path": "/a/_etag", "value": "x"}, "text", {}], None),
        ([{"op": "replace", "path": "", "value": {"a": 1}}], None),
        ({"_etag": "x"}, None),
    ],
)
def test_a_json_patch_sets_no_tag(operations: Any, left: list[int] | None) -> None:
    """Only what would set or remove the member is dropped: one that tests it is its writer's own precondition."""
    assert kept(operations, PATCH) == (None if left is None else [operations[index] for index in left])


def test_a_json_patch_that_replaces_all() -> None:
    """The document in it is one like any other."""
    document = {"_etag": "x", "items": [{"_etag": "y", "c": 1}]}
    operation = {"op": "replace", "path": "", "value": document}
    assert kept([operation], PATCH) == [{**operation, "value": {"items": [{"c": 1}]}}]


def test_a_name_that_a_pointer_escapes() -> None:
    """The member of a patch is found by its pointer."""
    assert kept([{"op": "remove", "path": "/a~1b~0"}], PATCH, rules=Injection("a/b~")) == []


@pytest.mark.parametrize(
    ("lines", "method", "route", "concerned"),
    [
        ([JSON_TYPE], "PUT", ITEM, True),
        ([JSON_TYPE], "POST", ITEM, True),
        ([PATCH], "PATCH", ITEM, True),
        ([JSON_TYPE], "GET", ITEM, False),
        ([JSON_TYPE], "PUT", replace(ITEM, inject=None), False),
        ([JSON_TYPE], "PUT", replace(ITEM, guard=Guard.OFF), False),
        ([JSON_TYPE], "PUT", replace(ITEM, guard=Guard.REPORT), True),
        ([JSON_TYPE, ("Content-Encoding", "gzip")], "PUT", ITEM, False),
        ([JSON_TYPE, ("Cache-Control", "no-transform")], "PUT", ITEM, False),
        ([JSON_TYPE, ("Signature-Input", 'a=("content-digest")')], "PUT", ITEM, False),
        ([("Content-Type", "text/plain")], "PUT", ITEM, False),
        ([], "PUT", ITEM, False),
    ],
)
def test_which_requests_are_concerned(lines: list[tuple[str, str]], method: str, route: Route, concerned: bool) -> None:
    """The head tells: an unsafe request with JSON in UTF-8 on a route that injects, unless it wants no change."""
    assert concerns(request(*lines, method=method), match(route)) is concerned


def test_the_route_that_showed_the_tag_says_what_is_dropped() -> None:
    """Where writes have a route of their own; but what is sent to an action is no representation of what it changes."""
    bare = replace(ITEM, inject=None, methods=frozenset({"PUT"}))
    assert rules_for(replace(match(bare), reading=ITEM)) == ITEM.inject
    assert concerns(request(JSON_TYPE), replace(match(bare), reading=ITEM))
    action = Route("cancel", Template.parse("/items/{id}/cancel"), state=Template.parse("/items/{id}"))
    assert rules_for(replace(match(action), reading=ITEM)) is None


@pytest.mark.parametrize(
    ("content", "left"),
    [
        ({"a": {"_etag": {"_etag": 1}}}, {"a": {}}),
        ([{"_etag": [{"b": {"_etag": 2}}]}], [{}]),
        ({"_etag": {"a": {}}}, {}),
    ],
)
def test_objects_inside_a_member_go_with_it(content: Any, left: Any) -> None:
    """A path may lead to them as well."""
    assert kept(content, rules=Injection(items=(JsonPath("$..[*]"),))) == left


def test_no_route_is_no_concern() -> None:
    """What no route matches is passed on as it is."""
    assert not concerns(request(JSON_TYPE), None)


def test_the_head_of_changed_content() -> None:
    """It says nothing of what the content was."""
    lines = [JSON_TYPE, ("Content-Length", "9"), ("Content-MD5", "x"), ("Repr-Digest", "x"), ("Content-Digest", "x")]
    assert list(changed(request(*lines)).fields) == [JSON_TYPE]
