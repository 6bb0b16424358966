"""Hand-stepped coroutines: a scheduler that runs the same actors through every interleaving of their awaits.

An actor is a coroutine or a one-shot event. A schedule is the list of choices made where more than one actor could go
on; `explore` replays the world from the start for each schedule there is, depth first. No event loop runs: a coroutine
yields a label at each await of the world, or a pending future of the code under test, on which it is blocked.
"""

import asyncio
import heapq
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any, TypeVarTuple, Unpack, cast

Arguments = TypeVarTuple("Arguments")


@types.coroutine
def pause(label: str) -> Generator[str, None, None]:
    """Give every other actor the chance to go first."""
    yield label


class SteppedLoop(asyncio.AbstractEventLoop):
    """The part of an event loop that futures and timers need, with a clock that moves only when told to."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._count = 0

    def time(self) -> float:
        return self.now

    def get_debug(self) -> bool:
        return False

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def call_soon(self, callback: object, *args: object, context: object = None) -> asyncio.Handle:
        message = f"nothing here runs by itself: {callback} {args} {context}"
        raise AssertionError(message)

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[Arguments]], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(self.now + delay, callback, args, self, context)
        self._count += 1
        heapq.heappush(self._timers, (handle.when(), self._count, handle))
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Called by a handle; cancelled timers are dropped when they are due."""

    def advance(self, seconds: float) -> None:
        """Let time pass and run the timers that fall due, in order."""
        until = self.now + seconds
        while self._timers and self._timers[0][0] <= until:
            self.now, _, handle = heapq.heappop(self._timers)
            if not handle.cancelled():
                handle._run()  # noqa: SLF001 - what an event loop does with its handles
        self.now = until

    def advance_to_next_timer(self) -> bool:
        """Let time pass to the next live timer; False when there is none."""
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
        if not self._timers:
            return False
        self.advance(self._timers[0][0] - self.now)
        return True


@dataclass(eq=False)
class Actor:
    """A coroutine being stepped, and how it ended."""

    name: str
    coroutine: Coroutine[object, None, object]
    blocked_on: "asyncio.Future[object] | None" = None
    finished: bool = False
    result: object = None

    def enabled(self) -> bool:
        return not self.finished and (self.blocked_on is None or self.blocked_on.done())

    def step(self) -> None:
        self._advance(lambda: self.coroutine.send(None))

    def cancel(self) -> None:
        """Do what cancelling a task does: cancel what it waits for, and raise at its await."""
        if self.blocked_on is not None and not self.blocked_on.done():
            self.blocked_on.cancel()
        self._advance(lambda: self.coroutine.throw(asyncio.CancelledError()))

    def _advance(self, go_on: Callable[[], object]) -> None:
        try:
            yielded = go_on()
        except StopIteration as end:
            self.finished, self.result = True, end.value
        except (Exception, asyncio.CancelledError) as failure:  # noqa: BLE001 - how it ended is what is examined
            self.finished, self.result = True, failure
        else:
            pending = isinstance(yielded, asyncio.Future)
            self.blocked_on = cast("asyncio.Future[object]", yielded) if pending else None


@dataclass(eq=False)
class Event:
    """Something that happens once, at any moment at which `ready` holds."""

    name: str
    happen: Callable[[], None]
    ready: Callable[[], bool] = lambda: True
    finished: bool = False

    def enabled(self) -> bool:
        return not self.finished and self.ready()

    def step(self) -> None:
        self.finished = True
        self.happen()


@dataclass
class Stage:
    """One world: its actors, its events and its loop. `trace` names who went, in order."""

    loop: SteppedLoop = field(default_factory=SteppedLoop)
    actors: list[Actor | Event] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)

    def act(self, name: str, coroutine: Coroutine[object, None, object]) -> Actor:
        actor = Actor(name, coroutine)
        self.actors.append(actor)
        return actor

    def event(self, name: str, happen: Callable[[], None], ready: Callable[[], bool] = lambda: True) -> None:
        self.actors.append(Event(name, happen, ready))

    def sleep(self, seconds: float) -> Awaitable[None]:
        """Return what blocks an actor until time has passed; time passes only when nobody else can go on."""
        future: asyncio.Future[None] = self.loop.create_future()
        self.loop.call_later(seconds, future.set_result, None)
        return future

    def run(self, choices: list[int]) -> list[int]:
        """Play one schedule: follow `choices`, then always the first. Return how many could go at each choice."""
        widths: list[int] = []
        while True:
            enabled = [actor for actor in self.actors if actor.enabled()]
            if not enabled:
                if self._over() or not self.loop.advance_to_next_timer():
                    return widths
                continue
            index = choices[len(widths)] if len(widths) < len(choices) else 0
            widths.append(len(enabled))
            self.trace.append(enabled[index].name)
            enabled[index].step()

    def _over(self) -> bool:
        return all(actor.finished for actor in self.actors if isinstance(actor, Actor))


def explore(build: Callable[[], Stage], limit: int = 200_000) -> Iterator[Stage]:
    """Yield the world after each schedule there is. Raised when there are more than `limit`: AssertionError."""
    choices: list[int] = []
    for _ in range(limit):
        stage = build()
        widths = stage.run(choices)
        yield stage
        choices += [0] * (len(widths) - len(choices))
        while choices and choices[-1] + 1 == widths[len(choices) - 1]:
            choices.pop()
        if not choices:
            return
        choices[-1] += 1
    message = f"more than {limit} schedules"
    raise AssertionError(message)
