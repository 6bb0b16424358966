"""Where the time goes, as docs/performance.md tells it: the tables of a profile, before and now, and its goals.

What lives here: words, choosing and spelling figures. What must not: measuring; that is `bench.profiling`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from bench.contest import READ, WRITE, Measure, Sample
from bench.peers import paragraphs
from bench.result import Bar, Table
from bench.spread import ratios, spread
from bench.stacks import LOOP, Area, Frame, Profile, area, own, room_of, spelled, within

TOP: Final = 10
BAR: Final = 0.05
"""What telling of a request may take of its time."""

BEFORE: Final = "before"
NOW: Final = "now"

MEASURED: Final = (READ, WRITE)

TELEMETRY: Final = Area("telemetry", ("server/ledger", "telemetry", "access_log", "lines", "metrics", "tallies"))
AREAS: Final = (
    TELEMETRY,
    Area("aiohttp", ("aiohttp",)),
    Area("server", folder="server"),
    Area("gateway", folder="gateway"),
    Area("upstream adapter", folder="adapters/upstream"),
    Area("lock and memory", folder="adapters/memory"),
    Area("core", folder="core"),
    Area(LOOP, (LOOP,)),
)
REST: Final = "all else"

ABOUT: Final = """\
`ifmatch run` looks at itself: a signal every 2 ms of its CPU time (or as often as the kernel's clock ticks) notes which
Python functions are under way. {kinds}ifmatch has one worker, `memory://`, `etag_on_write: never` and an access log to
/dev/null; wrk plays {keys:,} keys on {connections} connections. {cores} In each of {rounds} rounds each has a turn of
{seconds} s without the signal, which gives rates and CPU time, and one with it. A PUT asks the origin server twice:
what is there, on a connection that is kept, and then the write itself, on a new one.

What a function takes for itself includes C code and system calls that it makes: of a function that writes to a socket
that is mostly the kernel. What C code takes before it calls Python, as an event loop that waits and reads, counts for
the function below it. A short function that calls nothing counts partly for its caller, and one that goes on after it
has waited bears the switch to it, and what the loop did in C before. µs are that share of the CPU time of an answer."""

KINDS: Final = """*Before* is 0.1.0 as of the commit before the work of this release on speed, in the same run and with
the same sampler. """

TOLD: Final = """*With what it calls* of an area is all the time in which one of its functions is under way; server and
gateway call all the others. Telemetry is `server/ledger`, `telemetry`, `access_log`, `lines`, `metrics`
and `tallies`, with prometheus_client and json below them."""


@dataclass(frozen=True, slots=True)
class Side:
    """One side of the comparison in one measure: turns without the sampler, and what the sampler saw in the others."""

    turns: Sequence[Sample]
    profile: Profile

    @property
    def cpu(self) -> float:
        """CPU time of an answer, in µs: the median of the rounds."""
        return spread(turn.cpu for turn in self.turns).middle


Sides = Mapping[str, Side]
"""By `BEFORE`, if it was measured, and `NOW`."""


def percent(share: float) -> str:
    """Spell a share.

    >>> percent(0.1234)
    '12.3 %'
    """
    return f"{100 * share:.1f} %"


def tables(found: Mapping[str, Sides]) -> tuple[Table, ...]:
    """Return the figures as they stand on the page. `found` is by the measure's title."""
    return (
        turns(found),
        areas(found),
        *(ranked(f"**{title}: the top ten rooms**", sides, room_of) for title, sides in found.items()),
        *(ranked(f"**{title}: the top ten functions**", sides, spelled) for title, sides in found.items()),
    )


def turns(found: Mapping[str, Sides]) -> Table:
    """Return how fast each side is."""
    rows = [
        (
            title,
            name,
            spread(turn.rate for turn in side.turns).told(0),
            spread(turn.cpu for turn in side.turns).told(0),
            percent(side.profile.kernel),
            f"{side.profile.samples:,}",
        )
        for title, sides in found.items()
        for name, side in sides.items()
    ]
    columns = ("", "", "answers a second, least / median / most", "CPU µs an answer", "of it in the kernel", "samples")
    note = " ".join(_compared(title, sides) for title, sides in found.items() if BEFORE in sides)
    return Table("**Before and now**" if note else "**Now**", columns, rows, note)


def _compared(title: str, sides: Sides) -> str:
    before, now = sides[BEFORE].turns, sides[NOW].turns
    faster = ratios([turn.rate for turn in now], [turn.rate for turn in before]).told()
    cheaper = ratios([turn.cpu for turn in before], [turn.cpu for turn in now]).told()
    return f"{title}: {faster} times the rate, {cheaper} times the answers for the same CPU time, round by round."


def areas(found: Mapping[str, Sides]) -> Table:
    """Return what each area takes on each side: by itself, and with what it calls."""
    columns = [(f"{title}, {name}", side) for title, sides in found.items() for name, side in sides.items()]
    rows = [(each.title, *(_area(each, side) for _, side in columns)) for each in AREAS]
    rows.append((REST, *(percent(_rest(side)) for _, side in columns)))
    (note,) = paragraphs(TOLD)
    return Table("**By area: by itself / with what it calls**", ("", *(name for name, _ in columns)), rows, note)


def _area(each: Area, side: Side) -> str:
    reached = within(side.profile, lambda name: area(name, AREAS) is each)
    return f"{percent(_shares(side).get(each.title, 0.0))} / {percent(reached)}"


def _rest(side: Side) -> float:
    shares = _shares(side)
    return 1 - sum(shares.get(each.title, 0.0) for each in AREAS)


def _shares(side: Side) -> dict[str, float]:
    def named(frame: Frame) -> str:
        found = area(room_of(frame), AREAS)
        return REST if found is None else found.title

    return own(side.profile, named)


def ranked(title: str, sides: Sides, named: Callable[[Frame], str]) -> Table:
    """Return those that take most time for themselves, on each side in its own order."""
    columns = [column for name in sides for column in (name, "share", "µs")]
    lists = [_first(side, named) for side in sides.values()]
    rows = [tuple(cell for cells in row for cell in cells) for row in zip_longest(*lists, fillvalue=("", "", ""))]
    return Table(title, columns, rows)


def _first(side: Side, named: Callable[[Frame], str]) -> list[tuple[str, str, str]]:
    shares = list(own(side.profile, named).items())[:TOP]
    return [(f"`{name}`", percent(share), f"{share * side.cpu:.1f}") for name, share in shares]


def bars(found: Mapping[str, Sides], measures: Sequence[Measure] = MEASURED) -> tuple[Bar, ...]:
    """Return what was to be reached: telling of a request is to take little of its time."""
    reached = [(each.title, within(found[each.title][NOW].profile, TELEMETRY.has)) for each in measures]
    return tuple(
        Bar(f"telemetry, of the CPU time of a {title}", "less than 5 %", percent(share), kept=share < BAR)
        for title, share in reached
    )
