"""What is written down about requests: the journal of one, and what its line in the access log tells.

What lives here: times and facts. No content and no query values come here. What must not: anything that decides about a
request, and how a line is written (`access_log`).
"""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from proxy.core.cors import NOTHING
from proxy.core.fields import Fields
from proxy.core.verdict import WORDS, Verdict
from proxy.ports import Step

_log = logging.getLogger(__name__)

Fact = str | int | None

MEMBERS: Final = (
    "time",
    "id",
    "method",
    "path",
    "route",
    "status",
    "upstream_status",
    "verdict",
    "reason",
    "if_match",
    "etag",
    "duration_ms",
    "select_ms",
    "perform_ms",
    "wait_ms",
    "overhead_ms",
    "bytes_in",
    "bytes_out",
    "outcome",
)
"""The members of every line, in order; null where there is nothing to say. Other facts follow them."""

_WAITING: Final = frozenset(
    {Step.RECEIVE, Step.HOLD, Step.SELECT, Step.CONFIRM, Step.PERFORM, Step.SETTLE, Step.RELAY, Step.ANSWER}
)
"""Steps spent waiting for the client, the lock or the origin server; all other time is the proxy's own."""

_NOTHING_KNOWN: Final[dict[str, object]] = dict.fromkeys(MEMBERS)

_FORWARDING: Final = frozenset({Step.PERFORM, Step.RELAY})

_SELECT: Final = Step.SELECT  # a name of an enumeration costs several times as much, and every line needs these
_HOLD: Final = Step.HOLD
_PERFORM: Final = Step.PERFORM
_RELAY: Final = Step.RELAY


class RequestJournal:
    """Implements `ports.Journal` for one request. Times are seconds on `monotonic`; `wall` is read once.

    The time of a step is its own: what a step within it takes counts for that one alone.
    """

    __slots__ = (
        "_arrived",
        "_facts",
        "_last",
        "_monotonic",
        "_open",
        "_over",
        "_spent",
        "_started",
        "latest",
        "sharing",
    )

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._monotonic = monotonic
        self._arrived = wall()
        self._started = self._last = monotonic()
        self._open: list[Step] = []
        self._spent: dict[Step, float] = {}
        self._facts: dict[str, Fact] = {}
        self._over = False
        self.latest: Step | None = None
        """The step entered last, whether or not it has ended."""
        self.sharing = NOTHING
        """What the latest selection said of who may read its answer."""

    @property
    def current(self) -> Step | None:
        """The innermost step that has not ended."""
        return self._open[-1] if self._open else None

    @property
    def forwarded(self) -> bool:
        """Tell whether the request itself, and not only a selection, may have left for the origin server."""
        return not _FORWARDING.isdisjoint(self._spent)

    def step(self, step: Step) -> AbstractContextManager[None]:
        """Begin a step within the present one; leaving the context ends it."""
        now, spent, steps = self._monotonic(), self._spent, self._open
        if steps:
            spent[steps[-1]] += now - self._last
        self._last = now
        steps.append(step)
        if step not in spent:
            spent[step] = 0.0
        self.latest = step
        return self  # a context of its own would cost half as much again

    def __enter__(self) -> None:
        """Do nothing: `step` has begun it."""

    def __exit__(self, kind: object, fault: object, trace: object, /) -> None:  # named: a tuple of them is not made
        """End the present step."""
        now = self._monotonic()
        self._spent[self._open.pop()] += now - self._last
        self._last = now

    def resume(self, step: Step, arrived: float, started: float) -> None:
        """Take it that the request came then, and that its time so far was spent in a step."""
        self._turn()
        self._arrived, self._started = arrived, started
        self._spent[step] = self._last - started

    def note(self, **facts: Fact) -> None:
        """Add facts to the request's line; a later one of the same name replaces an earlier."""
        self._facts.update(facts)

    def heard(self, sharing: Fields) -> None:
        """Keep what a selection says of who may read its answer; a later one replaces an earlier."""
        self.sharing = sharing

    def judged(self, verdict: Verdict) -> None:
        """Note what the preconditions came to."""
        facts = self._facts
        facts["verdict"], facts["reason"] = WORDS[type(verdict)], verdict.reason.value

    def end(self) -> None:
        """Note that the request is over."""
        self._turn()
        self._over = True

    def spent(self, *steps: Step) -> float | None:
        """Return the seconds spent in these steps so far; None when none of them was entered."""
        times = [seconds for step, seconds in self._spent.items() if step in steps]
        return sum(times) if times else None

    def line(self) -> dict[str, object]:
        """Return the members of the request's line, as of now or, once it is over, of its end."""
        if not self._over:
            self._turn()
        duration = own = self._last - self._started
        spent = self._spent
        for step, seconds in spent.items():
            if step in _WAITING:
                own -= seconds
        performed, relayed = spent.get(_PERFORM), spent.get(_RELAY)
        line = _NOTHING_KNOWN | self._facts
        line["time"] = timestamp(self._arrived)
        line["duration_ms"] = milliseconds(duration)
        line["select_ms"] = milliseconds(spent.get(_SELECT))
        line["perform_ms"] = milliseconds(relayed if performed is None else performed + (relayed or 0.0))
        line["wait_ms"] = milliseconds(spent.get(_HOLD))
        line["overhead_ms"] = milliseconds(own) if own > 0.0 else 0.0
        return line

    def _turn(self) -> None:
        """Give the time since the last turn to the innermost step."""
        now = self._monotonic()
        if self._open:
            self._spent[self._open[-1]] += now - self._last
        self._last = now


class Sparing:
    """Writes warnings that anyone can provoke: at most one in `interval` seconds, saying how many were left out."""

    def __init__(
        self, log: logging.Logger, interval: float = 10.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = log
        self._interval = interval
        self._monotonic = monotonic
        self._next = monotonic()
        self._left_out = 0

    def warning(self, text: str) -> None:
        """Write the warning, or count it."""
        now = self._monotonic()
        if now < self._next:
            self._left_out += 1
            return
        suffix = f" ({self._left_out} more since the last such line)" if self._left_out else ""
        self._log.warning("%s%s", text, suffix)
        self._next, self._left_out = now + self._interval, 0


def milliseconds(seconds: float | None) -> float | None:
    """Return seconds in milliseconds, to the microsecond."""
    return None if seconds is None else int(seconds * 1_000_000 + 0.5) / 1000


def timestamp(seconds: float) -> str:
    """Return a time in RFC 3339, to the millisecond."""
    return _to_the_millisecond(int(seconds * 1000))


@lru_cache(maxsize=64)  # at full load several requests arrive in each
def _to_the_millisecond(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{_to_the_second(seconds)}.{rest:03}Z"


@lru_cache(maxsize=4)  # the same for every request of a second
def _to_the_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
