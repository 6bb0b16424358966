"""What the crowd of a row meets by chance: a fault now and then, for one request.

What lives here: how often. What the faults are is for the `rows_*`.
"""

from collections.abc import Callable, Mapping

from tests.faults.matrix import Act

PAUSE = 0.1
"""Seconds between two faults, on average."""

Knob = Mapping[str, object]
"""A knob of the origin server, as `tests.support.knobs` has it."""


def now_and_then(act: Act, strike: Callable[[], None]) -> None:
    """Strike again and again, until enough was written; then the origin server does nothing wrong any more."""
    while not act.over.wait(act.dice.expovariate(1 / PAUSE)):
        strike()
    act.scene.origin.knobs(PUT={}, GET={}, DELETE={})


def turning(method: str, *knobs: Knob) -> Callable[[Act], None]:
    """Return a fault: one of these knobs is turned now and then, each time for one request with that method."""

    def fault(act: Act) -> None:
        now_and_then(act, lambda: act.scene.origin.knobs(**{method: {"times": 1, **act.dice.choice(knobs)}}))

    return fault
