"""The answers that are made from a selected representation: the corners that tests/gateway does not reach."""

from dataclasses import replace

import pytest

from proxy.core.entity_tag import EntityTag
from proxy.core.fields import Fields
from proxy.core.injection import Injection
from proxy.core.matching import Match, Routes
from proxy.core.message import Request, Response
from proxy.core.minting import Validator
from proxy.core.preconditions import Preconditions
from proxy.core.presenting import Statement, ranged, statement, tagged, untagged, written
from proxy.core.route import Route, TagOnWrite
from proxy.core.tag_rules import TagRules, UpstreamTag
from proxy.core.target import parse
from proxy.core.template import Template

VALIDATOR = Validator(EntityTag("v"), None, minted=True)
RULES = TagRules()
WHOLE = tagged(Response(200, Fields([("Content-MD5", "x"), ("X-A", "1")]), b"0123456789"), VALIDATOR, RULES)


def asking(*lines: tuple[str, str], method: str = "GET") -> Request:
    """Return a request for the representation."""
    return Request(method, parse("/a", "h"), Fields(lines))


def test_there_is_one_tag() -> None:
    """The tag that is enforced replaces every other."""
    response = Response(200, Fields([("ETag", 'W/"a"'), ("etag", '"b"')]))
    assert tagged(response, VALIDATOR, RULES).fields.get_all("etag") == ('"v"',)


def test_a_part_carries_nothing_that_describes_the_whole() -> None:
    """Lengths and digests of the whole are wrong on a part."""
    request = asking(("Range", "bytes=1-2"))
    part = ranged(request, Preconditions(), WHOLE, VALIDATOR)
    assert (part.status, part.content) == (206, b"12")
    assert part.fields.names() == {"x-a", "etag", "accept-ranges", "content-range"}


def test_head_is_never_a_part() -> None:
    """RFC 9110 §14.2: Range is defined for GET alone."""
    request = asking(("Range", "bytes=1-2"), method="HEAD")
    assert ranged(request, Preconditions(), WHOLE, VALIDATOR) is WHOLE


def test_an_origin_server_that_serves_no_ranges_is_believed() -> None:
    """Its `Accept-Ranges: none` stays and the whole is sent."""
    whole = tagged(Response(200, Fields([("Accept-Ranges", "none")]), b"01"), VALIDATOR, RULES)
    assert ranged(asking(("Range", "bytes=0-0")), Preconditions(), whole, VALIDATOR) is whole


@pytest.mark.parametrize(
    ("policy", "theirs", "kept"),
    [(UpstreamTag.AUTO, '"a"', True), (UpstreamTag.AUTO, 'W/"a"', False), (UpstreamTag.REPLACE, '"a"', False)],
)
def test_tags_that_are_not_kept_are_not_shown(policy: UpstreamTag, theirs: str, kept: bool) -> None:
    """A tag that would be refused as If-Match is not handed out."""
    response = Response(200, Fields([("ETag", theirs)]))
    assert ("etag" in untagged(response, TagRules(upstream=policy)).fields) == kept


def test_a_kept_tag_beats_ours_after_a_write() -> None:
    """The origin server's own strong tag is the one that its next GET shows."""
    response = Response(204, Fields([("ETag", '"theirs"')]))
    assert written(response, EntityTag("ours"), RULES).fields.get_all("etag") == ('"theirs"',)
    assert written(Response(204, Fields()), EntityTag("ours"), RULES).fields.get_all("etag") == ('"ours"',)


def matched(route: Route, path: str) -> Match:
    """Return the match of a path under a route alone."""
    match = Routes([route]).match("PUT", parse(path, None))
    assert match is not None
    return match


def test_a_mapped_state_has_a_tag_after_a_post() -> None:
    """Where the route names the state, even a 201 can say its new tag; nothing verbatim is claimed of it."""
    route = Route(
        "cancel", Template.parse("/o/{id}/cancel"), state=Template.parse("/o/{id}"), etag_on_write=TagOnWrite.ALWAYS
    )
    assert statement(matched(route, "/o/1/cancel"), "POST", Response(201, Fields())) is Statement.CURRENT
    verbatim = Route("sub", Template.parse("/o/{id}/sub"), state=Template.parse("/o/{id}"))
    assert statement(matched(verbatim, "/o/1/sub"), "PUT", Response(204, Fields())) is Statement.NOTHING


def test_what_is_shown_with_a_tag_in_it_was_not_stored_as_it_was_sent() -> None:
    """RFC 9110 §9.3.4: where a GET shows more than a PUT sent, only who always wants a tag is told one."""
    route, done = Route("item", Template.parse("/items/{id}")), Response(204, Fields())
    assert statement(matched(route, "/items/1"), "PUT", done) is Statement.IF_VERBATIM
    assert statement(matched(replace(route, inject=Injection()), "/items/1"), "PUT", done) is Statement.NOTHING
    always = replace(route, inject=Injection(), etag_on_write=TagOnWrite.ALWAYS)
    assert statement(matched(always, "/items/1"), "PUT", done) is Statement.CURRENT
