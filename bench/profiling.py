"""Where ifmatch's time goes: `make bench-profile` loads it while it samples itself, an older checkout beside it.

What lives here: the order of events. The sampler is `bench.sampler`, what it saw is read by `bench.stacks`, and what is
said of it is in `bench.hotspots`.
"""

import argparse
import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.contest import CONNECTIONS, READ, WARMED, Measure, Sample, learn, settled, turn
from bench.cores import Cores, take_load
from bench.hotspots import ABOUT, BEFORE, KINDS, MEASURED, NOW, Side, Sides, bars, tables
from bench.line import played as heard
from bench.line import request
from bench.machine import Missing, here, program, versions
from bench.page import conclude
from bench.peers import paragraphs, tell
from bench.result import Result, today
from bench.stacks import read
from bench.standing import UNREAD, Standing, running_origin
from tests.support.child import ROOT
from tests.support.processes import running_proxy

KEYS: Final = 1_000
PATHS: Final = [f"/documents/{number}" for number in range(KEYS)]
SAMPLER: Final = Path(__file__).with_name("sampler.py")
PROGRAMS: Final = ("python", "uvloop", "aiohttp", "httptools", "nginx", "wrk")
RULES: Final = "store: memory://\nroutes:\n  - path: /{path...}\n    etag_on_write: never\n"

Who = tuple[str, str]
"""A measure's title, and a side's name: each pair has a process of its own."""


def asked(given: Sequence[str]) -> argparse.Namespace:
    """Return what is asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.profiling", description="Show where ifmatch's time goes.", allow_abbrev=False
    )
    parser.add_argument("--before", type=Path, metavar="DIR", help="an older checkout, with a .venv of its own")
    parser.add_argument("--rounds", type=int, default=5, help="how often each has its turns")
    parser.add_argument("--seconds", type=int, default=3, help="how long a turn takes")
    parser.add_argument("--short", action="store_true", help="half a minute; the page is left as it is")
    if "--short" in given:
        parser.set_defaults(rounds=1, seconds=2)
    return parser.parse_args(given)


def interpreter(checkout: Path) -> str:
    """Return the Python of a checkout. Raised when it has none: `Missing`."""
    found = checkout / ".venv" / "bin" / "python"
    if not found.exists():
        raise Missing(f"{checkout} has no .venv; run there: make demo ARGS=--once, which makes it")
    return str(found)


def checkouts(before: Path | None) -> dict[str, tuple[str, Path]]:
    """Return the interpreter and the folder of each side. Raised when a folder has no interpreter: `Missing`."""
    old = {} if before is None else {BEFORE: (interpreter(before), before.absolute())}
    return {**old, NOW: (sys.executable, ROOT)}


@contextmanager
def running_sampled(upstream: str, python: str, checkout: Path, file: Path, cores: Cores) -> Iterator[Standing]:
    """Run `ifmatch run` of a checkout, with the sampler in it, which writes its file on leaving."""
    with TemporaryDirectory(prefix="ifmatch-") as folder:
        path = Path(folder, "ifmatch.yaml")
        path.write_text(f"upstream: {upstream}\n{RULES}", "utf-8")
        command = cores.pinned([python, str(SAMPLER), str(file), str(checkout), "proxy"])
        with running_proxy(str(path), program=[*UNREAD, *command]) as proxy:
            yield Standing(proxy.url, proxy.child.pid)


@contextmanager
def sampling(standing: Standing) -> Iterator[None]:
    """Have a process sample itself meanwhile."""
    told(standing, signal.SIGUSR1)
    try:
        yield
    finally:
        told(standing, signal.SIGUSR2)


def told(standing: Standing, number: signal.Signals) -> None:
    """Send a signal, and wait until it has been heeded: the event loop has seen to it before it answers.

    uvloop may hand a signal over twice that comes while it sees to another, and a second SIGTERM ends all at once.
    """
    os.kill(standing.pid, number)
    heard(standing.url, [request(standing.url, "GET", PATHS[0])], READ.status)


def played(standings: Mapping[Who, Standing], options: argparse.Namespace) -> dict[Who, list[Sample]]:
    """Play all rounds; return the turns that were not sampled."""
    measures = {measure.title: measure for measure in MEASURED}
    turns = {who: partial(turn, standing, *requests(standing, measures[who[0]])) for who, standing in standings.items()}
    for take_turn in turns.values():
        settled(partial(take_turn, WARMED), [])
    found: dict[Who, list[Sample]] = {who: [] for who in turns}
    for _ in range(options.rounds):
        for who, take_turn in turns.items():
            sample = settled(partial(take_turn, options.seconds), [])
            found[who].append(sample)
            with sampling(standings[who]):
                settled(partial(take_turn, options.seconds), [])
            tell(f"{who[0]:12} {who[1]:8} {sample.rate:10,.0f}/s {sample.cpu:8.1f} µs")
    return found


def requests(standing: Standing, measure: Measure) -> tuple[list[bytes], int]:
    """Return what is played, made of what this process has shown itself, and the status of the right answer."""
    known = learn(standing.url, PATHS, guarded=True)
    return [measure.asks(standing.url, each) for each in known], measure.status


def profiled(cores: Cores, options: argparse.Namespace, sides: Mapping[str, tuple[str, Path]]) -> dict[str, Sides]:
    """Measure; return both sides of each measure, by its title."""
    everybody = [(measure.title, side) for measure in MEASURED for side in sides]
    with TemporaryDirectory(prefix="ifmatch-") as folder:
        files = {who: Path(folder, f"{number}.json") for number, who in enumerate(everybody)}
        with running_origin() as origin, ExitStack() as stack:
            standings = {
                who: stack.enter_context(running_sampled(origin.url, *sides[who[1]], files[who], cores))
                for who in everybody
            }
            turns = played(standings, options)
        found = {who: Side(turns[who], read(file.read_text("utf-8"))) for who, file in files.items()}
    return {measure.title: {side: found[measure.title, side] for side in sides} for measure in MEASURED}


def repeated(given: Sequence[str]) -> str:
    """Return the command that does this again; where the older checkout is differs from one machine to the next."""
    said = re.sub(r"(--before[= ])\S+", r"\1DIR", " ".join(given))
    return f'make bench-profile ARGS="{said}"' if said else "make bench-profile"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write the page unless it was to be short; 2 when something is missing."""
    given = sys.argv[1:] if arguments is None else arguments
    options = asked(given)
    try:
        program("taskset")
        taking_part, sides = versions(*PROGRAMS), checkouts(options.before)
    except Missing as missing:
        tell(str(missing))
        return 2
    machine, cores, began = here(), take_load(), time.monotonic()
    found = profiled(cores, options, sides)
    said = {"rounds": options.rounds, "seconds": options.seconds, "connections": CONNECTIONS, "keys": KEYS}
    result = Result(
        command=repeated(given),
        day=today(),
        minutes=(time.monotonic() - began) / 60,
        machine=machine,
        versions=taking_part,
        about=paragraphs(ABOUT, kinds=KINDS if BEFORE in sides else "", cores=cores.told, **said),
        tables=tables(found),
        bars=bars(found),
    )
    conclude({"profile": result}, kept_too=not options.short)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
