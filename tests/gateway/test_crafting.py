"""What is made of content, here or in the workshop."""

import json
from dataclasses import replace

import pytest

from proxy.core.canonical import CanonicalJson
from proxy.core.effort import LARGE, Effort
from proxy.core.fields import Fields
from proxy.core.message import Response
from proxy.core.minting import Minter
from proxy.core.route import Query, Route
from proxy.core.tag_rules import TagRules
from proxy.core.template import Template
from proxy.gateway.crafting import Craft, digest
from tests.support.at_once import AtOnce
from tests.support.injecting import ITEM, JSON_TYPE, LIST, linked
from tests.support.scripted import Canned, Rig, answering

SHORT, COMPILED, INTERPRETED = Effort
PLAIN = Route("plain", Template.parse("/items/{id}"))
CANONICAL = replace(PLAIN, rules=TagRules(CanonicalJson()))
SMALL = b'{"a": 1}'
LONG = json.dumps({"_etag": "x", "a": "x" * LARGE}).encode()
MINTER = Minter("secret")


@pytest.mark.parametrize(
    ("route", "content", "efforts"),
    [
        (PLAIN, SMALL, []),
        (CANONICAL, SMALL, []),
        (ITEM, SMALL, []),
        (PLAIN, LONG, [COMPILED]),
        (CANONICAL, LONG, [INTERPRETED]),
        (ITEM, LONG, [INTERPRETED]),
    ],
)
async def test_large_content_is_tagged_in_the_workshop(route: Route, content: bytes, efforts: list[Effort]) -> None:
    """What is small goes nowhere; the answer is the same with a workshop and without."""
    script, workshop = answering(Canned(200, content, (JSON_TYPE,))), AtOnce()
    here, there = Rig(script, route), Rig(script, route, workshop=workshop)
    assert await there.get("/items/1") == await here.get("/items/1")
    assert workshop.done == efforts


async def test_a_large_view_is_tagged_in_the_workshop() -> None:
    """As the resource it is a view of, if that is large."""
    route = replace(CANONICAL, query=Query.VIEW)
    script, workshop = answering(Canned(200, LONG, (JSON_TYPE,))), AtOnce()
    here, there = Rig(script, route), Rig(script, route, workshop=workshop)
    assert await there.get("/items/1?x") == await here.get("/items/1?x")
    assert workshop.done == [INTERPRETED, INTERPRETED]


@pytest.mark.parametrize(("content", "efforts"), [(SMALL, []), (LONG, [INTERPRETED])])
async def test_tags_are_dropped_in_the_workshop(content: bytes, efforts: list[Effort]) -> None:
    """From large content alone."""
    workshop = AtOnce()
    rig = Rig(answering(Canned(200, b"{}", (JSON_TYPE,))), ITEM, workshop=workshop)
    await rig.write("PUT", JSON_TYPE, path="/items/1", content=content)
    (sent,) = rig.upstream.performed()
    assert sent.content is not None
    assert json.loads(sent.content) == {key: value for key, value in json.loads(content).items() if key != "_etag"}
    assert workshop.done == efforts


async def test_items_weigh_more() -> None:
    """A short list is long to search."""
    content = json.dumps({"items": [linked(f"/items/{number}", a="x" * 100) for number in range(100)]}).encode()
    workshop = AtOnce()
    await Rig(answering(Canned(200, content, (JSON_TYPE,))), LIST, workshop=workshop).get("/items")
    assert workshop.done == [INTERPRETED]


async def test_digests_are_those_of_request_content() -> None:
    """Of large content in the workshop."""
    workshop = AtOnce()
    craft = Craft(MINTER, workshop)
    assert [await craft.digest(SMALL), await craft.digest(bytes(LARGE))] == [digest(SMALL), digest(bytes(LARGE))]
    assert workshop.done == [COMPILED]


async def test_what_the_origin_server_has() -> None:
    """What is compared with a write has no tags in it; what no tag can be in is as it is."""
    craft = Craft(MINTER, None)
    shown = Response(200, Fields([JSON_TYPE]), b'{"_etag": "x", "a": 1}')
    assert await craft.stored(shown, ITEM.inject) == b'{"a":1}'
    assert await craft.stored(shown, None) is shown.content
    text = replace(shown, fields=Fields([("Content-Type", "text/plain")]))
    assert await craft.stored(text, ITEM.inject) is text.content


async def test_states_are_compared_in_the_workshop() -> None:
    """By the canonical form, where they are large."""
    workshop = AtOnce()
    craft = Craft(MINTER, workshop)
    spaced = LONG.replace(b": ", b":  ")
    assert await craft.alike(CanonicalJson(), JSON_TYPE[1], LONG, spaced)
    assert not await craft.alike(CanonicalJson(), JSON_TYPE[1], SMALL, b"{}")
    assert workshop.done == [INTERPRETED]
