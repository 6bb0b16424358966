"""What is counted, read back from the exposition by the library's own parser."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from proxy import __version__
from proxy.core.entity_tag import EntityTag
from proxy.core.verdict import (
    Indeterminate,
    NotModified,
    Perform,
    PreconditionFailed,
    PreconditionRequired,
    Reason,
    Refusal,
    Verdict,
)
from proxy.errors import Outcome
from proxy.metrics import CONTENT_TYPE, METHODS, Gathered, Metrics, prepare_directory
from proxy.ports import Step
from proxy.problems import TABLE
from proxy.tallies import ROOM
from proxy.telemetry import RequestJournal

ROOT = Path(__file__).parents[1]
PYTHON = (sys.executable, "-W", "error", "-c")

PATH = "/wiki/the-path-of-a-request"

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]

REFUSALS = [
    cause for cause in TABLE if isinstance(cause, tuple) and cause[0] in {PreconditionFailed, PreconditionRequired}
]
"""Every pair of a refusal and its reason that a client can be told."""


def read(exposition: bytes) -> Series:
    """Return every sample by its name and labels; none may stand there twice."""
    found: Series = {}
    for family in text_string_to_metric_families(exposition.decode()):
        for sample in family.samples:
            series = (sample.name, frozenset(sample.labels.items()))
            assert series not in found
            found[series] = sample.value
    return found


def value(exposition: bytes, name: str, **labels: str) -> float | None:
    """Return the value of one series, None where there is none."""
    return read(exposition).get((name, frozenset(labels.items())))


def line(
    route: str | None = "wiki", method: str = "PUT", status: int | None = 200, verdict: Verdict | None = None
) -> dict[str, object]:
    """Return the log line of a request that took 30 ms, 20 of which it waited for its resource."""
    seconds = iter((0.0, 0.0, 0.02, 0.03))
    journal = RequestJournal(lambda: next(seconds))
    with journal.step(Step.HOLD):
        pass
    journal.note(id="0123456789abcdef", path=PATH, route=route, method=method, status=status)
    if verdict is not None:
        journal.judged(verdict)
    return journal.line()


def refusal(kind: type[Refusal], reason: Reason) -> dict[str, object]:
    """Return the log line of a refused request."""
    return line(status=412 if kind is PreconditionFailed else 428, verdict=kind(reason, EntityTag("x")))


def counted(*lines: Mapping[str, object]) -> bytes:
    """Return the exposition of a process that had these requests."""
    metrics = Metrics()
    for members in lines:
        metrics.request(members)
    return metrics.exposition()


@pytest.mark.parametrize(
    ("verdict", "name"),
    [
        (None, "none"),
        (Perform(Reason.HOLDS), "perform"),
        (NotModified(Reason.UNMODIFIED), "not-modified"),
        (Indeterminate(Reason.ABSENT), "indeterminate"),
        (PreconditionFailed(Reason.STALE, None), "precondition-failed"),
        (PreconditionRequired(Reason.MISSING, None), "precondition-required"),
    ],
)
def test_a_request_is_counted(verdict: Verdict | None, name: str) -> None:
    """Every request that is over counts once, under its route, method, status and verdict."""
    page = counted(line(verdict=verdict), line(verdict=verdict), line(status=204, verdict=verdict))
    labels = {"route": "wiki", "method": "PUT", "verdict": name}
    assert value(page, "ifmatch_requests_total", code="200", **labels) == 2
    assert value(page, "ifmatch_requests_total", code="204", **labels) == 1


def test_a_request_without_route_and_answer() -> None:
    """What no route speaks for is counted as unmatched, and what got no answer has a code that is no number."""
    page = counted(line(route=None, status=None))
    assert value(page, "ifmatch_requests_total", route="unmatched", method="PUT", code="none", verdict="none") == 1
    assert value(page, "ifmatch_request_duration_seconds_count", route="unmatched") == 1


def test_clients_cannot_make_series() -> None:
    """However many methods and paths clients think of, there is one more series, and no path in it."""
    page = counted(*(line(method=method) for method in METHODS))
    invented = counted(*(line(method=method) for method in METHODS), *(line(method=f"M{i}") for i in range(300)))
    assert len(read(invented)) == len(read(page)) + 1
    assert value(invented, "ifmatch_requests_total", route="wiki", method="other", code="200", verdict="none") == 300
    assert PATH not in invented.decode()


def test_durations() -> None:
    """The duration of a request and its wait are in seconds, and fall in the buckets that hold them."""
    page = counted(line())
    assert value(page, "ifmatch_request_duration_seconds_sum", route="wiki") == pytest.approx(0.03)
    assert value(page, "ifmatch_request_duration_seconds_bucket", route="wiki", le="0.025") == 0
    assert value(page, "ifmatch_request_duration_seconds_bucket", route="wiki", le="0.05") == 1
    assert value(page, "ifmatch_lock_wait_seconds_sum") == pytest.approx(0.02)
    assert value(page, "ifmatch_lock_wait_seconds_bucket", le="0.01") == 0
    assert value(page, "ifmatch_lock_wait_seconds_bucket", le="0.025") == 1


def test_a_tunnel_is_counted_and_not_timed() -> None:
    """How long people talked in one says nothing of how fast requests are answered."""
    page = counted(line(status=101), line())
    assert value(page, "ifmatch_requests_total", route="wiki", method="PUT", code="101", verdict="none") == 1
    assert value(page, "ifmatch_request_duration_seconds_count", route="wiki") == 1


def test_only_who_waits_counts_as_waiting() -> None:
    """A request that takes no lock does not make the waits look shorter than they are."""
    page = counted(line() | {"wait_ms": None})
    assert value(page, "ifmatch_lock_wait_seconds_count") == 0
    assert value(page, "ifmatch_request_duration_seconds_count", route="wiki") == 1


@pytest.mark.parametrize(("kind", "reason"), REFUSALS)
def test_a_refusal_is_a_conflict(kind: type[Refusal], reason: Reason) -> None:
    """Whatever a client can be refused for by its preconditions is a conflict of that reason, and of no other."""
    page = read(counted(refusal(kind, reason)))
    conflicts = {dict(labels)["reason"]: number for (name, labels), number in page.items() if "conflicts" in name}
    assert conflicts.pop(reason.value) == 1
    assert set(conflicts.values()) == {0}


@pytest.mark.parametrize("verdict", [None, Perform(Reason.HOLDS), NotModified(Reason.UNMODIFIED)])
def test_other_requests_are_no_conflicts(verdict: Verdict | None) -> None:
    """A route's rare series begin at 0 with its first request, one for each reason that there is to refuse."""
    page = read(counted(line(verdict=verdict)))
    conflicts = {dict(labels)["reason"]: number for (name, labels), number in page.items() if "conflicts" in name}
    assert conflicts == {reason.value: 0 for _, reason in REFUSALS}
    assert page["ifmatch_unknown_outcomes_total", frozenset({("route", "wiki")})] == 0


def test_unknown_outcomes() -> None:
    """A write of which nobody knows whether it was applied is counted, one that was not applied is not."""
    unknown, not_applied = ({"outcome": outcome.value} for outcome in (Outcome.UNKNOWN, Outcome.NOT_APPLIED))
    page = counted(line() | unknown, line() | not_applied, line())
    assert value(page, "ifmatch_unknown_outcomes_total", route="wiki") == 1


def test_what_happens_besides_requests() -> None:
    """Changes past the proxy, failures of the store and quarantines are counted, each by itself."""
    metrics = Metrics()
    assert value(metrics.exposition(), "ifmatch_out_of_band_changes_total") == 0
    assert value(metrics.exposition(), "ifmatch_store_quarantines_total") == 0
    metrics.out_of_band()
    metrics.store_failed("timeout")
    metrics.store_failed("timeout")
    metrics.store_failed("refused")
    for _ in range(3):
        metrics.quarantined()
    page = metrics.exposition()
    assert value(page, "ifmatch_out_of_band_changes_total") == 1
    assert value(page, "ifmatch_store_failures_total", reason="timeout") == 2
    assert value(page, "ifmatch_store_failures_total", reason="refused") == 1
    assert value(page, "ifmatch_store_quarantines_total") == 3


def test_the_store_is_available_until_it_is_not() -> None:
    """The store is 1 from the start, 0 while it cannot be asked, and 1 again."""
    metrics = Metrics()
    seen = [value(metrics.exposition(), "ifmatch_store_available")]
    for available in (False, True):
        metrics.store_available(available)
        seen.append(value(metrics.exposition(), "ifmatch_store_available"))
    assert seen == [1, 0, 1]


def test_the_version_is_shown() -> None:
    """Which version answers stands in a label."""
    assert value(counted(), "ifmatch_build_info", version=__version__) == 1


def test_each_instance_counts_for_itself() -> None:
    """Two in one process share no count."""
    first, second = Metrics(), Metrics()
    first.request(line())
    first.store_available(False)  # noqa: FBT003 - what the gauge is set to
    assert value(second.exposition(), "ifmatch_store_available") == 1
    assert "wiki" not in second.exposition().decode()


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1) | st.text('"\\\n{},= #', min_size=1))
def test_labels_are_escaped(route: str) -> None:
    """Whatever a route is called, the page can be read, and the name comes back."""
    assert value(counted(line(route=route)), "ifmatch_request_duration_seconds_count", route=route) == 1


def test_the_content_type_is_that_of_the_format() -> None:
    """The page says which version of the format it is in."""
    assert CONTENT_TYPE == "text/plain; version=0.0.4; charset=utf-8"


WORKER = """
import sys
from pathlib import Path
from tests.test_metrics import line, refusal
from proxy.core.verdict import PreconditionFailed, Reason
from proxy.metrics import Metrics

metrics = Metrics(Path(sys.argv[1]) if sys.argv[1] else None)
for _ in range(int(sys.argv[2])):
    metrics.request(line())
    metrics.request(refusal(PreconditionFailed, Reason.STALE))
    metrics.out_of_band()
metrics.store_available(sys.argv[3] == "available")
print(len(metrics.exposition()), flush=True)
sys.stdin.read()
"""
"""A process that counts, says so, and lives until its standard input ends."""


@contextmanager
def worker(directory: Path | str, rounds: int, store: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Start a process that counts, and wait until it has."""
    command = [*PYTHON, WORKER, str(directory), str(rounds), store]
    pipe = subprocess.PIPE
    env = os.environ | environment
    with subprocess.Popen(command, cwd=ROOT, env=env, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert int(process.stdout.readline()) > 0
            yield process
        finally:
            process.kill()


@pytest.fixture
def directory() -> Iterator[Path]:
    """Return where processes count."""
    with prepare_directory() as prepared:
        yield prepared


def test_processes_count_together(directory: Path) -> None:
    """What two processes count is added up, bucket by bucket; their parent need not count itself."""
    with worker(directory, 3, "available"), worker(directory, 4, "available"):
        page = Gathered(directory).exposition()
    labels = {"route": "wiki", "method": "PUT"}
    assert value(page, "ifmatch_requests_total", code="200", verdict="none", **labels) == 7
    assert value(page, "ifmatch_requests_total", code="412", verdict="precondition-failed", **labels) == 7
    assert value(page, "ifmatch_conflicts_total", route="wiki", reason="stale") == 7
    assert value(page, "ifmatch_out_of_band_changes_total") == 7
    assert value(page, "ifmatch_request_duration_seconds_bucket", route="wiki", le="0.025") == 0
    assert value(page, "ifmatch_request_duration_seconds_bucket", route="wiki", le="0.05") == 14
    assert value(page, "ifmatch_request_duration_seconds_count", route="wiki") == 14
    assert value(page, "ifmatch_request_duration_seconds_sum", route="wiki") == pytest.approx(0.42)
    assert value(page, "ifmatch_build_info", version=__version__) == 1


def test_one_process_or_several_make_no_difference(directory: Path) -> None:
    """A dashboard finds the same series, however many processes there are."""
    metrics = Metrics()
    metrics.request(line())
    metrics.request(refusal(PreconditionFailed, Reason.STALE))
    with worker(directory, 1, "available"), worker(directory, 1, "available"):
        assert set(read(Gathered(directory).exposition())) == set(read(metrics.exposition()))


def test_a_process_that_died(directory: Path) -> None:
    """The store is available when every process that lives says so; what a dead one counted stays counted."""
    gathered = Gathered(directory)
    with worker(directory, 2, "available"):
        with worker(directory, 3, "gone") as dead:
            assert value(gathered.exposition(), "ifmatch_store_available") == 0
        gathered.forget_process(dead.pid)
        page = gathered.exposition()
    assert value(page, "ifmatch_store_available") == 1
    assert value(page, "ifmatch_out_of_band_changes_total") == 5


def test_a_process_id_that_comes_again(directory: Path) -> None:
    """A process goes on counting where a dead one with its id stopped: no count ever falls."""
    life = f"import pathlib, proxy.metrics; proxy.metrics.Metrics(pathlib.Path({str(directory)!r})).out_of_band();"
    subprocess.run([*PYTHON, life * 2], cwd=ROOT, check=True)
    assert value(Gathered(directory).exposition(), "ifmatch_out_of_band_changes_total") == 2


def test_nobody_has_counted_yet(directory: Path) -> None:
    """Before the first process has started the page is empty, and to forget one that never counted is no error."""
    gathered = Gathered(directory)
    gathered.forget_process(1)
    assert gathered.exposition() == b""


def test_room_is_taken_at_the_start(directory: Path) -> None:
    """All files that a process will write have their room before it counts: a full file system cannot kill it later."""
    with worker(directory, 3, "available"):
        sizes = {file.name: file.stat().st_size for file in directory.iterdir()}
        taken = [file.stat().st_blocks * 512 for file in directory.iterdir()]
    assert len(sizes) == 4
    assert set(sizes.values()) == {ROOM}
    assert min(taken) >= ROOM


def test_a_directory_that_cannot_be_written(directory: Path) -> None:
    """A process learns at its start that it cannot count there."""
    with pytest.raises(FileNotFoundError):
        Metrics(directory / "missing")


def test_the_directory_is_the_owners_and_goes_away() -> None:
    """Each is new and empty, nobody else on the host can read or write it, and nothing of it is left behind."""
    with prepare_directory() as first, prepare_directory() as second:
        assert first != second
        assert list(first.iterdir()) == []
        assert first.stat().st_mode & 0o777 == 0o700
        (first / "counter_1.db").write_bytes(b"")
    assert not first.exists()


def test_the_environment_of_an_origin_server_is_not_ours() -> None:
    """A directory that the environment names for another program is neither used nor needed."""
    with worker("", 1, "available", PROMETHEUS_MULTIPROC_DIR="/nowhere/at/all") as process:
        assert process.poll() is None


@pytest.mark.parametrize(
    ("verdict", "reason", "counted"),
    [
        ("precondition-failed", "stale", 1),
        ("precondition-required", "missing", 1),
        ("failed", "malformed-precondition", 1),
        ("perform", "holds", 0),
        ("indeterminate", "absent", 0),
    ],
)
def test_what_would_have_been_refused_is_counted_apart(verdict: str, reason: str, counted: int) -> None:
    """A route that only reports has no conflicts; its series begin at 0 with its first report."""
    metrics = Metrics()
    metrics.request({"route": "wiki", "status": 204, "verdict": verdict, "reason": reason, "report": "yes"})
    page = metrics.exposition().decode()
    counts = dict(line.rsplit(" ", 1) for line in page.splitlines() if line.startswith("ifmatch_would_refuse_total{"))
    assert sum(map(float, counts.values())) == counted
    assert f'ifmatch_would_refuse_total{{reason="{Reason.STALE.value}",route="wiki"}}' in counts
    assert all(line.endswith(" 0.0") for line in page.splitlines() if line.startswith("ifmatch_conflicts_total{"))
