"""A child process whose every line is kept, and which is stopped through its handle.

What lives here: starting, listening for a line, stopping. What the program is, is for `tests.support.processes`.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Condition, Thread
from typing import IO

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0
"""How long to wait for a line or for the end, in seconds; past it the test fails."""


class ChildFailed(AssertionError):
    """The program did not do what was waited for; the text ends with what it wrote to stderr."""


class Child:
    """A running program. `stdout` and `stderr` hold the lines written so far, without their ends."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self.command = list(command)
        self.stdout: list[str] = []
        self.stderr: list[str] = []
        self._changed = Condition()
        self.killed = False
        self._open = 2
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("IFMATCH_")}
        self._process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            env=inherited | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        assert self._process.stdout
        assert self._process.stderr
        heard = ((self._process.stdout, self.stdout), (self._process.stderr, self.stderr))
        self._readers = [Thread(target=self._read, args=pair, daemon=True) for pair in heard]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    def line(self, pattern: str) -> re.Match[str]:
        """Wait for a line that contains the pattern. Raised when the program ends without one: `ChildFailed`."""
        found: re.Match[str] | None = None

        def spoken() -> bool:
            nonlocal found
            found = next(filter(None, (re.search(pattern, line) for line in [*self.stderr, *self.stdout])), None)
            return found is not None or not self._open

        with self._changed:
            self._changed.wait_for(spoken, PATIENCE)
        if found is None:
            raise self.failure(f"did not say {pattern!r}")
        return found

    def kill(self) -> None:
        """End the program as a crash would, and wait; its exit code says nothing then."""
        self.killed = True
        self._process.kill()
        self.wait()

    def signal(self, number: int) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def wait(self) -> int:
        """Return the exit code once the program has ended. Raised, and the program killed, when it does not end."""
        try:
            code = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise self.failure("did not end") from None
        finally:
            for reader in self._readers:
                reader.join(PATIENCE)
        return code

    def stop(self) -> int:
        """Ask the program to end, if it has not, and return its exit code."""
        self._process.terminate()
        return self.wait()

    def failure(self, what: str) -> ChildFailed:
        """Return what to raise."""
        return ChildFailed("\n".join([f"{' '.join(self.command)} {what}; its stderr:", *self.stderr[-50:]]))

    def _read(self, stream: IO[str], lines: list[str]) -> None:
        with stream:
            for line in stream:
                with self._changed:
                    lines.append(line.rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._open -= 1
            self._changed.notify_all()


def python(*arguments: str) -> list[str]:
    """Return the command that runs this interpreter so."""
    return [sys.executable, *arguments]
