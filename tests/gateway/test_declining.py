"""How a write is answered that is not performed: shown the state it missed, or told that it is done already."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest

from proxy.core.canonical import CanonicalJson
from proxy.core.injection import Injection
from proxy.core.preconditions import Absence, Policy
from proxy.core.route import Route, TagOnWrite
from proxy.core.tag_rules import TagRules
from proxy.core.template import Template
from proxy.core.verdict import AlreadyApplied, PreconditionFailed, Reason
from proxy.errors import Unverifiable
from proxy.ports import Lease, LeaseTerms
from tests.support.scripted import TEXT, Canned, Rig, answering

WIKI = Route("wiki", Template.parse("/wiki/{id}"))
APPLIED = replace(WIKI, already_applied=True)
JSON = (("Content-Type", "application/json"),)
OLD, NEW = b"old", b"new"
REPRESENTATION = ("Prefer", "return=representation")


# The current representation in a refusal -----------------------------------------------------------------------------


async def test_a_refusal_shows_the_current_state_to_who_prefers_it() -> None:
    """RFC 8144 §3.2: the content of a GET, its tag and its address, and that the preference was applied."""
    shown = Canned(200, NEW, (*TEXT, ("Vary", "Accept-Language"), ("Cache-Control", "max-age=60"), ("X-Theirs", "1")))
    rig = Rig(answering(shown))
    answer = await rig.write("PUT", ("If-Match", rig.tag(OLD)), REPRESENTATION, path="/wiki/1?x=y")
    assert isinstance(answer.verdict, PreconditionFailed)
    assert answer.response is not None
    assert (answer.response.status, answer.response.content) == (412, NEW)
    fields = dict(answer.response.fields)
    assert fields.pop("ETag") == rig.tag(NEW)
    assert fields == {
        "Content-Type": "text/plain",
        "X-Theirs": "1",
        "Cache-Control": "no-store",
        "Content-Location": "/wiki/1?x=y",
        "Preference-Applied": "return=representation",
        "Vary": "Accept-Language, Prefer",
    }
    assert rig.upstream.performed() == []


async def test_it_is_selected_for_this_client_alone() -> None:
    """With its credentials, and although what is remembered would be enough to refuse it."""
    rig = Rig(answering(Canned(200, NEW)), replace(WIKI, trust=60.0))
    lines = (("If-Match", rig.tag(OLD)), ("Authorization", "me"))
    await rig.write("PUT", *lines)
    asked = len(rig.upstream.selects())
    await rig.write("PUT", *lines)
    assert len(rig.upstream.selects()) == asked  # it is trusted
    answer = await rig.write("PUT", *lines, REPRESENTATION)
    assert answer.response is not None
    assert answer.response.content == NEW
    assert rig.upstream.selects()[-1].request.fields.get("authorization") == "me"


@pytest.mark.parametrize("line", [("Prefer", "return=minimal"), ("X", "y")])
async def test_others_get_a_problem_document(line: tuple[str, str]) -> None:
    """Nobody is sent what was not asked for."""
    rig = Rig(answering(Canned(200, NEW)))
    assert (await rig.write("PUT", ("If-Match", rig.tag(OLD)), line)).response is None


async def test_where_there_is_nothing_there_is_nothing_to_show() -> None:
    """A preference is no demand."""
    rig = Rig(answering(Canned(404, b"gone")))
    assert (await rig.write("PUT", ("If-Match", "*"), REPRESENTATION)).response is None


async def test_what_it_may_not_read_is_not_shown() -> None:
    """Authorization speaks first (I7)."""
    rig = Rig(answering(Canned(403, b"no")))
    answer = await rig.write("PUT", ("If-Match", rig.tag(OLD)), REPRESENTATION)
    assert answer.response is not None
    assert answer.response.status == 403


# Done already --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown", "sent"),
    [(Canned(200, NEW), NEW), (Canned(200, b'{"a": 1, "b": 2}', JSON), b'{"b":2,"a":1}')],
)
async def test_a_put_of_the_current_state_is_done(shown: Canned, sent: bytes) -> None:
    """RFC 9110 §13.1.1: who sends it again after an answer was lost is told that it is done, and nothing is sent."""
    rules = TagRules(CanonicalJson())
    rig = Rig(answering(shown), replace(APPLIED, rules=rules, etag_on_write=TagOnWrite.ALWAYS))
    stale = rig.tag(OLD, lines=shown.lines)
    answer = await rig.write("PUT", ("If-Match", stale), *shown.lines, content=sent)
    assert answer.verdict == AlreadyApplied(Reason.APPLIED)
    assert answer.response is not None
    assert (answer.response.status, answer.response.content) == (204, b"")
    assert answer.response.fields.get("etag") == rig.tag(shown.content, lines=shown.lines)
    assert rig.upstream.performed() == []


@pytest.mark.parametrize(
    ("sent", "route", "said"),
    [
        (b'{"a": 1}', APPLIED, True),
        (b'{"a":1}', APPLIED, False),
        (b'{"a":1}', replace(APPLIED, etag_on_write=TagOnWrite.ALWAYS), True),
        (b'{"a": 1}', replace(APPLIED, inject=Injection()), False),
        (b'{"a": 1}', replace(APPLIED, inject=Injection(), etag_on_write=TagOnWrite.ALWAYS), True),
        (b'{"a": 1}', replace(APPLIED, etag_on_write=TagOnWrite.NEVER), False),
    ],
)
async def test_the_tag_is_said_as_after_a_write(sent: bytes, route: Route, said: bool) -> None:
    """RFC 9110 §9.3.4: of content that is not exactly what was sent only where the route always says it."""
    rig = Rig(answering(Canned(200, b'{"a": 1}', JSON)), replace(route, rules=TagRules(CanonicalJson())))
    answer = await rig.write("PUT", ("If-Match", rig.tag(OLD, lines=JSON)), *JSON, content=sent)
    assert answer.verdict == AlreadyApplied(Reason.APPLIED)
    assert answer.response is not None
    assert ("etag" in answer.response.fields) is said


async def test_tags_in_content_do_not_count() -> None:
    """A PUT that is sent again is done, though a GET shows more than it says; with or without a tag in it."""
    rules = replace(APPLIED, rules=TagRules(CanonicalJson()), inject=Injection())
    for sent in (b'{"a":1}', b'{"_etag":"x","a":1}'):
        rig = Rig(answering(Canned(200, b'{"a": 1}', JSON)), rules)
        answer = await rig.write("PUT", ("If-Match", rig.tag(OLD, lines=JSON)), *JSON, content=sent)
        assert answer.verdict == AlreadyApplied(Reason.APPLIED)
        other = await rig.write("PUT", ("If-Match", rig.tag(OLD, lines=JSON)), *JSON, content=b'{"a":2}')
        assert isinstance(other.verdict, PreconditionFailed)


@pytest.mark.parametrize(
    ("shown", "sent", "lines"),
    [
        (Canned(200, NEW), b"other", TEXT),
        (Canned(200, NEW), NEW, JSON),
        (Canned(200, NEW, (*TEXT, ("Content-Encoding", "gzip"))), NEW, TEXT),
        (Canned(200, NEW), NEW, (*TEXT, ("Content-Encoding", "gzip"))),
        (Canned(200, b'{"a": 1}', JSON), b'{"a":1}', JSON),
        (Canned(200, NEW), NEW, (*TEXT, ("Content-Language", "de"))),
        (Canned(200, NEW, (*TEXT, ("Content-Language", "de"))), NEW, (*TEXT, ("Content-Language", "de, en"))),
        (Canned(200, NEW), NEW, (*TEXT, ("Content-Disposition", "attachment"))),
    ],
)
async def test_a_put_of_anything_else_is_stale(shown: Canned, sent: bytes, lines: tuple[tuple[str, str], ...]) -> None:
    """Other content, the same bytes as something else, or bytes that differ where every byte counts."""
    rig = Rig(answering(shown), APPLIED)
    answer = await rig.write("PUT", ("If-Match", rig.tag(OLD, lines=shown.lines)), *lines, content=sent)
    assert isinstance(answer.verdict, PreconditionFailed)


async def test_a_tag_that_was_never_given_out_tells_of_no_write_before() -> None:
    """Who never knew the resource cannot have written it."""
    rig = Rig(answering(Canned(200, NEW)), APPLIED)
    answer = await rig.write("PUT", ("If-Match", '"x"'), *TEXT, content=NEW)
    assert answer.verdict == PreconditionFailed(Reason.NEVER_MINTED, rig.minted(NEW))


@pytest.mark.parametrize("method", ["PATCH", "POST"])
async def test_nobody_knows_what_other_methods_would_make_of_it(method: str) -> None:
    """Only the content of a PUT is the new state."""
    rig = Rig(answering(Canned(200, NEW)), APPLIED)
    answer = await rig.write(method, ("If-Match", rig.tag(OLD)), *TEXT, content=NEW)
    assert isinstance(answer.verdict, PreconditionFailed)


@pytest.mark.parametrize("absent", sorted(set(Absence) - {Absence.FORWARD}, key=str))
@pytest.mark.parametrize("listed", ['"gone"', "*"])
async def test_a_delete_of_what_is_gone_is_done(absent: Absence, listed: str) -> None:
    """Whatever the route makes of a tag of nothing otherwise."""
    rig = Rig(answering(Canned(404)), replace(APPLIED, policy=Policy(absent=absent)))
    answer = await rig.write("DELETE", ("If-Match", listed))
    assert answer.verdict == AlreadyApplied(Reason.APPLIED)
    assert answer.response is not None
    assert (answer.response.status, list(answer.response.fields)) == (204, [])
    assert rig.upstream.performed() == []


async def test_what_is_told_of_the_same_content_counts_where_it_is_told() -> None:
    """A client that says no language leaves it to the origin server; one that does means it."""
    shown = Canned(200, NEW, (*TEXT, ("Content-Language", "de, EN"), ("Content-Disposition", "inline")))
    for lines in (), (("Content-Language", "DE,en"),):
        rig = Rig(answering(shown), APPLIED)
        answer = await rig.write("PUT", ("If-Match", rig.tag(OLD, lines=shown.lines)), *TEXT, *lines, content=NEW)
        assert answer.verdict == AlreadyApplied(Reason.APPLIED)


async def test_what_is_trusted_does_not_hide_that_it_is_done() -> None:
    """Content is compared, and that is not remembered."""
    rig = Rig(answering(Canned(200, NEW)), replace(APPLIED, trust=60.0))
    await rig.get()
    answer = await rig.write("PUT", ("If-Match", rig.tag(OLD)), *TEXT, content=NEW)
    assert answer.verdict == AlreadyApplied(Reason.APPLIED)


@pytest.mark.parametrize(("method", "status"), [("PUT", 404), ("DELETE", 404), ("PUT", 500)])
async def test_what_was_not_read_is_let_go_of(method: str, status: int) -> None:
    """Of an answer that a refusal, or a write that is done, stands for."""
    shown = Canned(status, b"no")
    with suppress(Unverifiable):
        assert (await Rig(answering(shown), APPLIED).write(method, ("If-Match", "*"))).rest is None
    assert shown.closed == 1


async def test_what_was_not_read_is_let_go_of_when_its_client_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is remembered that there is nothing."""
    shown, remembering = Canned(404, b"no"), asyncio.Event()
    rig = Rig(answering(shown))

    async def remember(*_: object) -> None:
        remembering.set()
        await asyncio.Future[None]()

    monkeypatch.setattr(rig.state, "remember", remember)
    writing = asyncio.create_task(rig.write("PUT", ("If-Match", "*")))
    await remembering.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert shown.closed == 1


async def test_what_was_not_read_is_let_go_of_when_its_client_leaves_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the store is told that the resource is free."""
    shown, leaving = Canned(401, b"no"), asyncio.Event()
    rig = Rig(answering(shown))
    held = rig.lock.hold

    @asynccontextmanager
    async def hold(key: str, terms: LeaseTerms) -> AsyncIterator[Lease]:
        async with held(key, terms) as lease:
            yield lease
        leaving.set()
        await asyncio.Future[None]()

    monkeypatch.setattr(rig.lock, "hold", hold)
    writing = asyncio.create_task(rig.write("PUT", ("If-Match", "*")))
    await leaving.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert shown.closed == 1


async def test_a_delete_of_something_else_than_the_state_is_not_done() -> None:
    """What guards a resource may be gone, and that resource still be there."""
    state = replace(APPLIED, state=Template.parse("/state/{id}"))
    answer = await Rig(answering(Canned(404)), state).write("DELETE", ("If-Match", '"gone"'))
    assert answer.response is not None
    assert answer.response.status == 404


async def test_a_delete_without_a_condition_is_the_origin_servers() -> None:
    """Nothing was missed that could have been done before."""
    rig = Rig(answering(Canned(404), Canned(404)), APPLIED)
    answer = await rig.write("DELETE")
    assert answer.response is not None
    assert answer.response.status == 404


async def test_a_delete_that_another_resource_guards_is_the_origin_servers() -> None:
    """That an order is gone says nothing of what hangs on it."""
    rig = Rig(answering(Canned(404)), replace(APPLIED, state=Template.parse("/state/{id}")))
    answer = await rig.write("DELETE", ("If-Match", '"gone"'))
    assert answer.response is not None
    assert answer.response.status == 404


async def test_elsewhere_it_is_refused() -> None:
    """The route has to say so: two people who type the same are two people."""
    rig = Rig(answering(Canned(200, NEW)))
    answer = await rig.write("PUT", ("If-Match", rig.tag(OLD)), *TEXT, content=NEW)
    assert isinstance(answer.verdict, PreconditionFailed)
