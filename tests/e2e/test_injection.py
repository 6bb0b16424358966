"""Tags inside JSON, with processes: what a client needs to write an item stands in the list."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from typing import Any

from tests.support.child import ROOT
from tests.support.clients import Client
from tests.support.processes import OriginHandle, running_origin, running_proxy
from tests.support.transcripts import blocks

EXAMPLE = next(block for block in blocks(ROOT / "docs/configuration.md", "yaml") if "inject:" in block)
(SHOWN,) = [block for block in blocks(ROOT / "docs/configuration.md", "json") if "_etag" in block]
"""What the documentation shows: routes, and what a client sees."""

COUNT = 1000
JSON = "application/json"


def item(number: int, **members: Any) -> dict[str, Any]:
    """Return an item with its link."""
    return {"name": f"item {number}", "price": number / 8, **members, "_links": {"self": {"href": f"/items/{number}"}}}


def served(origin: OriginHandle, items: list[dict[str, Any]]) -> None:
    """Let the origin server hold a list, and each of the items under a text of its own."""
    origin.seed("/items", json.dumps({"_embedded": {"items": items}}, indent=1).encode(), JSON)


@contextmanager
def clientele() -> Iterator[tuple[OriginHandle, Client]]:
    """Run an origin server with a list, the proxy, and one client."""
    with running_origin() as origin, running_proxy(config=f"upstream: {origin.url}\n{EXAMPLE}") as proxy:
        items = [item(number) for number in range(COUNT)]
        served(origin, items)
        for number in (7, 8):
            origin.seed(f"/items/{number}", json.dumps(items[number], sort_keys=True).encode(), JSON)
        with closing(Client(proxy.url)) as client:
            yield origin, client


def test_a_list_tells_the_tags_of_its_items() -> None:
    """Of a thousand items each has a tag, which is the one that its own GET shows, and lets one write through."""
    with clientele() as (origin, client):
        heard = client.ask("GET", "/items")
        shown = json.loads(heard.content)
        items = shown["_embedded"]["items"]
        assert len({entry["_etag"] for entry in items}) == COUNT
        assert shown["_etag"] == heard.fields["etag"]
        assert items[7]["_etag"] == client.ask("GET", "/items/7").fields["etag"]
        mine = json.dumps({**items[7], "name": "mine"}).encode()
        written = client.ask("PUT", "/items/7", mine, If_Match=items[7]["_etag"], Content_Type=JSON)
        late = client.ask("PUT", "/items/7", mine, If_Match=items[7]["_etag"], Content_Type=JSON)
        assert (written.status, late.status) == (204, 412)
        assert json.loads(origin.peek("/items/7") or b"") == item(7, name="mine")
        assert len(origin.writes("/items/7")) == 1


def test_a_tag_from_a_list_is_stale_once_the_item_has_changed() -> None:
    """Written past the proxy, after the list was read: the write is refused and not forwarded."""
    with clientele() as (origin, client):
        items = json.loads(client.ask("GET", "/items").content)["_embedded"]["items"]
        origin.seed("/items/8", json.dumps(item(8, name="theirs")).encode(), JSON)
        heard = client.ask("PUT", "/items/8", b"{}", If_Match=items[8]["_etag"], Content_Type=JSON)
        assert heard.status == 412
        assert origin.log("PUT") == []


def test_every_way_to_read_agrees() -> None:
    """HEAD has the length of GET, a 304 its tag, a range is the whole, and a list is written under its own tag."""
    with clientele() as (origin, client):
        whole = client.ask("GET", "/items")
        head = client.ask("HEAD", "/items")
        assert int(head.fields["content-length"]) == len(whole.content)
        unchanged = client.ask("GET", "/items", If_None_Match=whole.fields["etag"])
        assert (head.fields["etag"], unchanged.status) == (whole.fields["etag"], 304)
        part = client.ask("GET", "/items", Range="bytes=0-9")
        assert (part.status, part.content) == (200, whole.content)
        plain = client.ask("GET", "/items", Cache_Control="no-transform")
        assert plain.content == origin.peek("/items")
        assert plain.fields["etag"] == whole.fields["etag"]
        written = client.ask("PUT", "/items", whole.content, If_Match=whole.fields["etag"], Content_Type=JSON)
        assert written.status == 204
        assert b"_etag" not in (origin.peek("/items") or b"_etag")
        assert client.ask("GET", "/items").content == whole.content


def test_a_relayed_post_carries_no_tag() -> None:
    """A copy of an item that is posted to the list takes no lock, and leaves its tag here as well."""
    with clientele() as (origin, client):
        copy = json.loads(client.ask("GET", "/items/7").content)
        client.ask("POST", "/items", json.dumps(copy).encode(), Content_Type=JSON)
        (posted,) = origin.log("POST")
        forwarded = json.dumps({name: copy[name] for name in copy if name != "_etag"}, separators=(",", ":")).encode()
        assert (posted.length, posted.digest) == (len(forwarded), sha256(forwarded).hexdigest())
        assert posted.get("content-length") == str(len(forwarded))


def test_the_documentation_shows_what_a_client_sees() -> None:
    """Its list has the tags that it says, and without them it is what the origin server holds."""
    with clientele() as (origin, client):
        shown = json.loads(SHOWN)
        listed = [{name: entry[name] for name in entry if name != "_etag"} for entry in shown["_embedded"]["items"]]
        served(origin, listed)
        assert json.loads(client.ask("GET", "/items").content) == shown
