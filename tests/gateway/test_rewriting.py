"""Content that is forwarded otherwise than it came."""

from dataclasses import replace
from hashlib import blake2b

import pytest

from proxy.core.matching import Match
from proxy.core.minting import Minter
from proxy.core.route import Limits, Route, TagOnWrite
from proxy.core.target import parse
from proxy.gateway.crafting import Craft
from proxy.gateway.rewriting import Rewritten, forwarded
from tests.support.injecting import ITEM, JSON_TYPE
from tests.support.scripted import Canned, Rig, answering, request
from tests.support.world import Text

TAGGED, BARE = b'{"_etag":"x", "a": 1}', b'{"a":1}'
CRAFT = Craft(Minter("x"), None)
MATCH = Match(ITEM, parse("/items/1", None), ITEM)
LINES = (JSON_TYPE, ("Content-Length", "21"), ("Content-Digest", "x"))


async def test_rewritten_content_is_content() -> None:
    """Its length and digest are those of the bytes, and it can be read twice."""
    content = Rewritten(BARE)
    assert content.length == len(BARE)
    assert content.digest == blake2b(BARE, digest_size=32).digest()
    assert [[piece async for piece in content] for _ in range(2)] == [[BARE], [BARE]]


async def test_tags_are_dropped_and_what_is_said_of_the_content_too() -> None:
    """Head and content fit together."""
    onward, kept = await forwarded(request("PUT", "/items/1", *LINES), Text(TAGGED), MATCH, CRAFT)
    assert list(onward.fields) == [JSON_TYPE]
    assert kept == Rewritten(BARE)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (BARE, MATCH),
        (b'{"_etag":', MATCH),
        (TAGGED, None),
        (TAGGED, replace(MATCH, reading=replace(ITEM, inject=None))),
        (TAGGED, replace(MATCH, route=replace(ITEM, limits=Limits(mint=len(TAGGED) - 1)))),
    ],
)
async def test_everything_else_is_forwarded_as_it_came(content: bytes, match: Match | None) -> None:
    """Without a tag in it, on other routes, and beyond what a tag is minted from."""
    asked, received = request("PUT", "/items/1", *LINES), Text(content)
    assert await forwarded(asked, received, match, CRAFT) == (asked, received)


def rig(content: bytes = BARE, route: Route = ITEM) -> Rig:
    """Return a gateway before an origin server with a JSON item."""
    return Rig(answering(Canned(200, content, (JSON_TYPE,)), Canned(204)), route)


async def test_the_origin_server_sees_no_tag() -> None:
    """A client that sends back what it read, tag and all, writes what the origin server knows."""
    gateway = rig()
    seen = (await gateway.get("/items/1")).response
    assert seen is not None
    tag = seen.fields.get("etag") or ""
    answer = await gateway.write("PUT", JSON_TYPE, ("If-Match", tag), path="/items/1", content=seen.content)
    assert answer.response is not None
    assert answer.response.status == 204
    (sent,) = gateway.upstream.performed()
    assert sent.content == BARE


async def test_no_tag_is_said_to_be_that_of_what_was_sent() -> None:
    """RFC 9110 §9.3.4: a GET shows more than was sent, so a PUT's answer has no tag, unless one is always said."""
    silent = await rig().write("PUT", JSON_TYPE, path="/items/1", content=BARE)
    assert silent.response is not None
    assert "etag" not in silent.response.fields
    telling = rig(route=replace(ITEM, etag_on_write=TagOnWrite.ALWAYS))
    told = await telling.write("PUT", JSON_TYPE, path="/items/1", content=BARE)
    seen = await telling.get("/items/1")
    assert told.response is not None
    assert seen.response is not None
    assert told.response.fields.get("etag") == seen.response.fields.get("etag") is not None
