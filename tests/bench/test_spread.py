"""Medians and ratios are those of the figures, round by round."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.spread import Spread, differences, percentile, ratios, spread

FIGURES = st.lists(st.floats(1, 1e6), min_size=1)


@given(FIGURES)
def test_a_spread_is_ordered(figures: list[float]) -> None:
    """The ends are figures, and as many lie on one side of the middle as on the other."""
    found = spread(figures)
    assert (found.least, found.most) == (min(figures), max(figures))
    below = sum(figure < found.middle for figure in figures)
    above = sum(figure > found.middle for figure in figures)
    assert max(below, above) <= len(figures) / 2


def test_rounds_are_compared_with_each_other() -> None:
    """A machine that is slow for one round is slow for both: the ratio stays; all against all would say otherwise."""
    assert ratios([10, 2, 30], [20, 4, 60]) == Spread(0.5, 0.5, 0.5)
    assert differences([10, 2, 30], [9, 1, 29]) == Spread(1, 1, 1)


@pytest.mark.parametrize("compare", [ratios, differences])
def test_a_round_that_one_did_not_play_is_noticed(compare: object) -> None:
    """A ratio of different rounds would say nothing."""
    assert callable(compare)
    with pytest.raises(ValueError, match="zip"):
        compare([1, 2], [1])


@given(FIGURES)
def test_percentiles_are_figures(figures: list[float]) -> None:
    """Of one hundred percent the greatest; and half are not above the fiftieth."""
    assert percentile(figures, 100) == max(figures)
    middle = percentile(figures, 50)
    assert middle in figures
    assert 2 * sum(figure <= middle for figure in figures) >= len(figures)


def test_nothing_has_no_spread() -> None:
    """A measurement that did not happen is no zero."""
    with pytest.raises(ValueError, match="nothing was measured"):
        spread([])
    with pytest.raises(ValueError, match="nothing was measured"):
        percentile([], 50)


def test_how_a_spread_reads() -> None:
    """With thousands set off, so that a reader can take them in."""
    assert Spread(1234.5, 2345.6, 3456.7).told(0) == "1,234 / 2,346 / 3,457"
    assert Spread(0.1, 0.25, 0.375).told() == "0.10 / 0.25 / 0.38"
