"""The rules of a route, by themselves."""

import pytest

from proxy.core.route import MARGIN, LockRules, Route, Timeouts, shortest_write_lease
from proxy.core.template import Template


def route(path: str, *, state: str) -> Route:
    """Return a route with a mapped state."""
    return Route(path, Template.parse(path), state=Template.parse(state))


def test_a_state_that_is_not_captured_is_no_route() -> None:
    """A route whose state uses an unknown name cannot be made."""
    with pytest.raises(ValueError, match=r"\{other\}"):
        route("/a/{x}", state="/a/{other}")


def test_default_lease_is_long_enough() -> None:
    """The default write lease covers perform, settle and margin (invariant I3), and settle covers a selection."""
    timeouts = Timeouts()
    assert LockRules().write >= shortest_write_lease(timeouts) == timeouts.perform + timeouts.settle + MARGIN
    assert timeouts.settle >= timeouts.select
