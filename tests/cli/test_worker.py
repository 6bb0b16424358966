"""Real workers, and what is theirs alone to do."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support.child import PATIENCE, ROOT, python
from tests.support.clients import Client, ask
from tests.support.ledger import Stage
from tests.support.processes import OriginHandle, running_origin
from tests.support.staff import all_leaving, running_staff

PAGE = "/page"


@contextmanager
def writing(origin: OriginHandle, url: str) -> Iterator[Client]:
    """Have a write held at the origin server."""
    origin.knobs(PUT={"hold_before_apply": True, "times": 1})
    with closing(Client(url)) as client:
        client.begin("PUT", PAGE, b"new")
        origin.until(Stage.HELD, method="PUT")
        yield client
    origin.release()


def test_a_good_end_finishes_the_write_in_flight() -> None:
    """Every worker ends well only when its answers are sent; then the exit code is 0."""
    with running_origin() as origin, running_staff(upstream=origin.url) as staff:
        with all_leaving(staff.pids if staff.url else ()), writing(origin, staff.url) as client:
            staff.child.signal(signal.SIGTERM)
            staff.child.line("drains")
            origin.release()
            assert client.finish().status in {201, 204}
            assert staff.child.wait() == 0
        assert origin.peek(PAGE) == b"new"


def test_a_write_outlives_the_supervisor() -> None:
    """Workers whose supervisor was killed say so, finish what is in flight, and leave."""
    with running_origin() as origin, running_staff(upstream=origin.url) as staff:
        with all_leaving(staff.pids if staff.url else ()), writing(origin, staff.url) as client:
            os.kill(staff.child.pid, signal.SIGKILL)
            staff.child.line("worker 1: its supervisor is gone; drains")
            staff.child.line("worker 2: its supervisor is gone; drains")
            with pytest.raises(ConnectionError):
                ask(staff.url, "GET", PAGE)
            origin.release()
            assert client.finish().status in {201, 204}
        assert origin.peek(PAGE) == b"new"


def test_what_a_worker_cuts_off(tmp_path: Path) -> None:
    """What does not finish in time is cut off; the exit code tells, and a line says by which worker."""
    path = tmp_path / "ifmatch.yaml"
    path.write_text("drain: 0s\n", "utf-8")
    with (
        running_origin() as origin,
        running_staff(upstream=origin.url, config=str(path)) as staff,
        writing(origin, staff.url),
    ):
        staff.child.signal(signal.SIGTERM)
        assert staff.child.wait() == 1
    told = [line for line in staff.child.stderr if "writes may have been applied" in line]
    assert len(told) == 1
    assert "ended with exit code 1: cut off what was still in flight" in told[0]


def test_what_no_worker_can_do(tmp_path: Path) -> None:
    """What is found out by the workers is said once by the supervisor, and is exit 2."""
    Path(tmp_path, "nonsense.pem").write_text("nonsense", "utf-8")
    path = tmp_path / "ifmatch.yaml"
    path.write_text("tls: {certificate: nonsense.pem, key: nonsense.pem}\n", "utf-8")
    with running_staff(config=str(path)) as staff:
        assert staff.child.wait() == 2
    (line,) = staff.spoken
    assert line.startswith("ifmatch tls: ")
    assert "nonsense.pem" in line


def test_new_routes_are_taken_as_they_come(tmp_path: Path) -> None:
    """They apply to the next request, whoever gets it; a worker that is told to reload by a signal does nothing."""
    path = tmp_path / "ifmatch.yaml"
    path.write_text("routes: []\n", "utf-8")
    with running_origin() as origin, running_staff(upstream=origin.url, config=str(path)) as staff:
        origin.seed(PAGE, b"text")
        assert "etag" not in ask(staff.url, "GET", PAGE).fields
        path.write_text(f"routes:\n  - path: {PAGE}\n", "utf-8")
        for pid in staff.pids:
            os.kill(pid, signal.SIGHUP)
        assert "etag" not in ask(staff.url, "GET", PAGE).fields
        staff.child.signal(signal.SIGHUP)
        staff.child.line("reloaded 1 routes")
        for _ in range(10):
            assert "etag" in ask(staff.url, "GET", PAGE).fields
        assert staff.child.stop() == 0


def test_a_worker_is_not_started_by_hand() -> None:
    """Without a supervisor it says how it is started, and leaves."""
    done = subprocess.run(
        python("-m", "proxy.cli.worker", "1"),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "ifmatch worker: is started by `ifmatch run` alone\n"
