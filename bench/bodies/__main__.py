"""Large content: `make bench-bodies`.

1 GiB goes each way, through nginx that guards nothing and through ifmatch, by turns; how fast, and what memory the
process had at most for it. And small GETs are asked for one after the other, alone, and beside a client that fetches
something large all the time: through both, since the machine itself is the busier for it.
"""

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.bodies.client import MIB, Client, latencies
from bench.cores import Cores, take_load
from bench.machine import here, versions
from bench.page import publish
from bench.result import Bar, Result, Table, keep, today
from bench.spread import percentile, ratios, spread
from bench.standing import Standing, running_ifmatch, running_relay
from tests.support.child import Child, python

GIB: Final = 1024 * MIB
NGINX, IFMATCH = "nginx, guarding nothing", "ifmatch"
RULES: Final = """
routes:
  - path: /file/{n}
    guard: "off"
  - path: /bytes/{n}
    limits: {content: 2GiB}
    etag_on_write: never
  - path: /state/{n}
    limits: {mint: 1GiB}
    timeouts: {select: 20s}
    lock: {read: 60s}
  - path: /json/{n}
    etag: {canonical: json}
  - path: /items/{n}
    etag: {canonical: json}
    inject: {}
  - path: /list/{n}
    etag: {canonical: json}
    inject: {items: ["$.items[*]"]}
  - path: /small/{n}
"""


@dataclass(frozen=True)
class Way:
    """A way that content takes. `beside` is the way through nginx to compare it with."""

    name: str
    method: str
    path: str
    status: int
    beside: str | None
    up: bool = False
    fields: tuple[str, ...] = ()


ABOUT: Final = (
    "1 GiB goes each way, and small GETs are asked for beside a client that fetches one large thing after the other. "
    "nginx passes all of it on and puts nothing on disk."
)
MOST_MEMORY, LEAST_SHARE, MOST_DELAY = 16, 0.5, 2.0
"""The bars: MiB, a part of nginx's rate, times the p99 alone."""

DOWN, UP = "down, as it comes", "up, as it comes"
WAYS: Final = (
    Way(DOWN, "GET", "/file/{size}", 200, DOWN),
    Way("down, guarded and too large for a tag", "GET", "/bytes/{size}", 200, DOWN),
    Way(UP, "POST", "/file/1", 204, UP, up=True),
    Way("up, guarded: received whole, then forwarded", "PUT", "/bytes/1", 204, UP, up=True),
    Way("a state compared with If-Match", "PUT", "/state/{size}", 412, DOWN, fields=('If-Match: "x"',)),
)
BESIDE: Final = {
    "nothing": None,
    "canonical JSON of 1 MB": "/json/1000000",
    "a list of 3,000 items that get tags": "/list/3000",
    "8 MB that are hashed": "/bytes/8000000",
}


@dataclass
class Found:
    """All figures, a list a way or a neighbour, an entry a round. Memory is in bytes, times are in seconds."""

    rates: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    memory: dict[str, list[float]] = field(default_factory=dict)
    times: dict[tuple[str, str], list[list[float]]] = field(default_factory=dict)
    idle: int = 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; a full run writes the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.bodies", description=__doc__)
    parser.add_argument("--short", action="store_true", help="one round of little, to see that it runs; writes no page")
    short = parser.parse_args(arguments).short
    started, cores = time.monotonic(), take_load()
    found = measured(cores, size=64 * MIB if short else GIB, rounds=1 if short else 4, seconds=0.2 if short else 1.5)
    minutes = (time.monotonic() - started) / 60
    result = told(found, minutes, cores, versions("python", "uvloop", "aiohttp", "nginx"))
    for table in result.tables:
        print(f"\n{table.title}")
        for row in (table.columns, *table.rows):
            print("  ".join(f"{cell:<44}" for cell in row))
    for bar in result.bars:
        print(f"{bar.measure}: {bar.reached} ({bar.goal})")
    if not short:
        keep("bodies", result)
        publish()


def measured(cores: Cores, *, size: int, rounds: int, seconds: float) -> Found:
    """Run all, by turns."""
    found = Found()
    with (
        _origin() as upstream,
        running_relay(upstream, cores, "bodies.conf") as nginx,
        running_ifmatch(RULES, upstream, cores) as ifmatch,
    ):
        found.idle = _resident(ifmatch.pid, "VmRSS")
        for _ in range(rounds):
            for way in WAYS:
                _move(way, size, nginx, ifmatch, found)
        for _ in range(rounds):
            for name, path in BESIDE.items():
                for who, standing in ((NGINX, nginx), (IFMATCH, ifmatch)):
                    with _asking(standing.url, path):
                        taken = latencies(standing.url, "/small/1", seconds)
                    found.times.setdefault((who, name), []).append(taken)
    return found


def _move(way: Way, size: int, nginx: Standing, ifmatch: Standing, found: Found) -> None:
    before = _fresh(ifmatch.pid)
    if way.beside == way.name:
        found.rates.setdefault((NGINX, way.name), []).append(_rate(nginx, way, size))
    found.rates.setdefault((IFMATCH, way.name), []).append(_rate(ifmatch, way, size))
    found.memory.setdefault(way.name, []).append(_resident(ifmatch.pid, "VmHWM") - before)


def _rate(standing: Standing, way: Way, size: int) -> float:
    """Return MiB a second; a state that is compared does not come here, so the time is what counts."""
    with closing(Client(standing.url)) as client:
        path = way.path.format(size=size)
        moved = client.ask(way.method, path, *way.fields, sending=size if way.up else MIB if way.fields else 0)
    assert moved.status == way.status, moved
    return size / MIB / moved.seconds


def _fresh(pid: int) -> int:
    """Make the most memory that a process ever had what it has now, and return that."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return _resident(pid, "VmRSS")


def _resident(pid: int, name: str) -> int:
    return int(Path(f"/proc/{pid}/status").read_text().split(f"{name}:")[1].split()[0]) * 1024


@contextmanager
def _origin() -> Iterator[str]:
    child = Child(python("-m", "bench.bodies.origin"))
    try:
        yield child.line(r"listening on (http://\S+)")[1]
    finally:
        child.stop()


@contextmanager
def _asking(url: str, path: str | None) -> Iterator[None]:
    """Fetch something large all the time, if there is anything."""
    if path is None:
        yield
        return
    child = Child(python("-m", "bench.bodies.client", url, path))
    try:
        child.line("asking")
        yield
    finally:
        child.kill()


def told(found: Found, minutes: float, cores: Cores, taking_part: Mapping[str, str]) -> Result:
    """Return what the figures say, of programs in these versions."""
    return Result(
        command="make bench-bodies",
        day=today(),
        minutes=minutes,
        machine=here(),
        versions=taking_part,
        about=(f"{ABOUT} {cores.told} The processes in which ifmatch reads JSON share its core.",),
        tables=(_rates(found), _times(found)),
        bars=_bars(found),
        gaps=("Large content over TLS, and on a disk that is slower than the network.",),
    )


def _rates(found: Found) -> Table:
    rows = []
    for way in WAYS:
        theirs, ours = found.rates[NGINX, way.beside or DOWN], found.rates[IFMATCH, way.name]
        more = spread(each / MIB for each in found.memory[way.name]).most
        rows.append(
            (way.name, spread(theirs).told(0), spread(ours).told(0), ratios(ours, theirs).told(), f"{more:.1f}")
        )
    columns = ("1 GiB", "nginx, MiB/s (min / median / max)", "ifmatch", "ifmatch / nginx", "memory, + MiB at most")
    note = f"Memory is the most that the process had beyond what it had before; idle it has {found.idle / MIB:.0f} MiB."
    return Table(
        "**Rates and memory.** A state that is compared is fetched from the origin server and hashed.",
        columns,
        rows,
        note,
    )


def _times(found: Found) -> Table:
    rows = [
        (name, *(_percentile(found.times[who, name], percent) for who in (NGINX, IFMATCH) for percent in (50, 99)))
        for name in BESIDE
    ]
    columns = ("beside", "nginx p50, ms", "nginx p99", "ifmatch p50", "ifmatch p99")
    note = (
        "The client, its neighbour and the origin server share a core, so p99 rises behind nginx, too. What rises "
        "behind ifmatch is the kernel's: a process that reads JSON on the same core is not always interrupted for the "
        "one that answers, but at its next tick, 4 ms later, whatever its priority."
    )
    return Table("**Small GETs, one after the other, beside something large.**", columns, rows, note)


def _percentile(rounds: Sequence[Sequence[float]], percent: float) -> str:
    return spread(percentile(each, percent) * 1000 for each in rounds).told()


def _bars(found: Found) -> tuple[Bar, ...]:
    memory = max(max(figures) for figures in found.memory.values()) / MIB
    streamed = WAYS[1].name
    share = ratios(found.rates[IFMATCH, streamed], found.rates[NGINX, DOWN]).middle
    delays = _delays(found)
    return (
        Bar(
            "memory of the process while 1 GiB passes", "at most + 16 MiB", f"+ {memory:.1f} MiB", memory <= MOST_MEMORY
        ),
        Bar(
            "content too large for a tag, against nginx that passes it on",
            "at least 0.5 x",
            f"{share:.2f} x",
            share >= LEAST_SHARE,
        ),
        Bar(
            "p99 of small GETs beside something large, against alone",
            "at most 2 x",
            ", ".join(f"{delay:.1f} x" for delay in delays.values()),
            max(delays.values()) <= MOST_DELAY,
        ),
    )


def _delays(found: Found) -> Mapping[str, float]:
    """Return by how much the neighbours raise p99, the median of all rounds."""
    alone, *others = ({name: [percentile(each, 99) for each in found.times[IFMATCH, name]]} for name in BESIDE)
    (quiet,) = alone.values()
    return {name: ratios(figures, quiet).middle for each in others for name, figures in each.items()}


if __name__ == "__main__":
    main()
