"""Moments: what is certainly later, whatever the clocks' errors were, and how much time may have passed at most."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.moment import SOMETIME, Moment

instants = st.integers(0, 2**62)
moments = st.lists(instants, min_size=2, max_size=2).map(lambda pair: Moment(min(pair), max(pair)))


def within(moment: Moment) -> st.SearchStrategy[int]:
    """The instants that a moment may be."""
    return st.integers(moment.earliest, moment.latest)


@given(moments, moments, st.data())
def test_after_means_certainly(one: Moment, other: Moment, data: st.DataObject) -> None:
    """Whichever instants two moments were, the one that is after the other was the later one."""
    if one.after(other):
        assert data.draw(within(one)) > data.draw(within(other))
    else:
        assert one.earliest <= other.latest  # so some instants of the two contradict it


@given(moments, moments, moments)
def test_after_is_a_strict_order(one: Moment, two: Moment, three: Moment) -> None:
    """Nothing is after itself, no two are after each other, and what is after a later one is after the earlier."""
    assert not one.after(one)
    assert not (one.after(two) and two.after(one))
    assert three.after(one) or not (three.after(two) and two.after(one))


@given(moments, moments, st.data())
def test_since_is_the_most_that_may_have_passed(one: Moment, other: Moment, data: st.DataObject) -> None:
    """Whichever instants two moments were, no more seconds lay between them."""
    assert one.since(other) >= (data.draw(within(one)) - data.draw(within(other))) / 1_000_000
    assert one.since(other) == (one.latest - other.earliest) / 1_000_000


@given(moments)
def test_sometime_is_in_no_order(moment: Moment) -> None:
    """What happened at an unknown time is before nothing and after nothing, so that nothing rests on it."""
    assert not SOMETIME.after(moment)
    assert not moment.after(SOMETIME)


@pytest.mark.parametrize(
    ("one", "other", "after"),
    [((2, 2), (1, 1), True), ((1, 1), (1, 1), False), ((20, 30), (10, 19), True), ((20, 30), (10, 20), False)],
)
def test_moments_that_touch_are_not_ordered(one: tuple[int, int], other: tuple[int, int], after: bool) -> None:
    """Two that may be the same instant are neither after the other."""
    assert Moment(*one).after(Moment(*other)) is after
