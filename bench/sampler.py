"""A sampling profiler in the process that it looks at: `python bench/sampler.py FILE FOLDER MODULE [ARGUMENT ...]`.

It runs a module of a folder as `python -m` would there. From SIGUSR1 until SIGUSR2 it notes, every 2 ms of CPU time as
far as the kernel's clock is as fine as that, which functions are under way; once the module has ended, it writes FILE
(JSON, see `told`). What lives here: that. What must not: anything but the standard library, since the interpreter may
be that of another checkout; and what the counts mean, which is for `bench.stacks`.
"""

import dis
import json
import os
import runpy
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, FrameType
from typing import Final

INTERVAL: Final = 0.002
"""Seconds of CPU time between two samples; a kernel whose clock ticks every 4 ms takes one each 4 ms."""

_RESUME: Final = dis.opmap["RESUME"]


class Sampler:
    """What was seen: how often which functions were under way, and CPU time (user, system) in seconds meanwhile."""

    def __init__(self) -> None:
        self.user = self.system = 0.0
        self._seen: Counter[tuple[int, ...]] = Counter()
        self._codes: dict[int, tuple[CodeType, str]] = {}  # by id: a code object's hash takes long
        self._began: os.times_result | None = None

    def install(self) -> None:
        """Take charge of the signals. Called in the main thread."""
        signal.signal(signal.SIGPROF, self.take)
        signal.signal(signal.SIGUSR1, lambda _number, _frame: self.begin())
        signal.signal(signal.SIGUSR2, lambda _number, _frame: self.end())

    def begin(self) -> None:
        """Take samples from now on."""
        self._began = os.times()
        signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)

    def end(self) -> None:
        """Take no more."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        if self._began is not None:
            now = os.times()
            self.user += now.user - self._began.user
            self.system += now.system - self._began.system
            self._began = None

    def take(self, _number: int, frame: FrameType | None) -> None:
        """Note what is under way.

        Python calls this at the next point where it may be interrupted: after a call, at the end of a loop's body, or
        where a function begins. There the time was not that function's but that of whoever called it.
        """
        if frame is not None and begins(frame):
            frame = frame.f_back
        stack = []
        while frame is not None:
            code = frame.f_code
            if id(code) not in self._codes:
                self._codes[id(code)] = code, frame.f_globals.get("__name__", "")
            stack.append(id(code))
            frame = frame.f_back
        self._seen[tuple(stack)] += 1

    def told(self) -> dict[str, object]:
        """Return what was seen: for each stack its count, and a module and a function a frame, the innermost first."""
        named = {key: [module, code.co_qualname] for key, (code, module) in self._codes.items()}
        stacks = [{"count": count, "frames": [named[key] for key in stack]} for stack, count in self._seen.items()]
        return {"user": self.user, "system": self.system, "stacks": stacks}


def begins(frame: FrameType) -> bool:
    """Tell whether a function has done nothing yet."""
    return frame.f_lasti >= 0 and frame.f_code.co_code[frame.f_lasti] == _RESUME


def main(arguments: Sequence[str]) -> None:
    """Run the module. Whatever it raises is raised, its exit too."""
    file, folder, module, *rest = arguments
    os.chdir(folder)
    sys.path[0] = folder
    sys.argv = [module, *rest]
    sampler = Sampler()
    sampler.install()
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        sampler.end()
        Path(file).write_text(json.dumps(sampler.told()), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
