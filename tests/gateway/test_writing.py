"""What a write goes through: each step's outcomes, one table each."""

import asyncio
from dataclasses import replace

import pytest

from proxy.adapters.memory import MemoryState
from proxy.core.canonical import CanonicalJson
from proxy.core.message import Request
from proxy.core.minting import TagRules
from proxy.core.preconditions import Absence, Policy, Require
from proxy.core.route import Limits, LockRules, Route, Routes, TagOnWrite
from proxy.core.template import Template
from proxy.core.verdict import Indeterminate, Perform, PreconditionFailed, PreconditionRequired, Reason
from proxy.errors import (
    Failure,
    MalformedPrecondition,
    NotSent,
    Outcome,
    OutcomeUnknown,
    ResourceBusy,
    Unanswered,
    Unverifiable,
)
from proxy.gateway import Answer, Gateway
from proxy.ports import LeaseTerms, Purpose
from tests.support.scripted import TEXT, Canned, Rig, answering, request
from tests.support.world import SilentJournal, Text

WIKI = Route("wiki", Template.parse("/wiki/{id}"))
OLD = b"old"
IMPATIENT = replace(WIKI, lock=LockRules(wait=0.5))


def holding(content: bytes = OLD, route: Route = WIKI) -> Rig:
    """Return a gateway before an origin server that holds that content and answers writes with 204."""
    return Rig(answering(Canned(200, content)), route)


async def test_the_current_tag_lets_a_write_through_once() -> None:
    """A write whose If-Match names the selected state is forwarded, exactly once, with its content."""
    rig = holding()
    answer = await rig.write("PUT", ("If-Match", rig.tag(OLD)))
    assert answer.verdict == Perform(Reason.HOLDS)
    assert answer.response is not None
    assert answer.response.status == 204
    assert [sent.content for sent in rig.upstream.performed()] == [b"new"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST", "MERGE"])
async def test_a_stale_tag_is_refused_whatever_the_method(method: str) -> None:
    """I1: nothing is forwarded, and the refusal carries the current tag."""
    rig = holding()
    answer = await rig.write(method, ("If-Match", '"stale"'))
    assert answer.response is None
    assert isinstance(answer.verdict, PreconditionFailed)
    assert answer.verdict.reason is Reason.STALE
    assert str(answer.verdict.current) == rig.tag(OLD)
    assert rig.upstream.performed() == []


@pytest.mark.parametrize("lines", [[("If-Match", '"a" "b"')], [("If-None-Match", "nonsense")]])
async def test_malformed_preconditions_are_never_forwarded(lines: list[tuple[str, str]]) -> None:
    """A list that cannot be read is an error, not a shorter list."""
    rig = holding()
    with pytest.raises(MalformedPrecondition):
        await rig.write("PUT", *lines)
    assert rig.upstream.sent == []


async def test_a_write_without_preconditions_takes_the_lock_and_asks_nothing() -> None:
    """I9: it is forwarded under a lease with a fresh connection; there is no state to select."""
    rig = holding(route=replace(WIKI, etag_on_write=TagOnWrite.NEVER))
    answer = await rig.write("PUT")
    assert answer.verdict == Perform(Reason.NO_CONDITIONS)
    assert [sent.purpose for sent in rig.upstream.sent] == [Purpose.PERFORM]


async def test_evaluated_preconditions_are_not_forwarded() -> None:
    """I6: minted tags never reach the origin server, and neither does any other condition."""
    rig = holding()
    lines = (("If-Match", rig.tag(OLD)), ("If-None-Match", '"x"'), ("X-Kept", "1"), ("Content-Type", "text/plain"))
    await rig.write("PUT", *lines)
    for sent in rig.upstream.sent:
        assert not {"if-match", "if-none-match"} & sent.request.fields.names()
    assert rig.upstream.performed()[0].request.fields.names() == {"x-kept", "content-type"}


@pytest.mark.parametrize(("theirs", "forwarded"), [('"v1"', True), ('W/"v1"', False)])
async def test_the_origin_servers_own_tags_are_forwarded_to_it(theirs: str, forwarded: bool) -> None:
    """I6: an origin server that enforces If-Match itself can, against writers that go past us; ours it never sees."""
    rig = Rig(answering(Canned(200, OLD, (*TEXT, ("ETag", theirs)))))
    tag = theirs if forwarded else rig.tag(OLD)
    await rig.write("PUT", ("If-Match", tag))
    assert rig.upstream.performed()[0].request.fields.get("if-match") == (tag if forwarded else None)


async def test_a_tag_of_the_mapped_state_stays_here() -> None:
    """The origin server's own tag of an order means nothing at the URL of its cancellation."""
    route = Route("cancel", Template.parse("/orders/{id}/cancel"), state=Template.parse("/orders/{id}"))
    rig = Rig(answering(Canned(200, OLD, (*TEXT, ("ETag", '"v1"')))), route)
    await rig.write("POST", ("If-Match", '"v1"'), path="/orders/7/cancel")
    assert "if-match" not in rig.upstream.performed()[0].request.fields


async def test_the_selection_carries_the_writers_credentials_and_no_conditions() -> None:
    """The origin server decides what this client may see; no cache between answers for it."""
    rig = holding()
    lines = (("Authorization", "Bearer x"), ("Cookie", "s=1"), ("Accept-Encoding", "gzip"), ("Content-Type", "a/b"))
    await rig.write("PUT", *lines, ("If-Match", rig.tag(OLD)), path="/wiki/1?x=%20y")
    asked = rig.upstream.selects()[0].request
    assert (asked.method, asked.target.raw) == ("GET", "/wiki/1?x=%20y")
    assert dict(asked.fields) == {
        "Authorization": "Bearer x",
        "Cookie": "s=1",
        "Accept-Encoding": "identity",
        "Cache-Control": "no-cache",
    }


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 406, 429])
async def test_the_origin_servers_refusal_of_the_selection_is_the_answer(status: int) -> None:
    """I7: authorization speaks first; it never permits and never becomes 412."""
    rig = Rig(answering(Canned(status, b"no", (*TEXT, ("ETag", 'W/"theirs"')))))
    answer = await rig.write("PUT", ("If-Match", '"stale"'))
    assert isinstance(answer.verdict, Indeterminate)
    assert answer.response is not None
    assert answer.response.status == status
    assert "etag" not in answer.response.fields
    assert answer.note is not None
    assert rig.upstream.performed() == []


@pytest.mark.parametrize(
    "answer",
    [
        Canned(204),
        Canned(206, OLD),
        Canned(303),
        Canned(304),
        Canned(405),
        Canned(500),
        Canned(501),
        Canned(503),
        Canned(200, b"x" * 100),
        Canned(200, b"data: 1\n\n", (("Content-Type", "text/event-stream; charset=utf-8"),)),
    ],
)
async def test_what_shows_no_state_never_permits(answer: Canned) -> None:
    """I7: a selection that cannot be compared with ends the write, not applied, and lets go of its connection."""
    rig = Rig(answering(answer), replace(WIKI, limits=Limits(mint=64)))
    with pytest.raises(Unverifiable) as raised:
        await rig.write("PUT", ("If-Match", "*"))
    assert raised.value.outcome is Outcome.NOT_APPLIED
    assert rig.upstream.performed() == []
    assert answer.closed >= 1


@pytest.mark.parametrize(
    "failure",
    [NotSent("refused"), Unanswered("late", timed_out=True), Unanswered("cut")],
)
@pytest.mark.parametrize("where", ["head", "content"])
async def test_a_selection_that_fails_never_permits(failure: Failure, where: str) -> None:
    """I7: no answer and a truncated one end the write, which was not applied; the resource is free again."""
    rig = Rig(answering(failure if where == "head" else Canned(200, OLD, breaks=failure)))
    with pytest.raises(type(failure)) as raised:
        await rig.write("PUT", ("If-Match", "*"))
    assert raised.value.outcome is Outcome.NOT_APPLIED
    assert rig.upstream.performed() == []
    assert rig.lock.resources() == 0


@pytest.mark.parametrize(
    ("method", "line", "absence", "expected"),
    [
        ("PUT", None, Absence.BY_METHOD, "performed"),
        ("DELETE", None, Absence.BY_METHOD, "performed"),
        ("PUT", ("If-Match", "*"), Absence.BY_METHOD, 412),
        ("DELETE", ("If-Match", "*"), Absence.RELAY, 412),
        ("PUT", ("If-Match", '"t"'), Absence.BY_METHOD, 412),
        ("PATCH", ("If-Match", '"t"'), Absence.BY_METHOD, 404),
        ("DELETE", ("If-Match", '"t"'), Absence.BY_METHOD, 404),
        ("DELETE", ("If-Match", '"t"'), Absence.REFUSE, 412),
        ("PUT", ("If-Match", '"t"'), Absence.RELAY, 404),
        ("PUT", ("If-Match", '"t"'), Absence.FORWARD, "performed"),
        ("PUT", ("If-None-Match", "*"), Absence.BY_METHOD, "performed"),
    ],
)
async def test_what_is_absent(method: str, line: tuple[str, str] | None, absence: Absence, expected: str | int) -> None:
    """DESIGN section 6: what a condition on nothing comes to, by method and by route."""
    rig = Rig(answering(Canned(404, b"none")), replace(WIKI, policy=Policy(absent=absence)))
    answer = await rig.write(method, *([line] if line else []))
    status = 412 if answer.response is None else answer.response.status
    assert (rig.upstream.performed() != []) == (expected == "performed")
    assert expected in {status, "performed"}


@pytest.mark.parametrize(
    ("require", "exists", "line", "refused"),
    [
        (Require.ALWAYS, True, None, True),
        (Require.ALWAYS, False, None, True),
        (Require.ALWAYS, False, ("If-None-Match", "*"), False),
        (Require.EXISTING, True, None, True),
        (Require.EXISTING, True, ("If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"), True),
        (Require.EXISTING, False, None, False),
        (Require.NONE, True, None, False),
    ],
)
async def test_what_a_route_requires(
    require: Require,
    exists: bool,
    line: tuple[str, str] | None,
    refused: bool,
) -> None:
    """A write without a guarding precondition is refused where the route says so, with the route's status."""
    route = replace(WIKI, policy=Policy(require=require), missing_status=400)
    rig = Rig(answering(Canned(200, OLD) if exists else Canned(404)), route)
    answer = await rig.write("PUT", *([line] if line else []))
    assert isinstance(answer.verdict, PreconditionRequired) == refused
    assert answer.missing_status == 400 or not refused
    assert (rig.upstream.performed() == []) == refused


async def test_a_write_that_was_never_sent_frees_the_resource() -> None:
    """Nothing left, so nothing can be applied later: the next writer need not wait."""
    rig = Rig(answering(Canned(200, OLD), NotSent("refused")))
    with pytest.raises(NotSent) as raised:
        await rig.write("PUT")
    assert raised.value.outcome is Outcome.NOT_APPLIED
    assert rig.lock.resources() == 0


@pytest.mark.parametrize(
    "perform",
    [
        Unanswered("late", timed_out=True),
        Unanswered("cut"),
        Canned(200, breaks=Unanswered("truncated")),
        Canned(200, b"x" * 100),
    ],
)
async def test_an_unknown_outcome_is_called_so_and_keeps_others_out(perform: Canned | Failure) -> None:
    """G3, I4: no complete answer came, so the outcome is unknown and the lease is left to lapse."""
    route = replace(IMPATIENT, limits=Limits(content=64))
    rig = Rig(answering(Canned(200, OLD), perform), route)
    with pytest.raises(OutcomeUnknown) as raised:
        await rig.write("PUT", ("If-Match", rig.tag(OLD)))
    assert raised.value.outcome is Outcome.UNKNOWN
    with pytest.raises(ResourceBusy) as busy:
        await rig.write("PUT", ("If-Match", rig.tag(OLD)))
    assert 30 <= busy.value.retry_after <= 35
    assert len(rig.upstream.performed()) == 1


async def test_a_storm_costs_a_bounded_number_of_selections() -> None:
    """I2: 200 writers with one tag are one success, 199 refusals, one write and a constant number of GETs."""
    state = {"content": OLD}

    class Wiki(Rig):
        def __init__(self) -> None:
            super().__init__(lambda _, purpose: self.serve(purpose))

        def serve(self, purpose: Purpose) -> Canned:
            if purpose is Purpose.PERFORM:
                state["content"] = b"new"
                return Canned(204)
            return Canned(200, state["content"])

    rig = Wiki()
    tag = rig.tag(OLD)
    answers = await asyncio.gather(*(rig.write("PUT", ("If-Match", tag)) for _ in range(200)))
    assert sum(answer.response is not None for answer in answers) == 1
    assert sum(isinstance(answer.verdict, PreconditionFailed) for answer in answers) == 199
    assert len(rig.upstream.performed()) == 1
    assert len(rig.upstream.selects()) <= 2


async def test_a_selection_from_before_a_request_arrived_does_not_refuse_it() -> None:
    """I2: the state may have changed since, past the proxy; who knows the new one is not held to the old."""
    canned = Canned(200, OLD)
    rig = Rig(answering(canned), replace(WIKI, etag_on_write=TagOnWrite.NEVER))
    refused = await rig.write("PUT", ("If-Match", '"stale"'))
    assert refused.response is None
    canned.content = b"changed past the proxy"
    answer = await rig.write("PUT", ("If-Match", rig.tag(canned.content)))
    assert answer.response is not None
    assert len(rig.upstream.selects()) == 2


@pytest.mark.parametrize(
    ("statement", "method", "status", "stored", "tagged"),
    [
        (TagOnWrite.VERBATIM, "PUT", 204, b"new", True),
        (TagOnWrite.VERBATIM, "PUT", 204, b"new, reformatted", False),
        (TagOnWrite.VERBATIM, "PATCH", 200, b"new", False),
        (TagOnWrite.VERBATIM, "PUT", 202, b"new", False),
        (TagOnWrite.VERBATIM, "PUT", 409, b"new", False),
        (TagOnWrite.ALWAYS, "PUT", 204, b"new, reformatted", True),
        (TagOnWrite.ALWAYS, "PATCH", 200, b"other", True),
        (TagOnWrite.ALWAYS, "DELETE", 204, b"other", False),
        (TagOnWrite.ALWAYS, "POST", 201, b"other", False),
        (TagOnWrite.ALWAYS, "POST", 200, b"other", True),
        (TagOnWrite.NEVER, "PUT", 204, b"new", False),
    ],
)
async def test_the_tag_after_a_write(
    statement: TagOnWrite,
    method: str,
    status: int,
    stored: bytes,
    tagged: bool,
) -> None:
    """RFC 9110 §9.3.4: the new tag is said only where it may be, and it is that of the state the write left."""
    rig = Rig(answering(Canned(200, stored), Canned(status)), replace(WIKI, etag_on_write=statement))
    answer = await rig.write(method)
    assert answer.response is not None
    assert answer.response.fields.get("etag") == (rig.tag(stored) if tagged else None)


@pytest.mark.parametrize(("theirs", "kept"), [('"v2"', True), ('W/"v2"', False), ("v2", False)])
async def test_the_origin_servers_own_tag_on_a_write(theirs: str, kept: bool) -> None:
    """Tags are never mixed: a strong one is kept, any other is not passed on as if it could be used."""
    perform = Canned(204, lines=(("ETag", theirs),))
    rig = Rig(answering(Canned(200, b"reformatted"), perform))
    answer = await rig.write("PUT")
    assert answer.response is not None
    assert answer.response.fields.get("etag") == (theirs if kept else None)


@pytest.mark.parametrize("failure", [NotSent("gone"), Unanswered("late"), None])
async def test_a_failing_selection_after_a_write_takes_nothing_from_its_answer(failure: Failure | None) -> None:
    """I8: the write is done and its answer stands, without a tag."""
    rig = Rig(answering(failure or Canned(500), Canned(204)))
    answer = await rig.write("PUT")
    assert answer.response is not None
    assert answer.response.status == 204
    assert "etag" not in answer.response.fields
    assert rig.lock.resources() == 0


class Noting(SilentJournal):
    """A journal that keeps the facts."""

    def __init__(self) -> None:
        self.facts: dict[str, str | int | None] = {}

    def note(self, **facts: str | int | None) -> None:
        self.facts |= facts


@pytest.mark.parametrize(("status", "kept_out"), [(502, True), (504, True), (500, False), (503, False), (409, False)])
async def test_the_answer_of_a_gateway_that_lost_the_write(status: int, kept_out: bool) -> None:
    """I4: 502 and 504 come from a gateway behind us that knows as little as we would: the write may yet be applied."""
    rig = Rig(answering(Canned(200, OLD), Canned(status, b"so told")), IMPATIENT)
    journal, asked = Noting(), request("PUT", "/wiki/1", ("If-Match", rig.tag(OLD)))
    answer = await rig.gateway.guard(asked, Text(b"new"), rig.gateway.identify(asked), journal)
    assert answer.response is not None
    assert (answer.response.status, answer.response.content) == (status, b"so told")
    assert (journal.facts.get("outcome") == "unknown") == kept_out
    assert (rig.lock.resources() == 1) == kept_out
    if kept_out:
        with pytest.raises(ResourceBusy):
            await rig.write("PUT", ("If-Match", rig.tag(OLD)))


async def test_what_a_cache_said_refuses_nobody() -> None:
    """I2: a GET may be answered with an old state by a cache; a write that waits meanwhile is not refused by it."""

    def cached(asked: Request, purpose: Purpose) -> Canned:
        if purpose is Purpose.PERFORM:
            return Canned(204)
        return Canned(200, b"now" if asked.fields.get("cache-control") == "no-cache" else OLD)

    rig = Rig(cached)
    async with rig.lock.hold("/wiki/1", LeaseTerms(1.0, 1.0, 1.0, None)):
        waiting = asyncio.create_task(rig.write("PUT", ("If-Match", rig.tag(b"now"))))
        await asyncio.sleep(0)  # one turn, in which it comes as far as the queue
        assert rig.lock.waiting() == 1
        await rig.get()
    answer = await waiting
    assert answer.verdict == Perform(Reason.HOLDS)


async def test_a_selection_under_other_rules_refuses_nobody() -> None:
    """I2: two routes of one resource may make its tags by different rules; one's tag says nothing about the other's."""
    replaced = replace(WIKI, name="replaced", methods=frozenset({"PUT"}))
    ignoring = replace(WIKI, name="patched", rules=TagRules(CanonicalJson()))
    rig = Rig(answering(Canned(200, b"{}", (("Content-Type", "application/json"),))), ignoring)
    tag = rig.tag(b"{}", lines=(("Content-Type", "application/json"),))
    gateway = Gateway(Routes([replaced, ignoring]), rig.upstream, rig.lock, MemoryState(), rig.minter)

    async def write(method: str, line: tuple[str, str]) -> Answer:
        asked = request(method, "/wiki/1", line)
        return await gateway.guard(asked, Text(b"x"), gateway.identify(asked), SilentJournal())

    async with rig.lock.hold("/wiki/1", LeaseTerms(1.0, 1.0, 1.0, None)):
        refused = asyncio.create_task(write("PUT", ("If-Match", '"stale"')))
        waiting = asyncio.create_task(write("PATCH", ("If-Match", tag)))
        await asyncio.sleep(0)  # one turn, in which both come as far as the queue
        assert rig.lock.waiting() == 2
    assert isinstance((await refused).verdict, PreconditionFailed)
    assert (await waiting).verdict == Perform(Reason.HOLDS)
