"""What the contest came to, as the tables and goals of two sections of the page.

What lives here: choosing, comparing and spelling figures, all of it pure. Nothing is measured here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bench import entrants
from bench.contest import DELAYED, MEASURES, READ, STRAIGHT, WRITE, Delay, Figures, Measure, Sample
from bench.losing import Losses
from bench.result import Bar, Table
from bench.spread import Spread, differences, ratios, spread
from bench.storm import Storm

MEGABYTE: Final = 1_000_000
SPREAD: Final = "least / median / most"

_AGAINST: Final = (entrants.NGINX, entrants.LUA, entrants.FASTIFY, *entrants.AFRESH)

APART: Final = """\
How much of the distance in guarded PUT is the connection: ifmatch opens one for each write, nginx + Lua keeps its own.
*{afresh}* is the same `bench/nginx/guard.lua`, but its writes go as those of ifmatch; it comes to {cost} of its rate on
kept ones. *{bare}* is `bench/exchanges.py`, which guards nothing: for a PUT it asks a GET on a kept connection, sends
the PUT on a fresh one and passes the answer on. That is about the least that Python's event loop and the kernel take
for what ifmatch does. {ours} comes to {guarded} of the rate of the first, and to {unguarded} of that of the second
({spread}, round by round). Both go to four addresses of the origin server in turn: with so many connections to one, the
search for free ports would be measured, too. Neither writes the number below that all want: the first locks no more
than nginx + Lua, and the second compares nothing."""


def rate(figures: Figures, measure: Measure, name: str) -> list[float]:
    """Return answers a second, round by round."""
    return [sample.rate for sample in figures.samples[measure.title, name]]


def against(figures: Figures, measure: Measure, ours: str, peer: str) -> Spread:
    """Return our rate in parts of a peer's."""
    return ratios(rate(figures, measure, ours), rate(figures, measure, peer))


def cheaper(figures: Figures, measure: Measure, ours: str, peer: str) -> str:
    """Return how many answers we give for the CPU time of one of a peer's, the stores' apart."""
    return ratios(*(_each(figures.samples[measure.title, name], "cpu") for name in (peer, ours))).told()


def added(figures: Figures, measure: Measure, name: str, which: str) -> Spread:
    """Return what a contestant adds, in µs, to what the origin server itself takes on one connection."""
    ours, straight = (figures.delays[measure.title, who] for who in (name, STRAIGHT))
    return differences(_each(ours, which), _each(straight, which))


def apart(figures: Figures) -> str:
    """Return what of the distance in guarded PUT is the fresh connection, as a paragraph."""
    told = APART.format(
        afresh=entrants.LUA_FRESH,
        bare=entrants.BARE,
        ours=entrants.MEMORY,
        cost=against(figures, WRITE, entrants.LUA_FRESH, entrants.LUA).told(),
        guarded=against(figures, WRITE, entrants.MEMORY, entrants.LUA_FRESH).told(),
        unguarded=against(figures, WRITE, entrants.MEMORY, entrants.BARE).told(),
        spread=SPREAD,
    )
    return " ".join(told.split("\n"))


def _each(figures: Sequence[Sample | Delay], which: str) -> list[float]:
    return [float(getattr(figure, which)) for figure in figures]


# Tables ---------------------------------------------------------------------------------------------------------------


def overview(figures: Figures, losses: Mapping[str, Losses]) -> Table:
    """Return who does what how fast in the median, and what is lost meanwhile: all in one table."""
    rows = []
    for name in figures.idle:
        medians = [
            f"{spread(rate(figures, measure, name)).middle:,.0f}" if name in measure.contestants else ""
            for measure in MEASURES
        ]
        rows.append((name, *medians, lost(losses[name]) if name in losses else ""))
    columns = ("", *(measure.title for measure in MEASURES), "accepted writes lost under contention")
    return Table("Answers a second in the median, and what each loses:", columns, rows)


def lost(losses: Losses) -> str:
    """Return how many of the accepted writes are lost."""
    share = f" ({losses.lost / losses.accepted:.0%})" if losses.accepted else ""
    return f"{losses.lost:,} of {losses.accepted:,}{share}"


def comparison(figures: Figures) -> Table:
    """Return our rates in parts of each peer's."""
    rows = [
        (measure.title, ours, peer, against(figures, measure, ours, peer).told(), cheaper(figures, measure, ours, peer))
        for measure in MEASURES
        for peer in _AGAINST
        for ours in measure.contestants
        if peer in measure.contestants and ours.startswith("ifmatch")
    ]
    columns = ("measure", "", "against", f"rate, {SPREAD}", "answers for the same CPU time")
    note = "What others do on the machine meanwhile disturbs rates, and the CPU time of an answer much less."
    return Table("ifmatch in parts of its peers, round by round:", columns, rows, note)


def rates(figures: Figures) -> Table:
    """Return all rates, and the CPU time that an answer costs."""
    rows = []
    for (title, name), samples in figures.samples.items():
        stores = spread(_each(samples, "store"))
        cells = (spread(_each(samples, "rate")).told(0), spread(_each(samples, "cpu")).told(1))
        rows.append((title, name, *cells, stores.told(1) if stores.most else ""))
    columns = ("measure", "", f"answers a second, {SPREAD}", f"CPU µs an answer, {SPREAD}", "its store's")
    wrong = "; ".join(figures.repeated)
    note = f"Turns were played again because of wrong answers: {wrong}." if wrong else ""
    return Table("The same in full:", columns, rows, note)


def delays(figures: Figures) -> Table:
    """Return what each adds on one connection."""
    rows = [
        (
            measure.title,
            name,
            added(figures, measure, name, "middle").told(0),
            added(figures, measure, name, "slow").told(0),
        )
        for measure in DELAYED
        for name in measure.contestants
    ]
    straight = ", ".join(
        f"{spread(_each(figures.delays[measure.title, STRAIGHT], 'middle')).middle:.0f} µs for a "
        f"{measure.title.split()[-1]}"
        for measure in DELAYED
    )
    note = f"The origin server itself takes {straight} (p50, median of the rounds)."
    columns = ("measure", "", f"p50 added in µs, {SPREAD}", "p99 added in µs")
    return Table("Added on one connection, against the origin server itself in the same round:", columns, rows, note)


def memory(figures: Figures) -> Table:
    """Return resident memory before and after."""
    rows = [(name, *(_megabytes(kept[name]) for kept in (figures.idle, figures.after))) for name in figures.idle]
    title = "Resident memory of all processes of each, the store's not included:"
    return Table(title, ("", "idle, MB", "after all rounds, MB"), rows)


def contention(losses: Mapping[str, Losses], writers: int) -> Table:
    """Return how the writes of the contest were answered."""
    rows = [
        (name, f"{each.accepted:,}", f"{each.refused:,}", f"{each.failed:,}", lost(each))
        for name, each in losses.items()
    ]
    title = f"{writers} writers of one number; each reads it, adds one, and writes it back with the tag it was shown:"
    note = "Lost: accepted (2xx), and not in what the origin server has in the end."
    return Table(title, ("", "accepted", "refused (412)", "answered otherwise", "lost"), rows, note)


def storms(raged: Mapping[tuple[str, bool], tuple[Storm, int]]) -> Table:
    """Return what the origin server heard of each storm, and of its winner alone."""
    rows = [
        (name, "current" if current else "stale", storm.told, f"{storm.asked:,}", f"{storm.asked - winner:,}")
        for (name, current), (storm, winner) in raged.items()
    ]
    return Table("", ("", "tag", "answered", "requests to the origin server", "beyond the winner's"), rows)


def _megabytes(size: int) -> str:
    return f"{size / MEGABYTE:.1f}"


# Goals ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Share:
    """How much of a peer's rate ours is to be: at least, and better."""

    measure: Measure
    ours: str
    peer: str
    least: float
    aim: float | None = None

    def bar(self, figures: Figures) -> Bar:
        """Return what was reached."""
        reached = against(figures, self.measure, self.ours, self.peer).middle
        goal = f"at least {self.least:g} x" + (f" (aim: {self.aim:g})" if self.aim is not None else "")
        title = f"{self.measure.title}, {self.ours}, against {self.peer}"
        return Bar(title, goal, f"{reached:.2f} x", kept=reached >= self.least)


_SHARES: Final = (
    _Share(READ, entrants.MEMORY, entrants.LUA, 0.35, 1.0),
    _Share(READ, entrants.MEMORY, entrants.FASTIFY, 1.2),
    _Share(WRITE, entrants.MEMORY, entrants.LUA, 0.2, 0.5),
    _Share(WRITE, entrants.REDIS, entrants.LUA, 0.1, 0.3),
)


def bars(figures: Figures, losses: Mapping[str, Losses]) -> Sequence[Bar]:
    """Return what was to be reached in the contest."""
    written = [losses[name] for name in entrants.OURS if name in losses]
    gone, accepted = sum(each.lost for each in written), sum(each.accepted for each in written)
    delayed = added(figures, READ, entrants.MEMORY, "middle")
    idle = max(figures.idle[name] for name in (entrants.MEMORY, entrants.REDIS))
    return (
        *(share.bar(figures) for share in _SHARES),
        Bar("accepted writes lost under contention", "0", f"{gone} of {accepted:,}", kept=not gone),
        Bar(
            "added at one connection, guarded GET, p50",
            "at most 200 µs (aim: 100)",
            f"{delayed.middle:.0f} µs",
            kept=delayed.middle <= 200,  # noqa: PLR2004 - the bar
        ),
        Bar("resident memory, idle", "at most 60 MB", f"{_megabytes(idle)} MB", kept=idle <= 60 * MEGABYTE),
    )


def calm(beyond: Iterable[int], writers: int) -> Bar:
    """Return what was to be reached in the storm: the most requests beyond the winner's."""
    most = max(beyond)
    title = f"{writers:,} writers with one tag, one replica: requests to the origin server beyond the winner's"
    return Bar(title, "at most 3", f"{most}", kept=most <= 3)  # noqa: PLR2004 - the bar
