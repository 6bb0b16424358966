"""Deadlines that are watched together."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import pytest

from proxy.adapters.upstream.watch import INTERVAL, Watch, Within
from tests.adapters.upstream.origin import GUARD


class Hands:
    """A loop whose time is moved by hand. `timers` are those that are set."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[tuple[float, Callable[..., object], tuple[Any, ...]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> object:
        self.timers.append((self.now + delay, callback, args))
        return self

    def forward(self, seconds: float) -> None:
        """Let that much time pass, and what was due then happen."""
        until = self.now + seconds
        while due := [timer for timer in self.timers if timer[0] <= until]:
            timer = min(due, key=lambda each: each[0])
            self.timers.remove(timer)
            self.now = max(self.now, timer[0])
            timer[1](*timer[2])
        self.now = until


@dataclass(eq=False)
class Patient:
    """Has a deadline. `late_at` are the times at which it was told so; `then` is what comes of that."""

    loop: Hands
    deadline: float
    then: Callable[[], None] = lambda: None
    late_at: list[float] = field(default_factory=list)

    def late(self) -> None:
        self.late_at.append(self.loop.now)
        self.then()


def begin(watch: Watch, patient: Patient) -> None:
    """Watch it."""
    watch.begin(patient, cast("asyncio.AbstractEventLoop", patient.loop))


def watching(*seconds: float) -> tuple[Hands, Watch, list[Patient]]:
    """Return what is watched, each for so many seconds from now on."""
    loop, watch = Hands(), Watch()
    patients = [Patient(loop, loop.now + each) for each in seconds]
    for each in patients:
        begin(watch, each)
    return loop, watch, patients


@pytest.mark.parametrize("seconds", [0.0, 0.001, INTERVAL, 1.0, 5.0, 100 * INTERVAL + 0.01])
def test_a_deadline_is_noticed_once_and_soon(seconds: float) -> None:
    """Not before it has passed, and no later than one interval after."""
    loop, _, [patient] = watching(seconds)
    loop.forward(seconds + 2 * INTERVAL)
    [late_at] = patient.late_at
    assert patient.deadline <= late_at <= patient.deadline + INTERVAL + 1e-9
    loop.forward(10.0)
    assert patient.late_at == [late_at]


def test_each_deadline_is_its_own() -> None:
    """Who is watched with others is late when its own time is over, in whichever order they came."""
    loop, _, patients = watching(3.0, 1.0, 2.0, 1.0)
    for passed, late in ((0.9, 0), (0.2, 2), (1.0, 3), (1.0, 4)):
        loop.forward(passed)
        assert sum(len(each.late_at) for each in patients) == late


def test_one_timer_is_enough_for_all() -> None:
    """However many are watched."""
    loop, watch, _ = watching(*[5.0] * 100)
    assert len(loop.timers) == 1
    loop.forward(1.0)
    begin(watch, Patient(loop, loop.now + 5.0))
    assert len(loop.timers) == 1


def test_nothing_is_looked_at_while_there_is_nothing() -> None:
    """No timer before anything is watched, and none an interval after nothing is; then it begins anew."""
    loop, watch, patients = watching()
    assert loop.timers == []
    for _ in range(2):
        loop, watch, patients = watching(5.0, 6.0)
        for each in patients:
            watch.end(each)
        loop.forward(INTERVAL)
        assert loop.timers == []
        patient = Patient(loop, loop.now + 5.0)
        begin(watch, patient)
        loop.forward(6.0)
        assert len(patient.late_at) == 1
        assert loop.timers == []


def test_what_has_ended_is_not_late() -> None:
    """And may end twice, or without having begun."""
    loop, watch, [one, other] = watching(5.0, 5.0)
    watch.end(one)
    watch.end(one)
    watch.end(Patient(loop, 0.0))
    loop.forward(10.0)
    assert (one.late_at, len(other.late_at)) == ([], 1)


def test_what_ends_by_what_comes_of_another_is_not_late() -> None:
    """Of two whose time is over in one look, the first may end the second, which then is somebody else's."""
    loop, watch, patients = watching(5.0, 5.0)
    for each, other in (patients, patients[::-1]):
        each.then = partial(watch.end, other)
    loop.forward(10.0)
    assert sum(len(each.late_at) for each in patients) == 1


def test_more_may_begin_by_what_comes_of_one() -> None:
    """It is watched like any other."""
    loop, watch, [patient] = watching(5.0)
    following = Patient(loop, loop.now + 8.0)
    patient.then = partial(begin, watch, following)
    loop.forward(7.9)
    assert (len(patient.late_at), following.late_at, len(loop.timers)) == (1, [], 1)
    loop.forward(0.2)
    assert (len(following.late_at), loop.timers) == (1, [])


def test_a_fault_of_one_leaves_the_others_watched() -> None:
    """Whatever comes of a deadline, those that are late with it hear of theirs, and so do all who come after."""

    def fails() -> None:
        raise LookupError

    loop, watch, patients = watching(5.0, 5.0, 5.0, 9.0)
    for each in patients[:3]:
        each.then = fails
    for _ in range(3):
        with pytest.raises(LookupError):
            loop.forward(6.0)
    loop.forward(6.0)
    assert [len(each.late_at) for each in patients] == [1, 1, 1, 1]
    patient = Patient(loop, loop.now + 1.0)
    begin(watch, patient)
    loop.forward(2.0)
    assert len(patient.late_at) == 1


async def test_it_works_on_a_loop_of_asyncio() -> None:
    """The deadline is in that loop's time."""
    over = asyncio.Event()

    class Waiting:
        deadline = asyncio.get_running_loop().time() + INTERVAL

        def late(self) -> None:
            over.set()

    watch = Watch()
    watch.begin(Waiting(), asyncio.get_running_loop())
    async with asyncio.timeout(GUARD):
        await over.wait()
    assert asyncio.get_running_loop().time() >= Waiting.deadline


# ------------------------------------------------------------------------------------------------- a limit for a body


async def test_a_body_that_is_in_time() -> None:
    """A body that ends before its limit is left alone, and so is its task then."""
    watch, loop = Watch(), asyncio.get_running_loop()
    async with asyncio.timeout(GUARD):
        async with Within(watch, loop.time() + INTERVAL, loop):
            await asyncio.sleep(0)
        assert not watch._watched  # noqa: SLF001 - what is watched for too long shows nowhere else
        await asyncio.sleep(2 * INTERVAL)


async def test_a_body_that_is_late() -> None:
    """A body that takes too long is cancelled and told so, and its task goes on."""
    watch, loop = Watch(), asyncio.get_running_loop()
    with pytest.raises(TimeoutError):
        async with Within(watch, loop.time(), loop):
            await asyncio.Event().wait()
    await asyncio.sleep(0)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_late_body_that_fails_otherwise() -> None:
    """What a body raises that was cancelled goes on as it is."""
    watch, loop = Watch(), asyncio.get_running_loop()

    async def fail() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise KeyError("of its own") from None

    with pytest.raises(KeyError):
        async with Within(watch, loop.time(), loop):
            await fail()


async def test_a_body_that_somebody_else_cancels() -> None:
    """A cancellation from elsewhere goes on as one, be the body late besides or not."""
    for wait in (0.0, 1000.0):
        watch, loop = Watch(), asyncio.get_running_loop()

        async def limited(watch: Watch = watch, until: float = loop.time() + wait) -> None:
            async with Within(watch, until, asyncio.get_running_loop()):
                await asyncio.Event().wait()

        task = asyncio.create_task(limited())
        await asyncio.sleep(0)
        watch._look(loop)  # noqa: SLF001 - now, and in this turn
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
