"""A process that works, as the shop has it: started when it is needed, replaced when it died.

What lives here: one process and the line to it. Its calls block, so each bench has a thread of its own. What must not:
which work it gets.
"""

import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from socket import socketpair
from threading import Lock
from typing import Any, Final

from proxy.adapters.workshop.line import Line, Work, read
from proxy.errors import Failure

TRIES: Final = 2
"""How often work is begun. Who does it may be killed by accident once; twice, and the work is what kills."""

GRACE: Final = 1.0
"""Seconds within which a process ends whose line was closed; after that it is killed."""

_ROOT: Final = Path(__file__).parents[3]


class Unstaffed(Exception):
    """No process could be started, so that somebody else has to do the work."""


class Bench:
    """At most one process, started by `command`. `close` may be called from another thread than `do`, and ends it."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._lock = Lock()
        self._closed = False
        self._process: subprocess.Popen[bytes] | None = None
        self._line: Line | None = None

    def do(self, work: Work, content: bytes) -> Any:
        """Return what the work makes of the content.

        Raised: what it raises; when nobody can be had to do it: `Unstaffed`; when it ends each process that does it, or
        the bench is closed: `errors.Failure`.
        """
        for _ in range(TRIES):
            line = self._line or self._started()
            try:
                line.send(work, content)
                answer, _ = line.receive()
            except (OSError, EOFError):
                self._stop()
                continue
            except BaseException:  # no memory for the answer, say: what is left of it would be taken for the next one
                self._stop()
                raise
            result, fault = read(answer)
            if fault is not None:
                raise fault
            return result
        raise Failure("The content of the origin server's answer, or of the request, could not be worked on.")

    @property
    def pid(self) -> int | None:
        """The id of the process, None where there is none."""
        process = self._process
        return None if process is None else process.pid

    def close(self) -> None:
        """End the process, and start no other."""
        with self._lock:
            self._closed = True
        self._stop()

    def _started(self) -> Line:
        with self._lock:
            if self._closed:
                raise Failure("The proxy ends.")
            ours, theirs = socketpair()
            try:
                with theirs:
                    self._process = subprocess.Popen(  # noqa: S603 - this interpreter and a room of this package
                        self._command,
                        stdin=theirs.fileno(),
                        stdout=subprocess.DEVNULL,  # ours is the access log
                        process_group=0,  # Ctrl-C is ours to heed; in another session `os.nice` would count for little
                    )
            except OSError as fault:
                ours.close()
                raise Unstaffed from fault
            line = self._line = Line(ours)
        try:
            line.await_ready()
        except (OSError, EOFError) as fault:
            self._stop()
            raise Unstaffed from fault
        return line

    def _stop(self) -> None:
        with self._lock:
            line, self._line = self._line, None
            process, self._process = self._process, None
        if line is not None:
            line.close()
        if process is not None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)
            process.kill()
            process.wait()


def command() -> list[str]:
    """Return the command of a hand: this interpreter, with this package and no other that is called the same."""
    safely = [] if Path.cwd() == _ROOT else ["-P"]
    return [sys.executable, *safely, "-m", "proxy.adapters.workshop.hand"]
