"""What a process weighs: idle, and with thousands of connections on which nothing happens.

What lives here: opening connections and reading /proc. The kernel's own buffers of a socket are not counted.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.line import Line, WrongAnswer, connected, request
from bench.proc import PROC, stats

WARMING: Final = 200
"""Requests before a measurement, each on a connection of its own: what the first ones need is not theirs alone."""

STEADY: Final = 0.5
"""Seconds for which memory has to stay the same to be read."""


@dataclass(frozen=True, slots=True)
class Weight:
    """Bytes in memory: all that is resident, and that with its fair share of pages which several processes have."""

    resident: float
    share: float


@dataclass(frozen=True, slots=True)
class Crowd:
    """So many idle connections: what the process weighed before, and what each of them does, in bytes."""

    count: int
    before: Weight
    each: Weight


def weight(pid: int, proc: Path = PROC) -> Weight:
    """Return what a process weighs now. Raised when it is not there: `OSError`."""
    lines = Path(proc, str(pid), "smaps_rollup").read_text("utf-8").splitlines()
    found = {name: 1024.0 * int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines[1:])}
    return Weight(found["Rss"], found["Pss"])


def steady(pid: int) -> Weight:
    """Return what a process weighs once that has stopped changing."""
    before = weight(pid).resident
    while True:
        time.sleep(STEADY)
        now = weight(pid)
        if now.resident == before:
            return now
        before = now.resident


def mute(line: Line, number: int) -> None:
    """Say nothing."""


def once(line: Line, number: int) -> None:
    """Ask once, for a resource that nobody else asks for. Raised when the answer is wrong: `WrongAnswer`."""
    answer = line.ask(request("http://bench", "GET", f"/documents/{number}", Accept="*/*", User_Agent="bench"))
    if answer.field("etag") is None:
        raise WrongAnswer(f"{answer.status} without a tag")


@contextmanager
def crowd(url: str, pid: int, count: int, say: Callable[[Line, int], None]) -> Iterator[Crowd]:
    """Have so many connections wait once each has said something; all are there until left."""
    for number in range(WARMING):
        with connected(url) as line:
            once(line, number)
    before = steady(pid)
    with ExitStack() as stack:
        for number in range(count):
            say(stack.enter_context(connected(url)), number)
        after = steady(pid)
        each = Weight((after.resident - before.resident) / count, (after.share - before.share) / count)
        yield Crowd(count, before, each)


def children(pid: int) -> list[int]:
    """Return the processes that a process has started, the oldest first."""
    return sorted(stat.pid for stat in stats().values() if stat.parent == pid)
