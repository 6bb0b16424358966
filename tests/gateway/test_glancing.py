"""A read that takes one look at the origin server: which reads these are, and that they come to what `observe` says."""

import asyncio
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.canonical import CanonicalJson
from proxy.core.effort import LARGE
from proxy.core.entity_tag import TOLERANT
from proxy.core.fields import Fields
from proxy.core.injection import Injection
from proxy.core.matching import Match
from proxy.core.message import Response
from proxy.core.minting import Validator
from proxy.core.moment import Moment
from proxy.core.preconditions import Policy, Require
from proxy.core.route import Guard, Limits, Query, Route, SelectRules, TagOnWrite, Timeouts, Unmatched
from proxy.core.tag_rules import Aba, TagRules, UpstreamTag
from proxy.core.template import Template
from proxy.core.verdict import NotModified, Perform, Verdict
from proxy.core.version import FieldVersion, MemberVersion
from proxy.errors import MalformedPrecondition
from proxy.gateway import Answer
from proxy.gateway.asking import spoken
from proxy.gateway.exchange import matched
from proxy.gateway.glancing import Glance
from proxy.gateway.reading import KNOWN
from proxy.ports import Budget, Remembered
from tests.support.memories import ClockedState
from tests.support.scripted import TEXT, Canned, Rig, answering, request

WIKI = Route("wiki", Template.parse("/wiki/{id}"))
JSON = TagRules(CanonicalJson())
Line = tuple[str, str]


def glanced(rig: Rig, *lines: Line, method: str = "GET", path: str = "/wiki/1") -> Glance | None:
    """What has to be looked at for a request."""
    asked = request(method, path, *lines)
    return rig.gateway.glance(asked, rig.gateway.identify(asked))


def rig_of(**rules: Any) -> Rig:
    """A gateway whose route has these rules."""
    return Rig(answering(Canned()), replace(WIKI, **rules))


# ------------------------------------------------------------------------------------------------ which reads these are

PLAIN: dict[str, dict[str, Any]] = {
    "the default": {},
    "one for GET": {"methods": frozenset({"GET"})},
    "a view without a query": {"query": Query.VIEW},
    "another query": {"query": Query.IDENTITY},
    "strict writes": {"policy": Policy(Require.ALWAYS), "missing_status": 403},
    "canonical JSON": {"rules": JSON},
    "a version": {"rules": TagRules(version=FieldVersion("Last-Modified"))},
    "what selects": {"select": SelectRules(fields=frozenset({"x-tenant"}))},
    "nothing selects": {"select": SelectRules(fields=frozenset())},
    "a fence": {"fence": "Fencing-Token"},
    "a tag on every write": {"etag_on_write": TagOnWrite.ALWAYS},
}
NOT_PLAIN: dict[str, dict[str, Any]] = {
    "off": {"guard": Guard.OFF},
    "reported on": {"guard": Guard.REPORT},
    "one for PUT": {"methods": frozenset({"PUT"})},
    "a state of its own": {"state": Template.parse("/state/{id}")},
    "trust": {"trust": 0.001, "etag_on_write": TagOnWrite.NEVER},
    "writes are counted": {"rules": TagRules(aba=Aba.DETECT)},
    "tags go into content": {"rules": JSON, "inject": Injection()},
}


def match_of(rig: Rig, path: str = "/wiki/1") -> Match:
    """Return the match of a read."""
    return matched(rig.gateway.identify(request("GET", path)))


def selector_of(rig: Rig, glance: Glance, path: str = "/wiki/1") -> bytes:
    """Return what another must equal that it speaks for."""
    return spoken(match_of(rig, path), glance.selects)


@pytest.mark.parametrize("rules", PLAIN.values(), ids=PLAIN.keys())
def test_a_get_on_a_plain_route_takes_one_look(rules: dict[str, Any]) -> None:
    """Whatever its preconditions, and whatever the rules that concern writes, tags and what selects."""
    rig = rig_of(**rules)
    for lines in ([], [("If-None-Match", "*")], [("If-Match", '"a"')], [("If-Range", '"a"')], [("Prefer", "x")]):
        assert glanced(rig, *lines) is not None
        assert glanced(rig, *lines, path="/WIKI/1/") is not None


@pytest.mark.parametrize("rules", NOT_PLAIN.values(), ids=NOT_PLAIN.keys())
def test_a_get_on_another_route_takes_more(rules: dict[str, Any]) -> None:
    """A memory is asked, writes are counted, content is changed, refusals are only told, or nothing is guarded."""
    assert glanced(rig_of(**rules)) is None


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "POST", "DELETE", "get", "QUERY"])
def test_another_method_takes_more(method: str) -> None:
    """HEAD too, of which the answer has no content."""
    assert glanced(rig_of(), method=method) is None


@pytest.mark.parametrize("value", ["bytes=0-1", "pages=1", ""])
def test_a_part_takes_more(value: str) -> None:
    """As does everything that looks like one."""
    assert glanced(rig_of(), ("range", value)) is None


def test_a_view_takes_more() -> None:
    """Two looks; on other routes a query changes nothing about that."""
    assert glanced(rig_of(query=Query.VIEW), path="/wiki/1?a=b") is None
    assert glanced(rig_of(query=Query.VIEW), path="/wiki/1?") is not None
    assert glanced(rig_of(query=Query.IDENTITY), path="/wiki/1?a=b") is not None
    assert glanced(rig_of(), path="/wiki/1?a=b") is not None


@pytest.mark.parametrize(
    ("unmatched", "one"), [(Unmatched.RELAY, False), (Unmatched.REJECT, False), (Unmatched.GUARD, True)]
)
def test_what_no_route_names(unmatched: Unmatched, one: bool) -> None:
    """It takes one look where the default rules guard it."""
    assert (glanced(Rig(answering(Canned()), WIKI, unmatched), path="/other") is not None) == one


@pytest.mark.parametrize("line", [("If-Match", "a"), ("If-None-Match", '"a'), ("If-Match", "")])
def test_a_malformed_precondition_is_refused_before_the_look(line: Line) -> None:
    """As `observe` refuses it; not where the route tolerates that spelling."""
    with pytest.raises(MalformedPrecondition):
        glanced(rig_of(), line)
    if line == ("If-Match", "a"):
        assert glanced(rig_of(policy=Policy(tolerated=TOLERANT)), line) is not None


@pytest.mark.parametrize("rules", PLAIN.values(), ids=PLAIN.keys())
async def test_the_look_is_the_selection_of_every_read(rules: dict[str, Any]) -> None:
    """The request that `observe` sends, within the route's time; it speaks for what that remembers it by."""
    timeouts = Timeouts(connect=1.5, select=2.5)
    rig = rig_of(timeouts=timeouts, **rules)
    lines = [("Accept", "text/*"), ("Range-Unit", "x"), ("X-Tenant", "a"), ("If-None-Match", '"a"')]
    lines += [("Authorization", "me"), ("traceparent", "t"), ("Fencing-Token", "9"), ("Cache-Control", "no-cache")]
    glance = glanced(rig, *lines, path="/wiki/1?")
    assert glance is not None
    assert glance.budget == Budget(1.5, 2.5)
    key, selector = match_of(rig, "/wiki/1?").lock_key, selector_of(rig, glance, "/wiki/1?")
    assert await rig.state.recall(key, selector) is None
    await rig.get("/wiki/1?", *lines)
    assert [sent.request for sent in rig.upstream.sent] == [glance.asked]
    assert await rig.state.recall(key, selector) is not None


# ------------------------------------------------------------------------------------------------- what they come to

DATE, LATER = "Sun, 06 Nov 1994 08:49:37 GMT", "Mon, 07 Nov 1994 08:49:37 GMT"
MINT = 50
CURRENT = "the current tag"

RULES = {
    "the default": TagRules(),
    "canonical JSON": JSON,
    "canonical JSON, less": TagRules(CanonicalJson(ignore=("/b",))),
    "theirs, weak too": TagRules(upstream=UpstreamTag.KEEP),
    "never theirs": TagRules(upstream=UpstreamTag.REPLACE),
    "a member": TagRules(version=MemberVersion("/a")),
    "a field": TagRules(version=FieldVersion("Last-Modified")),
}

kinds = st.sampled_from(["text/plain", "application/json", "text/event-stream", "Application/Problem+JSON; x=y", None])
others = st.lists(
    st.sampled_from(
        [
            ("ETag", '"v1"'),
            ("ETag", 'W/"v1"'),
            ("ETag", "v1"),
            ("Last-Modified", DATE),
            ("Last-Modified", LATER),
            ("Date", DATE),
            ("Vary", "Accept, Origin"),
            ("Content-Language", "de"),
            ("Content-Encoding", "gzip"),
            ("Accept-Ranges", "bytes"),
            ("Accept-Ranges", "none"),
            ("Cache-Control", "max-age=1"),
            ("Set-Cookie", "a=b"),
            ("Access-Control-Allow-Origin", "*"),
            ("Content-Location", "/wiki/1.de"),
        ]
    ),
    max_size=5,
)
contents = st.sampled_from([b"", b"a", b'{"a":1}', b'{ "a": 1, "b": 2 }', b'{"a":', b"\xff" * MINT, b"b" * (MINT + 1)])


@st.composite
def canned(draw: st.DrawFn) -> Canned:
    """An answer of an origin server."""
    kind = draw(kinds)
    lines = ([] if kind is None else [("Content-Type", kind)]) + draw(others)
    status = draw(st.sampled_from([200, 200, 200, 200, 201, 204, 206, 301, 304, 401, 404, 410, 500]))
    return Canned(status, draw(contents), tuple(lines))


tags = st.sampled_from([CURRENT, f"W/{CURRENT}", "*", '"v1"', 'W/"v1"', '"x"', f'"x", {CURRENT}', '"never', "v1"])
dates = st.sampled_from([DATE, LATER, "no date"])
asking = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["If-Match", "If-None-Match", "If-Range"]), tags),
        st.tuples(st.sampled_from(["If-Modified-Since", "If-Unmodified-Since"]), dates),
        st.sampled_from([("Cache-Control", "no-cache"), ("Prefer", "return=representation"), ("traceparent", "x")]),
    ),
    max_size=3,
)


@dataclass(frozen=True)
class Read:
    """A read so many seconds after the one before, and what the origin server shows then."""

    shown: Canned
    lines: list[Line]
    seconds: float

    def asked(self, rig: Rig) -> list[Line]:
        """What is asked, with the tag of what is shown where that is meant."""
        match = rig.gateway.identify(request("GET", "/wiki/1")).match
        assert match is not None
        seen = Response(200, self.shown.fields, self.shown.content)
        current = str(rig.minter.mint(match.tag_key, seen, rig.route.rules).tag).removeprefix("W/")
        return [(name, value.replace(CURRENT, current)) for name, value in self.lines]


reads = st.lists(
    st.builds(Read, canned(), asking, st.sampled_from([0.0, 1.0, KNOWN / 2, KNOWN, 2 * KNOWN])), min_size=1, max_size=4
)


class Reader:
    """A gateway with a memory of its own, and what that was told. `shown` is what the origin server shows."""

    def __init__(self, route: Route) -> None:
        self.shown = Canned()
        self.changes = 0
        self.clock = ClockedState(on_change=self.changed)
        self.rig = Rig(lambda *_: self.shown, route, state=self.clock)

    def changed(self) -> None:
        self.changes += 1

    async def kept(self, read: Read) -> tuple[object, ...]:
        """What the memory has of a read: all but when it began, of which it tells how long ago that was."""
        asked = request("GET", "/wiki/1", *read.asked(self.rig))
        match = self.rig.gateway.identify(asked).match
        assert match is not None
        known = await self.clock.recall(match.lock_key, self.rig.gateway.selector(asked, match))
        if known is None:
            return (self.changes,)
        ago = round(self.clock.now().since(known.began))
        return self.changes, known.current, known.fields, known.firm, ago

    async def observed(self, read: Read) -> Answer | MalformedPrecondition:
        """Read the long way."""
        self.clock.forward(read.seconds)
        self.shown = read.shown
        try:
            return await self.rig.get("/wiki/1", *read.asked(self.rig))
        except MalformedPrecondition as malformed:
            return malformed

    def glimpsed(self, read: Read) -> tuple[Verdict, Response] | MalformedPrecondition | None:
        """Read the short way."""
        self.clock.forward(read.seconds)
        try:
            glance = glanced(self.rig, *read.asked(self.rig))
        except MalformedPrecondition as malformed:
            return malformed
        assert glance is not None
        seen = Response(read.shown.status, read.shown.fields, read.shown.content)
        found = self.looked(glance, seen)
        return None if found is None else (found[0], self.rig.gateway.shown(match_of(self.rig), seen, *found))

    def looked(self, glance: Glance, seen: Response, began: Moment | None = None) -> tuple[Verdict, Validator] | None:
        """Return what a look comes to, that began now unless it is said when."""
        gateway, selector = self.rig.gateway, selector_of(self.rig, glance)
        return gateway.glimpsed(match_of(self.rig), glance.conditions, selector, began or gateway.began(), seen)


@given(st.sampled_from(list(RULES.values())), st.sampled_from([Policy(), Policy(tolerated=TOLERANT)]), reads)
def test_a_glance_comes_to_what_observing_does(rules: TagRules, policy: Policy, several: list[Read]) -> None:
    """Verdict and answer are the same, and so is what is remembered; None is what takes more: a refusal, or a relay."""

    async def law() -> None:
        route = replace(WIKI, rules=rules, policy=policy, limits=Limits(mint=MINT))
        long, short = Reader(route), Reader(route)
        for read in several:
            answer, glimpse = await long.observed(read), short.glimpsed(read)
            if isinstance(answer, MalformedPrecondition):
                assert isinstance(glimpse, MalformedPrecondition)
                assert glimpse.detail == answer.detail
            elif answer.response is None or answer.rest is not None:
                assert glimpse is None
                await short.observed(replace(read, seconds=0.0))  # as who gets None does
            else:
                assert glimpse == (answer.verdict, answer.response)
            assert await short.kept(read) == await long.kept(read)

    asyncio.run(law())


@pytest.mark.parametrize(
    ("lines", "verdict", "status"),
    [
        ([], Perform, 200),
        ([("If-None-Match", '"x"')], Perform, 200),
        ([("If-None-Match", CURRENT)], NotModified, 304),
        ([("If-Match", CURRENT)], Perform, 200),
        ([("If-Match", '"x"')], None, None),
        ([("If-Unmodified-Since", DATE)], None, None),
    ],
)
def test_what_is_glimpsed(lines: list[Line], verdict: type[Verdict] | None, status: int | None) -> None:
    """Each kind of end that the law above speaks of does come about."""
    reader = Reader(WIKI)
    glimpse = reader.glimpsed(Read(Canned(200, b"a", (*TEXT, ("Last-Modified", LATER))), lines, 0.0))
    if verdict is None:
        assert glimpse is None
        return
    assert isinstance(glimpse, tuple)
    assert isinstance(glimpse[0], verdict)
    assert (glimpse[1].status, glimpse[1].content) == (status, b"a" if status == 200 else b"")
    assert glimpse[1].fields.get("etag") == reader.rig.tag(b"a", lines=(*TEXT, ("Last-Modified", LATER)))


@pytest.mark.parametrize(
    ("content", "kind", "rules", "short"),
    [
        (LARGE // 32 - 1, "text/plain", TagRules(), True),
        (LARGE - 1, "text/plain", TagRules(), True),
        (LARGE, "text/plain", TagRules(), False),
        (LARGE // 4 - 1, "application/json", JSON, True),
        (LARGE // 4, "application/json", JSON, False),
        (LARGE // 4, "text/plain", JSON, True),
    ],
)
def test_what_takes_long_is_not_done_here(content: int, kind: str, rules: TagRules, short: bool) -> None:
    """Its content is hashed, or read, where that keeps nobody waiting; nothing is remembered of it here."""
    reader = Reader(replace(WIKI, rules=rules))
    read = Read(Canned(200, b"1" * content, (("Content-Type", kind),)), [], 0.0)
    assert (reader.glimpsed(read) is not None) == short
    assert (len(asyncio.run(reader.kept(read))) > 1) == short


def test_what_came_too_late_is_not_remembered() -> None:
    """A look that began before a write tells nothing of what there is after it, though it ended later."""
    reader = Reader(WIKI)
    glance = glanced(reader.rig)
    assert glance is not None
    began = reader.rig.gateway.began()
    asyncio.run(reader.clock.forget(match_of(reader.rig).lock_key))
    assert reader.looked(glance, Response(200, Fields(TEXT), b"a"), began) is not None
    assert asyncio.run(reader.kept(Read(Canned(), [], 0.0))) == (0,)


def test_a_state_that_is_known_is_not_mentioned_again() -> None:
    """A second look costs the memory nothing; another state is kept at once."""
    reader = Reader(WIKI)
    glance = glanced(reader.rig)
    assert glance is not None

    def look(content: bytes) -> tuple[Validator, Remembered | None]:
        found = reader.looked(glance, Response(200, Fields(TEXT), content))
        assert found is not None
        key, selector = match_of(reader.rig).lock_key, selector_of(reader.rig, glance)
        return found[1], asyncio.run(reader.clock.recall(key, selector))

    (_, first), (_, second), (other, third) = look(b"a"), look(b"a"), look(b"b")
    assert first is second
    assert third is not None
    assert third.current == other
    assert reader.changes == 1
