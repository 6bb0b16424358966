"""Every interleaving of two writers, stepped by hand, and what happens when one part of the guard is taken out.

A lost update here is exact: the origin server applied a write whose If-Match names another state than the one that it
overwrote. Each mutant lacks one part; the schedules must find the loss, or they would find nothing.
"""

import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pytest

from proxy.adapters.memory import MemoryState
from proxy.adapters.memory.lease import MemoryLease
from proxy.core.matching import Match
from proxy.core.message import Request, Response
from proxy.core.minting import Validator
from proxy.core.moment import SOMETIME
from proxy.core.representation import Representation
from proxy.core.route import LockRules, TagOnWrite
from proxy.core.verdict import Perform, PreconditionFailed, Reason
from proxy.errors import LeaseLost, OutcomeUnknown
from proxy.gateway import Answer, Gateway
from proxy.gateway.exchange import Selection, Underway, Write
from proxy.gateway.skimming import Needs
from proxy.ports import Journal, Lease, Remembered, Step
from tests.support.memories import ForgedState, HoardingState
from tests.support.stepping import Stage, explore
from tests.support.world import START, TYPE, GatewayClass, World, build

PAUSE = LockRules().read + 0.1
"""Longer than a lease in its read phase, shorter than one in its write phase."""
TRUST = 3600.0
"""Longer than any schedule takes."""


class FreeLease:
    """A lease of nothing."""

    fence = 0
    waited = True
    lasts = True

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
        self,
        request: Request,
        match: Match,
        journal: Journal,
        *,
        under: Lease | None = None,
        step: Step = Step.SELECT,
        needs: Needs = Needs.CONTENT,
        underway: Underway | None = None,
    ) -> Selection:
        seen = Response(200, TYPE, START)
        validator = self._minter.mint(match.tag_key, seen, match.route.rules)
        return Selection(Representation(seen), validator, None, request, request, SOMETIME, revalidated=True)


class WithoutConfirm(Gateway):
    """Does not ask whether the lease still holds."""

    async def confirm(self, write: Write, lease: Lease) -> None:
        pass


class WithoutLastCheck(Gateway):
    """Asks whether the lease still holds before it connects, and not when the connection stands."""

    async def confirm(self, write: Write, lease: Lease) -> None:
        if isinstance(lease, MemoryLease) and not lease.writing:
            await super().confirm(write, lease)


class Unabandonable:
    """A lease that is released whatever became of the write."""

    def __init__(self, lease: Lease) -> None:
        self.fence, self.waited = lease.fence, lease.waited
        self.confirm = lease.confirm
        self.lasts = True

    def abandon(self) -> None:
        pass


class Everlasting:
    """A lease that does not know that it lapses."""

    lasts = True

    def __init__(self, lease: Lease) -> None:
        self.fence, self.waited = lease.fence, lease.waited
        self.confirm, self.abandon = lease.confirm, lease.abandon


class WithoutEnd(Gateway):
    """Tells the tag that it finds, however long it took to find it."""

    @asynccontextmanager
    async def hold(self, write: Write) -> AsyncIterator[Lease]:
        async with super().hold(write) as lease:
            yield Everlasting(lease)


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


def connecting_outlasts_the_lease(gateway: GatewayClass) -> World:
    """While a writer connects, more time passes than any lease lasts, and its lease is one that lapses by itself."""
    world = same_tag(gateway)

    def outlast() -> None:
        world.lock.lapse()
        world.stage.loop.advance(LockRules().write + 0.1)

    world.stage.event("a long connecting", outlast, lambda: world.origin.connecting > 0)
    return world


def settling_outlasts_the_lease(gateway: GatewayClass) -> World:
    """After the first write, before its tag is known, more time passes than any lease lasts, and its own lapses."""
    world = build(gateway, etag_on_write=TagOnWrite.ALWAYS)
    world.writer("w1", b"1")
    world.writer("w2", b"2", base=None)

    def outlast() -> None:
        world.lock.lapse()
        world.stage.loop.advance(LockRules().write + 0.1)

    world.stage.event("a long settling", outlast, lambda: len(world.origin.log) == 1)
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
    connecting_outlasts_the_lease,
    settling_outlasts_the_lease,
    outcome_unknown,
    cancelled,
    cancelled_unconditional,
]
MUTANTS = [
    (WithoutLock, same_tag),
    (WithoutLock, one_unconditional),
    (WithoutSelect, same_tag),
    (WithoutConfirm, lease_expires),
    (WithoutLastCheck, connecting_outlasts_the_lease),
    (WithoutAbandon, outcome_unknown),
    (WithoutAbandon, cancelled),
]


Part = TypeVar("Part")


def worlds(scenario: Callable[[Part], World], part: Part) -> list[World]:
    """Return the world after each schedule of the scenario, with that gateway, or whatever part it takes."""
    made: list[World] = []

    def fresh() -> Stage:
        made.append(scenario(part))
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
    """With the lock, the re-fetch, the confirm, its last time or the abandon taken out, some update gets lost."""
    assert any(world.lost() for world in worlds(scenario, mutant))


def misnamed(world: World) -> list[str]:
    """Return the writers that were told a tag of something else than what they wrote."""
    written = {line.writer: str(world.tag(line.after)) for line in world.origin.log}
    responses = {name: answer.response for name, answer in world.answers.items() if isinstance(answer, Answer)}
    told = {name: response.fields.get("etag") for name, response in responses.items() if response is not None}
    return [name for name, tag in told.items() if tag not in {None, written[name]}]


@pytest.mark.parametrize("scenario", [same_tag_with_tags_returned, settling_outlasts_the_lease])
def test_a_tag_in_the_answer_is_that_of_the_write(scenario: Callable[[GatewayClass], World]) -> None:
    """I11: who goes on from the tag that it is told overwrites nothing but its own; and mostly it is told one."""
    played = worlds(scenario, Gateway)
    assert [world.stage.trace for world in played if misnamed(world)] == []
    responses = [answer.response for world in played for answer in world.answers.values() if isinstance(answer, Answer)]
    assert any(response is not None and "etag" in response.fields for response in responses)


def test_a_lease_that_lapsed_unseen_misnames_a_state() -> None:
    """The control of I11: without a look at the lease some writer is told the tag of the next one's state."""
    assert any(misnamed(world) for world in worlds(settling_outlasts_the_lease, WithoutEnd))


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


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_fences_rise_along_the_writes(scenario: Callable[[GatewayClass], World]) -> None:
    """In the order in which the origin server applies writes their fences rise, so that it can refuse a late one."""
    for world in worlds(scenario, Gateway):
        fences = [line.fence for line in world.origin.log]
        assert all(fences)
        assert all(earlier < later for earlier, later in pairwise(fences)), world.stage.trace


def claimed(content: bytes | None) -> Callable[[], ForgedState]:
    """Return what makes a memory that claims that content, or its absence, of everything."""
    validator = None if content is None else Validator(build().tag(content), None, minted=True)
    return lambda: ForgedState(Remembered(validator, SOMETIME))


MEMORIES: dict[str, Callable[[], MemoryState]] = {
    "flushed": lambda: ForgedState(None),
    "poisoned with the state that writers name": claimed(START),
    "poisoned with the state that is current": claimed(b"newer"),
    "forged": claimed(b"forged"),
    "forged absence": claimed(None),
    "hoarding": HoardingState,
}
in_any_memory = pytest.mark.parametrize("memory", MEMORIES.values(), ids=MEMORIES)
with_any_trust = pytest.mark.parametrize("trust", [0.0, TRUST])


@in_any_memory
@with_any_trust
def test_a_forged_memory_never_permits(memory: Callable[[], MemoryState], trust: float) -> None:
    """I2, G4: whatever the store claims to remember, and however it is trusted, a stale tag is refused."""

    def scenario(_: GatewayClass) -> World:
        world = build(make_state=memory, trust=trust)
        world.origin.state = b"newer"
        world.writer("w1", b"1")
        world.writer("w2", b"2")
        return world

    for world in worlds(scenario, Gateway):
        assert world.succeeded() == []
        assert world.origin.log == []
        assert all(isinstance(answer, Answer) for answer in world.answers.values())


@in_any_memory
@with_any_trust
def test_a_forged_memory_only_refuses(memory: Callable[[], MemoryState], trust: float) -> None:
    """I2, G4: beside it, of two writers of one tag who is not refused was permitted by the truth."""

    def scenario(_: GatewayClass) -> World:
        world = build(make_state=memory, trust=trust)
        world.writer("w1", b"1")
        world.writer("w2", b"2")
        return world

    for world in worlds(scenario, Gateway):
        assert world.lost() == []
        assert sorted(line.writer for line in world.origin.log) == sorted(world.succeeded())
        verdicts = [answer.verdict for answer in world.answers.values() if isinstance(answer, Answer)]
        assert len(verdicts) == 2
        assert {type(verdict) for verdict in verdicts} <= {Perform, PreconditionFailed}
        assert not any(verdict == Perform(Reason.NO_CONDITIONS) for verdict in verdicts)


@in_any_memory
@with_any_trust
def test_a_forged_memory_shows_nothing(memory: Callable[[], MemoryState], trust: float) -> None:
    """G4: all that a reader can get from it is a 304 where it is trusted; content is always the origin server's."""

    def scenario(_: GatewayClass) -> World:
        world = build(make_state=memory, trust=trust)
        world.origin.state = b"newer"
        world.reader("r1", base=START)
        return world

    for world in worlds(scenario, Gateway):
        deceived = trust > 0 and memory is MEMORIES["poisoned with the state that writers name"]
        assert [shown.status for shown in world.shown] == [200, 304 if deceived else 200]
        assert all(shown.content == b"newer" for shown in world.shown if shown.status == 200)


def written_while_trusted(make_state: Callable[[], MemoryState]) -> World:
    """A writer, and a reader who looks and then asks whether what was there at first is still current."""
    world = build(make_state=make_state, trust=TRUST)
    world.writer("w1", b"1")
    world.reader("r1")
    return world


def written_late_while_trusted(make_state: Callable[[], MemoryState]) -> World:
    """The same, but the writer gets no answer and its write is applied at any later moment."""
    world = build(make_state=make_state, trust=TRUST, unanswered=frozenset({"w1"}))
    world.writer("w1", b"1")
    world.reader("r1")
    return world


def cancelled_while_trusted(make_state: Callable[[], MemoryState]) -> World:
    """The same, but the writer is cancelled at any of its awaits."""
    world = build(make_state=make_state, trust=TRUST)
    world.writer("w1", b"1")
    world.cancelling("w1")
    world.reader("r1")
    return world


class OnlyAfterwards(MemoryState):
    """A memory that forgets when a write has ended, and keeps what is read meanwhile."""

    def suspend(self, key: str) -> None:
        pass


class OnlyMeanwhile(MemoryState):
    """A memory that keeps nothing during a write, but afterwards what began before its end."""

    def resume(self, key: str) -> None:
        self._suspended.discard(key)


TRUSTED = [written_while_trusted, written_late_while_trusted, cancelled_while_trusted]


@pytest.mark.parametrize("scenario", TRUSTED)
def test_what_is_written_through_us_is_never_hidden_by_trust(
    scenario: Callable[[Callable[[], MemoryState]], World],
) -> None:
    """Where all writers go through us no 304 from memory is late: what it confirms was current while it was asked."""
    played = worlds(scenario, MemoryState)
    assert any(shown.status == 304 for world in played for shown in world.shown)
    assert [world.stage.trace for world in played if world.stale()] == []


@pytest.mark.parametrize(
    ("memory", "scenario"),
    [
        (HoardingState, written_while_trusted),
        (HoardingState, written_late_while_trusted),
        (OnlyAfterwards, written_while_trusted),
        (OnlyAfterwards, written_late_while_trusted),
        (OnlyMeanwhile, written_while_trusted),
    ],
)
def test_each_part_of_forgetting_is_needed(
    memory: Callable[[], MemoryState], scenario: Callable[[Callable[[], MemoryState]], World]
) -> None:
    """Without forgetting during a write, or of what began before its end, some reader is told what is no more."""
    assert any(world.stale() for world in worlds(scenario, memory))


def test_a_trusted_304_costs_the_origin_nothing() -> None:
    """A reader whom nobody disturbs asks the origin server once, however often it looks."""
    world = build(trust=TRUST)
    world.reader("r1", looks=10)
    world.stage.run([])
    assert [shown.status for shown in world.shown] == [200, *[304] * 9]
    assert world.origin.selects == 1


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
