"""A process that has had its turns lets others go first, once, and not for what is long over."""

import pytest

from proxy.adapters.redis import turns as room
from proxy.adapters.redis.turns import COUNTED, IN_A_ROW, RECENT, Turns


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Put a clock into the room."""
    clock = Clock()
    monkeypatch.setattr(room, "local_time", clock)
    return clock


def had(turns: Turns, count: int, others: int = 1, resource: str = "k") -> None:
    """Have the resource so often while others wait."""
    for _ in range(count):
        turns.ended(resource, others)


def test_turns_are_over_once(clock: Clock) -> None:
    """After so many in a row others go first, one time; then it may have as many again."""
    turns = Turns()
    had(turns, IN_A_ROW - 1)
    assert not turns.over("k")
    had(turns, 1)
    assert [turns.over("k"), turns.over("k")] == [True, False]
    had(turns, IN_A_ROW - 1)
    assert not turns.over("k")


def test_nobody_else_waits(clock: Clock) -> None:
    """Where no other process waits there is nothing to count, and what was counted is forgotten."""
    turns = Turns()
    had(turns, 3 * IN_A_ROW, others=0)
    assert not turns.over("k")
    had(turns, IN_A_ROW)
    had(turns, 1, others=0)
    assert not turns.over("k")
    assert len(turns) == 0


def test_each_resource_for_itself(clock: Clock) -> None:
    """Turns at one resource are none at another."""
    turns = Turns()
    had(turns, IN_A_ROW, resource="hot")
    assert not turns.over("k")
    assert turns.over("hot")


@pytest.mark.parametrize(("passed", "over"), [(RECENT, True), (RECENT + 1, False)])
def test_what_is_long_over(clock: Clock, passed: int, over: bool) -> None:
    """Who comes back much later follows nobody, and waits for nobody."""
    turns = Turns()
    had(turns, IN_A_ROW)
    clock.now += passed
    assert turns.over("k") is over
    assert len(turns) == 0


def test_the_count_is_bounded(clock: Clock) -> None:
    """However many resources there are, so many are kept; the latest are."""
    turns = Turns()
    for number in range(2 * COUNTED):
        had(turns, IN_A_ROW, resource=f"{number}")
    assert len(turns) == COUNTED
    assert not turns.over("0")
    assert turns.over(f"{2 * COUNTED - 1}")
