"""That the bench of the store runs, measures both ways, and says what it found."""

import pytest

from bench.store import Figures, main, measured, tables
from tests.faults.test_store_costs import COSTS


def test_both_ways_are_measured() -> None:
    """In each round, and each script is found in the log of the store."""
    figures = measured(at_once=4, writes=40, rounds=2)
    for found in (figures.shared, figures.library, *figures.scripts.values()):
        assert len(found) == 2
        assert all(figure > 0 for figure in found)


def test_the_tables() -> None:
    """Every kind of request, every number of writes at once, and every script."""
    figures = Figures([10.0], [50.0], {"acquire": [10.0], "phase": [7.0], "release": [8.0]})
    costs, calls, scripts = tables({1: figures, 32: figures})
    assert [row[0] for row in costs.rows] == [cost.row for cost in COSTS]
    assert [row[0] for row in calls.rows] == ["1", "32"]
    assert "25 µs" in scripts.note
    assert "20,000 writes a second" in scripts.note


def test_a_part_of_it_keeps_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Who measures less than all of it sees what comes out, and nothing is written."""
    assert main(["--at-once", "2", "--writes", "20", "--rounds", "1"]) == 0
    assert "one connection for all" in capsys.readouterr().out
