"""What is counted: the series of `/metrics`, in the Prometheus text format.

What lives here: names, labels and buckets, and how several processes count together. A label is a route, a method that
HTTP's own standards name, a status or a word of ours, and nothing else that a client can choose: no path, no value, no
number of series without an end. What must not: when something happened, which the caller knows, and the port that
shows the page.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, Metric, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from proxy import __version__
from proxy.core.upgrading import SWITCHED
from proxy.core.verdict import Reason
from proxy.tallies import Book, Counters, Distribution, Gauges, Histograms, Marks, Value

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
"""The media type of an exposition."""

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})
"""The methods that are counted by name (RFC 9110 section 9.3, RFC 5789)."""

OTHER: Final = "other"
"""The `method` of a request with any other."""

UNMATCHED: Final = "unmatched"
"""The `route` of a request for which no route speaks, or that was refused before one was sought."""

_REQUESTS: Final = ("ifmatch_requests_total", "Requests that are over.", ("route", "method", "code", "verdict"))
_DURATIONS: Final = ("ifmatch_request_duration_seconds", "From a request's head to its answer's end.", ("route",))
_CONFLICTS: Final = ("ifmatch_conflicts_total", "Requests refused by their preconditions.", ("route", "reason"))
_WOULD: Final = (
    "ifmatch_would_refuse_total",
    "Requests that a route let pass which only reports.",
    ("route", "reason"),
)
_OUT_OF_BAND: Final = ("ifmatch_out_of_band_changes_total", "Changes that no write through the proxy made.")
_WAITS: Final = ("ifmatch_lock_wait_seconds", "How long a write waited for its resource.")
_AVAILABLE: Final = ("ifmatch_store_available", "Whether the store can be asked: 1 or 0.")
_FAILURES: Final = ("ifmatch_store_failures_total", "Failures of the store.", ("reason",))
_QUARANTINES: Final = ("ifmatch_store_quarantines_total", "Quarantines after a store was lost or replaced.")
_UNKNOWN: Final = ("ifmatch_unknown_outcomes_total", "Writes that may or may not have been applied.", ("route",))
_BUILD: Final = ("ifmatch_build_info", "Which version this is.", ("version",))

_DURATION_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_WAIT_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

_REFUSALS: Final = frozenset({"precondition-failed", "precondition-required"})
_UNMADE: Final = _REFUSALS | {"failed"}
_PERMITS: Final = frozenset(
    {Reason.NO_CONDITIONS, Reason.HOLDS, Reason.UNMODIFIED, Reason.APPLIED, Reason.UNVERIFIABLE}
)
_REASONS: Final = tuple(reason.value for reason in Reason if reason not in _PERMITS)

_SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - what is made in it has a random name and is its owner's alone


class Metrics:
    """What a process counts. Without a `directory` each instance counts for itself, in memory.

    With one, the counts are in files there, and `Gathered` adds up those of all processes. A process makes one such
    instance and no other, after it was forked. Raised when the directory cannot be written: `OSError`.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._book = book = Book(directory)
        self._requests = Counters(book, *_REQUESTS)
        self._durations = Histograms(book, *_DURATIONS, buckets=_DURATION_BUCKETS)
        self._conflicts = Counters(book, *_CONFLICTS)
        self._would = Counters(book, *_WOULD)
        self._out_of_band = Counters(book, *_OUT_OF_BAND)
        self._waits = Histograms(book, *_WAITS, buckets=_WAIT_BUCKETS)
        self._available = Gauges(book, *_AVAILABLE)
        self._failures = Counters(book, *_FAILURES)
        self._quarantines = Counters(book, *_QUARANTINES)
        self._unknown = Counters(book, *_UNKNOWN)
        self._available.of().set(1)
        Marks(book, *_BUILD).of(__version__).set(1)
        self._wait = self._waits.of()
        self._alike: dict[tuple[object, ...], tuple[Value, Distribution | None]] = {}

    def request(self, facts: Mapping[str, object]) -> None:
        """Count a request that is over, by the members of its line in the access log."""
        told = facts.get
        route, verdict = told("route"), told("verdict")
        alike = route, told("method"), told("status"), verdict
        count, durations = self._alike.get(alike) or self._first(*alike)
        count.add()
        if durations is not None:
            _observe(durations, told("duration_ms"))
        waited = told("wait_ms")
        if waited is not None:
            _observe(self._wait, waited)
        if told("report"):
            self._report(route or UNMATCHED, verdict, told("reason"))
        elif verdict in _REFUSALS:
            self._conflicts.of(route or UNMATCHED, told("reason")).add()
        if told("outcome") == "unknown":
            self._unknown.of(route or UNMATCHED).add()

    def out_of_band(self) -> None:
        """Count a change that no write through the proxy made (G2)."""
        self._out_of_band.of().add()

    def store_available(self, available: bool) -> None:  # noqa: FBT001 - the method's name says what is true or false
        """Say whether the store can be asked. Until then it is taken to be: a store in this process always can."""
        self._available.of().set(available)

    def store_failed(self, reason: str) -> None:
        """Count a failure of the store. The reason is one of a few words and never a message."""
        self._failures.of(reason).add()

    def quarantined(self) -> None:
        """Count a quarantine that was begun."""
        self._quarantines.of().add()

    def exposition(self) -> bytes:
        """Return what this instance counted, as `CONTENT_TYPE`."""
        return generate_latest(self._book)

    def _first(
        self, route: object, method: object, status: object, verdict: object
    ) -> tuple[Value, Distribution | None]:
        """Find where requests are counted that are alike in this. A method that a client made up is not remembered."""
        named = route or UNMATCHED
        self._introduce(named)
        count = self._requests.of(named, method if method in METHODS else OTHER, status, verdict)
        # How long a tunnel stood says nothing of how fast the rest is answered.
        found = count, None if status == SWITCHED else self._durations.of(named)
        if method in METHODS:
            self._alike[route, method, status, verdict] = found
        return found

    def _introduce(self, route: object) -> None:
        """Begin the rare series of a route at 0: Prometheus sees no increase in a series that appears with a 1."""
        self._unknown.of(route)
        for reason in _REASONS:
            self._conflicts.of(route, reason)

    def _report(self, route: object, verdict: object, reason: object) -> None:
        """Count what a route that only reports would have refused; the series begin with its first report."""
        for each in _REASONS:
            self._would.of(route, each)
        if verdict in _UNMADE:
            self._would.of(route, reason).add()


class Gathered:
    """The sum of what several processes count in a directory, for their parent. What a dead one counted remains.

    The store is available when every process that lives says so.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def exposition(self) -> bytes:
        """Return what all processes counted, as `CONTENT_TYPE`."""
        return generate_latest(self)

    def forget_process(self, pid: int) -> None:
        """Take it that a process has ended: what it said of the present is no longer so."""
        mark_process_dead(pid, self._directory)  # type: ignore[no-untyped-call]  # the library leaves its types out

    def collect(self) -> Iterable[Metric]:
        """Read the files; what a `prometheus_client` collector does."""
        files = sorted(self._directory.glob("*.db"))
        metrics: Iterable[Metric] = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]  # likewise
        return metrics


@contextmanager
def prepare_directory() -> Iterator[Path]:
    """Make an empty directory for processes to count in, in memory where there is such a place. Leaving removes it.

    Raised when no place can be written: `OSError`.
    """
    place = _SHARED_MEMORY if os.access(_SHARED_MEMORY, os.W_OK | os.X_OK) else None
    with TemporaryDirectory(prefix="ifmatch-metrics-", dir=place, ignore_cleanup_errors=True) as name:
        yield Path(name)


def _observe(series: Distribution, milliseconds: object) -> None:
    if isinstance(milliseconds, (int, float)):
        series.observe(milliseconds / 1000)
