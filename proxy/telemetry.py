"""What is written down about requests: the journal of one request, and its one line in the access log.

What lives here: times, facts, and how they are spelled. No content and no query values come here, and whatever a client
wrote is escaped, so that no request can forge a line. What must not: anything that decides about a request.
"""

import json
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import Enum
from typing import Final, TextIO

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

MAX_VALUE: Final = 512
"""How many characters of a value are written; a longer one ends in three dots."""

_WAITING: Final = frozenset(
    {Step.RECEIVE, Step.HOLD, Step.SELECT, Step.CONFIRM, Step.PERFORM, Step.SETTLE, Step.RELAY, Step.ANSWER}
)
"""Steps spent waiting for the client, the lock or the origin server; all other time is the proxy's own."""

_FORWARDING: Final = frozenset({Step.PERFORM, Step.RELAY})

_PLAIN: Final = re.compile(r"[!#-\[\]-~]+")  # visible ASCII without the double quote and the backslash


class RequestJournal:
    """Implements `ports.Journal` for one request. Times are seconds on `monotonic`; `wall` is read once.

    The time of a step is its own: what a step within it takes counts for that one alone.
    """

    __slots__ = ("_facts", "_last", "_monotonic", "_open", "_spent", "_started", "_time", "latest", "sharing")

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._monotonic = monotonic
        self._time = datetime.fromtimestamp(wall(), UTC)
        self._started = self._last = monotonic()
        self._open: list[Step] = []
        self._spent: dict[Step, float] = {}
        self._facts: dict[str, Fact] = {}
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

    @contextmanager
    def step(self, step: Step) -> Iterator[None]:
        """Enter a step; leaving it ends its time."""
        self._turn()
        self._open.append(step)
        self._spent.setdefault(step, 0.0)
        self.latest = step
        try:
            yield
        finally:
            self._turn()
            self._open.pop()

    def note(self, **facts: Fact) -> None:
        """Add facts to the request's line; a later one of the same name replaces an earlier."""
        self._facts.update(facts)

    def heard(self, sharing: Fields) -> None:
        """Keep what a selection says of who may read its answer; a later one replaces an earlier."""
        self.sharing = sharing

    def judged(self, verdict: Verdict) -> None:
        """Note what the preconditions came to."""
        self.note(verdict=WORDS[type(verdict)], reason=verdict.reason.value)

    def spent(self, *steps: Step) -> float | None:
        """Return the seconds spent in these steps so far; None when none of them was entered."""
        times = [self._spent[step] for step in steps if step in self._spent]
        return sum(times) if times else None

    def line(self) -> dict[str, object]:
        """Return the members of the request's line, as of now."""
        self._turn()
        duration = self._last - self._started
        waited = self.spent(*_WAITING) or 0.0
        known: dict[str, object] = {
            "time": self._time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "duration_ms": _milliseconds(duration),
            "select_ms": _milliseconds(self.spent(Step.SELECT)),
            "perform_ms": _milliseconds(self.spent(Step.PERFORM, Step.RELAY)),
            "wait_ms": _milliseconds(self.spent(Step.HOLD)),
            "overhead_ms": _milliseconds(max(0.0, duration - waited)),
            **self._facts,
        }
        others = {name: value for name, value in known.items() if name not in MEMBERS}
        return {name: known.get(name) for name in MEMBERS} | others

    def _turn(self) -> None:
        """Give the time since the last turn to the innermost step."""
        now = self._monotonic()
        if self._open:
            self._spent[self._open[-1]] += now - self._last
        self._last = now


class Style(Enum):
    """How a line of the access log is spelled."""

    JSON = "json"
    TEXT = "text"


class AccessLog:
    """One line a request. Without a `style`: text on a terminal, else JSON."""

    def __init__(self, stream: TextIO, style: Style | None = None) -> None:
        self._stream = stream
        self._style = style or (Style.TEXT if stream.isatty() else Style.JSON)
        self._broken = False

    def write(self, line: Mapping[str, object]) -> None:
        """Write the line of a request that is over. Never raises: a log that cannot be written changes no answer."""
        members = {name: _shortened(value) for name, value in line.items()}
        text = json.dumps(members) if self._style is Style.JSON else _readable(members)
        try:
            self._stream.write(text + "\n")
            self._stream.flush()
        except (OSError, ValueError) as fault:  # ValueError: the stream is closed
            self._complain(fault)

    def _complain(self, fault: Exception) -> None:
        if not self._broken:
            self._broken = True
            _log.error("the access log cannot be written (%s); lines are lost", fault)


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


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


def _shortened(value: object) -> object:
    if isinstance(value, str) and len(value) > MAX_VALUE:
        return value[:MAX_VALUE] + "..."
    return value


def _readable(members: dict[str, object]) -> str:
    """Spell a line for people: what is null is left out, what is not plain ASCII is quoted and escaped."""
    return " ".join(f"{name}={_spelled(value)}" for name, value in members.items() if value is not None)


def _spelled(value: object) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)
