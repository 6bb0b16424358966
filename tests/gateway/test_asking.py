"""How the current state is learnt: variants, views, versions, and the count of writes."""

import asyncio
import gzip
import json
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from proxy.config.json_path import JsonPath
from proxy.core.canonical import CanonicalJson
from proxy.core.injection import Injection
from proxy.core.matching import Match, Routes
from proxy.core.message import Request
from proxy.core.route import Query, Route, SelectRules, TagOnWrite
from proxy.core.self_link import SelfLink
from proxy.core.tag_rules import Aba, TagRules
from proxy.core.template import Template
from proxy.core.verdict import NotModified, Perform, PreconditionFailed, Reason
from proxy.core.version import MemberVersion
from proxy.errors import Failure, LeaseLost, StoreFailure, Unverifiable
from proxy.gateway import Answer
from proxy.gateway.asking import speaks_for
from proxy.ports import LeaseTerms, Purpose
from tests.support.memories import UncountedState
from tests.support.scripted import TEXT, Canned, Rig, answering, request

WIKI = Route("wiki", Template.parse("/wiki/{id}"))
JSON, XML = "application/json", "application/xml"


class Negotiating:
    """An origin server with one state and two representations of it, and German and English ones where it varies so."""

    def __init__(self, vary: str = "Accept") -> None:
        self.state = b"1"
        self.vary = vary

    def __call__(self, request: Request, purpose: Purpose) -> Canned | Failure:
        if purpose is not Purpose.SELECT:
            self.state += b"1"
            return Canned(204)
        kind = XML if (request.fields.get("accept") or "").startswith(XML) else JSON
        language = "de" if (request.fields.get("accept-language") or "").startswith("de") else "en"
        content = b"%s %s %s" % (kind.encode(), language.encode(), self.state)
        return Canned(200, content, (("Content-Type", kind), ("Content-Language", language), ("Vary", self.vary)))


def tag_of(answer: Answer) -> str:
    """Return the tag that a reader was shown."""
    assert answer.response is not None
    return answer.response.fields.get("etag") or ""


@pytest.mark.parametrize(
    ("vary", "read", "write"),
    [
        ("Accept", ("Accept", JSON), ("Accept", XML)),
        ("Accept", ("Accept", XML), ("Accept", "*/*")),
        ("Accept", ("Accept", XML), ("X", "y")),
        ("Accept-Language", ("Accept-Language", "de"), ("Accept-Language", "en")),
        ("accept-language, ACCEPT", ("Accept", f"{XML}, */*;q=0.1"), ("Accept-Language", "de")),
    ],
)
async def test_a_writer_may_accept_something_else_than_the_reader(
    vary: str, read: tuple[str, str], write: tuple[str, str]
) -> None:
    """The tag names its variant, so its state is compared with its own kind, and no memory is needed for that."""
    origin = Negotiating(vary)
    tag = tag_of(await Rig(origin, WIKI).get("/wiki/1", read))
    good = await Rig(origin, WIKI).write("PUT", ("If-Match", tag), write)
    assert good.verdict == Perform(Reason.HOLDS)
    stale = await Rig(origin, WIKI).write("PUT", ("If-Match", tag), write)
    assert isinstance(stale.verdict, PreconditionFailed)
    assert stale.verdict.reason is Reason.STALE


async def test_what_a_writer_accepts_comes_first() -> None:
    """It may say more than a media type can, as of a version: what it selects is compared if it is the same variant."""

    def script(asked: Request, purpose: Purpose) -> Canned | Failure:
        version = (asked.fields.get("accept") or "").partition("version=")[2] or "none"
        return Canned(200, version.encode(), (("Content-Type", JSON), ("Vary", "Accept")))

    rig, second = Rig(script, WIKI), ("Accept", f"{JSON}; version=2")
    tag = tag_of(await rig.get("/wiki/1", second))
    assert (await rig.write("PUT", ("If-Match", tag), second)).verdict == Perform(Reason.HOLDS)
    assert {sent.request.fields.get("accept") for sent in rig.upstream.selects()} == {second[1]}


@pytest.mark.parametrize("first", [True, False])
async def test_any_tag_of_a_list_may_be_that_of_what_a_writer_accepts(first: bool) -> None:
    """RFC 9110 §13.1.1: one that names what is selected is enough, whatever else is in the list, and before it."""
    origin = Negotiating()
    rig = Rig(origin, replace(WIKI, etag_on_write=TagOnWrite.NEVER))
    gone = tag_of(await rig.get("/wiki/1", ("Accept", JSON)))
    origin.state = b"2"
    current = tag_of(await rig.get("/wiki/1", ("Accept", XML)))
    listed = ", ".join([current, gone] if first else [gone, current])
    asked = len(rig.upstream.selects())
    assert (await rig.write("PUT", ("If-Match", listed), ("Accept", XML))).verdict == Perform(Reason.HOLDS)
    assert len(rig.upstream.selects()) == asked + 1


async def test_a_writer_who_accepts_nothing_that_there_is_has_its_tag_compared() -> None:
    """A 406 to the selection is no refusal of the write: it has a tag of what there is."""

    def script(asked: Request, purpose: Purpose) -> Canned | Failure:
        if purpose is not Purpose.SELECT:
            return Canned(204)
        accepted = (asked.fields.get("accept") or "").startswith(JSON)
        return Canned(200 if accepted else 406, b"1", (("Content-Type", JSON), ("Vary", "Accept")))

    rig = Rig(script, WIKI)
    tag = tag_of(await rig.get("/wiki/1", ("Accept", JSON)))
    assert (await rig.write("PUT", ("If-Match", tag), ("Accept", "a/b"))).verdict == Perform(Reason.HOLDS)
    unnamed = await rig.write("PUT", ("If-Match", "*"), ("Accept", "a/b"))
    assert unnamed.response is not None
    assert unnamed.response.status == 406


@pytest.mark.parametrize("status", [401, 403, 404, 500])
async def test_nothing_but_406_has_another_variant_asked_for(status: int) -> None:
    """I7: what the writer's own fields come to speaks first, and a variant named in a tag opens no door."""
    shown = Canned(200, b"1", (("Content-Type", JSON), ("Vary", "Accept")))
    rig = Rig(lambda asked, _: shown if asked.fields.get("accept") == JSON else Canned(status, b"no"), WIKI)
    tag = tag_of(await rig.get("/wiki/1", ("Accept", JSON)))
    asked = len(rig.upstream.sent)
    with suppress(Unverifiable):
        answer = await rig.write("PATCH", ("If-Match", tag), ("Accept", XML))
        assert answer.response is not None
        assert answer.response.status == status
    assert len(rig.upstream.sent) == asked + 1


async def test_another_variant_is_asked_for_as_the_first_was() -> None:
    """I1: under the same lease, so that no cache answers and a fence goes along; and the first answer is let go of."""
    refused = Canned(406, b"no")
    shown = Canned(200, b"1", (("Content-Type", JSON), ("Vary", "Accept")))

    def script(asked: Request, purpose: Purpose) -> Canned | Failure:
        if purpose is not Purpose.SELECT:
            return Canned(204)
        return shown if asked.fields.get("accept") == JSON else refused

    rig = Rig(script, replace(WIKI, fence="Fence", etag_on_write=TagOnWrite.NEVER))
    tag = tag_of(await rig.get("/wiki/1", ("Accept", JSON)))
    await rig.write("PUT", ("If-Match", tag), ("Accept", XML))
    _, first, second, write = [sent.request.fields for sent in rig.upstream.sent]
    assert first.get("fence") == second.get("fence") == write.get("fence")
    assert first.get("cache-control") == second.get("cache-control") == "no-cache"
    assert refused.closed == 1


async def test_what_is_remembered_of_another_variant_refuses_nobody() -> None:
    """I2: it tells who had to wait nothing of the state that the tag names."""
    rig = Rig(Negotiating(), replace(WIKI, trust=60.0))  # else what a reader was shown is not firm, and refuses nobody
    tag = tag_of(await rig.get("/wiki/1", ("Accept", JSON)))
    other = ("Accept", XML)
    async with rig.lock.hold("/wiki/1", LeaseTerms(1, 5, 5, 1)):
        writing = asyncio.create_task(rig.write("PUT", ("If-Match", tag), other))
        await asyncio.sleep(0)
        await rig.get("/wiki/1", other)  # it is remembered, for readers and writers who accept that
    assert (await writing).verdict == Perform(Reason.HOLDS)


async def test_what_is_trusted_of_another_variant_refuses_nobody() -> None:
    """Nor before the resource is held."""
    rig, other = Rig(Negotiating(), replace(WIKI, trust=60.0)), ("Accept", XML)
    tag = tag_of(await rig.get("/wiki/1", ("Accept", JSON)))
    await rig.get("/wiki/1", other)
    assert (await rig.write("PUT", ("If-Match", tag), other)).verdict == Perform(Reason.HOLDS)


async def test_what_is_remembered_of_this_variant_refuses() -> None:
    """I2: it is what the tag is compared with, so the origin server need not be asked once more."""
    origin = Negotiating()
    rig, accept = Rig(origin, replace(WIKI, trust=60.0)), ("Accept", JSON)
    stale = tag_of(await rig.get("/wiki/1", accept))
    await rig.write("PUT", accept)
    await rig.get("/wiki/1", accept)
    asked = len(rig.upstream.sent)
    assert isinstance((await rig.write("PUT", ("If-Match", stale), accept)).verdict, PreconditionFailed)
    assert len(rig.upstream.sent) == asked


async def test_another_variants_tag_is_no_copy_of_this_one() -> None:
    """A reader who accepts something else is shown it, not told that nothing has changed (WALLS: the variant)."""
    rig = Rig(Negotiating(), WIKI)
    tag = tag_of(await rig.get("/wiki/1", ("Accept", XML)))
    assert isinstance((await rig.get("/wiki/1", ("If-None-Match", tag), ("Accept", XML))).verdict, NotModified)
    other = await rig.get("/wiki/1", ("If-None-Match", tag), ("Accept", JSON))
    assert other.response is not None
    assert (other.response.status, tag_of(other) != tag) == (200, True)


async def test_a_client_cannot_name_a_variant_itself() -> None:
    """A tag that was not minted here asks for nothing: the writer's own fields select."""
    rig = Rig(Negotiating(), WIKI)
    tag = tag_of(await rig.get("/wiki/1", ("Accept", JSON)))
    await rig.write("PUT", ("If-Match", tag.replace(JSON, XML)), ("Accept", "text/html"))
    assert rig.upstream.selects()[-1].request.fields.get("accept") == "text/html"


async def test_the_tag_after_a_write_is_of_the_writers_variant() -> None:
    """So that it can go on with it."""
    always = replace(WIKI, etag_on_write=WIKI.etag_on_write.__class__("always"))
    rig = Rig(Negotiating(), always)
    tag = tag_of(await rig.get("/wiki/1", ("Accept", XML)))
    after = tag_of(await rig.write("PUT", ("If-Match", tag), ("Accept", JSON)))
    assert after.endswith(f'.{XML}"')
    assert (await rig.write("PUT", ("If-Match", after))).verdict == Perform(Reason.HOLDS)


async def test_a_route_may_say_what_writers_select() -> None:
    """Where the tag names no variant; and which fields go along."""
    route = replace(WIKI, select=SelectRules(accept=JSON, fields=frozenset({"x-tenant"})))
    rig = Rig(answering(Canned(200, b"old")), route)
    lines = (("If-Match", rig.tag(b"old")), ("Accept", "text/html"), ("X-Tenant", "t"), ("X-Other", "o"))
    assert (await rig.write("PUT", *lines)).verdict == Perform(Reason.HOLDS)
    asked = rig.upstream.selects()[0].request.fields
    assert (asked.get("accept"), asked.get("x-tenant"), asked.get("x-other")) == (JSON, "t", None)
    sent = rig.upstream.performed()[0].request.fields
    assert (sent.get("accept"), sent.get("x-tenant"), sent.get("x-other")) == ("text/html", "t", "o")


async def test_a_version_decides_where_the_route_names_one() -> None:
    """What the origin server does not count as a change is none."""
    rules = TagRules(CanonicalJson(), version=MemberVersion("/v"))
    one, same, other = (
        Canned(200, each, (("Content-Type", JSON),)) for each in (b'{"v":1,"t":1}', b'{"v":1,"t":2}', b'{"v":2}')
    )
    tag = tag_of(await Rig(answering(one), replace(WIKI, rules=rules)).get())
    for shown, expected in ((same, Perform), (other, PreconditionFailed)):
        answer = await Rig(answering(shown), replace(WIKI, rules=rules)).write("PUT", ("If-Match", tag))
        assert isinstance(answer.verdict, expected)


# Views ---------------------------------------------------------------------------------------------------------------


class Viewed:
    """An origin server that shows a part of what it holds to who asks for it. `before` happens before each answer."""

    def __init__(self) -> None:
        self.name, self.age = b"ann", b"1"
        self.before: list[object] = []

    def __call__(self, request: Request, purpose: Purpose) -> Canned | Failure:
        if purpose is not Purpose.SELECT:
            self.age += b"1"
            return Canned(204)
        if request.target.query:
            return Canned(200, self.name)
        shown = Canned(200, self.name + self.age)
        if self.before:
            self.before.pop()
            self.name = b"bea"  # a writer that comes between the whole and the view
        return shown


VIEWS = replace(WIKI, query=Query.VIEW)
VIEW = "/wiki/1?fields=name"


async def test_a_view_has_a_tag_of_its_own_that_guards_the_whole() -> None:
    """A change to what the view does not show makes it stale."""
    rig = Rig(Viewed(), VIEWS)
    whole, view, again = [tag_of(await rig.get(path)) for path in ("/wiki/1", VIEW, VIEW)]
    assert whole != view == again
    assert isinstance((await rig.get(VIEW, ("If-None-Match", view))).verdict, NotModified)
    assert isinstance((await rig.get("/wiki/1", ("If-None-Match", view))).verdict, Perform)
    assert (await rig.write("PUT", ("If-Match", view))).verdict == Perform(Reason.HOLDS)
    stale = await rig.write("PUT", ("If-Match", view))
    assert isinstance(stale.verdict, PreconditionFailed)
    assert stale.verdict.reason is Reason.STALE


async def test_a_view_is_never_older_than_its_tag() -> None:
    """Else its reader could overwrite what it never saw: a write between the two selections makes the tag stale."""
    origin = Viewed()
    origin.before.append("a writer")
    rig = Rig(origin, VIEWS)
    shown = await rig.get(VIEW)
    assert shown.response is not None
    assert shown.response.content == b"bea"
    assert isinstance((await rig.write("PUT", ("If-Match", tag_of(shown)))).verdict, PreconditionFailed)


async def test_no_cache_answers_with_an_older_view() -> None:
    """A cache on the way knows nothing of the whole: what it has of a view may be older than the tag would say."""
    rig = Rig(Viewed(), VIEWS)
    await rig.get(VIEW)
    _, view = rig.upstream.selects()
    assert view.request.target.query == "fields=name"
    assert view.request.fields.get("cache-control") == "no-cache"


async def test_a_view_of_what_shows_no_state_has_no_tag() -> None:
    """Neither where the whole cannot be had, nor where the view is no representation."""

    def script(request: Request, _: Purpose) -> Canned | Failure:
        return Canned(200 if bool(request.target.query) is shows else 403, b"x")

    for shows in (True, False):
        answer = await Rig(script, VIEWS).get(VIEW)
        assert answer.response is not None
        assert (answer.response.status, tag_of(answer)) == (200 if shows else 403, "")


async def test_what_a_view_is_selected_with() -> None:
    """Where it is trusted afterwards no cache answers for either; what was not read of the whole is let go of."""
    refused = Canned(403, b"no")
    rig = Rig(lambda asked, _: Canned(200, b"x") if asked.target.query else refused, replace(VIEWS, trust=60.0))
    await rig.get(VIEW)
    assert [sent.request.fields.get("cache-control") for sent in rig.upstream.sent] == ["no-cache"] * 2
    assert refused.closed == 1


async def test_a_view_is_remembered_as_itself() -> None:
    """Trusted, it tells nothing of the whole or of another view, and the whole nothing of it."""
    rig = Rig(Viewed(), replace(VIEWS, trust=60.0))
    paths = ("/wiki/1", VIEW, "/wiki/1?fields=age")
    tags = [tag_of(await rig.get(path)) for path in paths]
    asked = len(rig.upstream.sent)
    for path, own in zip(paths, tags, strict=True):
        assert isinstance((await rig.get(path, ("If-None-Match", own))).verdict, NotModified)
    assert len(rig.upstream.sent) == asked
    for path, other in ((VIEW, tags[0]), ("/wiki/1", tags[1])):
        assert isinstance((await rig.get(path, ("If-None-Match", other))).verdict, Perform)


@pytest.mark.parametrize("asked", ['"a?b"', '"a?AAAAAAAAAAAAAAAAAAAAAA"', '"a?AAAAAAAAAAAAAAAAAAAAAAAAAAA"'])
async def test_the_origin_servers_own_tag_is_no_view_of_another(asked: str) -> None:
    """It may hold a question mark, and begin as the tag of another state; that is not the state that it names."""
    rig = Rig(answering(Canned(200, b"now", (*TEXT, ("ETag", '"a"')))), replace(WIKI, query=Query.VIEW))
    assert isinstance((await rig.write("PUT", ("If-Match", asked))).verdict, PreconditionFailed)


async def test_a_view_names_the_origin_servers_own_tag() -> None:
    """Also one that holds a question mark; what is forwarded names the whole."""
    rig = Rig(answering(Canned(200, b"now", (*TEXT, ("ETag", '"a?b"')))), replace(WIKI, query=Query.VIEW))
    view = tag_of(await rig.get(VIEW))
    assert (await rig.write("PUT", ("If-Match", view))).verdict == Perform(Reason.HOLDS)
    assert rig.upstream.performed()[0].request.fields.get("if-match") == '"a?b"'


async def test_elsewhere_a_query_is_no_view() -> None:
    """A tag of what a query shows says nothing of the rest unless the route says so."""
    rig = Rig(Viewed(), WIKI)
    assert isinstance((await rig.write("PUT", ("If-Match", tag_of(await rig.get(VIEW))))).verdict, PreconditionFailed)


# The count of writes -------------------------------------------------------------------------------------------------

COUNTED = replace(WIKI, rules=TagRules(aba=Aba.DETECT))


async def test_content_that_returns_has_another_tag() -> None:
    """A write that leaves the content as it was is a write all the same."""
    rig = Rig(answering(Canned(200, b"old")), COUNTED)
    before = tag_of(await rig.get())
    assert tag_of(await rig.get()) == before
    assert (await rig.write("PUT", ("If-Match", before), content=b"old")).verdict == Perform(Reason.HOLDS)
    stale = await rig.write("PUT", ("If-Match", before), content=b"old")
    assert isinstance(stale.verdict, PreconditionFailed)
    assert stale.verdict.reason is Reason.STALE
    assert (await rig.write("PUT", ("If-Match", tag_of(await rig.get())))).verdict == Perform(Reason.HOLDS)


async def test_content_has_the_number_from_before_it_was_selected(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is read afterwards may be that of a later write, whose content was never seen."""
    rig = Rig(answering(Canned(200, b"old")), COUNTED)
    send = rig.upstream.send

    async def sent(*arguments: Any, **options: Any) -> Canned:
        await rig.state.count("/wiki/1")
        return await send(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(rig.upstream, "send", sent)
        before = tag_of(await rig.get())
    assert before != tag_of(await rig.get())


async def test_a_selection_begins_before_its_number_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """I2: somebody may write while the store's answer is on its way; what bears the number from before is no news."""
    rig = Rig(answering(Canned(200, b"old")), replace(COUNTED, trust=60.0, etag_on_write=TagOnWrite.ALWAYS))
    tag, writes = tag_of(await rig.get()), rig.state.writes

    async def slow(key: str) -> int:
        nonlocal tag
        number = await writes(key)
        with monkeypatch.context() as patched:
            patched.setattr(rig.state, "writes", writes)
            tag = tag_of(await rig.write("PUT", ("If-Match", tag)))
        return number

    with monkeypatch.context() as patched:
        patched.setattr(rig.state, "writes", slow)
        await rig.get()
    assert (await rig.write("PUT", ("If-Match", tag))).verdict == Perform(Reason.HOLDS)


async def test_the_lease_is_confirmed_after_counting(monkeypatch: pytest.MonkeyPatch) -> None:
    """I1: a store that takes its time to count must not have outlasted it."""
    rig = Rig(answering(Canned(200, b"old")), COUNTED)
    before = tag_of(await rig.get())

    async def count(_: str) -> None:
        rig.lock.leases[-1].expires = 0

    monkeypatch.setattr(rig.state, "count", count)
    with pytest.raises(LeaseLost):
        await rig.write("PUT", ("If-Match", before))
    assert rig.upstream.performed() == []


async def test_a_write_that_is_refused_is_not_counted() -> None:
    """Nobody's tag becomes stale by somebody else's mistake."""
    rig = Rig(answering(Canned(200, b"old")), COUNTED)
    before = tag_of(await rig.get())
    await rig.write("PUT", ("If-Match", '"x"'))
    assert tag_of(await rig.get()) == before


async def test_a_relayed_write_is_counted() -> None:
    """It may change the resource, too."""
    rig = Rig(answering(Canned(200, b"old")), COUNTED)
    before = tag_of(await rig.get())
    await rig.relay("POST")
    assert tag_of(await rig.get()) != before


async def test_a_relayed_write_is_counted_before_it_may_be_applied(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sees what it made of the resource must not find the number of what there was before."""
    rig, seen = Rig(answering(Canned(200, b"old")), COUNTED), list[int]()
    before = await rig.state.writes("/wiki/1")
    send = rig.upstream.send

    async def sent(*arguments: Any, **options: Any) -> Canned:
        seen.append(await rig.state.writes("/wiki/1"))
        return await send(*arguments, **options)

    monkeypatch.setattr(rig.upstream, "send", sent)
    await rig.relay("POST")
    assert before < seen[0] < await rig.state.writes("/wiki/1")


async def test_without_the_count_there_is_no_tag_and_no_write() -> None:
    """Readers are shown what there is; a write is not let through on less than the route asks for."""
    state = UncountedState()
    rig = Rig(lambda *_: Canned(200, b"old"), COUNTED, state=state)
    shown = await rig.get()
    assert shown.response is not None
    assert (shown.response.status, tag_of(shown)) == (200, "")
    with pytest.raises(StoreFailure):
        await rig.write("PUT", ("If-Match", '"x"'))
    assert rig.upstream.performed() == []


async def test_a_count_that_was_lost_refuses() -> None:
    """G4: what the store forgets costs work, and permits nothing."""
    script = answering(Canned(200, b"old"))
    before = tag_of(await Rig(script, COUNTED).get())
    fresh = Rig(script, COUNTED)
    assert isinstance((await fresh.write("PUT", ("If-Match", before))).verdict, PreconditionFailed)
    assert fresh.upstream.performed() == []


# Tags in content -----------------------------------------------------------------------------------------------------

TAGGED = replace(
    WIKI,
    rules=TagRules(CanonicalJson()),
    inject=Injection(items=(JsonPath("$.pages[*]"),), link=SelfLink.parse("/self")),
)
PAGES = b'{"pages": [{"self": "/wiki/1", "text": "eggs"}]}'
SHOWN = ("Content-Type", JSON)


async def test_what_the_readers_route_captures_names_the_items() -> None:
    """A write's own route may call it otherwise, or its `state` make it of something else."""
    link = replace(
        TAGGED,
        name="reads",
        methods=frozenset({"GET"}),
        inject=Injection(items=(JsonPath("$.pages[*]"),), link=SelfLink.parse("/{id}/{/text}")),
        template=Template.parse("/{id}/{rest...}"),
    )
    writes = replace(WIKI, name="writes", template=Template.parse("/{book}/{page}"), methods=frozenset({"PUT"}))
    sorts = replace(writes, name="sorts", template=Template.parse("/sort/{id}"), state=Template.parse("/wiki/{id}"))
    rig = Rig(answering(Canned(200, b'{"pages": [{"text": "eggs"}]}', (SHOWN,))))
    rig.gateway.adopt(Routes((sorts, writes, link)))
    shown = await rig.get("/wiki/all", ("Host", "h"))
    assert shown.response is not None
    assert "_etag" in json.loads(shown.response.content)["pages"][0]
    for path in ("/wiki/all", "/sort/all"):
        answer = await rig.write("PUT", ("If-Match", tag_of(shown)), ("Host", "h"), path=path)
        assert answer.verdict == Perform(Reason.HOLDS)


async def test_a_write_is_compared_with_the_tag_that_a_reader_was_shown() -> None:
    """Tags of items are part of a list's tag on both sides, whatever else the two ask for."""
    rig = Rig(answering(Canned(200, PAGES, (SHOWN,))), replace(TAGGED, select=SelectRules(fields=frozenset())))
    shown = await rig.get("/wiki/all", ("Host", "h"), ("X-Tenant", "a"))
    assert shown.response is not None
    content = json.loads(shown.response.content)
    assert content["_etag"] == tag_of(shown)
    assert content["pages"][0]["_etag"] == rig.tag(b'{"self":"/wiki/1","text":"eggs"}', lines=(SHOWN,))
    untouched = await rig.get("/wiki/all", ("Cache-Control", "no-transform"))
    assert untouched.response is not None
    assert (untouched.response.content, tag_of(untouched)) == (PAGES, tag_of(shown))
    written = await rig.write("PUT", ("If-Match", tag_of(shown)), ("Host", "other"), path="/wiki/all")
    assert written.verdict == Perform(Reason.HOLDS)


async def test_a_view_shows_its_own_tag() -> None:
    """The one that names the whole's state besides."""
    rig = Rig(answering(Canned(200, PAGES, (SHOWN,))), replace(TAGGED, query=Query.VIEW))
    shown = await rig.get("/wiki/all?fields=pages")
    assert shown.response is not None
    assert json.loads(shown.response.content)["_etag"] == tag_of(shown)
    assert tag_of(shown) != tag_of(await rig.get("/wiki/all"))
    written = await rig.write("PUT", ("If-Match", tag_of(shown)), path="/wiki/all")
    assert written.verdict == Perform(Reason.HOLDS)


def test_one_selection_speaks_for_another_under_the_same_rules_alone() -> None:
    """What is remembered of a list without tags in it says nothing of one with them."""
    asked = request("GET", "/wiki/1")
    plain, tagged = (Match(route, asked.target, route) for route in (WIKI, replace(WIKI, inject=Injection())))
    assert speaks_for(plain, asked) != speaks_for(tagged, asked)


# Origin servers that compress whatever they are asked ---------------------------------------------------------------


class Compressing:
    """An origin server that compresses every answer anew, with another time stamp."""

    def __init__(self, content: bytes = b'{"a": 1}', coding: str = "gzip") -> None:
        self.content, self.coding = content, coding
        self.stamps = count(1)

    def __call__(self, _: Request, purpose: Purpose) -> Canned | Failure:
        if purpose is not Purpose.SELECT:
            return Canned(204)
        coded = gzip.compress(self.content, mtime=next(self.stamps))
        return Canned(200, coded, (("Content-Type", JSON), ("Content-Encoding", self.coding)))


@pytest.mark.parametrize("rules", [TagRules(), TagRules(CanonicalJson())])
async def test_content_that_is_compressed_anew_is_the_same(rules: TagRules) -> None:
    """Its tag is of what is inside; it is passed on as it came, and parts of it are no use to anybody."""
    origin = Compressing()
    rig = Rig(origin, replace(WIKI, rules=rules))
    one, other = await rig.get("/wiki/1", ("Accept-Encoding", "br")), await rig.get("/wiki/1", ("Range", "bytes=0-1"))
    assert tag_of(one) == tag_of(other)
    assert one.response is not None
    assert other.response is not None
    assert [gzip.decompress(each.response.content) for each in (one, other) if each.response] == [origin.content] * 2
    assert one.response.content != other.response.content
    shown = {name: one.response.fields.get(name) for name in ("content-encoding", "accept-ranges")}
    assert shown == {"content-encoding": "gzip", "accept-ranges": "none"}
    assert {sent.request.fields.get("accept-encoding") for sent in rig.upstream.selects()} == {"identity"}
    assert (await rig.write("PUT", ("If-Match", tag_of(one)))).verdict == Perform(Reason.HOLDS)
    origin.content = b'{"a": 2}'
    assert isinstance((await rig.write("PUT", ("If-Match", tag_of(one)))).verdict, PreconditionFailed)


async def test_a_coding_makes_another_tag() -> None:
    """RFC 9110 §8.8.3.3: two representations of one content are two."""
    plain = tag_of(await Rig(answering(Canned(200, b'{"a": 1}', (("Content-Type", JSON),))), WIKI).get())
    assert tag_of(await Rig(Compressing(), WIKI).get()) != plain


async def test_what_is_inside_is_read_by_the_rules() -> None:
    """Key order, and versions; but for codings that nobody here knows, every byte counts."""
    rules = TagRules(CanonicalJson(), version=MemberVersion("/v"))
    contents = (b'{"v": 1, "x": 1}', b'{"x": 2, "v": 1}', b'{"v": 2}')
    one, same, other = [tag_of(await Rig(Compressing(each), replace(WIKI, rules=rules)).get()) for each in contents]
    assert one == same != other
    unknown = Rig(Compressing(coding="zstd"), replace(WIKI, rules=rules))
    assert tag_of(await unknown.get()) != tag_of(await unknown.get())


async def test_a_view_that_is_compressed_anew_is_the_same() -> None:
    """For a view as for the whole."""
    rig = Rig(Compressing(), VIEWS)
    assert tag_of(await rig.get(VIEW)) == tag_of(await rig.get(VIEW))
