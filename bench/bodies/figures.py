"""What large content took, as the tables and goals of its section of the page: all of it pure.

What lives here: which ways content takes, and what the figures of each say. What must not: measuring.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bench.bodies.client import MIB
from bench.cores import Cores
from bench.machine import here
from bench.result import Bar, Result, Table, today
from bench.spread import percentile, ratios, spread

NGINX, IFMATCH = "nginx, guarding nothing", "ifmatch"


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
        "The client, its neighbour and the origin server share a core, so p99 rises behind nginx, too. Behind ifmatch "
        "a process that reads JSON is nicer than the one that answers, and a thread that hashes sleeps between two "
        "pieces, so neither is often in its way. What is left is its own copying of large content, 0.1 to 0.2 ms at a "
        "time, and some three times in a thousand the kernel's tick, for which it waits up to 4 ms."
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
