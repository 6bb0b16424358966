"""The queue of a resource: first come, first called, and told apart by whom a route's limit counts."""

from collections.abc import Callable

import pytest

from proxy.adapters.memory.queueing import Resource, Turn, Waiter
from proxy.errors import ResourceBusy
from proxy.ports import LeaseTerms
from tests.support.stepping import Stage


def waiter(check: Callable[[], bool] | None = None, *, waiters: int | None = None) -> Waiter:
    """Return one that waits."""
    return Waiter(LeaseTerms(1.0, 1.0, 1.0, waiters, check), 0.0, Stage().loop.create_future())


def test_waiters_are_called_in_order() -> None:
    """Whoever leaves in between leaves the others' order as it was."""
    resource, queued = Resource(), [waiter() for _ in range(5)]
    for each in queued:
        resource.join(each)
    assert resource.leave(queued[2])
    assert not resource.leave(queued[2])
    called = []
    while resource.queue:
        called.append(resource.first())
        resource.leave(called[-1])
    assert called == [queued[0], queued[1], queued[3], queued[4]]
    assert resource.joined == 5


def test_only_those_are_counted_whom_the_limit_concerns() -> None:
    """When they come and when they leave."""
    resource, queued = Resource(), [waiter(waiters=2), waiter(), waiter(waiters=2)]
    counts = []
    for each in queued:
        resource.join(each)
        counts.append(resource.bounded)
    for each in queued:
        resource.leave(each)
        counts.append(resource.bounded)
    assert counts == [1, 1, 2, 1, 1, 0]


def test_it_is_free_when_nobody_has_it_or_wants_it() -> None:
    """Who comes while others wait does not go before them."""
    resource, one = Resource(), waiter()
    assert resource.free
    resource.join(one)
    assert not resource.free


def test_when_it_came_is_its_deadline_less_what_it_waits() -> None:
    """On the same clock."""
    assert Waiter(LeaseTerms(2.0, 1.0, 1.0, None), 12.0, Stage().loop.create_future()).since == 10.0


@pytest.mark.parametrize(("check", "turn"), [(None, Turn.NOW), (lambda: False, Turn.NOW), (lambda: True, Turn.SOON)])
def test_what_a_check_says_is_when_it_is_served(check: Callable[[], bool] | None, turn: Turn) -> None:
    """Without one it is served at once."""
    assert waiter(check).called() is turn


def test_what_a_check_raises_is_told_to_who_waits() -> None:
    """And to nobody else; called again it has been told."""
    refusal = ResourceBusy("no")

    def refuse() -> bool:
        raise refusal

    one = waiter(refuse)
    assert one.called() is Turn.OVER
    assert one.turn.exception() is refusal
    assert one.called() is Turn.OVER


def test_who_was_told_is_not_asked() -> None:
    """One that has given up has no opinion any more."""

    def fail() -> bool:
        raise AssertionError

    one = waiter(fail)
    one.turn.set_exception(ResourceBusy("no"))
    assert one.called() is Turn.OVER
    assert isinstance(one.turn.exception(), ResourceBusy)
