"""One worker and several: what a request costs each, and how connections spread over them.

What lives here: playing the same requests to different numbers of workers, on cores that are chosen for them. Where the
load and the origin server need those cores as well, a rate says little, and the CPU time of a request all the more.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import urlsplit

from bench.crowd import Weight, children, once, steady
from bench.line import connected, request
from bench.load import Played, play
from bench.proc import PROC, used
from proxy.cli.vouching import vouch
from tests.support.processes import running_proxy
from tests.support.stores import running_redis

Load = Callable[[str, Sequence[bytes], int, int, float], Played]

FEW: Final = range(32)
SAMPLES: Final = 32

ESTABLISHED: Final = "01"
"""The state of a connection in /proc/net/tcp."""

RULES: Final = "routes:\n  - path: /{path...}\n"


@dataclass(frozen=True, slots=True)
class Staff:
    """A command that runs: its URL, its process, and its workers', which is its own where it has none."""

    url: str
    pid: int
    workers: Sequence[int]


@dataclass(frozen=True, slots=True)
class Work:
    """What came of one turn: answers a second, CPU microseconds of each, and how many cores all workers used."""

    rate: float
    cpu: float
    cores: float


@contextmanager
def staff(upstream: str, workers: int, store: str) -> Iterator[Staff]:
    """Run ifmatch with so many workers before an origin server."""
    with TemporaryDirectory(prefix="ifmatch-") as folder:
        path = Path(folder, "ifmatch.yaml")
        path.write_text(f"upstream: {upstream}\nstore: {store}\nworkers: {workers}\n{RULES}", "utf-8")
        if store != "memory://":
            said = StringIO()
            assert vouch(str(path), said) == 0, said.getvalue()
        with running_proxy(str(path)) as proxy:
            yield Staff(proxy.url, proxy.child.pid, children(proxy.child.pid) or [proxy.child.pid])


@contextmanager
def staffs(upstream: str, numbers: Sequence[int]) -> Iterator[list[Staff]]:
    """Run one for each of these numbers of workers, each with a store of its own."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(staff(upstream, number, stack.enter_context(running_redis()).url)) for number in numbers
        ]


def place(team: Staff, cores: Sequence[int]) -> None:
    """Have each worker run on one of the cores, in turn."""
    for number, pid in enumerate(team.workers):
        os.sched_setaffinity(pid, {cores[number % len(cores)]})


def worked(team: Staff, connections: int, seconds: int, resources: range = FEW, by: Load = play) -> Work:
    """Let wrk, or another load, ask for resources in turn for a while. Raised for wrong answers: `line.WrongAnswer`."""
    asked = [request(team.url, "GET", f"/documents/{number}") for number in resources]
    with connected(team.url) as line:
        size = fmean(line.ask(each).size for each in asked[-SAMPLES:])
    before = used(team.pid).cpu
    played = by(team.url, asked, seconds, connections, size)
    spent = used(team.pid).cpu - before
    return Work(played.rate, 1e6 * spent / played.requests, spent / played.seconds)


def shares(team: Staff, connections: int) -> list[int]:
    """Return how many of so many connections each worker has."""
    with ExitStack() as stack:
        for number in range(connections):
            once(stack.enter_context(connected(team.url)), number)
        ours = accepted(urlsplit(team.url).port or 0)
        return [len(ours & sockets(pid)) for pid in team.workers]


def accepted(port: int, proc: Path = PROC) -> set[str]:
    """Return the sockets that are connected to a port of this machine, on the side of who listens there."""
    lines = (line.split() for line in Path(proc, "net", "tcp").read_text("utf-8").splitlines()[1:])
    return {line[9] for line in lines if int(line[1].rpartition(":")[2], 16) == port and line[3] == ESTABLISHED}


def sockets(pid: int, proc: Path = PROC) -> set[str]:
    """Return the sockets that a process has open."""
    found = set()
    for each in Path(proc, str(pid), "fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            found.add(str(each.readlink()).removeprefix("socket:[").removesuffix("]"))
    return found


def weights(team: Staff) -> tuple[Weight, list[Weight]]:
    """Return what the command weighs, and each of its workers, idle."""
    return steady(team.pid), [steady(pid) for pid in team.workers]
