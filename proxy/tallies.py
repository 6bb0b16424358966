"""Numbers that grow while a process serves: cheap to add to, and read by `prometheus_client`.

What lives here: series, the families they stand in, and the files in which other processes find them. What must not:
what is counted; that is `metrics`. Nothing is locked: only one thread counts, the event loop's, and another may collect
at the same time.
"""

import os
import weakref
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate
from math import inf
from pathlib import Path
from typing import Any, ClassVar, Final, Generic, TypeVar

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.utils import floatToGoString

NONE: Final = "none"
"""The label that says that there is nothing to say."""

ROOM: Final = 256 * 1024
"""Bytes that a process takes at the start for each of its files: enough for about 60 routes; then they grow."""

KINDS: Final = ("counter", "histogram", "gauge_livemin", "gauge_max")
"""What there is a file for. The library reads from its name what to do with the values of several processes."""

_Series = TypeVar("_Series")


class Book:
    """What this process counts, and where: in a directory, or without one in memory.

    The files there have the library's layout, so that `MultiProcessCollector` can add up those of several processes.
    What is counted is in them at once, so that none of it is lost with a process that is killed; those of an earlier
    process with this id are continued. Raised when the directory cannot be written: `OSError`.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._files: dict[str, MmapedDict] = {}
        self._families: list[Family[Any]] = []
        if directory is not None:
            paths = {kind: directory / f"{kind}_{os.getpid()}.db" for kind in KINDS}
            for path in paths.values():
                _take_room(path)
            self._files = {kind: MmapedDict(str(path)) for kind, path in paths.items()}  # type: ignore[no-untyped-call]
            weakref.finalize(self, _close, list(self._files.values()))

    def enter(self, family: "Family[Any]") -> MmapedDict | None:
        """Have a family collected behind the others. Return the file for its values; None for memory."""
        self._families.append(family)
        return self._files.get(family.kind)

    def collect(self) -> Iterable[Metric]:
        """Return all families as they are now; what a collector of `prometheus_client` does."""
        return [family.collect() for family in self._families]


class Value:
    """A number that begins at 0; in a file, where it was."""

    __slots__ = ("_file", "_key", "now")

    def __init__(self, file: MmapedDict | None, key: str) -> None:
        self._file = file
        self._key = key
        self.now: float = 0.0 if file is None else file.read_value(key)[0]  # type: ignore[no-untyped-call]

    def add(self, amount: float = 1.0) -> None:
        """Add an amount, which is not negative."""
        self.now += amount
        if self._file is not None:
            self._file.write_value(self._key, self.now, 0.0)  # type: ignore[no-untyped-call]

    def set(self, now: float) -> None:
        """Replace the number."""
        self.now = now
        if self._file is not None:
            self._file.write_value(self._key, now, 0.0)  # type: ignore[no-untyped-call]


class Distribution:
    """How many observations there were up to each bound, and their sum."""

    __slots__ = ("_bounds", "buckets", "total")

    def __init__(self, bounds: Sequence[float], total: Value, buckets: Sequence[Value]) -> None:
        self._bounds = bounds
        self.total = total
        self.buckets = buckets

    def observe(self, amount: float) -> None:
        """Count an observation in the first bucket whose bound it does not exceed."""
        self.total.add(amount)
        self.buckets[bisect_left(self._bounds, amount)].add()


class Family(ABC, Generic[_Series]):
    """The series of a name, told apart by their labels; without labels there is one, from the start."""

    kind: str
    """One of `KINDS`."""

    def __init__(self, book: Book, name: str, about: str, labels: Sequence[str] = ()) -> None:
        self._name = name.removesuffix("_total")
        self._about = about
        self._labels = labels
        self._book = book  # which closes its files when nobody has it any more
        self._file = book.enter(self)
        self._series: dict[tuple[str, ...], _Series] = {}
        self._found: dict[tuple[object, ...], _Series] = {}
        if not labels:
            self.of()

    def of(self, *labels: object) -> _Series:
        """Return the series of these labels; it begins with the first call."""
        series = self._found.get(labels)
        if series is None:
            spelled = tuple(NONE if label is None else str(label) for label in labels)
            if spelled not in self._series:
                self._series[spelled] = self._begin(spelled)
            series = self._found[labels] = self._series[spelled]
        return series

    def known(self) -> Iterable[tuple[tuple[str, ...], _Series]]:
        """Return the series that have begun, with their labels, in order; more may begin meanwhile."""
        return self._series.copy().items()

    @abstractmethod
    def collect(self) -> Metric:
        """Return all series as they are now."""

    @abstractmethod
    def _begin(self, labels: tuple[str, ...]) -> _Series: ...

    def _value(self, ending: str, labels: tuple[str, ...], bound: str | None = None) -> Value:
        names = self._labels if bound is None else (*self._labels, "le")
        values = labels if bound is None else (*labels, bound)
        return Value(self._file, mmap_key(self._name, self._name + ending, list(names), list(values), self._about))


class _Numbers(Family[Value]):
    """Series of one number each. `ending` is what the library puts behind their name."""

    shows: ClassVar[type[CounterMetricFamily] | type[GaugeMetricFamily]]
    ending: ClassVar[str] = ""

    def collect(self) -> Metric:
        """Return all series as they are now."""
        family = self.shows(self._name, self._about, labels=self._labels)
        for labels, value in self.known():
            family.add_metric(labels, value.now)
        return family

    def _begin(self, labels: tuple[str, ...]) -> Value:
        return self._value(self.ending, labels)


class Counters(_Numbers):
    """What only grows."""

    kind = "counter"
    shows = CounterMetricFamily
    ending = "_total"


class Gauges(_Numbers):
    """What may fall again. Of several processes that live the least speaks for all."""

    kind = "gauge_livemin"
    shows = GaugeMetricFamily


class Marks(Gauges):
    """What is the same for every process, dead ones too."""

    kind = "gauge_max"


class Histograms(Family[Distribution]):
    """What is measured. The last bucket, which holds all that others do not, needs not be named."""

    kind = "histogram"

    def __init__(
        self, book: Book, name: str, about: str, labels: Sequence[str] = (), *, buckets: Iterable[float]
    ) -> None:
        self._bounds = (*buckets, inf)
        self._spelled = [floatToGoString(bound) for bound in self._bounds]  # type: ignore[no-untyped-call]
        super().__init__(book, name, about, labels)

    def collect(self) -> Metric:
        """Return all series as they are now; a bucket holds what is in those below it, too."""
        family = HistogramMetricFamily(self._name, self._about, labels=self._labels)
        for labels, series in self.known():
            sums = accumulate(bucket.now for bucket in series.buckets)
            family.add_metric(labels, list(zip(self._spelled, sums, strict=True)), series.total.now)
        return family

    def _begin(self, labels: tuple[str, ...]) -> Distribution:
        total = self._value("_sum", labels)
        return Distribution(self._bounds, total, [self._value("_bucket", labels, bound) for bound in self._spelled])


def _take_room(file: Path) -> None:
    """Make a file of zeros, all or nothing; one of an earlier process with this id is continued.

    The library makes an empty, sparse file: whoever reads it at that moment fails, and a process whose file system is
    full when it counts dies of SIGBUS.
    """
    if not file.exists():
        unfinished = file.with_suffix(".new")
        unfinished.write_bytes(bytes(ROOM))
        unfinished.rename(file)


def _close(files: Iterable[MmapedDict]) -> None:
    for file in files:
        file.close()  # type: ignore[no-untyped-call]
