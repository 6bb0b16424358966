"""What is measured has a core of its own where there is one."""

import subprocess
import sys

import pytest

from bench.cores import Cores, chosen


@pytest.mark.parametrize(
    ("usable", "cores"), [({1, 0}, Cores(0, 1)), ({7, 3, 5}, Cores(3, 5)), ({4}, Cores(4, 4))], ids=str
)
def test_the_choice(usable: set[int], cores: Cores) -> None:
    """The first two that may be used; one for both where there are no two, and then it says so."""
    assert chosen(usable) == cores
    assert ("only one core" in cores.told) == (len(usable) == 1)


def test_no_core() -> None:
    """There is none to choose."""
    with pytest.raises(ValueError, match="not enough"):
        chosen(set())


def test_what_is_pinned_stays_there() -> None:
    """A program that is started so runs on that core and no other."""
    script = "import os; print(os.sched_getaffinity(0))"
    command = Cores(0, 0).pinned([sys.executable, "-c", script])
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "{0}\n"
