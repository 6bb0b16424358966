"""What a write goes through: each step's outcomes, one table each."""

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from proxy.adapters.memory import MemoryState
from proxy.adapters.memory.lease import MemoryLease
from proxy.core import entity_tag
from proxy.core.canonical import CanonicalJson
from proxy.core.entity_tag import TOLERANT, EntityTag
from proxy.core.fields import Fields
from proxy.core.matching import Routes
from proxy.core.message import Request, Response
from proxy.core.minting import Minter, Validator
from proxy.core.moment import SOMETIME
from proxy.core.preconditions import Absence, Policy, Require
from proxy.core.route import Limits, LockRules, Route, TagOnWrite
from proxy.core.tag_rules import TagRules, UpstreamTag
from proxy.core.template import Template
from proxy.core.verdict import Indeterminate, Perform, PreconditionFailed, PreconditionRequired, Reason
from proxy.errors import (
    Failure,
    LeaseLost,
    MalformedPrecondition,
    NotSent,
    Outcome,
    OutcomeUnknown,
    Quarantined,
    ResourceBusy,
    StoreFailure,
    Unanswered,
    Unverifiable,
)
from proxy.gateway import Answer, Gateway, Kind
from proxy.ports import LeaseTerms, Purpose, Remembered
from tests.support.memories import ClockedState, ForgedState, WatchedLock
from tests.support.scripted import TEXT, Canned, Rig, answering, request
from tests.support.world import SilentJournal, Text

WIKI = Route("wiki", Template.parse("/wiki/{id}"))
OLD = b"old"
OLDER = b"older"
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
    answer = await rig.write(method, ("If-Match", rig.tag(OLDER)))
    assert answer.response is None
    assert isinstance(answer.verdict, PreconditionFailed)
    assert answer.verdict.reason is Reason.STALE
    assert str(answer.verdict.current) == rig.tag(OLD)
    assert rig.upstream.performed() == []


ANOTHERS = Rig(answering(Canned()))
"""Another proxy with the same secret."""
STALE, ELSEWHERE = ANOTHERS.tag(OLDER), ANOTHERS.tag(OLD, path="/wiki/2")
FOREIGN = str(Minter("another secret").mint("/wiki/1", Response(200, Fields(TEXT), OLD), TagRules()).tag)


@pytest.mark.parametrize(
    ("listed", "reason"),
    [
        (STALE, Reason.STALE),
        (ELSEWHERE, Reason.ANOTHER_RESOURCE),
        ('"made-up"', Reason.NEVER_MINTED),
        (FOREIGN, Reason.NEVER_MINTED),
        (f'"made-up", {ELSEWHERE}, {STALE}', Reason.STALE),
        (f'"made-up", {ELSEWHERE}', Reason.ANOTHER_RESOURCE),
        (f'"made-up", {FOREIGN}', Reason.NEVER_MINTED),
        (f"W/{STALE}", Reason.STALE),
        (f"W/{ANOTHERS.tag(OLD)}", Reason.WEAK),
        (f"{ELSEWHERE}, W/{ANOTHERS.tag(OLD)}", Reason.WEAK),
    ],
)
async def test_a_refusal_says_what_is_wrong_with_the_tag(listed: str, reason: Reason) -> None:
    """By the tags alone: changed since, another resource's, or never given out here; the most hopeful one counts."""
    rig = holding()
    answer = await rig.write("PUT", ("If-Match", listed))
    assert answer.verdict == PreconditionFailed(reason, entity_tag.parse(rig.tag(OLD)))
    assert rig.upstream.performed() == []


@pytest.mark.parametrize("listed", ['"v1"', STALE, ELSEWHERE, '"v1", "v0"'])
async def test_the_origin_servers_own_tags_tell_nothing_of_where_they_come_from(listed: str) -> None:
    """Where its tag is kept, an old one of it cannot be told from one that it never gave out: stale is all we know."""
    rig = Rig(answering(Canned(200, OLD, (*TEXT, ("ETag", '"v2"')))))
    answer = await rig.write("PUT", ("If-Match", listed))
    assert answer.verdict == PreconditionFailed(Reason.STALE, EntityTag("v2"))


async def test_what_is_absent_has_no_tag_to_explain() -> None:
    """A tag on nothing is refused because there is nothing, wherever the tag comes from."""
    rig = Rig(answering(Canned(404)))
    for listed in (STALE, ELSEWHERE, '"made-up"'):
        assert (await rig.write("PUT", ("If-Match", listed))).verdict == PreconditionFailed(Reason.ABSENT, None)


async def test_the_tag_of_the_mapped_state_is_this_resources() -> None:
    """A write that is guarded by another URL's state names that one's tags, which are therefore no other resource's."""
    order = Route("order", Template.parse("/orders/{id}"), methods=frozenset({"GET"}))
    cancel = Route("cancel", Template.parse("/orders/{id}/cancel"), state=Template.parse("/orders/{id}"))
    rig = Rig(answering(Canned(200, OLD)), order)
    tag = rig.tag(OLDER, path="/orders/7")
    rig.gateway.adopt(Routes([order, cancel]))
    answer = await rig.write("POST", ("If-Match", tag), path="/orders/7/cancel")
    assert isinstance(answer.verdict, PreconditionFailed)
    assert answer.verdict.reason is Reason.STALE


@pytest.mark.parametrize("position", range(24))
async def test_no_part_of_a_tag_can_be_changed(position: int) -> None:
    """The current tag with one bit changed is refused, whichever byte of digest and marks it is in."""
    rig = holding()
    changed = bytearray(urlsafe_b64decode(rig.tag(OLD).strip('"')))
    changed[position] ^= 1
    answer = await rig.write("PUT", ("If-Match", f'"{urlsafe_b64encode(changed).decode()}"'))
    assert isinstance(answer.verdict, PreconditionFailed)
    assert answer.verdict.reason is (Reason.NEVER_MINTED if position < 20 else Reason.ANOTHER_RESOURCE)
    assert rig.upstream.performed() == []


@pytest.mark.parametrize("content", [OLDER, b"", OLD * 2])
async def test_true_marks_permit_nothing(content: bytes) -> None:
    """A tag with all the marks of this secret and this resource, and with another digest than the current, is stale."""
    rig = holding()
    answer = await rig.write("PUT", ("If-Match", rig.tag(content)))
    assert isinstance(answer.verdict, PreconditionFailed)
    assert answer.verdict.reason is Reason.STALE
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


FENCED = replace(WIKI, fence="Fencing-Token")


@pytest.mark.parametrize("name", ["Fencing-Token", "fencing-token", "FENCING-TOKEN"])
@pytest.mark.parametrize("lines", [(), (("If-Match", "*"),), (("If-Match", '"v1"'),)])
@pytest.mark.parametrize("theirs", [(), (("ETag", '"v1"'),)])
async def test_the_fence_of_the_lease_is_forwarded(
    name: str, lines: tuple[tuple[str, str], ...], theirs: tuple[tuple[str, str], ...]
) -> None:
    """With and without preconditions, ours or the origin server's; a fence that the client made up is not."""
    rig = Rig(answering(Canned(200, OLD, (*TEXT, *theirs))), FENCED)
    tagged = [(line, rig.tag(OLD) if value == '"v1"' and not theirs else value) for line, value in lines]
    await rig.write("PUT", (name, "999"), *tagged, (name.swapcase(), "998"))
    forwarded = rig.upstream.performed()[0].request.fields
    assert forwarded.get_all("fencing-token") == (str(rig.lock.leases[0].fence),)
    assert ("if-match" in forwarded) == bool(lines and theirs)


async def test_fences_rise_along_writes() -> None:
    """Each write's fence is greater than all before it, refused writes between them or not."""
    rig = holding(route=FENCED)
    for _ in range(3):
        await rig.write("PUT", ("If-Match", rig.tag(OLD)))
        await rig.write("PUT", ("If-Match", STALE))
        await rig.write("DELETE")
    fences = [int(sent.request.fields.get("fencing-token") or 0) for sent in rig.upstream.performed()]
    assert fences == sorted(set(fences))
    assert len(fences) == 6


async def test_the_fence_goes_along_with_the_selection() -> None:
    """An origin server that keeps the highest fence it has seen refuses the late write of the holder before."""
    rig = holding(route=FENCED)
    await rig.write("PUT", ("If-Match", rig.tag(OLD)), ("Fencing-Token", "9" * 30))
    selected, *_ = rig.upstream.selects()
    assert selected.request.fields.get_all("fencing-token") == (str(rig.lock.leases[0].fence),)


async def test_no_fence_is_forwarded_unasked() -> None:
    """A route that names no field for it adds none, and leaves alone what a client calls so."""
    rig = holding()
    await rig.write("PUT", ("X-A", "1"))
    await rig.write("PUT", ("Fencing-Token", "1"))
    plain, named = (list(sent.request.fields) for sent in rig.upstream.performed())
    assert (plain, named) == ([("X-A", "1")], [("Fencing-Token", "1")])


@pytest.mark.parametrize(("theirs", "forwarded"), [('"v1"', True), ('W/"v1"', False)])
async def test_the_origin_servers_own_tags_are_forwarded_to_it(theirs: str, forwarded: bool) -> None:
    """I6: an origin server that enforces If-Match itself can, against writers that go past us; ours it never sees."""
    rig = Rig(answering(Canned(200, OLD, (*TEXT, ("ETag", theirs)))))
    tag = theirs if forwarded else rig.tag(OLD)
    await rig.write("PUT", ("If-Match", tag))
    assert rig.upstream.performed()[0].request.fields.get("if-match") == (tag if forwarded else None)


@pytest.mark.parametrize(("asked", "forwarded"), [('W/"v1"', None), ("*", "*")])
async def test_a_weak_tag_that_is_tolerated_here_stays_here(asked: str, forwarded: str | None) -> None:
    """RFC 9110 §13.1.1: to an origin server that enforces If-Match no weak tag is ever the current one."""
    tolerant = replace(WIKI, policy=Policy(tolerated=TOLERANT), rules=TagRules(upstream=UpstreamTag.KEEP))
    rig = Rig(answering(Canned(200, OLD, (*TEXT, ("ETag", 'W/"v1"')))), tolerant)
    assert (await rig.write("PUT", ("If-Match", asked))).verdict == Perform(Reason.HOLDS)
    assert rig.upstream.performed()[0].request.fields.get("if-match") == forwarded


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
    answer = await rig.write("PUT", ("If-Match", rig.tag(OLDER)))
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
    """A write without a guarding precondition is refused where the route says so."""
    route = replace(WIKI, policy=Policy(require=require))
    rig = Rig(answering(Canned(200, OLD) if exists else Canned(404)), route)
    answer = await rig.write("PUT", *([line] if line else []))
    assert isinstance(answer.verdict, PreconditionRequired) == refused
    assert (answer.response is None) == refused
    assert (rig.upstream.performed() == []) == refused


async def test_a_write_that_was_never_sent_frees_the_resource() -> None:
    """Nothing left, so nothing can be applied later: the next writer need not wait."""
    rig = Rig(answering(Canned(200, OLD), NotSent("refused")))
    with pytest.raises(NotSent) as raised:
        await rig.write("PUT")
    assert raised.value.outcome is Outcome.NOT_APPLIED
    assert rig.lock.resources() == 0


class Forgetful(WatchedLock):
    """A lock that fails from the second `confirm` on: the one when the connection stands."""

    def __init__(self, failure: BaseException, state: MemoryState) -> None:
        super().__init__(state)
        self.failure = failure

    def rearm(self, lease: MemoryLease) -> None:
        if lease.writing:
            raise self.failure
        super().rearm(lease)


@pytest.mark.parametrize("line", [("If-Match", "*"), ("X-None", "")])
@pytest.mark.parametrize(
    ("failure", "held"),
    [
        (LeaseLost("lapsed"), False),
        (StoreFailure("gone"), False),
        (Quarantined("new"), False),
        (RuntimeError("a fault of ours"), True),
        (asyncio.CancelledError(), True),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_a_lease_that_cannot_be_confirmed_again_ends_the_write(
    failure: BaseException, held: bool, line: tuple[str, str]
) -> None:
    """I1, I3: when the connection stands the lease must still hold; if not, nothing is sent and the others go on.

    After a fault of ours, or a cancellation, the resource is held for longer: nobody looks at how far it came.
    """
    rig = holding()
    lock = Forgetful(failure, rig.state)
    gateway, asked = Gateway(Routes([WIKI]), rig.upstream, lock, rig.state, rig.minter), request("PUT", "/wiki/1", line)
    with pytest.raises(type(failure)) as raised:
        await gateway.guard(asked, Text(b"new"), gateway.identify(asked), SilentJournal())
    assert raised.value is failure
    assert rig.upstream.performed() == []
    assert (lock.resources() == 1) == held


async def test_every_write_is_confirmed_when_its_connection_stands() -> None:
    """I3: the write phase is armed before connecting and again after it, so that the sending has all of it."""
    confirmed: list[bool] = []

    class Watching(WatchedLock):
        def rearm(self, lease: MemoryLease) -> None:
            confirmed.append(lease.writing)
            super().rearm(lease)

    rig = holding(route=replace(WIKI, etag_on_write=TagOnWrite.NEVER))
    gateway = Gateway(Routes([WIKI]), rig.upstream, Watching(rig.state), rig.state, rig.minter)
    for line in (("If-Match", "*"), ("X-None", "")):
        asked = request("PUT", "/wiki/1", line)
        await gateway.guard(asked, Text(b"new"), gateway.identify(asked), SilentJournal())
    assert confirmed == [False, True] * 2


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


@pytest.mark.parametrize("writers", [20, 200])
async def test_a_storm_costs_a_bounded_number_of_selections(writers: int) -> None:
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
    answers = await asyncio.gather(*(rig.write("PUT", ("If-Match", tag)) for _ in range(writers)))
    assert sum(answer.response is not None for answer in answers) == 1
    assert sum(isinstance(answer.verdict, PreconditionFailed) for answer in answers) == writers - 1
    assert len(rig.upstream.performed()) == 1
    assert len(rig.upstream.selects()) == 2  # one permits, one names the new state and refuses all others


async def test_a_selection_from_before_a_request_arrived_does_not_refuse_it() -> None:
    """I2: the state may have changed since, past the proxy; who knows the new one is not held to the old."""
    canned = Canned(200, OLD)
    rig = Rig(answering(canned), replace(WIKI, etag_on_write=TagOnWrite.NEVER))
    refused = await rig.write("PUT", ("If-Match", rig.tag(OLDER)))
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


@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_the_log_has_the_answer_to_the_write(method: str) -> None:
    """Whatever is asked for the tag in the answer, upstream_status is that of the write."""
    created = Canned(201, b"", (("Location", "/wiki/2"),))
    rig = Rig(answering(Canned(200, OLD), created), replace(WIKI, etag_on_write=TagOnWrite.ALWAYS))
    journal, asked = Noting(), request(method, "/wiki/1")
    planned = rig.gateway.identify(asked)
    if planned.kind is Kind.GUARD:
        answer = await rig.gateway.guard(asked, Text(b"new"), planned, journal)
    else:
        answer = await rig.gateway.relay(asked, Text(b"new"), planned, journal)
    assert answer.response is not None
    assert "etag" in answer.response.fields
    assert journal.facts["upstream_status"] == 201


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


async def waiting_write(rig: Rig, *lines: tuple[str, str]) -> Answer:
    """Guard a write that finds the resource held, and is let in then."""
    async with rig.lock.hold("/wiki/1", LeaseTerms(1.0, 1.0, 1.0, None)):
        waiting = asyncio.create_task(rig.write("PUT", *lines))
        await asyncio.sleep(0)  # one turn, in which it comes as far as the queue
        assert rig.lock.waiting() == 1
    return await waiting


def claiming(content: bytes | None, *, firm: bool = True, blur: float = 0.0) -> ForgedState:
    """Return a memory that claims that content, or absence, to have been seen just now."""
    validator = None if content is None else Validator(entity_tag.parse(ANOTHERS.tag(content)), None, minted=True)
    return ForgedState(Remembered(validator, SOMETIME, firm=firm), blur=blur)


async def test_who_waited_is_refused_by_what_was_seen_meanwhile() -> None:
    """I2: a selection that certainly began after the request arrived decides against it; nobody is asked again."""
    rig = Rig(answering(Canned(200, OLD)), state=claiming(b"new"))
    answer = await waiting_write(rig, ("If-Match", rig.tag(OLD)))
    assert answer.verdict == PreconditionFailed(Reason.STALE, entity_tag.parse(rig.tag(b"new")))
    assert rig.upstream.sent == []


@pytest.mark.parametrize(
    "state",
    [claiming(b"new", firm=False), claiming(b"new", blur=10.0), ForgedState(None), claiming(OLD), claiming(None)],
    ids=["a cache may have said it", "it may have been before", "nothing", "the same", "absence"],
)
async def test_what_is_not_certain_refuses_nobody(state: ForgedState) -> None:
    """I2: neither what a cache may have answered, nor what may have begun before the request arrived, nor nothing."""
    rig = Rig(answering(Canned(200, OLD)), replace(WIKI, policy=Policy(absent=Absence.RELAY)), state=state)
    answer = await waiting_write(rig, ("If-Match", rig.tag(OLD)))
    assert answer.verdict == Perform(Reason.HOLDS)
    assert len(rig.upstream.performed()) == 1


async def test_what_was_seen_in_the_future_refuses_nobody() -> None:
    """I2: it was seen before the store's clock was set back, however late that seems now."""
    state, shown = ClockedState(), b"new"
    rig = Rig(lambda _asked, purpose: Canned(200, shown) if purpose is Purpose.SELECT else Canned(204), state=state)
    state.forward(60)
    assert isinstance((await rig.write("PUT", ("If-Match", rig.tag(OLD)))).verdict, PreconditionFailed)
    state.forward(-60)
    shown = OLD
    assert (await waiting_write(rig, ("If-Match", rig.tag(OLD)))).verdict == Perform(Reason.HOLDS)


async def test_who_did_not_wait_is_not_refused_by_memory() -> None:
    """I2: nobody held the resource, so nobody can have seen it under a lease since; the origin server is asked."""
    rig = Rig(answering(Canned(200, OLD)), state=claiming(b"new"))
    answer = await rig.write("PUT", ("If-Match", rig.tag(OLD)))
    assert answer.verdict == Perform(Reason.HOLDS)


TRUSTING = replace(WIKI, trust=60.0, etag_on_write=TagOnWrite.NEVER)
DATE, LATER = "Sun, 06 Nov 1994 08:49:37 GMT", "Mon, 07 Nov 1994 08:49:37 GMT"
LINES = [
    ("If-Match", STALE),
    ("If-Match", ANOTHERS.tag(OLD)),
    ("If-Match", "*"),
    ("If-None-Match", "*"),
    ("If-None-Match", STALE),
    ("If-Unmodified-Since", DATE),
    ("If-Unmodified-Since", LATER),
    ("If-Modified-Since", LATER),
    ("X-None", ""),
]


@pytest.mark.parametrize("held", [OLD, None], ids=["present", "absent"])
@pytest.mark.parametrize("require", [Require.NONE, Require.EXISTING])
@pytest.mark.parametrize("claim", [OLDER, OLD, b"forged", None])
@pytest.mark.parametrize("line", LINES, ids=str)
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_a_trusted_memory_never_permits(
    method: str, line: tuple[str, str], claim: bytes | None, require: Require, held: bytes | None
) -> None:
    """I2: whatever it claims, a write that is performed is one that the truth alone permits."""
    modified = (*TEXT, ("Last-Modified", LATER))
    script = answering(Canned(404) if held is None else Canned(200, held, modified))
    route = replace(TRUSTING, policy=Policy(require))
    truthful, deceived = Rig(script, replace(route, trust=0.0)), Rig(script, route, state=claiming(claim))
    expected, answer = await truthful.write(method, line), await deceived.write(method, line)
    assert isinstance(answer.verdict, PreconditionFailed) or answer.verdict == expected.verdict
    assert len(deceived.upstream.performed()) <= len(truthful.upstream.performed())
    assert (deceived.upstream.performed() == []) == (not isinstance(answer.verdict, Perform))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (("If-Match", STALE), Reason.STALE),
        (("If-Match", ELSEWHERE), Reason.ANOTHER_RESOURCE),
        (("If-Match", '"made-up"'), Reason.NEVER_MINTED),
        (("If-None-Match", "*"), Reason.EXISTS),
        (("If-Unmodified-Since", DATE), Reason.MODIFIED),
    ],
)
async def test_a_trusted_memory_refuses_without_asking(line: tuple[str, str], reason: Reason) -> None:
    """A route that trusts what was just seen answers 412 with the current tag, without the origin or the lock."""
    rig = Rig(answering(Canned(200, OLD, (*TEXT, ("Last-Modified", LATER)))), TRUSTING)
    await rig.get()
    async with rig.lock.hold("/wiki/1", LeaseTerms(1.0, 1.0, 1.0, None)):
        answer = await rig.write("PUT", line)
    assert answer.verdict == PreconditionFailed(reason, entity_tag.parse(rig.tag(OLD)))
    assert len(rig.upstream.sent) == 1


async def test_a_tag_that_a_trusted_memory_knows_is_still_compared_with_the_origin_servers() -> None:
    """I1: memory permits nothing, so a matching tag is selected again under the lease, past every cache."""
    canned = Canned(200, OLD)
    rig = Rig(answering(canned), TRUSTING)
    await rig.get()
    canned.content = b"changed past the proxy"
    answer = await rig.write("PUT", ("If-Match", rig.tag(OLD)))
    assert answer.verdict == PreconditionFailed(Reason.STALE, entity_tag.parse(rig.tag(canned.content)))
    assert rig.upstream.performed() == []
    assert rig.upstream.selects()[-1].request.fields.get("cache-control") == "no-cache"


async def test_a_refusal_is_remembered_where_it_is_trusted() -> None:
    """The selection that refused one write refuses the next, until its time is over; absence like presence."""
    for held, line in ((Canned(200, OLD), ("If-Match", STALE)), (Canned(404), ("If-Match", "*"))):
        state = ClockedState()
        rig = Rig(answering(held), TRUSTING, state=state)
        first, second = await rig.write("PUT", line), await rig.write("PUT", line)
        assert first.verdict == second.verdict
        assert isinstance(first.verdict, PreconditionFailed)
        assert len(rig.upstream.selects()) == 1
        state.forward(61.0)
        await rig.write("PUT", line)
        assert len(rig.upstream.selects()) == 2


async def test_a_required_precondition_is_asked_for_by_the_truth() -> None:
    """428 rests on no memory: a missing precondition is no conflict that somebody else could have seen."""
    rig = Rig(answering(Canned(404)), replace(TRUSTING, policy=Policy(Require.EXISTING)), state=claiming(OLD))
    answer = await rig.write("PUT", ("If-Unmodified-Since", LATER))
    assert isinstance(answer.verdict, Perform)


async def changes(*steps: Callable[[Rig], Awaitable[Answer]], contents: tuple[bytes, ...]) -> int:
    """Take the steps, the origin server holding these contents in turn; return how many changes past us were seen."""
    seen: list[None] = []
    canned = Canned(200)
    route = replace(WIKI, etag_on_write=TagOnWrite.NEVER)
    rig = Rig(answering(canned), route, state=MemoryState(on_change=lambda: seen.append(None)))
    for step, content in zip(steps, contents, strict=True):
        canned.content = content
        await step(rig)
    return len(seen)


async def test_a_change_past_us_is_told_from_ours() -> None:
    """G2: a selection that differs from the last, without a write through us between, was another writer's."""

    def reading(rig: Rig) -> Awaitable[Answer]:
        return rig.get()

    def refused(rig: Rig) -> Awaitable[Answer]:
        return rig.write("PUT", ("If-Match", '"none"'))

    def writing(rig: Rig) -> Awaitable[Answer]:
        return rig.write("PUT")

    def posting(rig: Rig) -> Awaitable[Answer]:
        return rig.relay("POST")

    assert await changes(reading, reading, reading, contents=(b"a", b"b", b"b")) == 1
    assert await changes(reading, refused, contents=(b"a", b"b")) == 1
    assert await changes(refused, reading, contents=(b"a", b"b")) == 1
    assert await changes(reading, writing, reading, contents=(b"a", b"a", b"b")) == 0
    assert await changes(reading, posting, reading, contents=(b"a", b"a", b"b")) == 0
    assert await changes(reading, writing, reading, reading, contents=(b"a", b"a", b"b", b"c")) == 1


async def test_a_selection_under_other_rules_refuses_nobody() -> None:
    """I2: two routes of one resource may make its tags by different rules; one's tag says nothing about the other's."""
    replaced = replace(WIKI, name="replaced", methods=frozenset({"PUT"}))
    ignoring = replace(WIKI, name="patched", rules=TagRules(CanonicalJson()))
    rig = Rig(answering(Canned(200, b"{}", (("Content-Type", "application/json"),))), ignoring)
    tag = rig.tag(b"{}", lines=(("Content-Type", "application/json"),))
    gateway = Gateway(Routes([replaced, ignoring]), rig.upstream, rig.lock, rig.state, rig.minter)

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


@pytest.mark.parametrize("spelled", ["{}", '"{}-gzip"', 'W/"{}"', 'W/"{}--gzip"', '"x", {}-br'])
async def test_tolerated_spellings_of_the_current_tag(spelled: str) -> None:
    """A route may take tags as clients and intermediaries spell them; what names another state is refused still."""
    tolerant = replace(WIKI, policy=Policy(tolerated=TOLERANT))
    rig = holding(route=tolerant)
    stale = await rig.write("PUT", ("If-Match", spelled.format(rig.tag(OLDER).strip('"'))))
    assert isinstance(stale.verdict, PreconditionFailed)
    assert rig.upstream.performed() == []
    answer = await rig.write("PUT", ("If-Match", spelled.format(rig.tag(OLD).strip('"'))))
    assert answer.verdict == Perform(Reason.HOLDS)


async def test_the_origin_servers_own_tag_is_forwarded_as_it_spells_it() -> None:
    """An origin server that enforces its own tags would refuse the spellings that were tolerated here."""
    own = Canned(200, OLD, (*TEXT, ("ETag", '"own"')))
    rig = Rig(answering(own), replace(WIKI, policy=Policy(tolerated=TOLERANT)))
    await rig.write("PUT", ("If-Match", "x, own-gzip"))
    assert rig.upstream.performed()[0].request.fields.get("if-match") == '"own"'
