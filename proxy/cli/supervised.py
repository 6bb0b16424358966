"""A worker as its supervisor has it: a process, the line to it, and how it ended.

What lives here: one process. What must not: how many there are, or what becomes of them.
"""

import asyncio
import signal
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from socket import socket, socketpair

from proxy.cli.orders import DONE, Orders, written

Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a worker ended. `code` is its exit code, or -n for signal n; `complaint` is what it could not do.

    `pid` is None where no process could be started; `served` tells whether it ever took connections; `lived` is in
    seconds.
    """

    pid: int | None
    code: int
    complaint: str = ""
    served: bool = False
    lived: float = 0.0

    def __str__(self) -> str:
        how = "left" if self.code == 0 else f"ended with exit code {self.code}"
        if self.code < 0:
            how = f"was killed by {_name(-self.code)}"
        if self.pid is None:
            how = "could not be started"
        who = "" if self.pid is None else f"(process {self.pid}) "
        return f"{who}{how}: {self.complaint}" if self.complaint else f"{who}{how}"


class Worker:
    """A worker process, from its birth to its end."""

    def __init__(self, process: Process, listeners: tuple[int, ...], line: Line) -> None:
        self._process = process
        self._listeners = listeners
        self._reader, self._writer = line
        self._turn = asyncio.Lock()
        self._born = time.monotonic()
        self._complaint = b""
        self._served = False
        self._over = False

    @classmethod
    async def start(cls, command: Sequence[str], listeners: Sequence[socket]) -> "Worker":
        """Start a worker that inherits these sockets. Raised when there can be none: OSError."""
        descriptors = tuple(listener.fileno() for listener in listeners)
        ours, theirs = socketpair()
        with ExitStack() as unless_started, theirs:
            unless_started.enter_context(ours)
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=theirs.fileno(),
                pass_fds=descriptors,
                start_new_session=True,  # Ctrl-C and a closed terminal are the supervisor's to pass on, once
            )
            unless_started.pop_all()
        return cls(process, descriptors, await asyncio.open_unix_connection(sock=ours))

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    @property
    def serves(self) -> bool:
        """Tell whether it has taken its first orders, and not come to an end."""
        return self._served and not self._over

    async def obey(self, orders: Orders) -> bool:
        """Give orders, once those before are carried out, and tell whether these are; if not, the worker ends."""
        async with self._turn:
            if self._over:
                return False
            with suppress(ConnectionError):
                self._writer.write(written(replace(orders, listeners=self._listeners)))
                await self._writer.drain()
                answer = await self._reader.read(1)
                if answer == DONE:
                    self._served = True
                    return True
                self._complaint = answer + await self._reader.read()
            self._over = True
            return False

    async def ended(self) -> Ending:
        """Wait for the end."""
        code = await self._process.wait()
        lived = time.monotonic() - self._born
        self._over = True
        async with self._turn:
            with suppress(ConnectionError):
                self._complaint += await self._reader.read()
        self._writer.close()
        return Ending(self.pid, code, self._complaint.decode(errors="replace"), self._served, lived)

    def stop(self) -> None:
        """Ask the worker to finish what is in flight and leave."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the worker at once."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(number)


def worker_command() -> list[str]:
    """Return the command of a worker."""
    return own_command("proxy.cli.worker")


def own_command(module: str) -> list[str]:
    """Return the command of a module: this interpreter, with this package and no other that is called the same.

    `-m` puts the current folder before all others, which is wanted only where this package was found there.
    """
    safely = [] if Path.cwd() == _ROOT else ["-P"]
    return [sys.executable, *safely, "-m", module]


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
