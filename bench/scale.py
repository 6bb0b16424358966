"""How ifmatch grows: `make bench-scale` measures idle memory, idle connections, many resources and several workers.

What lives here: the order of events. How each is measured is in `bench.crowd`, `bench.keys` and `bench.staffing`, and
what is said of it in `bench.growth`.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

from bench.cores import Cores, take_load
from bench.crowd import crowd, mute, once
from bench.growth import ABOUT, AGAIN, GAPS, MEMORY, NEW, REDIS, Found, bars, tables
from bench.keys import Cost
from bench.machine import Missing, here, versions
from bench.page import conclude
from bench.peers import paragraphs, tell
from bench.result import Result, today
from bench.staffing import place, shares, staff, staffs, weights, worked
from bench.standing import running_origin
from proxy.cli.limits import raise_files
from tests.support.child import python
from tests.support.stores import running_redis

CONNECTIONS: Final = 32
TRIALS: Final = 10
ATTEMPTS: Final = 3
NEWS: Final = 100_000
"""Resources that are asked for in a turn, at most; more than can be in so short a time."""
PLACES: Final = ((1, 1, "1 worker, one core"), (2, 1, "2 workers, the same core"), (2, 2, "2 workers, a core each"))
"""Workers, the cores that they have, and how that is called."""

PROGRAMS: Final = ("python", "uvloop", "aiohttp", "redis", "redis-server", "nginx", "wrk")


def asked(given: Sequence[str]) -> argparse.Namespace:
    """Return what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description="Measure how ifmatch grows.")
    parser.add_argument("--connections", type=int, default=5_000, help="how many are idle")
    parser.add_argument(
        "--keys", type=int, nargs="+", default=[1, 1_000, 100_000, 1_000_000], help="resources, least first"
    )
    parser.add_argument("--requests", type=int, default=3_000, help="GETs, and PUTs, for a number of resources")
    parser.add_argument("--rounds", type=int, default=2, help="how often each is measured")
    parser.add_argument("--seconds", type=int, default=2, help="how long a turn of the workers takes")
    parser.add_argument("--short", action="store_true", help="half a minute; the page is left as it is")
    if "--short" in given:
        parser.set_defaults(connections=1_000, keys=[1, 20_000], requests=1_000, rounds=1, seconds=1)
    return parser.parse_args(given)


def crowded(upstream: str, count: int, found: Found) -> None:
    """Measure idle connections of both kinds, and what a process with `memory://` weighs before."""
    for name, say in (("never sent a byte", mute), ("asked once", once)):
        with staff(upstream, 1, MEMORY) as one:
            found.idle["one process, `memory://`"] = weights(one)[0]
            with crowd(one.url, one.pid, count, say) as measured:
                found.crowds[name] = measured
                tell(f"{count} connections, {name}: {measured.each.resident:,.0f} bytes each")


def costs(store: str, keys: int, requests: int) -> Cost:
    """Measure in a process of its own, with a store of its own where it is to have one.

    A store that cannot answer within a quarter of a second, since others have the core, ends a measurement. Then it is
    begun anew; the third time that is an error: `subprocess.CalledProcessError`.
    """
    attempt = 1
    while True:
        with ExitStack() as stack:
            url = MEMORY if store == MEMORY else stack.enter_context(running_redis()).url
            command = python("-m", "bench.keys", url, str(keys), str(requests))
            done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode == 0:
            return Cost(*json.loads(done.stdout))
        if attempt == ATTEMPTS:
            raise subprocess.CalledProcessError(done.returncode, command, stderr=done.stderr)
        attempt += 1
        tell(f"measured again: {done.stderr.strip().rpartition(chr(10))[2]}")


def grown(options: argparse.Namespace, found: Found) -> None:
    """Measure the cost of a request by the number of resources."""
    for _ in range(options.rounds):
        for store, numbers in ((MEMORY, options.keys), (REDIS, (options.keys[0], options.keys[-1]))):
            for keys in numbers:
                cost = costs(store, keys, options.requests)
                found.costs.setdefault((store, keys), []).append(cost)
                tell(f"{store} {keys:,} resources: GET {cost.get:.1f} µs, PUT {cost.put:.1f} µs")


def met(upstream: str, cores: Cores, options: argparse.Namespace, found: Found) -> None:
    """Measure whole requests, for one resource and for such as nobody has asked for yet."""
    with staff(upstream, 1, MEMORY) as one:
        place(one, [cores.measured])
        for number in range(options.rounds + 1):
            for name, resources in ((AGAIN, range(1)), (NEW, range(number * NEWS, (number + 1) * NEWS))):
                work = worked(one, CONNECTIONS, options.seconds, resources)
                if number:  # the first round is for warming up
                    found.met.setdefault(name, []).append(work)
                    tell(f"{name}: {work.cpu:.0f} µs each")


def staffed(upstream: str, cores: Cores, options: argparse.Namespace, found: Found) -> None:
    """Measure one worker and two."""
    with staffs(upstream, [1, 2]) as (one, two):
        found.idle["one process, Redis"] = weights(one)[0]
        found.idle["supervisor of two workers"], (found.idle["each worker, Redis"], _) = weights(two)
        for _ in range(options.rounds):
            for workers, count, name in PLACES:
                team = one if workers == 1 else two
                place(team, [cores.measured, cores.load][:count])
                work = worked(team, CONNECTIONS, options.seconds)
                found.works.setdefault(name, []).append(work)
                tell(f"{name}: {work.rate:,.0f} a second, {work.cpu:.0f} µs each, {work.cores:.2f} cores")
        found.shared = [shares(two, CONNECTIONS) for _ in range(TRIALS)]


def measured(cores: Cores, options: argparse.Namespace) -> Found:
    """Measure all of it."""
    found = Found()
    with running_origin() as origin:
        crowded(origin.url, options.connections, found)
        met(origin.url, cores, options, found)
        staffed(origin.url, cores, options, found)
    grown(options, found)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write the page unless it was to be short; 2 when something is missing."""
    given = sys.argv[1:] if arguments is None else arguments
    options = asked(given)
    try:
        taking_part = versions(*PROGRAMS)
    except Missing as missing:
        tell(str(missing))
        return 2
    raise_files()
    machine, cores, began = here(), take_load(), time.monotonic()
    found = measured(cores, options)
    said = {"rounds": options.rounds, "seconds": options.seconds, "connections": CONNECTIONS, "cores": cores.told}
    result = Result(
        command=f'make bench-scale ARGS="{" ".join(given)}"' if given else "make bench-scale",
        day=today(),
        minutes=(time.monotonic() - began) / 60,
        machine=machine,
        versions=taking_part,
        about=paragraphs(ABOUT, **said),
        tables=tables(found),
        bars=bars(found),
        gaps=GAPS,
    )
    conclude({"scale": result}, kept_too=not options.short)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
