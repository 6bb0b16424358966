"""A process as the shop has it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from proxy.adapters.workshop.bench import Bench, Unstaffed, command
from proxy.errors import Failure
from tests.adapters.workshop.test_hand import ENDLESS
from tests.support.child import Child, python
from tests.support.ending import ended

SUICIDE = b"__import__('os')._exit(9)"


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A bench that is closed in the end."""
    bench = Bench(command())
    yield bench
    bench.close()


def test_nobody_is_started_before_there_is_work(bench: Bench) -> None:
    """A proxy that never meets large content never has the process; with work it has one, for all that follows."""
    pids = [bench.pid]
    for content in (b"abc", b"ab"):
        assert bench.do(len, content) == len(content)
        pids.append(bench.pid)
    assert pids[0] is None
    assert pids[1] == pids[2] is not None


def test_who_was_killed_while_idle_is_replaced(bench: Bench) -> None:
    """The next work is done by another process."""
    assert bench.do(len, b"abc") == 3
    first = bench.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert bench.do(len, b"abc") == 3
    assert bench.pid not in {None, first}


def test_work_whose_hand_was_killed_is_begun_once_more(bench: Bench, tmp_path: Path) -> None:
    """One accident is none of the client's business."""
    flag = tmp_path / "began"
    content = (
        f"import os; first = not os.path.exists({str(flag)!r}); open({str(flag)!r}, 'w').close(); first and os._exit(9)"
    )
    assert bench.do(exec, content.encode()) is None
    assert flag.exists()


def test_work_that_kills_is_given_up(bench: Bench) -> None:
    """Twice is no accident; it is not begun a third time, least of all in the process that serves."""
    with pytest.raises(Failure, match="could not be worked on"):
        bench.do(eval, SUICIDE)
    assert bench.do(len, b"abc") == 3


def test_what_work_raises_is_raised(bench: Bench) -> None:
    """As if it had been done here."""
    with pytest.raises(ValueError, match="invalid literal"):
        bench.do(int, b"abc")
    first = bench.pid
    assert bench.do(len, b"abc") == 3
    assert bench.pid == first


UNREADABLE = """
import os, socket, sys
from proxy.adapters.workshop import hand
if os.path.exists(sys.argv[1]):
    hand.main()
open(sys.argv[1], "w").close()
end = socket.socket(fileno=0)
end.sendall(b"+" + b"\\xff" * 16 + b"left over" * 9)
while end.recv(65536):
    pass
"""


def test_an_answer_that_cannot_be_taken_is_not_taken_for_the_next(tmp_path: Path) -> None:
    """What of it was not read goes with the process that said it; here it is larger than any memory."""
    bench = Bench(python("-c", UNREADABLE, str(tmp_path / "began")))
    try:
        with pytest.raises(OverflowError):
            bench.do(len, b"abc")
        assert bench.do(len, b"ab") == 2
    finally:
        bench.close()


@pytest.mark.parametrize("instead", [["/nowhere/python"], python("-c", "pass")], ids=["no program", "ends at once"])
def test_where_no_process_can_be_had_that_is_said(instead: list[str]) -> None:
    """So that somebody else can do the work."""
    bench = Bench(instead)
    with pytest.raises(Unstaffed):
        bench.do(len, b"abc")
    bench.close()


def test_closing_ends_work_under_way(bench: Bench) -> None:
    """Whoever waits is told so, no other process is begun for it, and the one there was is gone."""
    assert bench.do(len, b"") == 0
    pid = bench.pid
    assert pid is not None
    raised: list[BaseException] = []

    def work() -> None:
        try:
            bench.do(eval, ENDLESS)
        except Failure as failure:
            raised.append(failure)

    working = Thread(target=work)
    working.start()
    bench.close()
    working.join(30)
    assert [str(failure) for failure in raised] == ["The proxy ends."]
    assert ended(pid)
    with pytest.raises(Failure):
        bench.do(len, b"abc")


def test_it_is_in_our_session_and_in_no_group_of_ours(bench: Bench) -> None:
    """The kernel weighs processes of one session by how nice they are; Ctrl-C is for one group of it."""
    session, group = bench.do(eval, b"(lambda os: (os.getsid(0), os.getpgid(0)))(__import__('os'))")
    assert session == os.getsid(0)
    assert group == bench.pid


PARENT = """
import os, threading
from proxy.adapters.workshop.bench import Bench, command
bench = Bench(command())
bench.do(len, b"")
threading.Thread(target=bench.do, args=(eval, b"[None for _ in iter(int, 1)]")).start()
print("hand", bench.pid, flush=True)
"""


def test_the_process_ends_with_one_that_was_killed() -> None:
    """Nobody is left to close the line when the proxy gets SIGKILL; its hand ends all the same, also while it works."""
    parent = Child(python("-c", PARENT))
    pid = int(parent.line(r"hand (\d+)")[1])
    parent.kill()
    assert ended(pid)


def test_another_package_of_that_name_is_not_taken(tmp_path: Path) -> None:
    """The hand is this package's, also where the current folder has another `proxy`."""
    (tmp_path / "proxy").mkdir()
    (tmp_path / "proxy" / "__init__.py").write_text("raise SystemExit('another')")
    loaded = "from proxy.adapters.workshop.bench import Bench, command"
    source = f"{loaded}; bench = Bench(command()); print(bench.do(len, b'abc')); bench.close()"
    root = str(Path(__file__).parents[3])
    done = subprocess.run(
        [sys.executable, "-P", "-c", source],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == "3\n"
