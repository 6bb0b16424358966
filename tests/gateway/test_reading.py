"""What a request goes through that changes nothing: identified, relayed, or answered from a selection."""

from dataclasses import replace

import pytest

from proxy.core.canonical import CanonicalJson
from proxy.core.minting import TagRules, UpstreamTag
from proxy.core.preconditions import Policy, Require
from proxy.core.route import Guard, Limits, Route, UnconditionalPost, Unmatched
from proxy.core.template import Template
from proxy.core.verdict import NotModified, PreconditionFailed
from proxy.errors import Outcome, OutcomeUnknown, Unanswered
from proxy.gateway import Kind
from tests.support.scripted import TEXT, Canned, Rig, answering, request
from tests.support.world import SilentJournal

WIKI = Route("wiki", Template.parse("/wiki/{id}"))
CONTENT = b"0123456789"
JSON = (("Content-Type", "application/json"),)


def showing(*lines: tuple[str, str], route: Route = WIKI, content: bytes = CONTENT, status: int = 200) -> Rig:
    """Return a gateway before an origin server with that representation."""
    return Rig(answering(Canned(status, content, (*TEXT, *lines))), route)


@pytest.mark.parametrize(
    ("method", "path", "lines", "route", "kind"),
    [
        ("GET", "/wiki/1", [], WIKI, Kind.OBSERVE),
        ("HEAD", "/wiki/1", [], WIKI, Kind.OBSERVE),
        ("OPTIONS", "/wiki/1", [], WIKI, Kind.RELAY),
        ("PUT", "/wiki/1", [], WIKI, Kind.GUARD),
        ("DELETE", "/WIKI//1/", [], WIKI, Kind.GUARD),
        ("PROPPATCH", "/wiki/1", [], WIKI, Kind.GUARD),
        ("PUT", "/wiki/1", [], replace(WIKI, guard=Guard.OFF), Kind.RELAY),
        ("POST", "/wiki/1", [], WIKI, Kind.RELAY),
        ("POST", "/wiki/1", [("If-Match", '"a"')], WIKI, Kind.GUARD),
        ("POST", "/wiki/1", [], replace(WIKI, unconditional_post=UnconditionalPost.LOCK), Kind.GUARD),
        ("POST", "/wiki/1", [], replace(WIKI, policy=Policy(Require.EXISTING)), Kind.GUARD),
        ("GET", "/wiki/1", [], replace(WIKI, state=Template.parse("/state/{id}")), Kind.RELAY),
        ("PUT", "/wiki/1", [], replace(WIKI, state=Template.parse("/state/{id}")), Kind.GUARD),
        ("PUT", "/other", [], WIKI, Kind.RELAY),
    ],
)
def test_each_request_has_one_kind(
    method: str, path: str, lines: list[tuple[str, str]], route: Route, kind: Kind
) -> None:
    """What is guarded is decided by the route and the method alone; unknown methods are unsafe."""
    rig = showing(route=route)
    assert rig.gateway.identify(request(method, path, *lines)).kind is kind


@pytest.mark.parametrize(
    ("unmatched", "kind"),
    [(Unmatched.RELAY, Kind.RELAY), (Unmatched.GUARD, Kind.GUARD), (Unmatched.REJECT, Kind.REJECT)],
)
def test_what_no_route_matches(unmatched: Unmatched, kind: Kind) -> None:
    """`unmatched` speaks for every target that no route names."""
    rig = Rig(answering(Canned()), WIKI, unmatched)
    assert rig.gateway.identify(request("PUT", "/other")).kind is kind


async def test_a_representation_gets_the_tag_of_its_content() -> None:
    """The same content has the same tag, other content another; everything else of the answer stays."""
    rig = showing(("X-Theirs", "1"), ("Date", "Sun, 06 Nov 1994 08:49:37 GMT"))
    answer = await rig.get()
    assert answer.response is not None
    assert answer.response.content == CONTENT
    fields = dict(answer.response.fields)
    assert fields.pop("ETag") == rig.tag(CONTENT) != rig.tag(b"other")
    assert fields == {
        "Content-Type": "text/plain",
        "X-Theirs": "1",
        "Date": "Sun, 06 Nov 1994 08:49:37 GMT",
        "Accept-Ranges": "bytes",
    }


async def test_not_modified_carries_what_the_standard_lists() -> None:
    """RFC 9110 §15.4.5: Cache-Control, Content-Location, Date, ETag, Expires, Vary, and nothing else."""
    rig = showing(("Cache-Control", "no-cache"), ("Vary", "Accept"), ("X-Theirs", "1"), ("Content-Length", "10"))
    answer = await rig.get("/wiki/1", ("If-None-Match", f'"x", W/{rig.tag(CONTENT)}'))
    assert isinstance(answer.verdict, NotModified)
    assert answer.response is not None
    assert (answer.response.status, answer.response.content) == (304, b"")
    assert answer.response.fields.names() == {"cache-control", "vary", "etag"}


async def test_if_match_on_a_read() -> None:
    """A GET with a stale If-Match is refused like any other request (RFC 9110 §13.1.1)."""
    answer = await showing().get("/wiki/1", ("If-Match", '"stale"'))
    assert isinstance(answer.verdict, PreconditionFailed)
    assert answer.response is None


@pytest.mark.parametrize(
    ("lines", "status", "content"),
    [
        ([("Range", "bytes=2-4")], 206, b"234"),
        ([("Range", "bytes=-3")], 206, b"789"),
        ([("Range", "bytes=20-")], 416, b""),
        ([("Range", "bytes=0-1,4-5")], 200, CONTENT),
        ([("Range", "pages=1")], 200, CONTENT),
        ([("Range", "bytes=2-4"), ("If-Range", '"other"')], 200, CONTENT),
    ],
)
async def test_ranges_are_cut_from_the_minted_representation(
    lines: list[tuple[str, str]], status: int, content: bytes
) -> None:
    """The origin server is never asked for a part, so a tag always names the whole."""
    rig = showing(("Content-Length", "10"))
    answer = await rig.get("/wiki/1", *lines)
    assert answer.response is not None
    assert (answer.response.status, answer.response.content) == (status, content)
    assert answer.response.fields.get("etag") == rig.tag(CONTENT)
    assert "range" not in rig.upstream.sent[0].request.fields


async def test_if_range_with_the_current_tag_gets_its_part() -> None:
    """If-Range compares strongly with the minted tag."""
    rig = showing()
    answer = await rig.get("/wiki/1", ("Range", "bytes=0-0"), ("If-Range", rig.tag(CONTENT)))
    assert answer.response is not None
    assert answer.response.fields.get("content-range") == "bytes 0-0/10"


async def test_canonical_routes_serve_no_ranges() -> None:
    """A tag that names many byte sequences promises nothing about a part of one."""
    rig = showing(("Accept-Ranges", "bytes"), route=replace(WIKI, rules=TagRules(CanonicalJson())))
    answer = await rig.get("/wiki/1", ("Range", "bytes=0-1"))
    assert answer.response is not None
    assert answer.response.status == 200
    assert answer.response.fields.get_all("accept-ranges") == ("none",)


@pytest.mark.parametrize(
    ("status", "lines", "limit"),
    [
        (404, (), 100),
        (403, (), 100),
        (302, (), 100),
        (500, (), 100),
        (206, (), 100),
        (200, (), 5),
        (200, (("Content-Type", "text/event-stream"),), 100),
    ],
)
async def test_what_is_no_representation_is_relayed_without_a_tag(
    status: int, lines: tuple[tuple[str, str], ...], limit: int
) -> None:
    """No tag is minted from it, its own weak one is not passed on, and its content is streamed."""
    canned = Canned(status, CONTENT, (*(lines or TEXT), ("ETag", 'W/"theirs"')))
    rig = Rig(answering(canned), replace(WIKI, limits=Limits(mint=limit)))
    answer = await rig.get("/wiki/1", ("If-None-Match", "*"))
    assert answer.response is not None
    assert answer.response.status == status
    assert "etag" not in answer.response.fields
    assert answer.rest is canned


async def test_a_range_of_what_is_too_large_to_mint_is_the_origin_servers() -> None:
    """A part of a large file is asked for as the client asked, so seeking in it still works."""
    rig = showing(route=replace(WIKI, limits=Limits(mint=5)))
    await rig.get("/wiki/1", ("Range", "bytes=2-4"))
    assert [sent.request.fields.get("range") for sent in rig.upstream.sent] == [None, "bytes=2-4"]


@pytest.mark.parametrize(
    ("policy", "theirs", "kept"),
    [
        (UpstreamTag.AUTO, '"v1"', True),
        (UpstreamTag.AUTO, 'W/"v1"', False),
        (UpstreamTag.KEEP, 'W/"v1"', True),
        (UpstreamTag.REPLACE, '"v1"', False),
    ],
)
async def test_the_origin_servers_own_tags(policy: UpstreamTag, theirs: str, kept: bool) -> None:
    """One tag speaks for a representation: theirs where the route keeps it, else ours."""
    rig = showing(("ETag", theirs), route=replace(WIKI, rules=TagRules(upstream=policy)))
    answer = await rig.get()
    assert answer.response is not None
    expected = theirs if kept else rig.tag(CONTENT)
    assert answer.response.fields.get_all("etag") == (expected,)


@pytest.mark.parametrize(("method", "outcome"), [("POST", Outcome.UNKNOWN), ("OPTIONS", Outcome.NOT_APPLIED)])
async def test_a_relayed_request_without_an_answer(method: str, outcome: Outcome) -> None:
    """G3 holds on unguarded routes too: an unsafe request that left may have been applied."""
    rig = Rig(answering(Canned(), Unanswered("cut")))
    asked = request(method, "/other")
    with pytest.raises(Unanswered if outcome is Outcome.NOT_APPLIED else OutcomeUnknown) as raised:
        await rig.gateway.relay(asked, None, rig.gateway.identify(asked), SilentJournal())
    assert raised.value.outcome is outcome


async def test_unguarded_requests_pass_untouched() -> None:
    """Preconditions go to the origin server, its tags come back (RFC 9110 §13.2.1)."""
    canned = Canned(200, CONTENT, (("ETag", 'W/"theirs"'),))
    rig = Rig(answering(Canned(), canned))
    asked = request("PUT", "/other", ("If-Match", '"theirs"'))
    answer = await rig.gateway.relay(asked, None, rig.gateway.identify(asked), SilentJournal())
    assert rig.upstream.sent[0].request is asked
    assert answer.response is not None
    assert answer.response.fields == canned.fields
    assert answer.rest is canned
