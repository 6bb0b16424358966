"""A process that has had its turns lets others go first, once."""

import pytest

from proxy.adapters.redis.turns import COUNTED, TURNS, Turns


def had(turns: Turns, count: int, others: int = 1, resource: str = "k") -> list[bool]:
    """Have the resource so often while others wait; return after which of these turns others go first."""
    lasts = []
    for _ in range(count):
        lasts.append(turns.last(resource))
        turns.ended(resource, others)
    return lasts


def test_every_so_often_others_go_first() -> None:
    """Of so many turns one is the last; then the count begins anew."""
    assert had(Turns(), 2 * TURNS) == 2 * ([False] * (TURNS - 1) + [True])


def test_nobody_else_waits() -> None:
    """Where no other process waits there is nothing to count, and what was counted is forgotten."""
    turns = Turns()
    assert not any(had(turns, 3 * TURNS, others=0))
    had(turns, TURNS - 1)
    had(turns, 1, others=0)
    assert len(turns) == 0
    assert not any(had(turns, TURNS - 1))


def test_each_resource_for_itself() -> None:
    """Turns at one resource are none at another."""
    turns = Turns()
    had(turns, TURNS - 1, resource="hot")
    assert not turns.last("k")
    assert turns.last("hot")


@pytest.mark.parametrize("more", [0, 1, COUNTED])
def test_the_count_is_bounded(more: int) -> None:
    """However many resources there are, so many are kept; the latest are."""
    turns = Turns()
    for number in range(COUNTED + more):
        had(turns, TURNS - 1, resource=f"{number}")
    assert len(turns) == COUNTED
    assert turns.last("0") is (more == 0)
    assert turns.last(f"{COUNTED + more - 1}")
