"""How ifmatch grows is told as it was measured."""

import pytest

from bench.crowd import Crowd, Weight
from bench.growth import AGAIN, MEMORY, NEW, REDIS, Found, bars, tables
from bench.keys import Cost
from bench.staffing import Work


def found(*, idle: float = 50e6, each: float = 9e3, new: float = 160.0) -> Found:
    """Return what might have been measured."""
    weight = Weight(idle, idle / 2)
    return Found(
        idle={"one process": weight},
        crowds={"asked once": Crowd(5_000, weight, Weight(each, each))},
        costs={
            (MEMORY, 1): [Cost(40, 100, 0), Cost(20, 50, 0)],
            (MEMORY, 1_000_000): [Cost(44, 110, 8), Cost(22, 55, 8)],
            (REDIS, 1): [Cost(40, 400, 0, 3, 50)],
            (REDIS, 1_000_000): [Cost(42, 400, 1, 3, 50)],
        },
        met={AGAIN: [Work(5_000, 150, 1), Work(5_000, 140, 1)], NEW: [Work(5_000, new, 1), Work(5_000, new, 1)]},
        works={"1 worker": [Work(4_000, 200, 0.9)]},
        shared=[[20, 12], [17, 15]],
    )


def test_all_stands_in_the_tables() -> None:
    """With ratios taken round by round, and what follows for a fleet."""
    waiting, idle, many, met, workers, fleet = tables(found())
    assert waiting.rows == [("one process", "50.0 (25.0)")]
    assert idle.rows == [("asked once", "5,000", "9.0 (9.0)")]
    assert many.rows[1] == (MEMORY, "1,000,000", "22.0 / 33.0 / 44.0", "1.10", "55.0 / 82.5 / 110.0", "1.10")
    assert met.rows == [(AGAIN, "140 / 145 / 150"), (NEW, "160 / 160 / 160")]
    assert workers.rows == [("1 worker", "4,000 / 4,000 / 4,000", "200 / 200 / 200", "0.90 / 0.90 / 0.90")]
    assert "had 12 at worst in 2 trials" in workers.note
    assert ("writes a second of one primary, at most", "20,000") in fleet.rows


@pytest.mark.parametrize(
    ("measured", "kept"),
    [
        (found(), [True, True, True]),
        (found(idle=61e6), [False, True, True]),
        (found(each=21e3), [True, False, True]),
        (found(new=200.0), [True, True, False]),
    ],
)
def test_each_goal_is_reached_or_not(measured: Found, kept: list[bool]) -> None:
    """The largest process, the heaviest connection and what a new resource costs count."""
    assert [bar.kept for bar in bars(measured)] == kept
