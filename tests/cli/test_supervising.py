"""A supervisor and its workers, as processes; what the workers do is a stub's."""

import os
import signal
from pathlib import Path

from tests.support.fleet import all_leaving, running_fleet, until


def socket_in(folder: Path) -> str:
    """Return the address of a Unix socket."""
    return f"unix:{folder}/listen.sock"


def test_several_processes_answer_on_one_port() -> None:
    """Each worker takes connections, all are told to end and waited for, and a user hears of it all once.

    Workers are in sessions of their own, out of reach of Ctrl-C, which would be the second signal of two.
    """
    with running_fleet("serves") as fleet:
        met = {one["pid"] for one in fleet.crew().values()}
        assert met == fleet.pids
        assert {os.getsid(pid) for pid in met} == met
        with all_leaving(met):
            fleet.child.signal(signal.SIGTERM)
            assert fleet.child.wait() == 0
    spoken = [line for line in fleet.child.stderr if "departed" not in line]
    assert [line.split()[1] for line in spoken] == ["listening", "admin", "drains:"]


def test_a_worker_that_ends_is_replaced() -> None:
    """The line says which worker ended and how; others answer meanwhile, and its replacement joins them."""
    with running_fleet("serves") as fleet:
        killed, told = (one["pid"] for _, one in sorted(fleet.crew().items()))
        os.kill(killed, signal.SIGKILL)
        fleet.child.line(rf"worker 1 \(process {killed}\) was killed by SIGKILL; starts another in its place")
        assert fleet.meet()["pid"] != killed
        fleet.child.line(f"departed: {killed}")
        fleet.crew(apart_from={killed})
        os.kill(told, signal.SIGTERM)
        fleet.child.line(rf"worker 2 \(process {told}\) left; starts another in 0.5 s")
        fleet.crew(apart_from={killed, told})
        assert fleet.child.stop() == 0


def test_on_a_unix_socket_nobody_is_refused(tmp_path: Path) -> None:
    """The workers share a queue that outlives them: whoever connects when none is there waits for a replacement."""
    with running_fleet("serves", listen=socket_in(tmp_path)) as fleet:
        assert fleet.meet()["pid"] in fleet.pids
        before = fleet.pids
        with all_leaving(before):
            for pid in before:
                os.kill(pid, signal.SIGKILL)
        assert fleet.meet()["pid"] not in before
        assert fleet.child.stop() == 0
    assert list(tmp_path.iterdir()) == []


def test_a_crash_loop_ends() -> None:
    """Workers that end as soon as they are started are not replaced for ever: exit 1, with a line."""
    with running_fleet("crashes") as fleet:
        assert fleet.child.wait() == 1
    *deaths, last = [line for line in fleet.child.stderr if "departed" not in line]
    assert "gives up: 5 workers ended within 30 s, none older than 10 s" in last
    assert all("ended with exit code 3" in line for line in deaths)
    assert sum("starts another" in line for line in deaths) == 4


def test_a_crash_loop_drains_who_is_well(tmp_path: Path) -> None:
    """Replacements that refuse to work are a crash loop like any other; exit 1, and nobody stays behind."""
    with running_fleet("serves_once", environment={"STUB_SCARS": str(tmp_path)}) as fleet:
        well, ill = (one["pid"] for one in fleet.crew().values())
        with all_leaving([well]):
            os.kill(ill, signal.SIGKILL)
            fleet.child.line("ended with exit code 2: cannot do that; starts another in 0.5 s")
            assert fleet.child.wait() == 1
    assert any("gives up" in line for line in fleet.child.stderr)


def test_what_cannot_work_is_not_tried_again() -> None:
    """When a worker refuses its first orders, all ends with exit 2, and what is wrong is said once."""
    with running_fleet("refuses") as fleet:
        assert fleet.child.wait() == 2
    assert [line for line in fleet.child.stderr if "departed" not in line] == ["ifmatch cannot do that"]


def test_a_worker_that_cannot_be_started() -> None:
    """What the system refuses to start is counted as one that ended, and ends like a crash loop."""
    with running_fleet(program=["/nonexistent"]) as fleet:
        assert fleet.child.wait() == 1
    assert any("could not be started: [Errno 2]" in line for line in fleet.child.stderr)


def test_what_was_cut_off_is_told() -> None:
    """Exit 1, with the line of each worker that had to."""
    with running_fleet("cuts_off") as fleet:
        fleet.crew()
        fleet.child.signal(signal.SIGINT)
        assert fleet.child.wait() == 1
    assert sum("ended with exit code 1: cut something off" in line for line in fleet.child.stderr) == 2


def test_a_second_signal_ends_all_at_once(tmp_path: Path) -> None:
    """Exit 1, with one line about what may have been applied, and nobody stays behind.

    From the first signal on, nobody is ready and nobody can connect: the supervisor has let go of the socket as well.
    """
    with running_fleet("is_stubborn", listen=socket_in(tmp_path)) as fleet:
        assert fleet.url
        assert fleet.probe("/readyz") == 200
        with all_leaving(fleet.pids):
            fleet.child.signal(signal.SIGTERM)
            fleet.child.line("drains")
            assert (fleet.probe("/livez"), fleet.probe("/readyz")) == (200, 503)
            assert list(tmp_path.iterdir()) == []
            fleet.child.signal(signal.SIGINT)
            assert fleet.child.wait() == 1
    assert sum("stops at once" in line for line in fleet.child.stderr) == 1
    assert not any("SIGKILL" in line for line in fleet.child.stderr)


def test_before_anyone_serves() -> None:
    """It is alive and not ready; told to end, it lets go of workers that have only been started: exit 0."""
    with running_fleet("is_mute") as fleet:
        until(lambda: len(fleet.pids) == 2)
        assert (fleet.probe("/livez"), fleet.probe("/readyz")) == (200, 503)
        with all_leaving(fleet.pids):
            fleet.child.signal(signal.SIGTERM)
            assert fleet.child.wait() == 0


def test_ready_while_anyone_serves() -> None:
    """It is ready with the first worker that serves, and announced with the last."""
    with running_fleet("serves_if_first") as fleet:
        until(lambda: len(fleet.pids) == 2)
        until(lambda: fleet.probe("/readyz") == 200)
        assert fleet.child.stop() == 0
    assert not any("listening on" in line for line in fleet.child.stderr)


def test_no_worker_outlives_its_supervisor() -> None:
    """When the supervisor is killed, the workers are told by the end of the line."""
    with running_fleet("serves") as fleet:
        fleet.crew()
        with all_leaving(fleet.pids):
            fleet.child.kill()


def test_all_go_by_the_same_rules(tmp_path: Path) -> None:
    """New routes reach every worker before it is said that they were reloaded; a bad file keeps the old ones.

    A replacement goes by what the others go by, whatever the file says by then.
    """
    path = tmp_path / "routes.yaml"
    path.write_text("routes: []\n", "utf-8")
    with running_fleet("serves", config=str(path)) as fleet:
        assert [one["routes"] for one in fleet.crew().values()] == [0, 0]
        path.write_text("routes:\n  - path: /a\n", "utf-8")
        fleet.child.signal(signal.SIGHUP)
        fleet.child.line("reloaded 1 routes")
        before = fleet.crew()
        assert [one["routes"] for one in before.values()] == [1, 1]
        path.write_text("nonsense: []\n", "utf-8")
        fleet.child.signal(signal.SIGHUP)
        fleet.child.line("keeps its old routes")
        pids = {one["pid"] for one in before.values()}
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        assert [one["routes"] for one in fleet.crew(apart_from=pids).values()] == [1, 1]
        assert fleet.child.stop() == 0
