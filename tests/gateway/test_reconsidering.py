"""A storm of writers costs the origin server a bounded number of requests, and nobody is refused by what is too old."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from proxy.core.effort import LARGE
from proxy.core.message import Request
from proxy.core.preconditions import Policy, Require
from proxy.core.route import Route, TagOnWrite
from proxy.core.tag_rules import Aba, TagRules
from proxy.core.template import Template
from proxy.core.verdict import AlreadyApplied, Perform, PreconditionFailed, PreconditionRequired, Reason
from proxy.errors import Failure
from proxy.gateway import Answer
from proxy.ports import Purpose
from tests.support.scripted import TEXT, Canned, Rig, request
from tests.support.world import SilentJournal, Text

WIKI = Route("wiki", Template.parse("/wiki/{id}"), etag_on_write=TagOnWrite.NEVER)
ALWAYS = replace(WIKI, etag_on_write=TagOnWrite.ALWAYS)
OLD, NEW = b"old", b"new"
JSON, XML, HTML = "application/json", "application/xml", "text/html"

Line = tuple[str, str]


@dataclass
class Site:
    """An origin server with one state, and two representations of it where its answers vary."""

    state: bytes = NEW
    varies: bool = False
    status: int = 200

    def __call__(self, asked: Request, purpose: Purpose) -> Canned | Failure:
        if purpose is not Purpose.SELECT:
            self.state += b"+"
            return Canned(204)
        if not self.varies or self.status != 200:
            return Canned(self.status, self.state)
        accepted = (asked.fields.get("accept") or JSON).partition(";")[0]
        if accepted not in {JSON, XML}:
            return Canned(406, b"", (("Vary", "Accept"),))
        return Canned(200, accepted.encode() + self.state, (("Content-Type", accepted), ("Vary", "Accept")))


class Storm:
    """Writers of one resource before a site."""

    def __init__(self, site: Site | None = None, route: Route = WIKI) -> None:
        self.site = site or Site()
        self.rig = Rig(self.site, route)

    def tag(self, content: bytes = OLD) -> Line:
        """Return the condition that names that content."""
        return "If-Match", self.rig.tag(content)

    def named(self, accept: str, state: bytes = OLD) -> Line:
        """Return the condition that names a representation of that state."""
        lines = (("Content-Type", accept), ("Vary", "Accept"))
        return "If-Match", self.rig.tag(accept.encode() + state, lines=lines)

    async def all(self, *writes: Sequence[Line], method: str = "PUT") -> list[Answer]:
        """Let them all write at once."""
        return await asyncio.gather(*(self.rig.write(method, *lines) for lines in writes))

    @property
    def selects(self) -> int:
        """How often the state was asked for."""
        return len(self.rig.upstream.selects())

    @property
    def writes(self) -> int:
        """How many writes were forwarded."""
        return len(self.rig.upstream.performed())


def refusals(answers: Sequence[Answer]) -> Counter[str]:
    """Return how often each verdict was told."""
    return Counter(type(answer.verdict).__name__ for answer in answers)


@pytest.mark.parametrize("writers", [20, 1_000])
@pytest.mark.parametrize("aba", Aba)
async def test_writers_with_a_stale_tag_cost_two_selections(writers: int, aba: Aba) -> None:
    """That of the first, which began before the others came, and one for all of them."""
    storm = Storm(route=replace(WIKI, rules=TagRules(aba=aba)))
    answers = await storm.all(*[[storm.tag()]] * writers)
    assert refusals(answers) == {"PreconditionFailed": writers}
    assert (storm.selects, storm.writes) == (2, 0)
    assert storm.rig.lock.resources() == 0


@pytest.mark.parametrize(("route", "selects"), [(WIKI, 2), (ALWAYS, 2)], ids=["never", "always"])
async def test_writers_with_the_current_tag_cost_one_more_than_the_winner(route: Route, selects: int) -> None:
    """Or none, where the new state was asked for on the winner's behalf: that refuses the others as well."""
    storm = Storm(Site(OLD), route)
    answers = await storm.all(*[[storm.tag()]] * 1_000)
    assert refusals(answers) == {"Perform": 1, "PreconditionFailed": 999}
    assert (storm.selects, storm.writes) == (selects, 1)


async def test_different_stale_tags_are_refused_by_one_selection() -> None:
    """Each is told why its own tag is none of the current state."""
    storm = Storm()
    other, strange = storm.tag(b"older"), ("If-Match", '"elsewhere"')
    answers = await storm.all(*[[storm.tag()], [other], [strange]] * 100)
    reasons = Counter(answer.verdict.reason for answer in answers if isinstance(answer.verdict, PreconditionFailed))
    assert reasons == {Reason.STALE: 200, Reason.NEVER_MINTED: 100}
    assert storm.selects == 2


async def test_methods_share_selections() -> None:
    """What is compared is the state of the resource, whatever is to become of it."""
    storm = Storm()
    methods = ["PUT", "PATCH", "DELETE", "POST", "PURGE"] * 50
    answers = await asyncio.gather(*(storm.rig.write(method, storm.tag()) for method in methods))
    assert refusals(answers) == {"PreconditionFailed": 250}
    assert (storm.selects, storm.writes) == (2, 0)


async def test_writes_without_a_condition_between_them_change_nothing() -> None:
    """They are let through one by one, and who names an old state is refused all the same, by what was seen once."""
    storm = Storm()
    answers = await storm.all(*[[storm.tag()], []] * 20)
    assert refusals(answers) == {"Perform": 20, "PreconditionFailed": 20}
    assert (storm.selects, storm.writes) == (2, 20)


async def test_credentials_are_not_shared() -> None:
    """I2: who may see what is the origin server's to say, so each is asked for once, and the first once more."""
    storm = Storm()
    writers = [[storm.tag(), ("Authorization", f"of {number % 5}")] for number in range(200)]
    assert refusals(await storm.all(*writers)) == {"PreconditionFailed": 200}
    asked = Counter(sent.request.fields.get("authorization") for sent in storm.rig.upstream.selects())
    assert asked == {"of 0": 2, "of 1": 1, "of 2": 1, "of 3": 1, "of 4": 1}


@pytest.mark.parametrize("accepts", [XML, HTML], ids=["another variant", "none that there is"])
async def test_writers_who_accept_something_else_share_both_selections(accepts: str) -> None:
    """That of what they accept, and that of the variant which their tag names."""
    storm = Storm(Site(varies=True))
    answers = await storm.all(*[[storm.named(JSON), ("Accept", accepts)]] * 500)
    assert refusals(answers) == {"PreconditionFailed": 500}
    assert (storm.selects, storm.writes) == (4, 0)


async def test_each_selector_costs_two_selections() -> None:
    """Of ten ways to accept something else each is asked for once, and then the variant of the tag; so is the first."""
    storm = Storm(Site(varies=True))
    writers = [[storm.named(JSON), ("Accept", f"{XML};q=0.{number % 10 + 1}")] for number in range(300)]
    assert refusals(await storm.all(*writers)) == {"PreconditionFailed": 300}
    assert storm.selects == 2 * 11


async def test_the_current_variant_wins_once() -> None:
    """Of those who accept something else than their tag names one is let through, by its own two selections."""
    storm = Storm(Site(OLD, varies=True))
    answers = await storm.all(*[[storm.named(JSON), ("Accept", XML)]] * 100)
    assert refusals(answers) == {"Perform": 1, "PreconditionFailed": 99}
    assert (storm.selects, storm.writes) == (4, 1)


async def test_who_prefers_to_see_the_state_is_shown_what_was_shared() -> None:
    """RFC 8144: it was selected with the same credentials, so it tells nothing that a GET would not."""
    storm = Storm()
    answers = await storm.all(*[[storm.tag(), ("Prefer", "return=representation")]] * 100)
    assert [answer.response.content for answer in answers if answer.response] == [NEW] * 100
    assert refusals(answers) == {"PreconditionFailed": 100}
    assert storm.selects == 2


async def test_long_content_is_held_for_nobody() -> None:
    """It refuses as well as any other; whoever would be shown it asks itself."""
    content = b"x" * LARGE
    storm = Storm(Site(content))
    assert refusals(await storm.all(*[[storm.tag()]] * 10)) == {"PreconditionFailed": 10}
    assert storm.selects == 2
    answers = await storm.all(*[[storm.tag(), ("Prefer", "return=representation")]] * 10)
    assert [answer.response.content for answer in answers if answer.response] == [content] * 10
    assert storm.selects == 2 + 10


class Greeting(Site):
    """An origin server that begins a session for everyone who asks without one."""

    sessions = 0

    def __call__(self, asked: Request, purpose: Purpose) -> Canned | Failure:
        said = super().__call__(asked, purpose)
        self.sessions += 1
        return (
            replace(said, lines=(*said.lines, ("Set-Cookie", str(self.sessions)))) if isinstance(said, Canned) else said
        )


@pytest.mark.parametrize(
    ("status", "method", "lines", "verdict"),
    [
        (200, "PUT", [("Prefer", "return=representation")], "PreconditionFailed"),
        (404, "DELETE", [], "Indeterminate"),
        (406, "PUT", [], "Indeterminate"),
    ],
)
async def test_nobody_is_given_the_session_of_another(
    status: int, method: str, lines: Sequence[Line], verdict: str
) -> None:
    """What an answer of the origin server's sets is for who asked: whoever is shown such an answer has asked itself."""
    storm = Storm(Greeting(status=status))
    answers = await storm.all(*[[storm.tag(), *lines]] * 20, method=method)
    assert refusals(answers) == {verdict: 20}
    assert len({answer.response.fields.get("set-cookie") for answer in answers if answer.response}) == 20


async def test_who_is_shown_nothing_is_refused_by_what_set_a_cookie() -> None:
    """A refusal of our own words holds nothing that was for another."""
    storm = Storm(Greeting())
    answers = await storm.all(*[[storm.tag()]] * 100)
    assert refusals(answers) == {"PreconditionFailed": 100}
    assert not any(answer.response for answer in answers)
    assert storm.selects == 2


async def test_what_is_done_already_is_told_by_what_was_shared() -> None:
    """Who writes what another has just written is answered as if it had asked itself."""
    storm = Storm(Site(NEW), replace(WIKI, already_applied=True))
    answers = await asyncio.gather(
        *(storm.rig.write("PUT", storm.tag(), TEXT[0], content=NEW if number % 2 else OLD) for number in range(100))
    )
    assert refusals(answers) == {"PreconditionFailed": 50, "AlreadyApplied": 50}
    assert isinstance(answers[1].verdict, AlreadyApplied)
    assert (storm.selects, storm.writes) == (2, 0)


async def test_a_precondition_that_a_route_requires_is_asked_for_by_what_was_shared() -> None:
    """428 rests on the state as 412 does."""
    storm = Storm(route=replace(WIKI, policy=Policy(require=Require.EXISTING)))
    answers = await storm.all(*[[]] * 50)
    assert all(isinstance(answer.verdict, PreconditionRequired) for answer in answers)
    assert storm.selects == 2


async def test_who_would_delete_what_is_gone_is_told_so_by_what_was_shared() -> None:
    """The answer is the origin server's own to a selection (RFC 9110 §13.2.1), as each would have it for its own."""
    storm = Storm(Site(status=404))
    answers = await storm.all(*[[storm.tag()]] * 100, method="DELETE")
    assert [answer.response.status for answer in answers if answer.response] == [404] * 100
    assert (storm.selects, storm.writes) == (2, 0)


@pytest.mark.parametrize("status", [401, 403, 302, 500])
async def test_an_answer_that_shows_no_state_is_not_shared(status: int) -> None:
    """I7: each is told what the origin server says to itself."""
    storm = Storm(Site(status=status))
    told = await asyncio.gather(*(storm.rig.write("PUT", storm.tag()) for _ in range(10)), return_exceptions=True)
    assert storm.selects == 10
    assert all(isinstance(answer, (Answer, Failure)) for answer in told)


class HeldStorm(Storm):
    """Its writers come one after the other: each selection is held until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: asyncio.Queue[asyncio.Event] = asyncio.Queue()
        send = self.rig.upstream.send

        async def held(asked: Request, *arguments: object, **options: object) -> Canned:
            if options["purpose"] is Purpose.SELECT:
                let_go = asyncio.Event()
                self.asked.put_nowait(let_go)
                await let_go.wait()
            return await send(asked, *arguments, **options)  # type: ignore[arg-type]  # passed on

        self.rig.upstream.send = held  # type: ignore[method-assign, assignment]  # the same, later

    async def come(self, writers: int, *lines: Line) -> list["asyncio.Task[Answer]"]:
        """Let so many come, and wait until they queue."""
        before = self.rig.lock.waiting()
        tasks = [asyncio.create_task(self.rig.write("PUT", *(lines or [self.tag()]))) for _ in range(writers)]
        await asyncio.sleep(0)  # one turn, in which they come as far as the queue
        assert self.rig.lock.waiting() == before + writers
        return tasks


async def test_a_selection_refuses_nobody_who_came_when_it_had_begun() -> None:
    """I2: the state may have changed past the proxy since it was asked for; who knows the new one is let through."""
    storm = HeldStorm()
    first = asyncio.create_task(storm.rig.write("PUT", storm.tag()))
    begun = await storm.asked.get()
    early = await storm.come(10)
    begun.set()
    begun = await storm.asked.get()
    late = await storm.come(1, storm.tag(b"changed since"))
    begun.set()
    assert refusals(await asyncio.gather(first, *early)) == {"PreconditionFailed": 11}
    begun = await storm.asked.get()
    storm.site.state = b"changed since"
    begun.set()
    assert (await late[0]).verdict == Perform(Reason.HOLDS)


async def test_a_storm_that_goes_on_has_one_selection_at_a_time() -> None:
    """However many come while one is under way, the next serves all of them: its rate is the origin server's own."""
    storm = HeldStorm()
    waves = [[asyncio.create_task(storm.rig.write("PUT", storm.tag()))]]
    for _ in range(10):
        begun = await storm.asked.get()
        waves.append(await storm.come(30))
        assert storm.asked.empty()
        begun.set()
    (await storm.asked.get()).set()
    answers = await asyncio.gather(*(task for wave in waves for task in wave))
    assert refusals(answers) == {"PreconditionFailed": 301}
    assert storm.selects == 11


async def test_a_report_asks_for_each_write() -> None:
    """Where nothing is refused nothing is shared: each write is forwarded, and costs one selection besides."""
    storm = Storm()
    asked = request("PUT", "/wiki/1", storm.tag())
    plan = storm.rig.gateway.identify(asked)
    reports = await asyncio.gather(
        *(storm.rig.gateway.report(asked, Text(b""), plan, SilentJournal()) for _ in range(20))
    )
    assert all(isinstance(report.would, PreconditionFailed) for report in reports)
    assert storm.selects == 20


async def test_readers_share_nothing() -> None:
    """Each GET is answered by its own selection, beside a storm as well."""
    storm = Storm()
    shown, refused = await asyncio.gather(
        asyncio.gather(*(storm.rig.get() for _ in range(20))), storm.all(*[[storm.tag()]] * 20)
    )
    assert [answer.response.content for answer in shown if answer.response] == [NEW] * 20
    assert refusals(refused) == {"PreconditionFailed": 20}
    assert storm.selects == 22


async def test_who_is_let_through_has_asked_itself() -> None:
    """I1, I2: what was shared says that a tag is current, and the origin server is asked again all the same."""
    storm = HeldStorm()
    first = asyncio.create_task(storm.rig.write("PUT", storm.tag()))
    begun = await storm.asked.get()
    fresh = await storm.come(1, storm.tag(NEW))
    begun.set()
    begun = await storm.asked.get()
    storm.site.state = b"changed past the proxy"
    begun.set()
    assert isinstance((await first).verdict, PreconditionFailed)
    assert isinstance((await fresh[0]).verdict, PreconditionFailed)
    assert storm.selects == 2


@pytest.mark.parametrize("site", [Site, Greeting])
async def test_who_names_what_its_own_fields_select_is_compared_with_that(site: type[Site]) -> None:
    """Whatever else it names, and whether others may be shown what was seen or not."""
    storm = Storm(site(varies=True))
    others = [[storm.named(JSON), ("Accept", XML)]] * 10
    both = ("If-Match", f"{storm.named(JSON)[1]}, {storm.named(XML, NEW)[1]}")
    answers = await storm.all(*others, [both, ("Accept", XML)])
    assert refusals(answers) == {"PreconditionFailed": 10, "Perform": 1}
