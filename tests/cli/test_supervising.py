"""A supervisor and its workers, as processes; what the workers do is a stub's."""

import os
import signal
from pathlib import Path

from tests.support.staff import all_leaving, running_staff, until


def socket_in(folder: Path) -> str:
    """Return the address of a Unix socket."""
    return f"unix:{folder}/listen.sock"


def test_several_processes_answer_on_one_port() -> None:
    """Each worker takes connections, all are told to end and waited for, and a user hears of it all once.

    Workers are in sessions of their own, out of reach of Ctrl-C, which would be the second signal of two.
    """
    with running_staff("serves") as staff:
        met = {one["pid"] for one in staff.everyone().values()}
        assert met == staff.pids
        assert {os.getsid(pid) for pid in met} == met
        with all_leaving(met):
            staff.child.signal(signal.SIGTERM)
            assert staff.child.wait() == 0
    assert [line.split()[1] for line in staff.spoken] == ["listening", "admin", "drains:"]


def test_a_worker_that_ends_is_replaced() -> None:
    """The line says which worker ended and how; others answer meanwhile, and its replacement joins them."""
    with running_staff("serves") as staff:
        killed, told = (one["pid"] for _, one in sorted(staff.everyone().items()))
        os.kill(killed, signal.SIGKILL)
        staff.child.line(rf"worker 1 \(process {killed}\) was killed by SIGKILL; starts another in its place")
        assert staff.meet()["pid"] != killed
        staff.child.line(f"departed: {killed}")
        staff.everyone(apart_from={killed})
        os.kill(told, signal.SIGTERM)
        staff.child.line(rf"worker 2 \(process {told}\) left; starts another in 0.5 s")
        staff.everyone(apart_from={killed, told})
        assert staff.child.stop() == 0


def test_on_a_unix_socket_nobody_is_refused(tmp_path: Path) -> None:
    """The workers share a queue that outlives them: whoever connects when none is there waits for a replacement."""
    with running_staff("serves", listen=socket_in(tmp_path)) as staff:
        assert staff.meet()["pid"] in staff.pids
        before = staff.pids
        with all_leaving(before):
            for pid in before:
                os.kill(pid, signal.SIGKILL)
        assert staff.meet()["pid"] not in before
        assert staff.child.stop() == 0
    assert list(tmp_path.iterdir()) == []


def test_a_crash_loop_ends() -> None:
    """Workers that end as soon as they are started are not replaced for ever: exit 1, with a line."""
    with running_staff("crashes") as staff:
        assert staff.child.wait() == 1
    *deaths, last = staff.spoken
    assert "gives up: 5 workers ended" in last
    assert all("ended with exit code 3" in line for line in deaths)
    assert sum("starts another" in line for line in deaths) == 4


def test_a_crash_loop_drains_who_is_well(tmp_path: Path) -> None:
    """Replacements that refuse to work are a crash loop like any other; exit 1, and nobody stays behind."""
    with running_staff("serves_once", environment={"STUB_SCARS": str(tmp_path)}) as staff:
        well, ill = (one["pid"] for one in staff.everyone().values())
        with all_leaving([well]):
            os.kill(ill, signal.SIGKILL)
            staff.child.line("ended with exit code 2: cannot do that; starts another in 0.5 s")
            assert staff.child.wait() == 1
    assert any("gives up" in line for line in staff.child.stderr)


def test_what_cannot_work_is_not_tried_again() -> None:
    """When a worker refuses its first orders, all ends with exit 2, and what is wrong is said once."""
    with running_staff("refuses") as staff:
        assert staff.child.wait() == 2
    assert staff.spoken == ["ifmatch cannot do that"]


def test_a_worker_that_cannot_be_started() -> None:
    """What the system refuses to start is counted as one that ended, and ends like a crash loop."""
    with running_staff(program=["/nonexistent"]) as staff:
        assert staff.child.wait() == 1
    assert any("could not be started: [Errno 2]" in line for line in staff.child.stderr)


def test_a_second_signal_ends_all_at_once(tmp_path: Path) -> None:
    """Exit 1, with one line about what may have been applied, and nobody stays behind.

    From the first signal on, nobody is ready and nobody can connect: the supervisor has let go of the socket as well.
    """
    with running_staff("is_stubborn", listen=socket_in(tmp_path)) as staff:
        assert staff.url
        assert staff.probe("/readyz") == 200
        with all_leaving(staff.pids):
            staff.child.signal(signal.SIGTERM)
            staff.child.line("drains")
            assert (staff.probe("/livez"), staff.probe("/readyz")) == (200, 503)
            assert list(tmp_path.iterdir()) == []
            staff.child.signal(signal.SIGINT)
            assert staff.child.wait() == 1
    assert sum("stops at once" in line for line in staff.child.stderr) == 1
    assert not any("SIGKILL" in line for line in staff.child.stderr)


def test_before_anyone_serves() -> None:
    """It is alive and not ready; told to end, it lets go of workers that have only been started: exit 0."""
    with running_staff("is_mute") as staff:
        staff.child.line("stub 1 listens")
        staff.child.line("stub 2 listens")
        assert (staff.probe("/livez"), staff.probe("/readyz")) == (200, 503)
        with all_leaving(staff.pids):
            staff.child.signal(signal.SIGTERM)
            assert staff.child.wait() == 0


def test_ready_while_anyone_serves() -> None:
    """It is ready with the first worker that serves, and announced with the last."""
    with running_staff("serves_if_first") as staff:
        staff.child.line("stub 1 serves")
        staff.child.line("stub 2 listens")
        until(lambda: staff.probe("/readyz") == 200)
        assert staff.child.stop() == 0
    assert not any("listening on" in line for line in staff.child.stderr)


def test_no_worker_outlives_its_supervisor() -> None:
    """When the supervisor is killed, the workers are told by the end of the line."""
    with running_staff("serves") as staff:
        staff.everyone()
        with all_leaving(staff.pids):
            staff.child.kill()


def test_all_go_by_the_same_rules(tmp_path: Path) -> None:
    """New routes reach every worker before it is said that they were reloaded; a bad file keeps the old ones.

    A replacement goes by what the others go by, whatever the file says by then.
    """
    path = tmp_path / "routes.yaml"
    path.write_text("routes: []\n", "utf-8")
    with running_staff("serves", config=str(path)) as staff:
        assert [one["routes"] for one in staff.everyone().values()] == [0, 0]
        path.write_text("routes:\n  - path: /a\n", "utf-8")
        staff.child.signal(signal.SIGHUP)
        staff.child.line("reloaded 1 routes")
        before = staff.everyone()
        assert [one["routes"] for one in before.values()] == [1, 1]
        path.write_text("nonsense: []\n", "utf-8")
        staff.child.signal(signal.SIGHUP)
        staff.child.line("keeps its old routes")
        pids = {one["pid"] for one in before.values()}
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        assert [one["routes"] for one in staff.everyone(apart_from=pids).values()] == [1, 1]
        assert staff.child.stop() == 0
