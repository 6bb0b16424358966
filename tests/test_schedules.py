"""Every interleaving of two writers, stepped by hand, and what happens when one part of the guard is taken out.

A lost update here is exact: the origin server applied a write whose If-Match names another state than the one that it
overwrote. Each mutant lacks one part; the schedules must find the loss, or they would find nothing.
"""

import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from proxy.core.message import Request, Response
from proxy.core.minting import Validator
from proxy.core.representation import Representation
from proxy.core.route import LockRules, Match, TagOnWrite
from proxy.core.verdict import PreconditionFailed, Reason
from proxy.errors import LeaseLost, OutcomeUnknown
from proxy.gateway import Answer, Gateway
from proxy.gateway.exchange import Selection, Write
from proxy.ports import Journal, Lease, Remembered, Step
from tests.support.stepping import Stage, explore
from tests.support.world import START, TYPE, ForgedState, GatewayClass, World, build

PAUSE = LockRules().read + 0.1
"""Longer than a lease in its read phase, shorter than one in its write phase."""


class FreeLease:
    """A lease of nothing."""

    fence = 0

    async def confirm(self) -> None:
        pass

    def abandon(self) -> None:
        pass


class WithoutLock(Gateway):
    """Re-fetches and compares, but holds nothing."""

    @asynccontextmanager
    async def hold(self, write: Write) -> AsyncIterator[Lease]:
        yield FreeLease()


class WithoutSelect(Gateway):
    """Holds the lock, but compares with the state that it saw before."""

    async def select(
        self, request: Request, match: Match, journal: Journal, *, revalidate: bool, step: Step = Step.SELECT
    ) -> Selection:
        seen = Response(200, TYPE, START)
        return Selection(Representation(seen), self._minter.mint(match.tag_key, seen, match.route.rules), None)


class WithoutConfirm(Gateway):
    """Does not ask whether the lease still holds."""

    async def confirm(self, write: Write, lease: Lease) -> None:
        pass


class Unabandonable:
    """A lease that is released whatever became of the write."""

    def __init__(self, lease: Lease) -> None:
        self.fence = lease.fence
        self.confirm = lease.confirm

    def abandon(self) -> None:
        pass


class WithoutAbandon(Gateway):
    """Releases the lease although the outcome is unknown."""

    @asynccontextmanager
    async def hold(self, write: Write) -> AsyncIterator[Lease]:
        async with super().hold(write) as lease:
            yield Unabandonable(lease)


def same_tag(gateway: GatewayClass) -> World:
    """Two writers who read the same state."""
    world = build(gateway)
    world.writer("w1", b"1")
    world.writer("w2", b"2")
    return world


def same_tag_with_tags_returned(gateway: GatewayClass) -> World:
    """The same, and the new state is selected under the lease for its tag."""
    world = build(gateway, etag_on_write=TagOnWrite.VERBATIM)
    world.writer("w1", b"1")
    world.writer("w2", b"2")
    return world


def one_unconditional(gateway: GatewayClass) -> World:
    """One writer names the state that it read, the other names none."""
    world = build(gateway)
    world.writer("w1", b"1")
    world.writer("w2", b"2", base=None)
    return world


def lease_expires(gateway: GatewayClass) -> World:
    """At any one moment more time passes than the lease in its read phase lasts."""
    world = same_tag(gateway)
    world.stage.event("a long pause", lambda: world.stage.loop.advance(PAUSE))
    return world


def outcome_unknown(gateway: GatewayClass) -> World:
    """The first writer gets no answer, and the origin server applies its write at any later moment."""
    world = build(gateway, unanswered=frozenset({"w1"}))
    world.writer("w1", b"1")
    world.writer("w2", b"2")
    return world


def cancelled(gateway: GatewayClass) -> World:
    """The first writer is cancelled at any of its awaits."""
    world = same_tag(gateway)
    world.cancelling("w1")
    return world


def cancelled_unconditional(gateway: GatewayClass) -> World:
    """A writer that names no state is cancelled at any of its awaits."""
    world = one_unconditional(gateway)
    world.cancelling("w2")
    return world


SCENARIOS = [
    same_tag,
    same_tag_with_tags_returned,
    one_unconditional,
    lease_expires,
    outcome_unknown,
    cancelled,
    cancelled_unconditional,
]
MUTANTS = [
    (WithoutLock, same_tag),
    (WithoutLock, one_unconditional),
    (WithoutSelect, same_tag),
    (WithoutConfirm, lease_expires),
    (WithoutAbandon, outcome_unknown),
    (WithoutAbandon, cancelled),
]


def worlds(scenario: Callable[[GatewayClass], World], gateway: GatewayClass) -> list[World]:
    """Return the world after each schedule of the scenario."""
    made: list[World] = []

    def fresh() -> Stage:
        made.append(scenario(gateway))
        return made[-1].stage

    assert all(explore(fresh))
    return made


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_schedule_loses_an_update(scenario: Callable[[GatewayClass], World]) -> None:
    """I1, I2, I4: in no interleaving is a state overwritten that the writer had not named."""
    played = worlds(scenario, Gateway)
    assert len(played) > 1
    assert [world.stage.trace for world in played if world.lost()] == []


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_answers_are_honest(scenario: Callable[[GatewayClass], World]) -> None:
    """G3: success is applied exactly once; a refusal, and a lease lost before sending, never is; nothing is twice."""
    for world in worlds(scenario, Gateway):
        applied = Counter(line.writer for line in world.origin.log)
        assert all(count == 1 for count in applied.values())
        for name, answer in world.answers.items():
            if isinstance(answer, Answer):
                assert applied[name] == (answer.response is not None), world.stage.trace
            elif isinstance(answer, LeaseLost):
                assert not applied[name], world.stage.trace


@pytest.mark.parametrize(("mutant", "scenario"), MUTANTS)
def test_each_part_of_the_guard_is_needed(mutant: GatewayClass, scenario: Callable[[GatewayClass], World]) -> None:
    """With the lock, the re-fetch, the confirm or the abandon taken out, some schedule loses an update."""
    assert any(world.lost() for world in worlds(scenario, mutant))


def test_exactly_one_of_two_wins() -> None:
    """G1: of two writers holding one tag one is told of success and the other that its precondition failed."""
    for world in worlds(same_tag, Gateway):
        assert len(world.succeeded()) == 1
        refused = [answer for answer in world.answers.values() if isinstance(answer, Answer) and not answer.response]
        assert [answer.verdict for answer in refused] == [
            PreconditionFailed(Reason.STALE, world.tag(world.origin.state)),
        ]


def test_a_writer_after_an_unknown_outcome_is_decided_by_the_truth() -> None:
    """I4: once the abandoned lease has lapsed, the follower is refused because the late write has been applied."""
    for world in worlds(outcome_unknown, Gateway):
        first, second = world.answers["w1"], world.answers["w2"]
        if isinstance(first, OutcomeUnknown):
            assert isinstance(second, Answer)
            assert isinstance(second.verdict, PreconditionFailed)
        else:  # the second went first, so the first was refused and never sent
            assert world.succeeded() == ["w2"]


@pytest.mark.parametrize("current", [START, b"forged"])
def test_a_forged_memory_never_permits(current: bytes) -> None:
    """I2, G4: whatever the store claims to remember, a stale tag is refused and only a selection lets a write by."""
    forged = Remembered(Validator(build().tag(current), None, minted=True), began=10**9)
    world = build(make_state=lambda: ForgedState(forged))
    world.origin.state = b"newer"
    world.writer("w1", b"1", base=START)
    world.stage.run([])
    assert world.succeeded() == []
    assert world.origin.log == []


def test_the_documented_table_is_what_was_counted() -> None:
    """docs/guarantees.md shows how many schedules there are and how many lose an update, as counted here."""
    rows = [("the guard", scenario, Gateway) for scenario in SCENARIOS]
    rows += [(_words(mutant.__name__), scenario, mutant) for mutant, scenario in MUTANTS]
    counted = ["| gateway | two writers, and | schedules | with a lost update |", "| --- | --- | --- | --- |"]
    for name, scenario, gateway in rows:
        played = worlds(scenario, gateway)
        lost = sum(bool(world.lost()) for world in played)
        counted.append(f"| {name} | {_words(scenario.__name__)} | {len(played)} | {lost} |")
    document = (Path(__file__).parents[1] / "docs" / "guarantees.md").read_text("utf-8")
    shown = document.split("<!-- schedules: begin -->")[1].split("<!-- schedules: end -->")[0]
    assert shown.strip().splitlines() == counted


def _words(name: str) -> str:
    """Return the words of a name: `WithoutLock` and `same_tag` as people write them."""
    return re.sub(r"(?<!^)([A-Z])", r" \1", name).replace("_", " ").lower()
