"""The tables say what was measured: each contestant in its place, and each goal as it was reached."""

from dataclasses import replace

import pytest

from bench import comparison, entrants
from bench.contest import DELAYED, MEASURES, READ, STRAIGHT, WRITE, Delay, Figures, Sample
from bench.losing import Losses
from bench.result import Bar
from bench.storm import Storm

RATES = {
    entrants.NGINX: 80_000,
    entrants.LUA: 40_000,
    entrants.FASTIFY: 10_000,
    entrants.MEMORY: 16_000,
    entrants.REDIS: 8_000,
    entrants.LUA_FRESH: 20_000,
    entrants.BARE: 25_000,
}
LOSSES = {name: Losses(accepted=10, refused=150, failed=0, lost=0) for name in entrants.OURS}


def figures() -> Figures:
    """Return three rounds, the second of which was disturbed for all alike."""
    made = Figures()
    for measure in MEASURES:
        for name in measure.contestants:
            rate = float(RATES.get(name, 4_000))
            store = 5.0 if "Redis" in name else 0.0
            made.samples[measure.title, name] = [Sample(rate / slow, 1e6 / rate, store) for slow in (1, 10, 2)]
            made.idle[name], made.after[name] = 50_000_000, 70_000_000
    for measure in DELAYED:
        for name in (STRAIGHT, *measure.contestants):
            taken = 20.0 if name == STRAIGHT else 170.0
            made.delays[measure.title, name] = [Delay(taken + late, 2 * taken + late) for late in (0, 50, 10)]
    return made


def bar(bars: tuple[Bar, ...], *words: str) -> Bar:
    """Return the goal that says all of these."""
    (found,) = [each for each in bars if all(word in each.measure for word in words)]
    return found


def test_the_overview() -> None:
    """A line for each contestant, with what it lost in the same line; nothing where it did not take part."""
    table = comparison.overview(figures(), {**LOSSES, entrants.LUA: Losses(100, 60, 0, 92)})
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows[entrants.LUA] == (*["20,000"] * 4, "", "92 of 100 (92%)")
    assert rows[entrants.MEMORY][-1] == "0 of 10 (0%)"
    assert rows[entrants.RELAY] == (*[""] * 4, "2,000", "")
    assert {len(row) for row in table.rows} == {len(table.columns)}


def test_the_comparison() -> None:
    """Round by round: what disturbs all alike changes no ratio. Nobody is compared where it does not take part."""
    rows = comparison.comparison(figures()).rows
    assert (READ.title, entrants.MEMORY, entrants.LUA, "0.40 / 0.40 / 0.40", "0.40 / 0.40 / 0.40") in rows
    assert (WRITE.title, entrants.REDIS, entrants.FASTIFY, "0.80 / 0.80 / 0.80", "0.80 / 0.80 / 0.80") in rows
    assert not [row for row in rows if row[0] == "conditional GET (304)" and row[2] == entrants.NGINX]
    assert not [row for row in rows if row[1] == row[2]]


def test_what_a_fresh_connection_takes() -> None:
    """Those that are here to show it are compared with ifmatch in guarded PUT alone, in the table and in words."""
    assert [{*entrants.AFRESH} & {*measure.contestants} for measure in MEASURES if measure is not WRITE] == [set()] * 4
    rows = [row for row in comparison.comparison(figures()).rows if row[2] in entrants.AFRESH]
    assert (WRITE.title, entrants.MEMORY, entrants.BARE, "0.64 / 0.64 / 0.64", "0.64 / 0.64 / 0.64") in rows
    assert {row[:3] for row in rows} == {
        (WRITE.title, ours, peer) for ours in entrants.OURS for peer in entrants.AFRESH
    }
    told = comparison.apart(figures())
    assert "it comes to 0.50 / 0.50 / 0.50 of its rate on kept ones" in told
    assert "ifmatch, memory comes to 0.80 / 0.80 / 0.80 of the rate of the first, and to 0.64 / 0.64 / 0.64 of" in told
    assert "\n" not in told


def test_all_figures() -> None:
    """The CPU time of a store stands apart from that of its proxy."""
    rows = {row[:2]: row[2:] for row in comparison.rates(figures()).rows}
    assert rows[READ.title, entrants.MEMORY] == ("1,600 / 8,000 / 16,000", "62.5 / 62.5 / 62.5", "")
    assert rows[READ.title, entrants.REDIS][1:] == ("125.0 / 125.0 / 125.0", "5.0 / 5.0 / 5.0")
    assert len(rows) == sum(len(measure.contestants) for measure in MEASURES)


def test_turns_that_were_repeated() -> None:
    """They stand below the figures, with the reason."""
    again = figures()
    assert comparison.rates(again).note == ""
    again.repeated = ["7 refused"]
    assert comparison.rates(again).note == "Turns were played again because of wrong answers: 7 refused."


def test_what_is_added() -> None:
    """Against the origin server itself in the same round."""
    table = comparison.delays(figures())
    assert (READ.title, entrants.MEMORY, "150 / 150 / 150", "300 / 300 / 300") in table.rows
    assert "30 µs for a GET, 30 µs for a PUT" in table.note


def test_memory_and_contention() -> None:
    """In megabytes of a million bytes; and how writes were answered."""
    assert (entrants.FASTIFY, "50.0", "70.0") in comparison.memory(figures()).rows
    assert comparison.contention(LOSSES, 16).rows[0] == (entrants.MEMORY, "10", "150", "0", "0 of 10 (0%)")
    assert comparison.lost(Losses(0, 5, 0, 0)) == "0 of 0"


def test_goals_that_are_reached() -> None:
    """With the figure."""
    bars = tuple(comparison.bars(figures(), LOSSES))
    assert [each.kept for each in bars] == [True] * len(bars)
    assert bar(bars, "guarded GET", entrants.LUA).goal == "at least 0.35 x (aim: 1)"
    assert bar(bars, "guarded GET", entrants.LUA).reached == "0.40 x"
    assert bar(bars, "guarded GET", entrants.FASTIFY).reached == "1.60 x"
    assert bar(bars, "guarded PUT", entrants.REDIS).reached == "0.20 x"
    assert bar(bars, "one connection").reached == "150 µs"
    assert bar(bars, "lost").reached == "0 of 40"
    assert bar(bars, "memory, idle").reached == "50.0 MB"


def test_goals_that_are_missed() -> None:
    """Each by itself."""
    slow = figures()
    slow.samples[READ.title, entrants.MEMORY] = [Sample(100, 1, 0)] * 3
    assert [each.measure for each in comparison.bars(slow, LOSSES) if not each.kept] == [
        f"guarded GET, {entrants.MEMORY}, against {peer}" for peer in (entrants.LUA, entrants.FASTIFY)
    ]
    fat = figures()
    fat.idle[entrants.REDIS] = 60_000_001
    assert not bar(tuple(comparison.bars(fat, LOSSES)), "memory, idle").kept
    late = figures()
    late.delays[READ.title, entrants.MEMORY] = [Delay(1_000, 1_000)] * 3
    assert not bar(tuple(comparison.bars(late, LOSSES)), "one connection").kept


@pytest.mark.parametrize("name", entrants.OURS)
def test_one_lost_write_is_seen(name: str) -> None:
    """Whoever of ours has lost it."""
    losses = {**LOSSES, name: replace(LOSSES[name], lost=1)}
    found = bar(tuple(comparison.bars(figures(), losses)), "lost")
    assert (found.reached, found.kept) == ("1 of 40", False)


def test_storms() -> None:
    """What a winner needs is taken off; the worst counts."""
    raged = {
        (entrants.MEMORY, True): (Storm({204: 1, 412: 999}, 6), 2),
        (entrants.MEMORY, False): (Storm({412: 1_000}, 2), 0),
    }
    assert comparison.storms(raged).rows == [
        (entrants.MEMORY, "current", "1 x 204, 999 x 412", "6", "4"),
        (entrants.MEMORY, "stale", "1,000 x 412", "2", "2"),
    ]
    assert comparison.calm([2, 4], 1_000).reached == "4"
    assert not comparison.calm([2, 4], 1_000).kept
    assert comparison.calm([2, 3], 1_000).kept
