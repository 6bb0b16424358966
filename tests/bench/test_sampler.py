"""The sampler sees what a program does while it is told to look, and is in nobody's way."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench.profiling import SAMPLER
from bench.stacks import Frame, Profile, own, read, within
from tests.support.child import python

PROGRAM = """
import os, signal, sys, time

def empty():
    pass

def calling(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until:
        for _ in range(1_000):
            empty()

def unseen():
    calling(0.2)

def seen():
    calling(0.4)

def main():
    unseen()
    os.kill(os.getpid(), signal.SIGUSR1)
    seen()
    os.kill(os.getpid(), signal.SIGUSR2)
    unseen()
    print(os.getcwd(), sys.argv[1:])
    {end}

main()
"""


def sampled(folder: Path, end: str = "") -> tuple[subprocess.CompletedProcess[str], Path]:
    """Run the program under the sampler; return what came of it, and the sampler's file."""
    (folder / "program.py").write_text(PROGRAM.format(end=end), "utf-8")
    file = folder / "seen.json"
    command = python(str(SAMPLER), str(file), str(folder), "program", "one", "--two")
    return subprocess.run(command, check=False, capture_output=True, text=True), file


def functions(profile: Profile) -> Mapping[str, float]:
    """Return the shares of functions by name."""
    return own(profile, lambda frame: frame.function)


def test_what_is_seen(tmp_path: Path) -> None:
    """It is what goes on between the two signals, and whoever calls a function that does nothing has the time."""
    done, file = sampled(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    profile = read(file.read_text("utf-8"))
    assert profile.samples >= 10
    assert {frame.function for stack in profile.stacks for frame in stack} >= {"main", "seen", "calling"}
    assert {frame for stack in profile.stacks for frame in stack if frame.function == "unseen"} == set()
    assert functions(profile)["calling"] >= 0.9
    assert "empty" not in functions(profile)
    assert within(profile, lambda room: room == "starting") == 1
    assert profile.user + profile.system >= 0.3


def test_the_program_is_as_by_itself(tmp_path: Path) -> None:
    """It has its folder and its arguments."""
    done, _ = sampled(tmp_path)
    assert done.stdout == f"{tmp_path} ['one', '--two']\n"


@pytest.mark.parametrize(("end", "code"), [("sys.exit(3)", 3), ("raise ValueError", 1)])
def test_a_program_that_fails(tmp_path: Path, end: str, code: int) -> None:
    """Its exit code is its own, and what was seen is written."""
    done, file = sampled(tmp_path, end)
    assert done.returncode == code
    assert functions(read(file.read_text("utf-8")))["calling"] >= 0.9


def test_modules_are_named(tmp_path: Path) -> None:
    """A frame is a module and a function."""
    _, file = sampled(tmp_path)
    (profile,) = [read(file.read_text("utf-8"))]
    assert any(Frame("__main__", "main") in stack for stack in profile.stacks)
    assert json.loads(file.read_text("utf-8")).keys() == {"user", "system", "stacks"}
