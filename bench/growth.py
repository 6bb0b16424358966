"""How ifmatch grows, as docs/performance.md tells it: the tables of a measurement, its goals, and a fleet on paper.

What lives here: words and arithmetic. What must not: measuring; that is `bench.scale`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from bench.crowd import Crowd, Weight
from bench.keys import Cost
from bench.peers import paragraphs
from bench.result import Bar, Table
from bench.spread import ratios, spread
from bench.staffing import Work

MEMORY: Final = "memory://"
REDIS: Final = "redis://"

IDLE_BAR: Final = 60e6
EACH_BAR: Final = 20e3
FLAT_BAR: Final = 1.3

AGAIN: Final = "the same resource again and again"
NEW: Final = "each a resource that nobody has asked for yet"

ABOUT: Final = """\
Memory is what is resident (RSS), and in parentheses the same with a fair share of pages that several processes have
(PSS). Idle connections are plain HTTP to one process with `memory://`, a new one for each kind; the kernel's socket
buffers are not counted. Where each connection has asked once, it was for a resource of its own.

The cost of a resource among many is the CPU time of the gateway with its lock and memory, in one process, before an
upstream that answers 2 KB at once: no HTTP, and no sockets but the store's. Everything that remembers has seen all
resources before; requests go to some chosen at random. In each of {rounds} rounds the median of chunks of 250 requests
counts.

Several workers share a Redis, and answer GETs that wrk plays on {connections} connections for {seconds} s, {rounds}
times in turn. {cores} Where workers have both cores, so have the load and the origin server, which need about as much
as one worker: it is CPU time that is compared."""

REMEMBERED: Final = """\
What the gateway has met lately costs it least: it remembers the routes of 1,024 targets and the states of 10,000
resources. Past those the cost is that of a resource never met, and stays there."""

PAPER: Final = """\
Workers and replicas share nothing but the store, and a GET whose state is known has no need of it: reads grow with the
cores. Writes do until the store's one core is busy; those of one resource come one after the other whatever there is.
Past that a Cluster: resources spread over 1,024 hash tags, and so over as many primaries as there are. Or fleets apart
for paths that share no resource, each with a store of its own."""

GAPS: Final = (
    "Idle connections over TLS: OpenSSL and the event loop hold some 50 KB more of each.",
    "More than two workers, more than two cores, more than one machine: what a fleet does is on paper.",
)


@dataclass
class Found:
    """All that was measured."""

    idle: dict[str, Weight] = field(default_factory=dict)
    crowds: dict[str, Crowd] = field(default_factory=dict)
    costs: dict[tuple[str, int], list[Cost]] = field(default_factory=dict)
    met: dict[str, list[Work]] = field(default_factory=dict)
    works: dict[str, list[Work]] = field(default_factory=dict)
    shared: list[list[int]] = field(default_factory=list)


def tables(found: Found) -> tuple[Table, ...]:
    """Return the figures as they stand on the page."""
    return (
        Table(
            "**A process that waits**", ("what", "MB in memory"), [(name, _mb(it)) for name, it in found.idle.items()]
        ),
        Table(
            "**Connections that wait**",
            ("what", "connections", "KB each"),
            [(name, f"{it.count:,}", _kb(it.each)) for name, it in found.crowds.items()],
        ),
        Table(
            "**A resource among many** (CPU µs, min / median / max; times those of one resource)",
            ("store", "resources", "GET", "times", "PUT", "times"),
            [_grown(found, store, keys) for store, keys in found.costs],
            *paragraphs(REMEMBERED),
        ),
        Table(
            "**The same over HTTP** (`memory://`, GETs)",
            ("what", "CPU µs each"),
            [(name, spread(work.cpu for work in works).told(0)) for name, works in found.met.items()],
        ),
        Table(
            "**Workers**",
            ("what", "GETs a second", "CPU µs each", "cores used by workers"),
            [_worked(name, works) for name, works in found.works.items()],
            _spread_told(found.shared),
        ),
        fleet(found),
    )


def fleet(found: Found) -> Table:
    """Return what limits a fleet, as far as it can be told from what was measured."""
    most = max(keys for _, keys in found.costs)
    these = found.costs[REDIS, most]
    trips, busy, put = (spread(getattr(cost, name) for cost in these).middle for name in ("trips", "busy", "put"))
    rows = (
        ("trips to the store of a guarded write", f"{trips:.0f}"),
        ("µs for which the store works for them", f"{busy:.0f}"),
        ("writes a second of one primary, at most", f"{1e6 / busy:,.0f}"),
        ("CPU µs of a worker for a write, HTTP apart", f"{put:.0f}"),
        ("workers that one primary serves", f"{put / busy:.0f} or more"),
    )
    (note,) = paragraphs(PAPER)
    return Table("**A fleet, on paper**", ("what", ""), rows, note)


def _mb(it: Weight) -> str:
    return f"{it.resident / 1e6:.1f} ({it.share / 1e6:.1f})"


def _kb(it: Weight) -> str:
    return f"{it.resident / 1e3:.1f} ({it.share / 1e3:.1f})"


def _grown(found: Found, store: str, keys: int) -> tuple[str, ...]:
    these = found.costs[store, keys]
    first = found.costs[store, min(count for name, count in found.costs if name == store)]
    get, put = spread(cost.get for cost in these), spread(cost.put for cost in these)
    return (store, f"{keys:,}", get.told(1), _times(these, first, "get"), put.told(1), _times(these, first, "put"))


def _times(these: Iterable[Cost], first: Iterable[Cost], name: str) -> str:
    return f"{ratios([getattr(cost, name) for cost in these], [getattr(cost, name) for cost in first]).middle:.2f}"


def _worked(name: str, works: Sequence[Work]) -> tuple[str, ...]:
    return (
        name,
        spread(work.rate for work in works).told(0),
        spread(work.cpu for work in works).told(0),
        spread(work.cores for work in works).told(2),
    )


def _spread_told(shared: Sequence[Sequence[int]]) -> str:
    least = min(min(each) for each in shared)
    return (
        f"The kernel spreads connections by a hash of their addresses: of {sum(shared[0])} over two workers, the one "
        f"that had fewer had {least} at worst in {len(shared)} trials. Few that are busy may all meet one worker."
    )


def bars(found: Found) -> tuple[Bar, ...]:
    """Return what was to be reached."""
    idle = max(it.resident for it in found.idle.values())
    each = max(it.each.resident for it in found.crowds.values())
    flat = ratios([work.cpu for work in found.met[NEW]], [work.cpu for work in found.met[AGAIN]]).middle
    count = max(it.count for it in found.crowds.values())
    return (
        Bar("RSS of an idle process, the largest", "at most 60 MB", f"{idle / 1e6:.1f} MB", kept=idle <= IDLE_BAR),
        Bar(f"Each of {count:,} idle connections", "at most 20 KB", f"{each / 1e3:.1f} KB", kept=each <= EACH_BAR),
        Bar(
            "CPU of a GET of a resource never met, against one asked again and again",
            "at most 1.3 x",
            f"{flat:.2f} x",
            kept=flat <= FLAT_BAR,
        ),
    )
