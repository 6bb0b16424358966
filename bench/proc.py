"""What a program has used: CPU time and memory of a process and of all that it has started, as Linux counts them.

What lives here: reading /proc. What must not: starting or stopping anything.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
TICKS: Final = os.sysconf("SC_CLK_TCK")
"""What a second of CPU time is counted in; one tick is the finest that can be told apart, mostly 10 ms."""
PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Stat:
    """A line of /proc/PID/stat: whose child it is, the CPU time (user and system, in seconds), memory in bytes.

    Memory is what is resident, pages that are shared with others included.
    """

    pid: int
    parent: int
    cpu: float
    resident: int


def parsed(line: str) -> Stat:
    """Return what a line says. The name of the program stands in parentheses and may hold any character."""
    pid, _, rest = line.partition(" (")
    fields = rest.rpartition(") ")[2].split()  # from the third on, as proc(5) counts them
    cpu = (int(fields[11]) + int(fields[12])) / TICKS
    return Stat(int(pid), int(fields[1]), cpu, int(fields[21]) * PAGE)


def stats(proc: Path = PROC) -> dict[int, Stat]:
    """Return all processes that there are."""
    found = {}
    for path in proc.glob("[0-9]*/stat"):
        try:
            stat = parsed(path.read_text("utf-8", "replace"))
        except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            continue
        found[stat.pid] = stat
    return found


def family(pid: int, there: dict[int, Stat]) -> list[Stat]:
    """Return a process and those that descend from it. Raised when it is not there: `KeyError`."""
    members = [there[pid]]
    for member in members:
        members += [stat for stat in there.values() if stat.parent == member.pid]
    return members


def used(pid: int, proc: Path = PROC) -> Stat:
    """Return the sums of a process and its descendants. Raised when it is not there: `KeyError`.

    What two of them share is counted twice.
    """
    there = stats(proc)
    members = family(pid, there)
    cpu, resident = sum(member.cpu for member in members), sum(member.resident for member in members)
    return Stat(pid, there[pid].parent, cpu, resident)
