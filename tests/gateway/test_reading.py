"""What a request goes through that changes nothing: identified, relayed, or answered from a selection."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from proxy.core import entity_tag
from proxy.core.canonical import CanonicalJson
from proxy.core.fields import Fields
from proxy.core.matching import Routes
from proxy.core.message import Request
from proxy.core.preconditions import Policy, Require
from proxy.core.route import Guard, Limits, Query, Route, TagOnWrite
from proxy.core.tag_rules import TagRules, UpstreamTag
from proxy.core.template import Template
from proxy.core.verdict import Indeterminate, NotModified, Perform, PreconditionFailed, PreconditionRequired, Reason
from proxy.errors import Failure, MalformedPrecondition, NotSent, Outcome, OutcomeUnknown, Unanswered, Unverifiable
from proxy.gateway import Answer, Kind
from proxy.ports import LeaseTerms, Purpose, Remembered
from tests.support.memories import ClockedState
from tests.support.scripted import TEXT, Canned, Rig, Sent, answering, request
from tests.support.world import SilentJournal, Text

WIKI = Route("wiki", Template.parse("/wiki/{id}"))
CONTENT = b"0123456789"
JSON = (("Content-Type", "application/json"),)


def showing(*lines: tuple[str, str], route: Route = WIKI, content: bytes = CONTENT, status: int = 200) -> Rig:
    """Return a gateway before an origin server with that representation."""
    return Rig(answering(Canned(status, content, (*TEXT, *lines))), route)


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
    rig = showing(("Cache-Control", "no-cache"), ("Vary", "Origin"), ("X-Theirs", "1"), ("Content-Length", "10"))
    answer = await rig.get("/wiki/1", ("If-None-Match", f'"x", W/{rig.tag(CONTENT)}'))
    assert isinstance(answer.verdict, NotModified)
    assert answer.response is not None
    assert (answer.response.status, answer.response.content) == (304, b"")
    assert answer.response.fields.names() == {"cache-control", "vary", "etag"}


@pytest.mark.parametrize(
    ("path", "content", "reason"),
    [
        ("/wiki/1", b"older", Reason.STALE),
        ("/wiki/2", CONTENT, Reason.ANOTHER_RESOURCE),
        ("", b"", Reason.NEVER_MINTED),
    ],
)
async def test_if_match_on_a_read(path: str, content: bytes, reason: Reason) -> None:
    """A GET with a stale If-Match is refused like any other request (RFC 9110 §13.1.1), and told why."""
    rig = showing()
    tag = rig.tag(content, path=path) if path else '"made-up"'
    answer = await rig.get("/wiki/1", ("If-Match", tag))
    assert answer.verdict == PreconditionFailed(reason, entity_tag.parse(rig.tag(CONTENT)))
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


@pytest.mark.parametrize("name", ["Fencing-Token", "fencing-token", "FENCING-TOKEN"])
async def test_a_relayed_request_has_no_fence(name: str) -> None:
    """What goes by the lock has none, so on a route that forwards fences a client cannot make one up."""
    rig = showing(route=replace(WIKI, fence="Fencing-Token"))
    await rig.relay("POST", (name, "999"), ("X-A", "1"))
    assert list(rig.upstream.sent[0].request.fields) == [("X-A", "1")]


# ------------------------------------------------------------------------------------------------ what is trusted

TRUST = 60.0
TRUSTING = replace(WIKI, trust=TRUST, etag_on_write=TagOnWrite.NEVER)
DATE, LATER = "Sun, 06 Nov 1994 08:49:37 GMT", "Mon, 07 Nov 1994 08:49:37 GMT"
SHOWN = (
    ("Date", LATER),
    ("Last-Modified", DATE),
    ("Cache-Control", "max-age=1"),
    ("Vary", "Origin"),
    ("X-Theirs", "1"),
)


class Trusting(Rig):
    """A gateway that trusts what it saw for a minute, on a clock of its own, and has seen the representation."""

    def __init__(self, canned: Canned | None = None, route: Route = TRUSTING) -> None:
        self.canned = canned or Canned(200, CONTENT, (*TEXT, *SHOWN))
        self.clock = ClockedState()
        super().__init__(answering(self.canned), route, state=self.clock)

    async def asks(self, *lines: tuple[str, str], method: str = "GET") -> bool:
        """Tell whether the origin server is asked when a client asks whether its copy is current."""
        before = len(self.upstream.sent)
        answer = await self.get("/wiki/1", ("If-None-Match", self.tag(CONTENT)), *lines, method=method)
        assert isinstance(answer.verdict, NotModified) or self.canned.content != CONTENT
        return len(self.upstream.sent) > before


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_trusted_tag_answers_304_by_itself(method: str) -> None:
    """RFC 9110 §15.4.5, RFC 9111 §5.1: with the fields of the 200 that a 304 repeats, and its age; nobody is asked."""
    rig = Trusting()
    await rig.get()
    rig.clock.forward(7)
    answer = await rig.get("/wiki/1", ("If-None-Match", rig.tag(CONTENT)), method=method)
    assert answer.verdict == NotModified(Reason.UNMODIFIED)
    assert answer.response is not None
    assert (answer.response.status, answer.response.content, answer.rest) == (304, b"", None)
    assert dict(answer.response.fields) == {
        "Date": LATER,
        "Cache-Control": "max-age=1",
        "Vary": "Origin",
        "ETag": rig.tag(CONTENT),
        "Age": "7",
    }
    assert len(rig.upstream.sent) == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (("If-None-Match", "*"), Reason.UNMODIFIED),
        (("If-Modified-Since", LATER), Reason.UNMODIFIED),
        (("If-Match", '"made-up"'), Reason.NEVER_MINTED),
        (("If-Unmodified-Since", "Sat, 05 Nov 1994 08:49:37 GMT"), Reason.MODIFIED),
        (("If-Match", "*"), None),
        (("If-None-Match", '"made-up"'), None),
        (("If-Modified-Since", "Sat, 05 Nov 1994 08:49:37 GMT"), None),
        (("If-Range", '"made-up"'), None),
        (("Range", "bytes=0-1"), None),
        (("X-None", ""), None),
    ],
)
async def test_what_a_trusted_tag_answers(line: tuple[str, str], reason: Reason | None) -> None:
    """304 and 412 and nothing else: where content is wanted the origin server is asked."""
    rig = Trusting()
    await rig.get()
    answer = await rig.get("/wiki/1", line)
    assert len(rig.upstream.sent) == (2 if reason is None else 1)
    refused_or_current = isinstance(answer.verdict, (NotModified, PreconditionFailed))
    assert (answer.verdict.reason if refused_or_current and answer.verdict else None) is reason


class Asked(ClockedState):
    """A memory that counts how often it is asked."""

    asked = 0

    async def recall(self, key: str, selector: bytes) -> Remembered | None:
        self.asked += 1
        return await super().recall(key, selector)


@pytest.mark.parametrize(("trust", "asked"), [(0.0, 0), (TRUST, 2)])
async def test_memory_is_asked_only_where_it_may_answer(trust: float, asked: int) -> None:
    """A store may be far away: without trust, or without a condition that it could decide, it is not gone to."""
    state = Asked()
    rig = Rig(answering(Canned(200, CONTENT)), replace(TRUSTING, trust=trust), state=state)
    await rig.get()
    await rig.get("/wiki/1", ("Range", "bytes=0-1"), ("If-Range", rig.tag(CONTENT)))
    await rig.write("PUT")
    assert state.asked == 0
    await rig.get("/wiki/1", ("If-None-Match", rig.tag(CONTENT)))
    await rig.write("PUT", ("If-Match", rig.tag(CONTENT)))
    assert state.asked == asked


async def test_trust_ends() -> None:
    """After `trust` seconds since the origin server was asked it is asked again, and then trusted anew."""
    rig = Trusting()
    await rig.get()
    rig.clock.forward(TRUST - 1)
    assert not await rig.asks()
    rig.clock.forward(2)
    assert await rig.asks()
    rig.clock.forward(TRUST - 1)
    assert not await rig.asks()


async def test_a_clock_that_is_not_well_known_is_trusted_for_less() -> None:
    """What may be older than `trust` seconds is not trusted, however likely it is younger."""
    state = ClockedState(blur=TRUST / 2 + 1)
    rig = Rig(answering(Canned(200, CONTENT)), TRUSTING, state=state)
    await rig.get()
    await rig.get("/wiki/1", ("If-None-Match", rig.tag(CONTENT)))
    assert len(rig.upstream.sent) == 2


async def test_nothing_is_trusted_unasked() -> None:
    """Without `trust` every GET asks the origin server."""
    rig = Trusting(route=replace(TRUSTING, trust=0.0))
    await rig.get()
    assert await rig.asks()


async def test_what_a_cache_may_have_said_is_not_trusted() -> None:
    """A route that trusts asks past every cache; what was seen when it did not yet trust may have come from one."""
    rig = Trusting(route=replace(TRUSTING, trust=0.0))
    await rig.get()
    rig.gateway.adopt(Routes([TRUSTING]))
    assert await rig.asks()
    assert [sent.request.fields.get("cache-control") for sent in rig.upstream.sent] == [None, "no-cache"]


@pytest.mark.parametrize(
    "line", [("Authorization", "Bearer x"), ("Cookie", "s=1"), ("Accept", "a/b"), ("Accept-Language", "de")]
)
async def test_trust_is_not_shared(line: tuple[str, str]) -> None:
    """I2: what one client was shown says nothing about what another may see, or about another representation."""
    rig = Trusting()
    await rig.get("/wiki/1", line)
    assert await rig.asks()
    assert await rig.asks((line[0], "other"))
    assert not await rig.asks(line)


@pytest.mark.parametrize("status", [404, 403, 500, 206])
async def test_what_is_no_representation_is_not_trusted(status: int) -> None:
    """A failure has no tag, and the next reader may be luckier."""
    rig = Trusting(Canned(status, CONTENT))
    for line in (("X-None", ""), ("If-None-Match", "*"), ("If-Match", "*")):
        answer = await rig.get("/wiki/1", line)
        assert answer.response is not None
        assert answer.response.status == status
    assert len(rig.upstream.sent) == 3


async def test_absence_answers_no_reader() -> None:
    """A refused write leaves in memory that there was nothing; a reader is still told so by the origin server."""
    rig = Trusting(Canned(404))
    assert (await rig.write("PUT", ("If-Match", "*"))).response is None
    answer = await rig.get("/wiki/1", ("If-Match", "*"))
    assert answer.response is not None
    assert answer.response.status == 404
    assert len(rig.upstream.sent) == 2


WRITES: dict[str, Callable[[Rig], Awaitable[object]]] = {
    "a write": lambda rig: rig.write("PUT"),
    "a write that names the state": lambda rig: rig.write("PUT", ("If-Match", rig.tag(CONTENT))),
    "a deletion": lambda rig: rig.write("DELETE"),
    "a POST by the lock": lambda rig: rig.relay("POST"),
    "another spelling": lambda rig: rig.relay("POST", path="/WIKI//1/"),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_a_write_ends_trust(write: Callable[[Rig], Awaitable[object]]) -> None:
    """Whatever goes through us and may change the resource makes what was seen before it forgotten; a read does not."""
    rig = Trusting()
    await rig.get()
    assert not await rig.asks()
    await write(rig)
    assert await rig.asks()
    assert not await rig.asks()


@pytest.mark.parametrize("write", [lambda rig: rig.write("PUT"), lambda rig: rig.relay("POST")])
@pytest.mark.parametrize("failure", [Unanswered("cut"), Unanswered("late", timed_out=True)])
async def test_a_write_of_unknown_outcome_ends_trust(
    write: Callable[[Rig], Awaitable[Answer]], failure: Unanswered
) -> None:
    """It may have been applied, and under an abandoned lease it may still be: nothing is trusted until that is over."""
    rig = Trusting()
    await rig.get()
    rig.upstream.script = answering(rig.canned, failure)
    with pytest.raises(OutcomeUnknown):
        await write(rig)
    assert [await rig.asks(), await rig.asks()] == [True, True]


async def test_a_relayed_write_whose_client_leaves_ends_trust(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for its answer any more, and it may have been applied."""
    rig, sending = Trusting(), asyncio.Event()
    await rig.get()

    async def sent(*_: object, **__: object) -> Canned:
        sending.set()
        return await asyncio.Future[Canned]()

    with monkeypatch.context() as patched:
        patched.setattr(rig.upstream, "send", sent)
        writing = asyncio.create_task(rig.relay("POST"))
        await sending.wait()
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
    assert [await rig.asks(), await rig.asks()] == [True, True]  # it may be applied yet


@pytest.mark.parametrize("write", [lambda rig: rig.relay("OPTIONS"), lambda rig: rig.write("PUT", ("If-Match", '"x"'))])
async def test_what_changes_nothing_does_not_end_trust(write: Callable[[Rig], Awaitable[Answer]]) -> None:
    """A safe request that is relayed, or a write that is refused, leaves memory alone."""
    rig = Trusting()
    await rig.get()
    await write(rig)
    assert not await rig.asks()


class Gated(Canned):
    """An answer whose content arrives when the gate is opened."""

    def __init__(self, content: bytes) -> None:
        super().__init__(200, content)
        self.begun, self.gate = asyncio.Event(), asyncio.Event()

    async def read(self, limit: int) -> bytes | None:
        self.begun.set()
        await self.gate.wait()
        return await super().read(limit)


@pytest.mark.parametrize("write", [lambda rig: rig.write("PUT"), lambda rig: rig.relay("POST")])
async def test_a_get_that_a_write_overtook_is_not_trusted(write: Callable[[Rig], Awaitable[Answer]]) -> None:
    """What began before the write and ends after it shows the old state; its client gets it, memory does not."""
    gated = Gated(CONTENT)
    rig = Trusting(gated)
    reading = asyncio.create_task(rig.get())
    await gated.begun.wait()
    await write(rig)
    gated.gate.set()
    assert (await reading).verdict == Perform(Reason.NO_CONDITIONS)
    assert await rig.asks()
    assert not await rig.asks()


async def test_a_client_that_wants_no_memory_is_shown_the_origin_server() -> None:
    """RFC 9111 §5.2.1.4: `no-cache` asks for what is current, trust or not."""
    rig = showing(route=replace(WIKI, trust=60.0))
    tag = (await rig.get()).response
    assert tag is not None
    condition = ("If-None-Match", tag.fields.get("etag") or "")
    before = len(rig.upstream.selects())
    await rig.get("/wiki/1", condition)
    assert len(rig.upstream.selects()) == before
    await rig.get("/wiki/1", condition, ("Cache-Control", "no-cache"))
    assert len(rig.upstream.selects()) == before + 1


REPORTING = replace(WIKI, guard=Guard.REPORT)


async def reported(rig: Rig, *lines: tuple[str, str]) -> Answer:
    """Report a PUT that is answered with 204 whatever it says."""
    asked = request("PUT", "/wiki/1", *lines)
    planned = rig.gateway.identify(asked)
    assert planned.kind is Kind.REPORT
    answer = await rig.gateway.report(asked, Text(b"new"), planned, SilentJournal())
    assert answer.response is not None
    assert (answer.response.status, answer.verdict) == (204, None)
    return answer


@pytest.mark.parametrize(
    ("line", "would"),
    [
        (("If-Match", '"x"'), PreconditionFailed),
        (("If-None-Match", "*"), PreconditionFailed),
        (("If-Match", "*"), Perform),
        (("X", "y"), Perform),
        (("If-Match", "nonsense"), MalformedPrecondition),
    ],
)
async def test_a_route_that_reports_refuses_nothing(line: tuple[str, str], would: type) -> None:
    """Every write is relayed, once, as it came, and what would have become of it is told."""
    rig = Rig(answering(Canned(200, CONTENT)), REPORTING)
    assert isinstance((await reported(rig, line)).would, would)
    (sent,) = relayed(rig)
    assert (sent.content, line in sent.request.fields.lines) == (b"new", True)


def relayed(rig: Rig) -> list[Sent]:
    """Return what was relayed."""
    return [sent for sent in rig.upstream.sent if sent.purpose is Purpose.RELAY]


UNTIL = ("If-Unmodified-Since", "Mon, 01 Jan 2024 00:00:00 GMT")


@pytest.mark.parametrize("name", ["If-Match", "If-None-Match"])
async def test_a_report_takes_no_condition_from_an_origin_server_that_has_its_own(name: str) -> None:
    """Who refuses stale writes goes on doing so; only a field that names a tag of ours means nothing there."""
    rig = Rig(answering(Canned(200, CONTENT)), replace(REPORTING, fence="Fence"))
    ours, elsewhere = rig.minted(CONTENT), rig.minted(CONTENT, path="/wiki/2")
    theirs = ['"theirs"', 'W/"theirs"', '"a", "b"', "*", "no tag"]
    mine = [str(ours), str(elsewhere), f'"theirs", {ours}', f"W/{ours}", ours.opaque, f'"{ours.opaque}-gzip"']
    for value in theirs + mine:
        rig.upstream.sent.clear()
        await reported(rig, (name, value), UNTIL, ("Fence", "9"))
        kept = [(name, value), UNTIL] if value in theirs else [UNTIL]
        assert [list(sent.request.fields) for sent in relayed(rig)] == [kept]


async def test_a_report_keeps_the_origin_servers_own_tag() -> None:
    """It names the state there, too; the tag of a view of it does not."""
    rig = Rig(answering(Canned(200, CONTENT, (*TEXT, ("ETag", '"own"')))), replace(REPORTING, query=Query.VIEW))
    shown = [(await rig.get(path)).response for path in ("/wiki/1", "/wiki/1?fields=x")]
    own, view = [response.fields.get("etag") or "" for response in shown if response is not None]
    for tag in (own, view):
        assert isinstance((await reported(rig, ("If-Match", tag))).would, Perform)
    assert [sent.request.fields.get("if-match") for sent in relayed(rig)] == ['"own"', None]


@pytest.mark.parametrize("select", [Canned(403), Unanswered("x", timed_out=True), NotSent("x")])
async def test_a_report_of_what_cannot_be_known_refuses_nothing(select: Canned | Failure) -> None:
    """The write goes on whatever the selection comes to."""
    would = (await reported(Rig(answering(select), REPORTING), ("If-Match", '"x"'))).would
    assert isinstance(would, (Indeterminate, Failure))


async def test_a_report_says_what_is_required() -> None:
    """Also of a write without any precondition; whoever holds the lock keeps nobody waiting."""
    rig = Rig(answering(Canned(200, CONTENT)), replace(REPORTING, policy=Policy(Require.EXISTING), missing_status=403))
    async with rig.lock.hold("/wiki/1", LeaseTerms(1, 5, 5, 1)):
        answer = await reported(rig)
    assert isinstance(answer.would, PreconditionRequired)


async def test_a_reader_is_refused_nothing_either() -> None:
    """A false If-Match is told; copies that are current are told to be so, as ever."""
    rig = Rig(answering(Canned(200, CONTENT)), replace(REPORTING, trust=60.0))
    for _ in range(2):
        answer = await rig.get("/wiki/1", ("If-Match", '"x"'))
        assert answer.response is not None
        assert (answer.response.status, answer.response.content) == (200, CONTENT)
        assert isinstance(answer.would, PreconditionFailed)
    assert isinstance((await rig.get("/wiki/1", ("If-None-Match", rig.tag(CONTENT)))).verdict, NotModified)


@pytest.mark.parametrize("name", ["If-Match", "If-None-Match"])
async def test_a_reader_whose_tags_cannot_be_read_is_refused_nothing(name: str) -> None:
    """What would be 400 is told; the representation is shown with its tag, in the part that was asked for."""
    rig = Rig(answering(Canned(200, CONTENT)), REPORTING)
    answer = await rig.get("/wiki/1", (name, "nonsense"), ("Range", "bytes=0-1"))
    assert answer.response is not None
    assert (answer.response.status, answer.response.content) == (206, CONTENT[:2])
    assert answer.response.fields.get("etag") == rig.tag(CONTENT)
    assert isinstance(answer.would, MalformedPrecondition)
    with pytest.raises(MalformedPrecondition):
        await Rig(answering(Canned(200, CONTENT))).get("/wiki/1", (name, "nonsense"))


@pytest.mark.parametrize("line", [("If-None-Match", "no tag"), ("If-Match", "no tag")])
async def test_what_a_reader_asks_for_in_vain_is_told(line: tuple[str, str]) -> None:
    """A condition that cannot be read is none; where the route enforces, it is refused."""
    answer = await Rig(answering(Canned(200, CONTENT)), REPORTING).get("/wiki/1", line)
    assert answer.response is not None
    assert (answer.response.status, answer.response.content) == (200, CONTENT)
    assert isinstance(answer.would, MalformedPrecondition)
    with pytest.raises(MalformedPrecondition):
        await Rig(answering(Canned(200, CONTENT))).get("/wiki/1", line)


async def test_a_reader_waits_for_as_long_as_without_us() -> None:
    """What is not selected in time is asked for once more, and passed on as it comes."""

    def script(_: Request, purpose: Purpose) -> Canned | Failure:
        return Unanswered("x", timed_out=True) if purpose is Purpose.SELECT else Canned(200, CONTENT)

    answer = await Rig(script, REPORTING).get()
    assert answer.response is not None
    assert (answer.response.status, answer.rest is None) == (200, False)
    with pytest.raises(Unanswered):
        await Rig(script).get()


@pytest.mark.parametrize(
    ("select", "would"), [(Canned(500), Unverifiable), (Canned(206), Unverifiable), (Canned(403), Indeterminate)]
)
async def test_a_report_says_what_could_not_be_compared(select: Canned, would: type) -> None:
    """Where the route enforces that is a refusal, unless the origin server's own answer speaks; it is let go of."""
    assert isinstance((await reported(Rig(answering(select), REPORTING), ("If-Match", "*"))).would, would)
    assert select.closed == 1


PREFLIGHT = (("Origin", "https://app.example"), ("Access-Control-Request-Method", "PUT"))


@pytest.mark.parametrize(("lines", "name"), [(PREFLIGHT, "writes"), (PREFLIGHT[:1], None)])
def test_a_preflight_takes_the_route_of_what_it_asks_for(lines: tuple[tuple[str, str], ...], name: str | None) -> None:
    """A route for PUT alone speaks for the preflight of a PUT, and for no other OPTIONS."""
    rig = Rig(answering(Canned()), replace(WIKI, name="writes", methods=frozenset({"PUT"})))
    planned = rig.gateway.identify(request("OPTIONS", "/wiki/1", *lines))
    assert planned.kind is Kind.RELAY
    assert (None if planned.match is None else planned.match.route.name) == name


SHARES = ("Access-Control-Allow-Origin", "https://app.example")


async def test_not_modified_can_be_read_by_the_same_pages() -> None:
    """A page that asks with If-None-Match has to be let read the 304 too, also one that is answered from memory."""
    rig = showing(SHARES, ("X-Theirs", "1"), route=replace(WIKI, trust=60.0))
    for _ in range(2):
        answer = await rig.get("/wiki/1", ("If-None-Match", rig.tag(CONTENT)))
        assert answer.response is not None
        assert answer.response.status == 304
        assert SHARES in answer.response.fields.lines
        assert "x-theirs" not in answer.response.fields
    assert len(rig.upstream.selects()) == 1


class ListeningJournal(SilentJournal):
    """A journal that keeps what it heard of readers."""

    def __init__(self) -> None:
        self.sharing: list[Fields] = []

    def heard(self, sharing: Fields) -> None:
        self.sharing.append(sharing)


@pytest.mark.parametrize(
    ("status", "line", "verdict"),
    [(200, ("If-Match", '"x"'), PreconditionFailed), (404, ("If-Match", "*"), PreconditionFailed)],
)
async def test_a_refusal_from_memory_knows_its_readers(
    status: int, line: tuple[str, str], verdict: type[PreconditionFailed]
) -> None:
    """What is remembered, of a representation or of its absence, says who may read it, as the selection did."""
    rig = showing(SHARES, route=replace(WIKI, trust=60.0), status=status)
    for selections in (1, 1):
        journal = ListeningJournal()
        asked = request("PUT", "/wiki/1", line, ("Origin", "https://app.example"))
        answer = await rig.gateway.guard(asked, Text(b"new"), rig.gateway.identify(asked), journal)
        assert isinstance(answer.verdict, verdict)
        assert journal.sharing[-1] == Fields([SHARES])
        assert len(rig.upstream.selects()) == selections
