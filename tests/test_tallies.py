"""Series, their families, and the files of processes: all as the library itself would have them."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    enable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from proxy.tallies import KINDS, NONE, ROOM, Book, Counters, Gauges, Histograms, Marks

ROOT = Path(__file__).parents[1]

BOUNDS = (0.001, 0.25, 1, 30)

Step = tuple[str, str, float]
"""What is done: `count`, `observe` or `set`, to the series of this label, with this amount."""

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["count", "observe", "set"]),
        st.sampled_from(["wiki", 'a"\\\n', "ü", ""]),
        st.sampled_from([0.0, 0.001, 0.0011, 0.1, 0.25, 1.0, 2.5, 30.0, 31.0, 1e9]) | st.floats(0, 1e6),
    ),
    max_size=30,
)


@pytest.fixture(scope="module")
def _timeless() -> Iterator[None]:
    """Have the library leave out when its series were created, for ours do not say."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves its types out
    yield
    enable_created_metrics()  # type: ignore[no-untyped-call]  # likewise


def ours(steps: Sequence[Step], book: Book) -> bytes:
    """Return the page of what is done to families of ours."""
    counters = Counters(book, "requests_total", "About\nrequests.", ("route", "code"))
    histograms = Histograms(book, "seconds", "How long.", ("route",), buckets=BOUNDS)
    gauge, alone = Gauges(book, "up", "Whether."), Counters(book, "changes_total", "Changes.")
    Marks(book, "info", "Which.", ("version",)).of("1.2").set(1)
    for do, label, amount in steps:
        if do == "count":
            counters.of(label, 200).add()
            alone.of().add()
        elif do == "observe":
            histograms.of(label).observe(amount)
        else:
            gauge.of().set(amount)
    return generate_latest(book)


def theirs(steps: Sequence[Step]) -> bytes:
    """Return the page of the same, done to metrics of the library."""
    registry = CollectorRegistry()
    counters = Counter("requests_total", "About\nrequests.", ("route", "code"), registry=registry)
    histograms = Histogram("seconds", "How long.", ("route",), buckets=BOUNDS, registry=registry)
    gauge, alone = Gauge("up", "Whether.", registry=registry), Counter("changes_total", "Changes.", registry=registry)
    Gauge("info", "Which.", ("version",), registry=registry).labels("1.2").set(1)
    for do, label, amount in steps:
        if do == "count":
            counters.labels(label, 200).inc()
            alone.inc()
        elif do == "observe":
            histograms.labels(label).observe(amount)
        else:
            gauge.set(amount)
    return generate_latest(registry)


@pytest.mark.usefixtures("_timeless")
@given(STEPS)
def test_the_page_is_the_librarys_own(steps: Sequence[Step]) -> None:
    """Whatever is counted, the page is to the byte that of the library's metrics: names, labels, order and numbers."""
    assert ours(steps, Book()) == theirs(steps)


def samples(page: bytes) -> set[bytes]:
    """Return the lines of a page that hold a number; the library has no others of a family without series."""
    return {line for line in page.splitlines() if not line.startswith(b"#")}


def read(directory: Path) -> set[bytes]:
    """Return the samples of the page that the library makes of a directory."""

    class Gathered:
        def collect(self) -> list[object]:
            return list(MultiProcessCollector.merge(sorted(directory.glob("*.db"))))  # type: ignore[no-untyped-call]

    return samples(generate_latest(Gathered()))  # type: ignore[arg-type]  # its collectors may be anything


@given(steps=STEPS)
def test_the_files_are_the_librarys_own(tmp_path_factory: pytest.TempPathFactory, steps: Sequence[Step]) -> None:
    """What the library reads from the files of a process is what the process itself shows, at once."""
    directory = tmp_path_factory.mktemp("counts")
    book = Book(directory)
    assert samples(ours(steps, book)) == read(directory)


def test_files_grow(tmp_path: Path) -> None:
    """More series than a file has room for are no fewer counted, those from before among them."""
    book = Book(tmp_path)
    family = Counters(book, "requests_total", "Requests.", ("route",))
    first = family.of("first")
    for number in range(ROOM // 64):
        family.of(f"{number:0100}").add()
    first.add()
    grown = (tmp_path / next(file.name for file in tmp_path.glob("counter_*"))).stat().st_size
    assert grown > ROOM
    assert b'requests_total{route="first"} 1.0' in read(tmp_path)
    assert len(read(tmp_path)) == 1 + ROOM // 64


def test_there_is_a_file_for_each_kind(tmp_path: Path) -> None:
    """No family is of a kind that has no file, and each file is there before anything is counted."""
    _book = Book(tmp_path)
    assert {family.kind for family in (Counters, Gauges, Marks, Histograms)} == set(KINDS)
    assert {file.name.rpartition("_")[0] for file in tmp_path.iterdir()} == set(KINDS)


KILLED = """
import os, pathlib, signal, sys
from proxy.tallies import Book, Counters, Histograms
book = Book(pathlib.Path(sys.argv[1]))
Counters(book, "requests_total", "Requests.").of().add()
Histograms(book, "seconds", "How long.", buckets=[1]).of().observe(0.5)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    """What is counted is in the file before anything else happens."""
    killed = subprocess.run([sys.executable, "-W", "error", "-c", KILLED, str(tmp_path)], cwd=ROOT, check=False)
    assert killed.returncode == -9
    assert {b"requests_total 1.0", b'seconds_bucket{le="1.0"} 1.0', b"seconds_sum 0.5"} <= read(tmp_path)


@pytest.mark.parametrize("make", [lambda _: None, lambda path: path], ids=["memory", "files"])
def test_labels_are_told_apart_as_they_are_spelled(tmp_path: Path, make: Callable[[Path], Path | None]) -> None:
    """A number and its digits are one series, nothing is a word of its own, and a series is found again."""
    family = Counters(Book(make(tmp_path)), "requests_total", "Requests.", ("code",))
    assert family.of(200) is family.of("200") is family.of(200)
    assert family.of(None) is family.of(NONE)
    assert family.of(None) is not family.of(200)


def test_series_begin_while_they_are_collected() -> None:
    """Another thread may ask at any time: what it sees was so at some moment."""
    book = Book()
    family, over = Counters(book, "requests_total", "Requests.", ("route",)), Event()

    def collected() -> list[int]:
        sizes = []
        while not over.is_set():
            sizes += [len(metric.samples) for metric in book.collect()]
        return sizes

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(1) as asking:
            answer = asking.submit(collected)
            for number in range(20_000):
                family.of(number).add()
            over.set()
            assert answer.result() == sorted(answer.result())
    finally:
        sys.setswitchinterval(before)


def test_a_gauge_is_what_it_was_set_to() -> None:
    """It goes down as it goes up."""
    value = Gauges(Book(), "up", "Whether.").of()
    seen = []
    for now in (1, 0, 7.5):
        value.set(now)
        seen.append(value.now)
    assert seen == [1, 0, 7.5]


@pytest.mark.parametrize(
    ("amount", "bucket"), [(0, 0), (0.001, 0), (0.0010001, 1), (1, 2), (1.1, 3), (30, 3), (30.1, 4), (1e9, 4)]
)
def test_a_bound_belongs_to_its_bucket(amount: float, bucket: int) -> None:
    """An observation counts in the first bucket that it does not exceed, and in no other."""
    distribution = Histograms(Book(), "seconds", "How long.", buckets=BOUNDS).of()
    distribution.observe(amount)
    assert [value.now for value in distribution.buckets] == [float(place == bucket) for place in range(5)]
    assert distribution.total.now == amount
