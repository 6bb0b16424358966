"""CPU time and memory are those of a process and of all its descendants, and of no other."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.proc import PAGE, TICKS, Stat, parsed, used

LINE = "{pid} ({name}) S {parent} 1 1 0 -1 4194560 9 8 7 6 {user} {system} 99 99 20 0 1 0 5 4096 {pages} 1 2 3"


def proc(folder: Path, *lines: str) -> Path:
    """Make a /proc of these processes."""
    for line in lines:
        place = folder / line.partition(" ")[0]
        place.mkdir()
        (place / "stat").write_text(line, "utf-8")
    return folder


def line(pid: int, parent: int, name: str = "program") -> str:
    """Return a line of a process that has used 3 ticks and has 5 pages."""
    return LINE.format(pid=pid, name=name, parent=parent, user=2, system=1, pages=5)


@pytest.mark.parametrize("name", ["nginx", "a b", "odd) S 1 (name", ""])
def test_a_line(name: str) -> None:
    """Whatever the program is called."""
    assert parsed(line(7, 3, name)) == Stat(7, 3, 3 / TICKS, 5 * PAGE)


def test_a_family(tmp_path: Path) -> None:
    """Children and theirs count, others do not."""
    folder = proc(tmp_path, line(1, 0), line(10, 1), line(11, 10), line(12, 11), line(20, 1))
    assert used(10, folder) == Stat(10, 1, 9 / TICKS, 15 * PAGE)


def test_who_is_not_there(tmp_path: Path) -> None:
    """It has not used nothing: it cannot be measured."""
    with pytest.raises(KeyError):
        used(10, proc(tmp_path, line(1, 0)))


def test_this_process() -> None:
    """What it burns is counted, and so is what a child keeps in memory."""
    before = used(os.getpid())
    began = time.process_time()
    while time.process_time() < began + 0.1:
        pass
    assert used(os.getpid()).cpu >= before.cpu + 0.05
    waits = [sys.executable, "-c", "content = b'x' * 2**25; print(flush=True); input()"]
    with subprocess.Popen(waits, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin
        assert child.stdout
        child.stdout.readline()
        assert used(os.getpid()).resident >= before.resident + 2**25
        child.stdin.write(b"\n")
