"""A supervisor and its workers: as a program, `python -m tests.support.staff`, and as a test sees them.

What lives here: the supervisor of `proxy.cli.supervising` without the rest of `ifmatch run`, so that workers can be
stubs (`tests.support.stub_worker`) and need no store to share.
"""

import argparse
import asyncio
import json
import math
import os
import select
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from proxy.admin import Admin
from proxy.cli.foreground import say, url
from proxy.cli.mortality import Mortality
from proxy.cli.orders import Orders
from proxy.cli.supervised import worker_command
from proxy.cli.supervising import Front, Staffing, supervise
from proxy.config import ConfigurationError, Settings, load
from proxy.core.address import Address
from tests.support.child import PATIENCE, Child, python
from tests.support.processes import ADDRESS, FREE_PORT

UNIX = "unix:"
NOBODY = "http://127.0.0.1:1"
"""An origin server that there is not."""


class Staff:
    """A supervisor and its workers as a test sees them."""

    def __init__(self, child: Child, admin: str) -> None:
        self.child = child
        self._admin = admin

    @property
    def url(self) -> str:
        """Where the workers listen, once all of them do."""
        return self.child.line(f"ifmatch listening on {ADDRESS}")[1]

    @property
    def pids(self) -> set[int]:
        """The process ids of the workers that there are now."""
        children = Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children")
        return {int(pid) for pid in children.read_text().split()}

    @property
    def spoken(self) -> list[str]:
        """The lines that the supervisor has written so far for whoever started it."""
        return [line for line in self.child.stderr if line.startswith("ifmatch ") and "departed" not in line]

    def meet(self) -> dict[str, Any]:
        """Return what a stub that serves says of itself: `pid`, `number`, and how many `routes` it goes by."""
        with _connected(self.url) as connection, connection.makefile("rb") as said:
            introduction: dict[str, Any] = json.load(said)
            return introduction

    def everyone(self, *, apart_from: Iterable[int] = ()) -> dict[int, dict[str, Any]]:
        """Meet stubs until each of numbers 1 and 2 was met, those with the ids `apart_from` not counted.

        Whoever meets nobody, because the one that would have answered is going, tries again.
        """
        met: dict[int, dict[str, Any]] = {}
        others = "".join(f"(?!{pid}$)" for pid in apart_from)
        for number in (1, 2):
            self.child.line(f"stub {number} serves as {others}")

        def complete() -> bool:
            with suppress(ConnectionError):
                introduction = self.meet()
                if introduction["pid"] not in apart_from:
                    met[introduction["number"]] = introduction
            return len(met) == 2

        until(complete)
        return met

    def probe(self, page: str) -> int:
        """Return the status of a page of the admin port."""
        with closing(HTTPConnection("localhost", timeout=PATIENCE)) as connection, _connected(self._admin) as opened:
            connection.sock = opened
            connection.request("GET", page)
            with connection.getresponse() as answer:
                return answer.status


def until(condition: Callable[[], bool]) -> None:
    """Ask again and again until the condition holds; each time it has to ask another process."""
    deadline = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < deadline, "what was waited for did not happen"


@contextmanager
def all_leaving(pids: Iterable[int]) -> Iterator[None]:
    """Wait on leaving until all of these processes have ended."""
    with ExitStack() as opened:
        watched = select.poll()
        left = {os.pidfd_open(pid): pid for pid in pids}
        for descriptor in left:
            opened.callback(os.close, descriptor)
            watched.register(descriptor, select.POLLIN)
        yield
        while left:
            ended = watched.poll(PATIENCE * 1000)
            assert ended, f"still there: {sorted(left.values())}"
            for descriptor, _ in ended:
                watched.unregister(descriptor)
                del left[descriptor]


@contextmanager
def running_staff(
    stub: str | None = None,
    *,
    program: Sequence[str] | None = None,
    upstream: str = NOBODY,
    config: str | None = None,
    listen: str = FREE_PORT,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Staff]:
    """Run a supervisor of two workers: stubs in this mode, this program, or real ones. It is asked to end on leaving.

    How it ends is for the test to judge.
    """
    with TemporaryDirectory(prefix="ifmatch-") as folder:
        admin = f"{UNIX}{folder}/admin.sock"
        command = python("-m", "tests.support.staff", "--upstream", upstream, "--listen", listen, "--admin", admin)
        command += [] if config is None else ["--config", config]
        worker = python("-m", "tests.support.stub_worker", stub) if stub else program or []
        child = Child([*command, "--", *worker], environment)
        try:
            yield Staff(child, admin)
        except BaseException as error:
            error.add_note("\n".join(["stderr of the staff:", *child.stderr[-50:]]))
            raise
        finally:
            child.stop()


def _connected(address: str) -> socket.socket:
    if address.startswith(UNIX):
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(PATIENCE)
            connection.connect(address.removeprefix(UNIX))
        except OSError:
            connection.close()
            raise
        return connection
    parts = urlsplit(address)
    assert parts.hostname
    assert parts.port
    return socket.create_connection((parts.hostname, parts.port), PATIENCE)


class _Line:
    """The command line of the program, and what the supervisor leaves to whoever knows it."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._config: str | None = options.config
        self._flags = {name: getattr(options, name) for name in ("upstream", "listen", "admin")}

    def load(self) -> Settings:
        return load(self._config, flags=self._flags, environ=os.environ)

    def announce(self, listen: Address, admin: Address | None) -> None:
        say(f"listening on {url(listen)}")
        say(f"admin on {admin}")

    async def reload(self) -> Settings | None:
        with suppress(ConfigurationError):
            return self.load()
        say("keeps its old routes")
        return None

    def reloaded(self, settings: Settings) -> None:
        say(f"reloaded {len(settings.routes.routes)} routes")


def main() -> int:
    """Supervise, and return the exit code."""
    parser = argparse.ArgumentParser()
    for name in ("--config", "--upstream", "--listen", "--admin"):
        parser.add_argument(name)
    parser.add_argument("worker", nargs="*")
    options = parser.parse_args()
    line = _Line(options)
    front = Front(
        announce=line.announce,
        reload=line.reload,
        reloaded=line.reloaded,
        departed=lambda pid: say(f"departed: {pid}"),
        admin=lambda ready: Admin(ready, bytes),
    )
    ageless = Mortality(2, young=math.inf, window=math.inf)  # however slow the machine
    staffing = Staffing(options.worker or worker_command(), ageless)
    return asyncio.run(supervise(Orders(line.load()), 2, front, staffing))


if __name__ == "__main__":
    sys.exit(main())
