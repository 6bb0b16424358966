"""What the store costs: `make bench-store`.

Locks are taken, proven and released as a write does it, many at a time, against a store of this machine: over the one
connection that the adapter uses, and, in turn with that, by redis-py's own calls. Time of this process is counted, so
that the store, which works beside it, does not count; what its scripts take it tells itself.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final

from bench.machine import here, versions
from bench.page import publish
from bench.result import Bar, Result, Table, keep, today
from bench.spread import spread
from proxy.adapters.memory import MemoryLock, MemoryState
from proxy.adapters.redis import connect
from proxy.adapters.redis.connecting import Client, within
from proxy.adapters.redis.keys import Naming
from proxy.adapters.redis.lock import RedisLock
from proxy.adapters.redis.scripts import ACQUIRE, PHASE, RELEASE, SWEEP, Script
from proxy.adapters.redis.store import Store
from proxy.adapters.redis.waking import Waking
from proxy.core.store_address import parse_store
from proxy.ports import LeaseTerms
from tests.faults.test_store_costs import COSTS
from tests.support.redis_server import RedisHandle
from tests.support.stores import running_redis

KEYS: Final = 5_000
TERMS: Final = LeaseTerms(10.0, 5.0, 35.0, 64)
SCRIPTS: Final = (ACQUIRE, PHASE, RELEASE)
PATIENCE: Final = 5.0


@dataclass
class Figures:
    """Microseconds a write: of this process with one connection for all and with redis-py's calls; of each script."""

    shared: list[float] = field(default_factory=list)
    library: list[float] = field(default_factory=list)
    scripts: dict[str, list[float]] = field(default_factory=dict)


def by_library(client: Client) -> Callable[..., Any]:
    """Return how a client is told to run a command, by its own means."""

    def call(seconds: float, command: str, *words: str) -> Any:
        return within(seconds, getattr(client, command.lower())(*words))

    return call


async def written(url: str, at_once: int, writes: int, *, library: bool) -> float:
    """Return the microseconds of this process for the lock of one write, of so many."""
    async with AsyncExitStack() as ending:
        store = Store(connect(parse_store(url)), Naming("ifm", bytes(32)), 0.0, patience=PATIENCE)
        if library:
            store._call = by_library(store.client)  # noqa: SLF001 - as it was before
        waking = Waking(store.client.pubsub, "ifm:fleet")
        lock = RedisLock(store, MemoryLock(MemoryState()), waking)
        for part in (store, waking, lock):
            ending.push_async_callback(part.aclose)
        await store.run(SWEEP, store.naming.epochs(), *store.terms)
        await _write(lock, at_once, at_once * 10)
        begun = time.process_time()
        await _write(lock, at_once, writes)
        return (time.process_time() - begun) / writes * 1_000_000


async def _write(lock: RedisLock, at_once: int, writes: int) -> None:
    async def some(first: int) -> None:
        for number in range(first, writes, at_once):
            async with lock.hold(f"/{number % KEYS}", TERMS) as lease:
                await lease.confirm()
                await lease.confirm()

    await asyncio.gather(*(some(first) for first in range(at_once)))


def taken(server: RedisHandle, run: Script) -> float:
    """Return the microseconds of the store for a script, alone, as its log tells; the median of those in there."""
    words = [entry for entry in server.ask("SLOWLOG", "GET", -1) if entry[3][1:2] == [run.sha]]
    return spread([float(entry[2]) for entry in words]).middle


def measured(at_once: int, writes: int, rounds: int) -> Figures:
    """Return the figures of so many rounds, in each of which both ways take turns."""
    figures = Figures(scripts={script.name: [] for script in SCRIPTS})
    with running_redis(extra=["slowlog-log-slower-than 0", "slowlog-max-len 3000"]) as server:
        for _ in range(rounds):
            for library, found in ((True, figures.library), (False, figures.shared)):
                found.append(asyncio.run(written(server.url, at_once, writes, library=library)))
            for script in SCRIPTS:
                figures.scripts[script.name].append(taken(server, script))
    return figures


def tables(found: Mapping[int, Figures]) -> tuple[Table, ...]:
    """Return what is shown: the waits of each kind of request, and what they cost on both sides."""
    costs = [(cost.row, str(cost.trips), cost.named()) for cost in COSTS]
    calls = [
        (str(at_once), spread(each.library).told(0), spread(each.shared).told(0)) for at_once, each in found.items()
    ]
    scripts = max(found.items())[1].scripts
    store = [(name, spread(each).told(0)) for name, each in scripts.items()]
    return (
        Table(
            "**How often a request waits for the store**, where nobody else wants the resource.",
            ("request", "waits", "scripts"),
            costs,
        ),
        Table(
            "**This process, microseconds a write** for taking, proving and releasing the lock (min / median / max).",
            ("writes at once", "redis-py's calls", "one connection for all"),
            calls,
        ),
        Table(
            "**The store, microseconds a script** (min / median / max).",
            ("script", "µs"),
            store,
            note=_fleet(sum(spread(each).middle for each in scripts.values())),
        ),
    )


def _fleet(script_time: float) -> str:
    """Return what limits a fleet, on paper."""
    most = 1_000_000 / (2 * script_time)
    return (
        f"On paper: a write's three scripts take {script_time:.0f} µs of the store's one core, and reading, writing "
        f"and waking for them about as much again, so a core bears some {round(most, -2):,.0f} writes a second, of as "
        "many replicas as there are. Keys are in 1,024 buckets, each in one slot of a Cluster, so shards share that "
        "evenly; no script touches two. A GET whose tag has not changed asks the store nothing. One resource bears a "
        "write each time that the store has answered three times and the origin server twice, whatever the fleet."
    )


def main(arguments: Sequence[str]) -> int:
    """Measure, print, and keep what was found by a full run."""
    parser = argparse.ArgumentParser(prog="python -m bench.store", description=__doc__)
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 8, 32], metavar="N")
    parser.add_argument("--writes", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args(arguments)
    begun = time.monotonic()
    found = {at_once: measured(at_once, chosen.writes, chosen.rounds) for at_once in chosen.at_once}
    shown = tables(found)
    for table in shown[1:]:
        sys.stdout.write("".join(f"{' | '.join(row)}\n" for row in (table.columns, *table.rows)) + f"{table.note}\n")
    if not arguments:
        _keep(shown, found, time.monotonic() - begun)
    return 0


def _keep(shown: Sequence[Table], found: Mapping[int, Figures], seconds: float) -> None:
    most = max(found)
    shared, library = (spread(each).middle for each in (found[most].shared, found[most].library))
    bar = Bar(
        f"this process's time for the lock of a write, {most} at once, against redis-py's calls",
        "at most 0.5 x",
        f"{shared / library:.2f} x",
        kept=shared <= library / 2,
    )
    result = Result(
        command="make bench-store",
        day=today(),
        minutes=seconds / 60,
        machine=here(),
        versions=versions("python", "redis-server", "redis", "hiredis"),
        about=(
            "Locks are taken, proven and released as by a write, without HTTP. Both ways take turns in each round.",
            "`tests/faults/test_store_costs.py` counts the first table each time that it is run.",
        ),
        tables=tuple(shown),
        bars=(bar,),
        gaps=("What a store costs that is not on the same machine: each wait is then as long as its network.",),
    )
    keep("store", result)
    publish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
