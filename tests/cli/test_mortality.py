"""When replacing dead workers makes no sense any more."""

import pytest

from proxy.cli.mortality import Mortality

Deaths = list[tuple[float, float]]


@pytest.mark.parametrize(
    ("workers", "deaths", "pauses"),
    [
        (2, [(0.5, 1), (0.5, 2), (0.5, 3), (0.5, 4), (0.5, 5)], [0, 0.5, 1, 1.5, None]),
        (2, [(0.5, 0), (0.5, 1), (0.5, 2), (0.5, 3), (0.5, 31)], [0, 0.5, 1, 1.5, 1.5]),
        (2, [(0.5, 0), (0.5, 1), (0.5, 2), (0.5, 3), (0.5, 30)], [0, 0.5, 1, 1.5, None]),
        (2, [(0.5, 1), (10, 11), (3600, 12), (9.9, 13)], [0, 0, 0, 0.5]),
        (2, [(10, 10)] * 100, [0] * 100),
        (4, [(0.5, 1)] * 8, [0, 0.5, 1, 1.5, 2, 2, 2, None]),
    ],
    ids=[
        "a loop",
        "too slow for a loop",
        "just within the time",
        "old ones do not count",
        "only old ones",
        "an accident",
    ],
)
def test_a_loop_is_told_from_accidents(workers: int, deaths: Deaths, pauses: list[float | None]) -> None:
    """Of workers that (lived, ended at), the young within 30 s count: 5, or twice as many as there are workers."""
    mortality = Mortality(workers)
    assert [mortality.count(lived, now) for lived, now in deaths] == pauses


def test_the_rule_in_words() -> None:
    """What is told whoever started the workers says by which rule they were given up."""
    assert str(Mortality(2)) == "5 workers ended within 30 s, none older than 10 s"
    assert str(Mortality(4)) == "8 workers ended within 30 s, none older than 10 s"
