"""What reads have in common that differ in their target alone."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.matching import Routes
from proxy.core.message import Request
from proxy.core.route import Guard, Query, Route, SelectRules, Timeouts, Unmatched
from proxy.core.target import parse
from proxy.core.template import Template
from proxy.gateway.glancing import Glance
from proxy.server import forms, questions
from proxy.server.blocks import Blocks
from proxy.server.forms import Form
from proxy.server.masking import MARK
from proxy.server.questions import Questions
from tests.server.sides import Side, side
from tests.server.test_brief import get
from tests.server.test_questions import PEER, asking

OWN = b"Authorization: Basic 1"
TARGETS = (b"/wiki/1", b"/wiki/2", b"/wiki/2?q", b"/wiki/2?", b"/WIKI/3/", b"/open/1", b"/open/1?q", b"/b", b"/", b"//")
LIKE_A_MARK = b"Authorization: " + MARK + b"a"
LINES: tuple[tuple[bytes, ...], ...] = (
    (),
    (OWN,),
    (LIKE_A_MARK,),
    (b"Authorization: Basic 2", b"X-Request-Id: 1"),
    (b'If-Match: "a"',),
    (b"If-Match: a",),
)
Seen = tuple[Any, ...] | None


def rules(**given: Any) -> Routes:
    """Return two routes with one template, the first for GET alone, one that is off, and default rules for all else."""
    template = Template.parse("/wiki/{id}")
    return Routes(
        [
            Route("reads", template, frozenset({"GET"}), **given),
            Route("writes", template, **given),
            Route("open", Template.parse("/open/{rest...}"), guard=Guard.OFF),
        ],
        Unmatched.GUARD,
    )


RULES = (
    rules(),
    rules(query=Query.VIEW),
    rules(query=Query.IDENTITY, select=SelectRules(fields=frozenset({"x-request-id"}))),
    Routes([Route("off", Template.parse("/wiki/{id}"), guard=Guard.OFF)], Unmatched.RELAY),
    Routes([Route("wiki", Template.parse("/wiki/{id}"))], Unmatched.REJECT),
)


def raw(head: bytes) -> list[tuple[bytes, bytes]]:
    """Return the field lines of a head."""
    return [(name, value) for name, _, value in (line.partition(b": ") for line in head.split(b"\r\n")[1:-2])]


def seen(by: Questions, head: bytes) -> Seen:
    """Return all that is made of a head."""
    found = by.of(head, PEER, "http")
    if found is None:
        return None
    question, values = found
    selector = question.selected_by(values) if question.guarded else None
    form = question.form
    told = question.path, form.fields, form.named, form.if_match, form.origin
    return question.plan, question.ready(values), selector, form.conditions, form.budget, told


def afresh(here: Side) -> Questions:
    """Return what the server asks by heads, as long as it has met none."""
    return Questions(here.gateway, here.upstream, Blocks(here.incomings))


def form(here: Side, *lines: bytes, target: bytes = b"/wiki/1") -> Form:
    """Return the form of a read."""
    found = asking(here).of(get(*lines, target=target), PEER, "http")
    assert found is not None
    return found[0].form


reads = st.tuples(st.sampled_from(TARGETS), st.sampled_from(LINES), st.sampled_from(range(len(RULES))))


@given(st.lists(reads, min_size=2, max_size=8))
async def test_what_was_asked_before_changes_nothing(several: list[tuple[bytes, tuple[bytes, ...], int]]) -> None:
    """Whatever targets were asked for before, a read is asked, selected and told of as if it were the first."""
    async with side() as here:
        for target, lines, number in several:
            here.gateway.adopt(RULES[number])
            head = get(*lines, target=target)
            assert seen(asking(here), head) == seen(afresh(here), head)


@pytest.mark.parametrize("target", [b"/wiki/1", b"/wiki/1?q=%41", b"/open/1?q"])
async def test_what_is_sent_is_what_the_gateway_asks(target: bytes) -> None:
    """Put together from its parts, a request is the one that is spelled at once, and so is what selects."""
    async with side() as here:
        for lines in ((OWN,), (b"A: b", b"X-Request-Id: 1")):
            found = asking(here).of(get(*lines, target=target), PEER, "http")
            assert found is not None
            question, values = found
            onward = here.incomings((*raw(get(*lines)),), (1, 1), PEER, "http").onward()
            request = Request("GET", parse(target.decode(), None), onward)
            asks = here.gateway.passing(request, question.plan) or here.gateway.glance(request, question.plan)
            assert asks is not None
            assert question.ready(values) == here.upstream.ready(asks.asked)
            if isinstance(asks, Glance):
                assert question.form.selecting(question.target, values) == asks.selects


async def test_other_rules_are_not_taken_for_those_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules adopted since have forms of their own, though they may be where others were in memory."""
    monkeypatch.setattr(questions, "KEPT", 1)
    async with side() as here:
        for number in range(40):
            here.gateway.adopt(rules(timeouts=Timeouts(select=1.0 + number)))
            for target in (b"/wiki/1", b"/b"):
                found = asking(here).of(get(OWN, target=target), PEER, "http")
                assert found is not None
                assert found[0].form.budget.answer == (1.0 + number if target == b"/wiki/1" else Timeouts().select)


async def test_each_kind_of_end_comes_about() -> None:
    """Of the reads that the law above speaks of some are guarded, some are passed on, and some go the long way."""
    async with side(rules=RULES[1]) as here:
        found = [seen(afresh(here), get(target=target)) for target in (b"/wiki/1", b"/wiki/1?q", b"/open/1")]
        assert [None if each is None else each[2] is not None for each in found] == [True, None, False]
        assert seen(afresh(here), get(b"If-Match: a")) is None


async def test_a_form_is_that_of_all_targets_of_a_route() -> None:
    """The same lines under the same route are worked out once, whoever says them."""
    async with side(rules=rules(query=Query.IDENTITY)) as here:
        first = form(here, OWN)
        for target in (b"/wiki/2", b"/wiki/2?q", b"/WIKI/2"):
            assert form(here, OWN, target=target) is first
        assert form(here, OWN.replace(b"1", b"2"), target=b"/wiki/3") is first
        for other in (form(here), form(here, b"Accept: */*"), form(here, OWN, target=b"/b"), form(here, b"Cookie: 1")):
            assert other is not first


@pytest.mark.parametrize("lines", [(OWN, LIKE_A_MARK), (LIKE_A_MARK, OWN)])
async def test_a_value_that_looks_like_a_mark(lines: tuple[bytes, bytes]) -> None:
    """What a client sends in the shape of a mark is a text of its own, and no form of those that have a mark there."""
    async with side() as here:
        for target, line in zip((b"/wiki/1", b"/wiki/2"), lines, strict=True):
            found = asking(here).of(get(line, target=target), PEER, "http")
            assert found is not None
            assert found[0].ready(found[1]).count(b"\r\n" + line + b"\r\n") == 1


async def test_a_view_is_no_form_of_its_whole() -> None:
    """A view goes the long way, whether or not its whole was asked for before, and the reverse."""
    async with side(rules=rules(query=Query.VIEW)) as here:
        for _ in range(2):
            assert asking(here).of(get(target=b"/wiki/1?q"), PEER, "http") is None
            assert asking(here).of(get(target=b"/wiki/1"), PEER, "http") is not None
            assert asking(here).of(get(target=b"/wiki/2?q"), PEER, "http") is None


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many forms are kept and no more, those that are none among them; the oldest leaves."""
    monkeypatch.setattr(forms, "KEPT", 3)
    async with side() as here:
        first = form(here, target=b"/wiki/1")
        for number in range(5):
            form(here, b"A: %d" % number)
            assert asking(here).of(get(b"Range: bytes=%d-" % number), PEER, "http") is None
        assert len(asking(here)._forms._known) == 3  # noqa: SLF001 - what is kept shows nowhere else
        assert form(here, target=b"/wiki/2") is not first
