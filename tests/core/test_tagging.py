"""All that is made of content, in one function."""

import pickle
from dataclasses import replace

import pytest

from proxy.core.fields import Fields
from proxy.core.matching import Match, Routes
from proxy.core.message import Request, Response
from proxy.core.minting import Minter
from proxy.core.tagging import tagged, tagged_content
from proxy.core.target import parse
from tests.support.injecting import ITEM, JSON_TYPE, LIST, Site, linked

ROUTES = Routes([ITEM, LIST])
MINTER = Minter("secret")
ASKED = (("Host", "api.example"),)
CONTENT = {"items": [linked("/items/1", a=1)]}


def asked(path: str) -> tuple[Request, Match]:
    """Return a request and its match."""
    request = Request("GET", parse(path, None), Fields(ASKED))
    match = ROUTES.match("GET", request.target)
    assert match is not None
    return request, match


@pytest.mark.parametrize("path", ["/items", "/items/1"])
def test_the_reader_sees_it_with_its_tags(path: str) -> None:
    """The content is what injecting makes of it, and the validator what it is minted from."""
    seen = Site().get(path, CONTENT)
    untagged = Response(200, Fields([JSON_TYPE]), b'{"items": [{"a": 1, "_links": {"self": {"href": "/items/1"}}}]}')
    validator, shown = tagged(*asked(path), untagged, ROUTES, MINTER)
    assert (validator, shown) == (seen.validator, seen.response)


def test_counted_writes_and_the_whole_are_part_of_the_tag() -> None:
    """Another number is another tag; a view's begins with that of the whole."""
    request, match = asked("/items")
    response = Response(200, Fields([JSON_TYPE]), b"[]")
    whole, _ = tagged(request, match, response, ROUTES, MINTER)
    counted, _ = tagged(request, match, response, ROUTES, MINTER, writes=1)
    view, _ = tagged(request, match, response, ROUTES, MINTER, whole=whole)
    assert whole.tag != counted.tag
    assert MINTER.of_whole(view.tag) == whole.tag


@pytest.mark.parametrize(("path", "kind"), [("/items/1", JSON_TYPE), ("/items/1", ("Content-Type", "text/plain"))])
def test_unchanged_content_does_not_travel(path: str, kind: tuple[str, str]) -> None:
    """What is asked for head and content apart is the same, and content that nothing was done to is left out."""
    request, match = asked(path)
    head = Response(200, Fields([kind]))
    validator, shown = tagged(request, match, replace(head, content=b"[1]"), ROUTES, MINTER)
    again, changed = tagged_content(
        b"[1]", request=request, match=match, head=head, routes=ROUTES, minter=MINTER, writes=None, whole=None
    )
    assert again == validator
    assert shown.content == b"[1]"
    assert changed is None


def test_all_of_it_can_be_sent_to_another_process() -> None:
    """The request, its match, the routes with their paths, the minter, the validator."""
    request, match = asked("/items")
    response = Response(200, Fields([JSON_TYPE]), b'{"items": []}')
    here = tagged(request, match, response, ROUTES, MINTER)
    there = pickle.loads(pickle.dumps((request, match, response, ROUTES, MINTER)))  # noqa: S301 - made here
    assert pickle.loads(pickle.dumps(tagged(*there))) == here  # noqa: S301 - likewise
