"""What many clients did and were told, what the origin server did, and whether the two agree (checker C1).

What lives here: a history as values, and its checks, exact and in linear time but for sorting. Each write has a content
of its own, so a content names the write that made it. All times are seconds of the machine's monotonic clock, which
every process on it shares; the origin server reads it under the lock under which it serves, so comparing times is exact
too. What must not: how a history comes about; that is `tests.support.soak`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from math import inf


class Told(StrEnum):
    """What a client could take from the answer to its write."""

    OK = "ok"
    """2xx: it was applied."""
    REFUSED = "refused"
    """It was not forwarded: 412, 428, 503, or an answer that says so."""
    UNKNOWN = "unknown"
    """Anything else, silence included."""


class Fault(StrEnum):
    """What a history must not show. The first three are the columns of the promise."""

    LOST = "lost update"
    """A guarded write was applied to another state than the one it named."""
    LIE = "lie"
    """The answer to a write is not what became of it."""
    TWICE = "double forward"
    """A write was forwarded, or applied, more than once."""
    WRONGED = "wrong refusal"
    """412, although the state that the write named was current all the time."""
    STALE = "stale read"
    """A GET showed what was not current at any time of it."""
    TAG = "tag"
    """A tag names two states of a resource, or a state has two tags."""
    MANGLED = "mangled"
    """Another content was applied than was sent, or a write that nobody sent."""
    FENCE = "fence"
    """Fences do not rise in the order in which writes were applied."""
    LOG = "broken log"
    """The origin server's log contradicts itself: the history is void."""
    NOISE = "noise"
    """The proxy complained on stderr."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A write as its client saw it. `value` is None for a deletion, `named` for a resource that the client saw absent.

    `guarded`: the client read `named` and bases its write on that. `tag`: what the answer said of the new state.
    """

    name: str
    key: str
    value: str | None
    guarded: bool
    named: str | None
    told: Told
    began: float
    ended: float
    status: int | None = None
    tag: str | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A GET as its client saw it; `value` None: 404."""

    key: str
    value: str | None
    tag: str | None
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Applied:
    """A line of the write log W. `operation` is the name that the request carried."""

    operation: str
    key: str
    before: str | None
    after: str | None
    at: float
    digest: str | None = None
    fence: int | None = None


@dataclass(slots=True)
class History:
    """What happened. `start` and `end` are what the keys held; `forwards` how often each write reached the origin."""

    operations: list[Operation] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    applied: list[Applied] = field(default_factory=list)
    forwards: Counter[str] = field(default_factory=Counter)
    start: Mapping[str, str | None] = field(default_factory=dict)
    end: Mapping[str, str | None] = field(default_factory=dict)
    noise: list[str] = field(default_factory=list)

    def told(self, told: Told) -> int:
        """Return how many writes were told so."""
        return sum(operation.told is told for operation in self.operations)


@dataclass(frozen=True, slots=True)
class Violation:
    """A fault and where it is."""

    fault: Fault
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.fault} at {self.where}: {self.what}"


def check(history: History) -> list[Violation]:
    """Return every violation of the promise."""
    timelines = {key: Timeline(key, history) for key in history.start}
    known = {operation.name: operation for operation in history.operations}
    found: list[Violation] = []
    for timeline in timelines.values():
        found += _chain(timeline)
        found += _guarded(timeline, known)
        found += _fences(timeline)
    found += _outcomes(history)
    for operation in history.operations:
        found += _refusal(operation, timelines[operation.key])
    for reading in history.readings:
        found += _fresh(reading, timelines[reading.key])
    return [*found, *_tags(history), *(Violation(Fault.NOISE, "stderr", line) for line in history.noise)]


class Timeline:
    """The states of one key, in order: each with the time from which and until which a reader could see it."""

    def __init__(self, key: str, history: History) -> None:
        self.key = key
        self.start = history.start[key]
        self.end = history.end[key]
        self.lines = [line for line in history.applied if line.key == key]
        moments = [-inf, *(line.at for line in self.lines), inf]
        values = [self.start, *(line.after for line in self.lines)]
        self._seen: dict[str | None, list[tuple[float, float]]] = defaultdict(list)
        for value, interval in zip(values, pairwise(moments), strict=True):
            self._seen[value].append(interval)

    def shown(self, value: str | None, began: float, ended: float) -> bool:
        """Tell whether a reader could see that value at some time between."""
        return any(since <= ended and until >= began for since, until in self._seen[value])

    def held(self, value: str | None, began: float, ended: float) -> bool:
        """Tell whether a reader could see nothing else between."""
        return any(since <= began and until > ended for since, until in self._seen[value])


def _chain(timeline: Timeline) -> Iterator[Violation]:
    """Yield where a line of the log does not begin with what the line before left."""
    current = timeline.start
    for line in timeline.lines:
        if line.before != current:
            yield Violation(Fault.LOG, timeline.key, f"{line.operation} found {line.before}, not {current}")
        current = line.after
    if timeline.end != current:
        yield Violation(Fault.STALE, timeline.key, f"ends with {timeline.end}; applied last: {current}")


def _guarded(timeline: Timeline, known: Mapping[str, Operation]) -> Iterator[Violation]:
    """Yield the lost updates, and what was applied otherwise than it was sent."""
    current = timeline.start
    for line in timeline.lines:
        sent = known.get(line.operation)
        if sent is None or (sent.key, sent.value) != (line.key, line.after):
            yield Violation(Fault.MANGLED, line.operation, f"applied {line.after} to {line.key}; sent: {sent}")
        elif sent.guarded and sent.named != current:
            yield Violation(Fault.LOST, line.operation, f"named {sent.named}, overwrote {current} on {line.key}")
        elif None not in {sent.digest, line.digest} and sent.digest != line.digest:
            yield Violation(Fault.MANGLED, line.operation, "the content is not the one that was sent")
        current = line.after


def _fences(timeline: Timeline) -> Iterator[Violation]:
    fences = [(line.fence, line.operation) for line in timeline.lines if line.fence is not None]
    for (earlier, _), (later, name) in pairwise(fences):
        if earlier >= later:
            yield Violation(Fault.FENCE, name, f"{later} behind {earlier}")


def _outcomes(history: History) -> Iterator[Violation]:
    """Yield where an answer is not what became of the write: ok exactly once, refused never, unknown at most once."""
    applied: dict[str, list[Applied]] = defaultdict(list)
    for line in history.applied:
        applied[line.operation].append(line)
    for operation in history.operations:
        lines, forwards = applied[operation.name], history.forwards[operation.name]
        if max(len(lines), forwards) > 1:
            yield Violation(Fault.TWICE, operation.name, f"forwarded {forwards} times, applied {len(lines)} times")
        lie = _lie(operation, lines, forwards)
        if lie is not None:
            yield Violation(Fault.LIE, operation.name, f"told {operation.told} ({operation.status}), {lie}")


def _lie(operation: Operation, lines: list[Applied], forwards: int) -> str | None:
    if operation.told is Told.REFUSED and (lines or forwards):
        return f"forwarded {forwards} times, applied {len(lines)} times"
    if operation.told is not Told.OK:
        return None
    if not lines:
        return "never applied"
    return None if any(operation.began <= line.at <= operation.ended for line in lines) else "applied at another time"


def _refusal(operation: Operation, timeline: Timeline) -> Iterator[Violation]:
    """Yield a 412 that no observation made while the request was under way can justify (invariant I2)."""
    stale = operation.guarded and operation.status == 412
    if stale and timeline.held(operation.named, operation.began, operation.ended):
        yield Violation(Fault.WRONGED, operation.name, f"{operation.named} was current on {operation.key}")


def _fresh(reading: Reading, timeline: Timeline) -> Iterator[Violation]:
    if not timeline.shown(reading.value, reading.began, reading.ended):
        yield Violation(Fault.STALE, reading.key, f"{reading.value} was read when it was not current")


def _tags(history: History) -> Iterator[Violation]:
    """Yield the tags that do not name one state, and the states that do not have one tag."""
    by_state: dict[tuple[str, str], set[str]] = defaultdict(set)
    by_tag: dict[tuple[str, str], set[str]] = defaultdict(set)
    for key, value, tag in _named(history):
        by_state[key, value].add(tag)
        by_tag[key, tag].add(value)
    for kind, found in (("state", by_state), ("tag", by_tag)):
        for (key, one), many in found.items():
            if len(many) > 1:
                yield Violation(Fault.TAG, key, f"{kind} {one} goes with {sorted(many)}")


def _named(history: History) -> Iterable[tuple[str, str, str]]:
    """Return key, state and tag wherever an answer told them together."""
    said: list[Operation | Reading] = [*history.readings, *history.operations]
    return ((one.key, one.value, one.tag) for one in said if one.value is not None and one.tag is not None)
