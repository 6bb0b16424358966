"""What goes wrong while clients write: a thread that turns the origin server's knobs, cuts the link, stops the proxy.

What lives here: which faults there are and how often each comes, by seeded dice. A fault is armed for one request or
two, so that most writes go well and the rest meet something.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from random import Random
from threading import Event, Thread

from tests.support.processes import OriginHandle, ProxyHandle
from tests.support.severing import LATE, Cut, Link

PERFORM = 0.4
"""How long the proxy waits for the answer to a write, in seconds."""

SETTLE = 0.6
"""How long after that a write may be applied; one that is `LATE` is, after the first and before the second."""

_HARSH: tuple[dict[str, object], ...] = (
    {"drop_before_apply": True},
    {"drop_after_apply": True},
    {"truncate": True},
    {"delay_before_apply": LATE},
    {"delay_after_apply": LATE},
    {"status": 504},
    {"status_after_apply": 502},
)
"""After these the outcome is unknown, and the resource rests until the lease has lapsed."""

_MILD: tuple[dict[str, object], ...] = (
    {"delay_before_apply": 0.02, "times": 5},
    {"delay_after_apply": 0.02, "times": 5},
    {"status": 500},
    {"status_after_apply": 500},
    {"status": 403},
)

_READS: tuple[dict[str, object], ...] = (
    {"drop_before_apply": True, "times": 2},
    {"truncate": True},
    {"status": 500},
    {"status": 401},
    {"status": 302, "fields": [["Location", "/elsewhere"]]},
    {"delay_before_apply": 0.02, "times": 5},
    {"delay_before_apply": LATE},
)


class Mood(Enum):
    """What the nemesis is after."""

    CALM = "calm"
    """Nothing goes wrong; the origin server is only slow enough for requests to overlap."""
    LATE = "late"
    """Writes are applied after the proxy gave them up."""
    ALL = "all"
    """Everything."""


@dataclass(frozen=True)
class Nemesis:
    """A source of faults. `latency` is that of every request, in seconds; `pause` the mean time between two faults."""

    dice: Random
    mood: Mood
    latency: float
    pause: float
    harsh: float = 0.3
    """How many of the faults of writes leave the outcome unknown."""

    stops: tuple[float, ...] = ()
    """For how many seconds the proxy may be stopped by SIGSTOP at a time; none for never."""

    def strike(self, origin: OriginHandle, link: Link, proxy: ProxyHandle) -> None:
        """Let one thing go wrong."""
        kind = self.dice.random()
        if self.mood is Mood.LATE:
            origin.knobs(PUT={"delay_before_apply": LATE, "times": 1})
        elif kind < 0.02 and self.stops:
            self._stop(proxy)
        elif kind < 0.02 + self.harsh / 2:
            link.arm(self.dice.choice(list(Cut)))
        else:
            method = self.dice.choices(["PUT", "DELETE", "GET"], [5, 1, 4])[0]
            origin.knobs(**{method: {"times": 1, **self._knob(method)}})

    def _knob(self, method: str) -> dict[str, object]:
        if method == "GET":
            return self.dice.choice(_READS)
        return self.dice.choice(_HARSH if self.dice.random() < self.harsh / 2 else _MILD)

    def _stop(self, proxy: ProxyHandle) -> None:
        """Stop the proxy for a while, in whatever it does."""
        proxy.child.signal(signal.SIGSTOP)
        Event().wait(self.dice.choice(self.stops))
        proxy.child.signal(signal.SIGCONT)

    @contextmanager
    def about(self, origin: OriginHandle, link: Link, proxy: ProxyHandle) -> Iterator[None]:
        """Let things go wrong until left; after that nothing does."""
        origin.knobs(**{"*": {"delay_before_apply": self.latency}})
        over = Event()
        thread = Thread(target=self._haunt, args=(origin, link, proxy, over))
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            link.arm(None)
            origin.knobs(PUT={}, DELETE={}, GET={}, **{"*": {}})

    def _haunt(self, origin: OriginHandle, link: Link, proxy: ProxyHandle, over: Event) -> None:
        while self.mood is not Mood.CALM and not over.wait(self.dice.expovariate(1 / self.pause)):
            self.strike(origin, link, proxy)
