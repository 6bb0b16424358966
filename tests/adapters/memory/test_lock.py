"""The in-process lock, stepped by hand: its clock moves only when the test says so."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import TypeVar

import pytest

from proxy.adapters.memory.lease import MemoryLease
from proxy.adapters.memory.lock import GATHERING, MOMENT, QUIET, MemoryLock
from proxy.adapters.memory.state import MemoryState
from proxy.errors import LeaseLost, ResourceBusy
from proxy.ports import LeaseTerms, Remembered
from tests.support.stepping import Actor, Stage, pause

TERMS = LeaseTerms(wait=10.0, read=5.0, write=35.0, waiters=2)
PATIENT = LeaseTerms(wait=100.0, read=5.0, write=35.0, waiters=None)


class Bench:
    """A stage, a lock on its clock, and holders that do what they are told while they hold `key`."""

    def __init__(self, *, waiters: int = 100) -> None:
        self.stage = Stage()
        self.state = MemoryState()
        self.lock = MemoryLock(self.state, waiters=waiters, clock=self.stage.loop.time, loop=self.stage.loop)
        self.order: list[str] = []
        self.fences: list[int] = []
        self.waited: list[bool] = []

    def holder(
        self,
        name: str,
        inside: Callable[[MemoryLease], Awaitable[None]] | None = None,
        *,
        key: str = "k",
        terms: LeaseTerms = TERMS,
    ) -> Actor:
        async def hold() -> None:
            async with self.lock.hold(key, terms) as lease:
                self.order.append(name)
                self.fences.append(lease.fence)
                self.waited.append(lease.waited)
                await (pause("holding") if inside is None else inside(lease))

        return self.stage.act(name, hold())

    def step(self, actor: Actor, times: int = 1) -> None:
        for _ in range(times):
            assert actor.enabled()
            actor.step()

    def selection(self) -> Remembered:
        """Return a selection that begins now."""
        return Remembered(None, self.state.now())

    def keeps(self, selection: Remembered, key: str = "k") -> bool:
        """Tell whether the state keeps a selection that ends now."""
        at_once(self.state.remember(key, b"s", selection))
        return at_once(self.state.recall(key, b"s")) == selection


Result = TypeVar("Result")


def at_once(coroutine: Coroutine[object, None, Result]) -> Result:
    """Return the result of a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: Result = end.value
        return result
    raise AssertionError(coroutine)


async def thorough(lease: MemoryLease) -> None:
    """Confirm, again once the connection stands, and write."""
    await pause("selecting")
    await lease.confirm()
    await pause("connecting")
    await lease.confirm()
    await pause("writing")


async def abandoning(lease: MemoryLease) -> None:
    """Write, and never learn what became of it."""
    await lease.confirm()
    await pause("writing")
    lease.abandon()


def test_waiters_are_served_in_the_order_of_their_arrival() -> None:
    """First come, first served, one at a time."""
    bench = Bench()
    first, second, third = (bench.holder(name) for name in ("first", "second", "third"))
    for actor in (first, second, third):
        bench.step(actor)
    assert bench.order == ["first"]
    bench.stage.run([])
    assert bench.order == ["first", "second", "third"]


def test_resources_do_not_wait_for_each_other() -> None:
    """Two resources can be held at once."""
    bench = Bench()
    bench.step(bench.holder("a", key="a"))
    bench.step(bench.holder("b", key="b"))
    assert bench.order == ["a", "b"]


def test_fences_rise() -> None:
    """Each lease's fence is greater than all before it, of any resource."""
    bench = Bench()
    for name in ("a", "b", "c"):
        bench.holder(name)
    bench.stage.run([])
    assert bench.fences == sorted(set(bench.fences))
    assert len(bench.fences) == 3


def test_a_lapsed_lease_passes_to_the_waiter_and_its_holder_learns_it() -> None:
    """When the read phase outlasts its lease, the next holds the resource and `confirm` tells the first."""
    bench = Bench()

    async def slow(lease: MemoryLease) -> None:
        await pause("selecting")
        await lease.confirm()

    first, second = bench.holder("first", slow), bench.holder("second")
    bench.step(first)
    bench.step(second)
    bench.stage.loop.advance(5.0)
    bench.step(second)
    assert bench.order == ["first", "second"]
    bench.step(first)
    assert isinstance(first.result, LeaseLost)


def test_leaving_a_lapsed_lease_does_not_release_the_next_holder() -> None:
    """I8: the first holder's end neither raises nor frees what another holds now."""
    bench = Bench()
    first, second, third = (bench.holder(name) for name in ("first", "second", "third"))
    for actor in (first, second, third):
        bench.step(actor)
    bench.stage.loop.advance(5.0)
    bench.step(second)
    bench.step(first)
    assert first.finished
    assert first.result is None
    assert not third.enabled()
    assert bench.order == ["first", "second"]


def test_a_lease_that_lapsed_unnoticed_cannot_be_confirmed() -> None:
    """A lapsed lease is lost even when nobody else came."""
    bench = Bench()

    async def slow(lease: MemoryLease) -> None:
        await pause("selecting")
        await lease.confirm()

    actor = bench.holder("only", slow)
    bench.step(actor)
    bench.stage.loop.advance(5.0)
    bench.step(actor)
    assert isinstance(actor.result, LeaseLost)


def test_confirm_re_arms_for_the_write_phase() -> None:
    """After `confirm` the resource is held for as long as the write may take."""
    bench = Bench()
    first = bench.holder("first", abandoning)
    second = bench.holder("second", terms=PATIENT)
    bench.step(first)
    bench.step(second)
    bench.step(first)
    bench.stage.loop.advance(34.9)
    assert not second.enabled()
    bench.stage.loop.advance(0.2)
    assert second.enabled()


def test_a_holder_that_writes_is_not_overtaken() -> None:
    """I1: a process that was stopped between `confirm` and the sending sends when it wakes, and nobody else before."""
    bench = Bench()

    async def writing(lease: MemoryLease) -> None:
        await lease.confirm()
        await pause("stopped")

    first, second = bench.holder("first", writing), bench.holder("second", terms=PATIENT)
    bench.step(first)
    bench.step(second)
    bench.stage.loop.advance(60)
    late = bench.holder("late", terms=PATIENT)
    bench.step(late)
    assert not second.enabled()
    bench.stage.run([])
    assert bench.order == ["first", "second", "late"]


def test_who_waited_knows_it() -> None:
    """A lease tells whether somebody else held the resource when it was asked for."""
    bench = Bench()
    for name in ("first", "second", "third"):
        bench.step(bench.holder(name))
    bench.stage.run([])
    bench.step(bench.holder("alone"))
    assert bench.order == ["first", "second", "third", "alone"]
    assert bench.waited == [False, True, True, False]


def test_a_lapsed_lease_is_nobody_to_wait_for() -> None:
    """Who comes after the end of a lease that nobody gave back holds the resource at once."""
    bench = Bench()
    bench.step(bench.holder("first"))
    bench.stage.loop.advance(5.0)
    bench.step(bench.holder("second"))
    assert bench.order == ["first", "second"]
    assert bench.waited == [False, False]


def test_the_write_phase_makes_forget() -> None:
    """From `confirm` to the end of the lease nothing is kept, and afterwards nothing that was selected before."""
    bench = Bench()
    before = bench.selection()
    actor = bench.holder("writer", thorough)
    bench.step(actor)
    assert bench.keeps(before)  # reading changes nothing
    bench.step(actor)
    assert at_once(bench.state.recall("k", b"s")) is None
    assert not bench.keeps(before)
    bench.step(actor)
    during = bench.selection()
    assert not bench.keeps(during)
    bench.step(actor)
    assert actor.finished
    assert not bench.keeps(before)
    assert not bench.keeps(during)
    assert bench.keeps(bench.selection())


def test_a_lease_that_only_reads_makes_nothing_forget() -> None:
    """A refusal leaves in memory what the next one can be refused by (I2)."""
    bench = Bench()
    before = bench.selection()
    bench.holder("refused")
    bench.stage.run([])
    assert bench.keeps(before)


def test_a_write_makes_only_its_resource_forget() -> None:
    """Others go on answering from memory."""
    bench = Bench()
    before = bench.selection()
    bench.step(bench.holder("writer", thorough), 2)
    assert not bench.keeps(before)
    assert bench.keeps(before, key="other")


@pytest.mark.parametrize("others", [0, 1])
def test_an_abandoned_write_makes_forget_until_it_lapses(others: int) -> None:
    """I4: what was selected before the last moment at which it may be applied is not kept, whether anybody waits."""
    bench = Bench()
    bench.step(bench.holder("first", abandoning), 2)
    for number in range(others):
        bench.step(bench.holder(str(number), terms=PATIENT))
    bench.stage.loop.advance(34.9)
    selection = bench.selection()
    assert not bench.keeps(selection)
    bench.stage.loop.advance(0.2)
    assert not bench.keeps(selection)
    assert bench.keeps(bench.selection())


def test_a_cancelled_writer_leaves_memory_as_a_write_does() -> None:
    """It may have written, so what was selected before its end is not kept; but memory is not off for ever."""
    bench = Bench()
    actor = bench.holder("writer", thorough)
    bench.step(actor, 2)
    before = bench.selection()
    actor.cancel()
    assert not bench.keeps(before)
    assert bench.keeps(bench.selection())


def test_a_lease_that_cannot_be_confirmed_makes_nothing_forget() -> None:
    """Nothing is sent then."""
    bench = Bench()
    before = bench.selection()
    actor = bench.holder("late", thorough)
    bench.step(actor)
    bench.stage.loop.advance(5.0)
    bench.step(actor)
    assert isinstance(actor.result, LeaseLost)
    assert bench.keeps(before)


def test_a_connection_that_outlasts_the_lease_is_not_used() -> None:
    """I3: when the write phase is over before the sending, the second `confirm` says so, and memory works again."""
    bench = Bench()
    actor = bench.holder("slow", thorough)
    bench.step(actor, 2)
    bench.stage.loop.advance(35.0)
    bench.step(actor)
    assert isinstance(actor.result, LeaseLost)
    assert bench.lock.resources() == 0
    assert bench.keeps(bench.selection())


def test_confirming_again_re_arms() -> None:
    """The write phase is counted from the last `confirm`: opening the connection takes nothing from it."""
    bench = Bench()

    async def connecting(lease: MemoryLease) -> None:
        await thorough(lease)
        lease.abandon()

    actor = bench.holder("slow", connecting)
    bench.step(actor, 2)
    bench.stage.loop.advance(30.0)
    bench.step(actor, 2)
    second = bench.holder("second", terms=PATIENT)
    bench.step(second)
    bench.stage.loop.advance(34.9)
    assert not second.enabled()
    bench.stage.loop.advance(0.2)
    assert second.enabled()


def test_an_overtaken_holder_does_not_end_the_write_of_the_next() -> None:
    """Who lost the lease in its read phase leaves memory to whoever writes now."""
    bench = Bench()
    first, second = bench.holder("first"), bench.holder("second", thorough)
    bench.step(first)
    bench.step(second)
    bench.stage.loop.advance(5.0)
    bench.step(second, 2)
    bench.step(first)
    assert first.finished
    assert not bench.keeps(bench.selection())


def test_an_abandoned_lease_keeps_everybody_out_until_it_lapses() -> None:
    """I4: who can wait that long is served at its end and not before."""
    bench = Bench()
    bench.step(bench.holder("first", abandoning), 2)
    second = bench.holder("second", terms=PATIENT)
    bench.step(second)
    bench.stage.loop.advance(34.9)
    assert not second.enabled()
    bench.stage.loop.advance(0.2)
    bench.step(second)
    assert bench.order == ["first", "second"]


def test_who_cannot_outwait_an_abandoned_lease_is_told_at_once() -> None:
    """A waiter learns immediately, with the time after which to come again, whether it came before or after."""
    bench = Bench()
    first, early = bench.holder("first", abandoning), bench.holder("early")
    bench.step(first)
    bench.step(early)
    bench.step(first)
    bench.step(early)
    late = bench.holder("late")
    bench.step(late)
    assert [(type(a.result), a.result.retry_after) for a in (early, late) if isinstance(a.result, ResourceBusy)] == [
        (ResourceBusy, 35),
        (ResourceBusy, 35),
    ]


def test_a_wait_ends() -> None:
    """A waiter that is not served within its wait is told so."""
    bench = Bench()

    async def writing(lease: MemoryLease) -> None:
        await lease.confirm()
        await pause("writing")

    first, second = bench.holder("first", writing), bench.holder("second")
    bench.step(first)
    bench.step(second)
    bench.stage.loop.advance(10.0)
    bench.step(second)
    assert isinstance(second.result, ResourceBusy)
    bench.step(first)
    assert bench.lock.waiting() == 0


def test_the_queue_of_a_resource_is_bounded() -> None:
    """Past `waiters` a request is turned away, unless one selection will answer all of its kind."""
    bench = Bench()
    for name in ("holder", "one", "two"):
        bench.step(bench.holder(name))
    refused, exclusive = bench.holder("refused"), bench.holder("exclusive", terms=PATIENT)
    bench.step(refused)
    bench.step(exclusive)
    assert isinstance(refused.result, ResourceBusy)
    assert not exclusive.finished


def test_who_is_bounded_is_not_crowded_out() -> None:
    """Waiters that one selection answers take no place from those that must each be performed."""
    bench = Bench()
    for name in ("holder", "a", "b", "c"):
        bench.step(bench.holder(name, terms=PATIENT))
    bounded = bench.holder("bounded")
    bench.step(bounded)
    assert not bounded.finished


def test_the_queue_of_the_process_is_bounded() -> None:
    """All resources together queue no more than the process allows."""
    bench = Bench(waiters=1)
    for name, key in (("a", "a"), ("b", "b"), ("waits", "a")):
        bench.step(bench.holder(name, key=key))
    refused = bench.holder("refused", key="b", terms=PATIENT)
    bench.step(refused)
    assert isinstance(refused.result, ResourceBusy)


def test_a_cancelled_waiter_leaves_the_queue() -> None:
    """Its place is free at once and nobody waits for it."""
    bench = Bench()
    first, second, third = (bench.holder(name) for name in ("first", "second", "third"))
    for actor in (first, second, third):
        bench.step(actor)
    second.cancel()
    bench.stage.run([])
    assert third.finished
    assert bench.order == ["first", "third"]


def test_a_turn_given_to_a_cancelled_waiter_goes_to_the_next() -> None:
    """Between the hand-over and the waiter's waking nothing is lost."""
    bench = Bench()
    first, second, third = (bench.holder(name) for name in ("first", "second", "third"))
    for actor in (first, second, third):
        bench.step(actor)
    bench.step(first)
    assert second.enabled()
    second.cancel()
    bench.stage.run([])
    assert bench.order == ["first", "third"]


def test_nothing_is_kept_of_a_free_resource() -> None:
    """The books hold no resource that nobody holds or awaits, so memory does not grow with the keys."""
    bench = Bench()
    for number in range(100):
        bench.holder(str(number), key=str(number % 7), terms=PATIENT)
    bench.stage.run([])
    assert bench.lock.resources() == 0


async def test_leases_and_deadlines_are_measured_on_one_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """I3: a machine that was suspended does not find a lease lapsed whose write still has time by the loop's clock."""
    lock = MemoryLock(MemoryState())
    async with lock.hold("k", TERMS) as lease:
        await lease.confirm()
        awake, real = asyncio.get_running_loop().time(), time.clock_gettime
        monkeypatch.setattr(
            time, "clock_gettime", lambda clock: real(clock) + (0 if clock == time.CLOCK_MONOTONIC else 3600)
        )
        assert asyncio.get_running_loop().time() - awake < 3600
        with pytest.raises(ResourceBusy):
            await lock.acquire("k", LeaseTerms(wait=0.01, read=5.0, write=35.0, waiters=2))


@pytest.mark.parametrize("terms", [TERMS, PATIENT])
async def test_it_runs_on_an_event_loop(terms: LeaseTerms) -> None:
    """Without a loop of its own it uses the running one."""
    lock = MemoryLock(MemoryState())
    async with lock.hold("k", terms) as lease:
        await lease.confirm()
    assert lock.resources() == 0


# Checks ---------------------------------------------------------------------------------------------------------------


class Refused(Exception):
    """What a check raises."""


def checked(check: Callable[[], bool]) -> LeaseTerms:
    """Return terms with a check."""
    return replace(PATIENT, check=check)


def refusing() -> bool:
    """Check and refuse."""
    raise Refused


def test_who_is_refused_by_its_check_leaves_its_turn_to_the_next() -> None:
    """All of them in one go, and whoever is not refused has the resource. Who need not wait is not checked."""
    bench = Bench()
    first = bench.holder("first", terms=checked(refusing))
    bench.step(first)
    refused = [bench.holder(f"refused {number}", terms=checked(refusing)) for number in range(3)]
    last = bench.holder("last")
    for each in [*refused, last]:
        bench.step(each)
    bench.step(first)
    for each in [*refused, last]:
        bench.step(each)
    assert [type(each.result) for each in refused] == [Refused] * 3
    assert bench.order == ["first", "last"]
    bench.step(last)
    assert bench.lock.resources() == 0


def gathering(bench: Bench, *behind: LeaseTerms) -> list[Actor]:
    """Let one leave the resource, and return those who wait: one that is in no hurry, and these behind it."""
    first = bench.holder("first")
    waiting = [bench.holder(str(number), terms=terms) for number, terms in enumerate([checked(lambda: True), *behind])]
    for each in [first, *waiting]:
        bench.step(each)
    bench.step(first)
    return waiting


def test_who_is_in_no_hurry_waits_for_those_who_come() -> None:
    """Until nobody has come for two moments in a row; it is before them still."""
    bench = Bench()
    (patient,) = gathering(bench)
    for number in range(3):
        assert not patient.enabled()
        bench.step(bench.holder(f"newcomer {number}", terms=checked(lambda: True)))
        bench.stage.loop.advance(MOMENT * 1.5)
    bench.stage.loop.advance(QUIET * MOMENT)
    bench.step(patient)
    assert bench.order == ["first", "0"]


def test_gathering_ends() -> None:
    """However many go on coming."""
    bench = Bench()
    (patient,) = gathering(bench)
    begun = bench.stage.loop.time()
    while not patient.enabled():
        bench.step(bench.holder("newcomer", terms=checked(lambda: True)))
        bench.stage.loop.advance(MOMENT)
    assert GATHERING <= bench.stage.loop.time() - begun <= GATHERING + 2 * MOMENT


def test_who_waits_behind_many_that_gather_loses_no_more_than_one_gathering() -> None:
    """Clients that no selection of another's refuses, each back at once: whoever has come meanwhile is served soon."""
    bench = Bench()
    ahead = gathering(bench, *[checked(lambda: True)] * 9)
    writer = bench.holder("writer")
    bench.step(writer)
    begun = bench.stage.loop.time()
    while not writer.enabled():
        bench.step(bench.holder("newcomer", terms=checked(lambda: True)))
        bench.stage.loop.advance(MOMENT)
        for each in ahead:
            while each.enabled():
                bench.step(each)
    assert bench.stage.loop.time() - begun <= GATHERING + 2 * MOMENT


def test_who_is_in_a_hurry_ends_the_gathering() -> None:
    """One that needs the resource itself waits for those before it, and not for others to come."""
    bench = Bench()
    (patient,) = gathering(bench)
    bench.stage.loop.advance(MOMENT / 2)
    bench.step(bench.holder("in a hurry"))
    bench.stage.loop.advance(MOMENT)
    assert patient.enabled()


def test_who_comes_while_others_are_gathered_does_not_go_before_them() -> None:
    """The resource is nobody's then, and it is not free."""
    bench = Bench()
    (patient,) = gathering(bench)
    late = bench.holder("late")
    bench.step(late)
    assert not late.enabled()
    bench.stage.loop.advance(QUIET * MOMENT + MOMENT)
    bench.step(patient, 2)
    bench.step(late)
    assert bench.order == ["first", "0", "late"]


def test_who_leaves_while_it_is_gathered_leaves_nothing() -> None:
    """A queue that is empty is served to nobody, and whoever comes then has the resource at once."""
    bench = Bench()
    (patient,) = gathering(bench)
    patient.cancel()
    assert bench.lock.resources() == 0
    bench.step(bench.holder("next"))
    assert bench.order == ["first", "next"]
    bench.stage.loop.advance(1.0)
    assert bench.order == ["first", "next"]
