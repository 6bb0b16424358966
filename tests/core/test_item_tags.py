"""Tags of items: each is the one that a GET of the item alone shows, or there is none."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.json_path import JsonPath
from proxy.core import json_text
from proxy.core.canonical import CanonicalJson
from proxy.core.fields import Fields
from proxy.core.injection import MOST_ITEMS, Injection
from proxy.core.item_tags import Content, ItemTags
from proxy.core.matching import Routes
from proxy.core.message import Request, Response
from proxy.core.minting import Minter
from proxy.core.route import Guard, Limits, Query, Route
from proxy.core.tag_rules import Aba, TagRules, UpstreamTag
from proxy.core.target import parse
from proxy.core.template import Template
from proxy.core.version import FieldVersion, MemberVersion
from tests.support.injecting import ITEM, JSON_RULES, JSON_TYPE, LIST, Site, linked
from tests.support.json_documents import Document, documents, names, spellings

SITE = Site()
STRONG = ("ETag", '"theirs"')
PARTS = Injection(items=(JsonPath("$.parts[*]"), JsonPath("$..owner")))


def listed(*items: Any) -> dict[str, Any]:
    """Return a list of items."""
    return {"items": list(items)}


def tags(seen: Any) -> list[str | None]:
    """Return the tags of the items in a list as a client sees it."""
    return [item.get("_etag") for item in seen.json["items"]]


@st.composite
def whole_items(draw: st.DrawFn, path: str) -> Document:
    """An item of any shape that links to itself, with items in it."""
    members = draw(st.dictionaries(names, documents, max_size=3))
    own: dict[str, Document] = {**members, "_links": {"self": {"href": path}}}
    if draw(st.booleans()):
        own["_etag"] = draw(documents)
    if draw(st.booleans()):
        own["parts"] = [draw(whole_items(f"{path}/{part}")) for part in range(draw(COUNT))]
    return own


COUNT = st.integers(0, 2)
DEEP = Route("deep", Template.parse("/items/{path...}"), rules=JSON_RULES, inject=PARTS)


@pytest.mark.parametrize(
    "inject", [None, Injection(), PARTS, Injection("parts"), Injection("tag", PARTS.items)], ids=repr
)
@given(st.data())
def test_an_items_tag_is_that_of_its_own_get(inject: Injection | None, data: st.DataObject) -> None:
    """For any item, whatever the order of its members and the spelling of its numbers here and there."""
    site = Site((LIST, replace(DEEP, inject=inject)))
    item = data.draw(whole_items("/items/1"))
    seen = site.get("/items", data.draw(spellings({"items": [item]})))
    assert tags(seen) == [site.get("/items/1", data.draw(spellings(item))).tag]


@given(st.data())
def test_nested_items_have_the_tags_of_their_own_gets(data: st.DataObject) -> None:
    """A list whose paths lead to items in items shows each with the tag that its own GET shows."""
    everything = Injection(items=(JsonPath("$..[?@._links]"),))
    site = Site((replace(LIST, inject=everything), DEEP))
    item = data.draw(whole_items("/items/1"))
    shown = site.get("/items", data.draw(spellings({"items": [item]}))).json["items"][0]
    assert isinstance(item, dict)
    for sent, part in zip(item.get("parts") or [], shown.get("parts") or [], strict=True):  # type: ignore[arg-type]
        own = site.get(part["_links"]["self"]["href"], data.draw(spellings(sent)))
        assert part["_etag"] == own.tag


def test_a_thousand_items() -> None:
    """Each gets its own."""
    items = [linked(f"/items/{number}", number=number) for number in range(1000)]
    found = tags(SITE.get("/items", listed(*items)))
    assert found == [SITE.get(f"/items/{number}", items[number]).tag for number in range(1000)]
    assert len(set(found)) == 1000


@pytest.mark.parametrize(
    "reference",
    ["/items/1", "1", "http://api.example/items/1", "https://api.example/items/1", "/items/1?page=1", "/%69tems//1"],
)
def test_a_link_to_this_origin_gives_a_tag(reference: str) -> None:
    """Relative references start at the list, those with a name that the client asked for are ours too."""
    item = linked(reference)
    lists = replace(LIST, template=Template.parse("/items/"))
    assert tags(Site((ITEM, lists)).get("/items/", listed(item))) == [Site().get("/items/1", item).tag]


def test_names_that_a_link_may_have() -> None:
    """What the client asked for in front of a proxy that tells it, and what the origin server calls itself."""
    site = Site((ITEM, replace(LIST, inject=replace(LIST.inject, origin="127.0.0.1:9000"))))  # type: ignore[type-var]
    items = [linked("https://www.example/items/1"), linked("http://127.0.0.1:9000/items/2")]
    asked = [("Host", "api.example"), ("X-Forwarded-Host", "www.example")]
    assert None not in tags(site.get("/items", listed(*items), asked=asked))
    assert tags(Site().get("/items", listed(*items))) == [None, None]


@pytest.mark.parametrize(
    "link",
    [
        None,
        7,
        ["/items/1"],
        {},
        "",
        "http://other.example/items/1",
        "/others/1",
        "/items/{id}",
        "/items/1#part",
    ],
)
def test_without_a_link_to_a_guarded_resource_there_is_no_tag(link: Any) -> None:
    """Nor is there a member that the origin server sent by that name: it would pass for a tag."""
    seen = SITE.get("/items", listed({**linked(link), "_etag": "theirs"}, "text", ["x"]))
    assert seen.json["items"] == [linked(link), "text", ["x"]]


UNFORESEEN: list[tuple[dict[str, Any], str, tuple[tuple[str, str], ...]]] = [
    ({"guard": Guard.OFF}, "/items/1", ()),
    ({"state": Template.parse("/state/{id}")}, "/items/1", ()),
    ({"rules": TagRules()}, "/items/1", ()),
    ({"rules": replace(JSON_RULES, aba=Aba.DETECT)}, "/items/1", ()),
    ({"rules": replace(JSON_RULES, version=FieldVersion("Last-Modified"))}, "/items/1", ()),
    ({"rules": TagRules(version=MemberVersion("/version"))}, "/items/1", ()),
    ({"query": Query.VIEW}, "/items/1?fields=a", ()),
    ({"limits": Limits(mint=10)}, "/items/1", ()),
    ({}, "/items/1", (STRONG,)),
    ({"rules": replace(JSON_RULES, upstream=UpstreamTag.KEEP)}, "/items/1", (("ETag", 'W/"theirs"'),)),
    ({"methods": frozenset({"PUT"})}, "/items/1", ()),
]


@pytest.mark.parametrize(("rules", "path", "lines"), UNFORESEEN)
def test_what_a_get_would_show_has_to_be_known(
    rules: dict[str, Any], path: str, lines: tuple[tuple[str, str], ...]
) -> None:
    """Where its own answer decides, or may be tagged by the origin server as the list is, an item gets no tag."""
    site = Site((replace(ITEM, **rules), LIST))
    assert tags(site.get("/items", listed(linked(path)), *lines)) == [None]


@pytest.mark.parametrize(
    ("rules", "path", "item", "lines"),
    [
        ({"query": Query.IDENTITY}, "/items/1?a=b", {}, ()),
        ({"query": Query.VIEW}, "/items/1", {}, ()),
        ({"guard": Guard.REPORT}, "/items/1", {}, ()),
        ({"rules": TagRules(version=MemberVersion("/version"))}, "/items/1", {"version": 3}, ()),
        ({"rules": TagRules(CanonicalJson(("/seen",)))}, "/items/1", {"seen": "now"}, ()),
        ({"rules": replace(JSON_RULES, upstream=UpstreamTag.REPLACE)}, "/items/1", {}, (STRONG,)),
        ({}, "/items/1", {}, (("ETag", 'W/"theirs"'),)),
        ({}, "/items/1", {}, (("Content-Language", "de"), ("Vary", "Accept-Language, Accept"))),
        ({}, "/items/1", {}, (("Content-Type", "application/hal+json; charset=utf-8"),)),
    ],
)
def test_the_rules_of_an_items_route_make_its_tag(
    rules: dict[str, Any], path: str, item: dict[str, Any], lines: tuple[tuple[str, str], ...]
) -> None:
    """With the media type, language and variant that the list has."""
    site = Site((replace(ITEM, **rules), replace(LIST, rules=replace(JSON_RULES, upstream=UpstreamTag.REPLACE))))
    own = [line for line in lines if line[0] != "ETag"]
    found = tags(site.get("/items", listed(linked(path, **item)), *lines))
    assert found == [site.get(path, linked(path, **item), *own).tag]


def test_a_version_speaks_for_an_item_of_which_a_part_is_shown() -> None:
    """Where the tag is made of a member, that member is enough."""
    site = Site((replace(ITEM, rules=TagRules(version=MemberVersion("/version"))), LIST))
    whole = linked("/items/1", version=3, text="long")
    assert tags(site.get("/items", listed(linked("/items/1", version=3)))) == [site.get("/items/1", whole).tag]


def test_a_part_of_an_item_never_has_its_tag() -> None:
    """A list that abbreviates gives a tag that its item never has: a write with it is refused, not let through."""
    whole = linked("/items/1", name="a", text="long")
    (found,) = tags(SITE.get("/items", listed(linked("/items/1", name="a"))))
    assert found != SITE.get("/items/1", whole).tag


def test_paths_that_overlap_lead_to_an_item_once() -> None:
    """Every object at every depth, the root too: what is inside is tagged before what is around."""
    everything = Injection(items=(JsonPath("$..*"), JsonPath("$"), JsonPath("$.a")))
    site = Site((Route("all", Template.parse("/{path...}"), rules=JSON_RULES, inject=everything),))
    inner = linked("/inner", x=1)
    outer = linked("/outer", inner=inner)
    seen = site.get("/top", {"a": outer})
    assert seen.json["a"]["_etag"] == site.get("/outer", outer).tag
    assert seen.json["a"]["inner"]["_etag"] == site.get("/inner", inner).tag
    assert site.get("/outer", outer).json["inner"]["_etag"] == site.get("/inner", inner).tag
    assert seen.json["_etag"] == seen.tag


def chain(depth: int) -> dict[str, Any]:
    """Return an item in an item in an item."""
    item = linked("/items/0")
    for number in range(1, depth):
        item = linked(f"/items/{number}", parts=[item])
    return item


def test_items_as_deep_as_documents() -> None:
    """The deepest chain of items that is read is tagged, from the inside out, with no frame of the stack for each."""
    site = Site((LIST, DEEP))
    (found,) = tags(site.get("/items", listed(chain(41))))
    assert found == site.get("/items/40", chain(41)).tag


def test_too_many_items_get_no_tags() -> None:
    """All or none: so an item never has another tag in the list than by itself. The list has its own."""
    site = Site((LIST, DEEP))
    item = linked("/items/1", parts=[linked(f"/items/1/{number}") for number in range(MOST_ITEMS + 1)])
    seen = site.get("/items", listed(item, linked("/items/2")))
    assert tags(seen) == [None, None]
    assert seen.json["_etag"] == seen.tag
    assert site.get("/items/1", item).json["parts"][0] == item["parts"][0]


@pytest.mark.parametrize(("left", "tagged"), [(1_000_000, True), (100_000, False)])
def test_too_large_items_get_no_tags(left: int, tagged: bool) -> None:
    """What is part of several items counts as often, so that nobody waits for a deep document with a large end."""
    text = json.dumps(listed(chain(30)))
    assert len(text) < 3000
    request, response = (
        Request("GET", parse("/items", None), Fields()),
        Response(200, Fields([JSON_TYPE]), text.encode()),
    )
    routes = Routes([LIST, DEEP])
    match = routes.match("GET", request.target)
    assert match is not None
    assert match.route.inject is not None
    content = Content(json_text.parse(text.encode()), json.loads(text))
    found = ItemTags(request, response, routes, Minter(""), left).of(match, match.route.inject, content)
    assert bool(found) is tagged
