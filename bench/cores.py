"""Who runs on which core: what is measured on one, so that nobody is in its way, and all else on another.

What lives here: the choice, and keeping to it. What is started inherits the core of who starts it.
"""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bench.machine import program


@dataclass(frozen=True, slots=True)
class Cores:
    """The core of what is measured, and that of all else; the same where there is only one."""

    measured: int
    load: int

    @property
    def told(self) -> str:
        """Who is where, as a sentence."""
        if self.measured == self.load:
            return "There is only one core: what is measured, the load and the origin server share it."
        return f"What is measured runs on core {self.measured}, all else on core {self.load}."

    def pinned(self, command: Sequence[str]) -> list[str]:
        """Return the command that runs another on the core of what is measured."""
        return [program("taskset"), "--cpu-list", str(self.measured), *command]


def chosen(usable: Collection[int]) -> Cores:
    """Return the first two of the cores. Raised when there is none: `ValueError`."""
    measured, load, *_ = [*sorted(usable)] * 2
    return Cores(measured, load)


def take_load() -> Cores:
    """Choose, and move this process, and so what it starts, to the core of the load."""
    cores = chosen(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores.load})
    return cores
