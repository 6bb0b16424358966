"""How long a lock takes from one replica to the next: `make bench-handoff`.

Three processes want one resource all the time, over one redis-server, and each holds it for a moment. A hand-off is
counted where the next holder is another process and waited already: from before the one leaves the lock until the other
has it. What else is printed is how evenly the waiting was shared. Nothing but the lock is measured: no HTTP.
"""

import argparse
import asyncio
import multiprocessing
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from statistics import fmean, quantiles

from proxy.adapters.memory import MemoryLock, MemoryState
from proxy.adapters.redis import Membership, open_fleet, vouch
from proxy.core.store_address import parse_store
from proxy.ports import LeaseTerms
from tests.support.stores import running_redis

MEMBER = Membership(bytes(32), "bench", 1.0)
TERMS = LeaseTerms(wait=60.0, read=10.0, write=35.0, waiters=None)
REPLICAS = 3

OVERHEAD = 0.001
"""Seconds from one holder to the next, about, to know how often the lock can be taken in a time."""


@dataclass(frozen=True)
class Turn:
    """One hold of the resource; times in seconds of the machine's monotonic clock."""

    replica: int
    asked: float
    granted: float
    left: float

    @property
    def waited(self) -> float:
        """How long it took to get."""
        return self.granted - self.asked


def replica(number: int, url: str, writers: int, rounds: int, held: float) -> list[Turn]:
    """Be a replica whose writers want the resource again and again; return their turns."""
    return asyncio.run(_replica(number, url, writers, rounds, held))


async def _replica(number: int, url: str, writers: int, rounds: int, held: float) -> list[Turn]:
    turns: list[Turn] = []
    async with open_fleet(parse_store(url), MEMBER, MemoryLock(MemoryState())) as fleet:

        async def write() -> None:
            for _ in range(rounds):
                asked = time.monotonic()
                async with fleet.lock.hold("hot", TERMS) as lease:
                    granted = time.monotonic()
                    await lease.confirm()
                    await asyncio.sleep(held)
                    left = time.monotonic()
                turns.append(Turn(number, asked, granted, left))

        await asyncio.gather(*(write() for _ in range(writers)))
    return turns


def handoffs(turns: Sequence[Turn]) -> list[float]:
    """Return how long each took in which the lock went to a replica that waited for it."""
    ordered = sorted(turns, key=lambda turn: turn.granted)
    return [
        later.granted - earlier.left
        for earlier, later in pairwise(ordered)
        if earlier.replica != later.replica and later.asked < earlier.left
    ]


def measured(writers: int, rounds: int, held: float) -> list[Turn]:
    """Let all replicas run; return all turns."""
    with running_redis() as store:
        asyncio.run(vouch(parse_store(store.url), MEMBER.key))
        with multiprocessing.get_context("spawn").Pool(REPLICAS) as pool:
            arguments = [(number, store.url, writers, rounds, held) for number in range(REPLICAS)]
            return [turn for turns in pool.starmap(replica, arguments, 1) for turn in turns]


def told(writers: int, held: float, turns: Sequence[Turn]) -> str:
    """Return the line of the table."""
    passed = sorted(handoffs(turns))
    cuts = quantiles(passed, n=100) if len(passed) > 1 else [0.0] * 99
    waits = [turn.waited for turn in turns]
    figures = [1_000 * cuts[49], 1_000 * cuts[98], 1_000 * fmean(waits), max(waits) / fmean(waits)]
    cells = [f"{REPLICAS} x {writers}", f"{1_000 * held:g}", str(len(turns)), str(len(passed))]
    return "| " + " | ".join([*cells, *(f"{figure:.1f}" for figure in figures)]) + " |\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print a table in Markdown; times in milliseconds."""
    parser = argparse.ArgumentParser(prog="python -m bench.handoff", description="Measure the hand-off of a lock.")
    parser.add_argument("--writers", type=int, nargs="+", default=[1, 4, 16], help="how many there are in a replica")
    parser.add_argument("--held", type=float, nargs="+", default=[2, 20], help="for how many ms each holds the lock")
    parser.add_argument("--seconds", type=float, default=6, help="how long each line takes, about")
    options = parser.parse_args(arguments)
    head = "| writers | held ms | turns | hand-offs | p50 ms | p99 ms | mean wait ms | longest / mean |\n"
    sys.stdout.write(head + "| --- " * 8 + "|\n")
    for writers, held in product(options.writers, (milliseconds / 1_000 for milliseconds in options.held)):
        rounds = max(1, int(options.seconds / (held + OVERHEAD) / (writers * REPLICAS)))
        sys.stdout.write(told(writers, held, measured(writers, rounds, held)))
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
