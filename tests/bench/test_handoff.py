"""What the bench counts as a hand-off, and that it runs: whether the figures are good is for whoever reads them."""

import re

import pytest

from bench.handoff import Turn, handoffs, main


def test_a_hand_off_goes_to_another_replica_that_waits() -> None:
    """Neither to the next writer of the same one, nor to one that came when the lock was free."""
    first = Turn(0, asked=0.0, granted=0.0, left=1.0)
    same = Turn(0, asked=0.5, granted=1.1, left=2.0)
    other = Turn(1, asked=0.5, granted=2.25, left=3.0)
    late = Turn(2, asked=3.5, granted=3.5, left=4.0)
    assert handoffs([late, other, first, same]) == [0.25]


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each number of writers and each time, with as many turns as fit into the seconds."""
    assert main(["--writers", "1", "2", "--held", "1", "--seconds", "0.06"]) == 0
    head, rule, *lines = capsys.readouterr().out.splitlines()
    assert rule.count("---") == head.count("|") - 1
    cells = [re.split(r" *\| *", line)[1:-1] for line in lines]
    assert {len(each) for each in cells} == {head.count("|") - 1}
    assert [each[:3] for each in cells] == [["3 x 1", "1", "30"], ["3 x 2", "1", "30"]]
