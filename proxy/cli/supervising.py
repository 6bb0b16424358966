"""Several workers that serve one address: they are started, replaced when they end, and told to end.

What lives here: the supervisor, which is the process of `ifmatch run` where there are several `workers`. It has the
configuration, the address, the admin port and the signals, and serves no request itself. What must not: what a worker
does (`worker`), how it is talked to (`supervised`, `orders`), what a shared address is (`proxy.server.reserving`).
"""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import Final

from proxy.admin import Admin
from proxy.cli import FAILURE, GOOD, USAGE
from proxy.cli.foreground import OneByOne, heeding, naming, say
from proxy.cli.mortality import Mortality
from proxy.cli.orders import Orders
from proxy.cli.supervised import Ending, Worker, worker_command
from proxy.config import Settings
from proxy.core.address import Address
from proxy.server.reserving import Reservation, reserve

FORCED: Final = 2
"""The signal to stop, counted from 1, that asks for an end at once."""


@dataclass(frozen=True, slots=True)
class Front:
    """What is left to whoever knows the command line and the file.

    `announce` is called once, when all workers serve, with the addresses. `reload` returns the settings of the file as
    it is now, or None, having said why, where the old ones are kept; `reloaded` is called when all workers go by the
    routes of the new ones. `departed` is called with the process id of every worker that has ended. `admin` returns
    the admin port, given what tells whether anyone takes requests.
    """

    announce: Callable[[Address, Address | None], None]
    reload: Callable[[], Awaitable[Settings | None]]
    reloaded: Callable[[Settings], None]
    departed: Callable[[int], None]
    admin: Callable[[Callable[[], bool]], Admin]


@dataclass(frozen=True, slots=True)
class Staffing:
    """How workers are had: each is `command` and its number; `mortality` tells whether one that ended is replaced."""

    command: Sequence[str]
    mortality: Mortality


async def supervise(orders: Orders, workers: int, front: Front, staffing: Staffing | None = None) -> int:
    """Have workers serve until told to stop, and return the exit code.

    0 after a good end; 1 when something was cut off, or when workers die faster than it makes sense to replace them; 2
    when one of the first finds that its orders cannot be carried out. Raised when an address cannot be had: OSError.
    """
    settings = orders.settings
    with naming(settings.listen):
        place = await reserve(settings.listen)
    supervisor = Supervisor(place, orders, workers, front, staffing or Staffing(worker_command(), Mortality(workers)))
    admin = front.admin(supervisor.ready)
    try:
        with naming(settings.admin):
            bound_admin = None if settings.admin is None else await admin.start(settings.admin)
        return await supervisor.run(bound_admin)
    finally:
        await admin.close()
        place.release()


class Supervisor:
    """Keeps workers alive: SIGTERM or SIGINT drains them, a second one ends them at once, SIGHUP brings new routes."""

    def __init__(self, place: Reservation, orders: Orders, workers: int, front: Front, staffing: Staffing) -> None:
        self._place = place
        self._orders = replace(orders, settings=replace(orders.settings, listen=place.address, admin=None))
        self._numbers = range(1, workers + 1)
        self._front = front
        self._staffing = staffing
        self._workers: dict[int, Worker] = {}
        self._code: int = GOOD
        self._all_served = False
        self._stopping = asyncio.Event()
        self._stop_signals = 0
        self._reloads = OneByOne(self._take_new_routes)

    def ready(self) -> bool:
        """Tell whether anyone takes requests."""
        return not self._stopping.is_set() and any(worker.serves for worker in self._workers.values())

    async def run(self, admin: Address | None) -> int:
        """Keep every worker until told to stop, wait for their end, and return the exit code."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reloads.begin)
        with heeding(self._told_to_stop):
            async with asyncio.TaskGroup() as keeping:
                for number in self._numbers:
                    keeping.create_task(self._keep(number, admin))
        return self._code

    async def _keep(self, number: int, admin: Address | None) -> None:
        """Have a worker, and another when it ends, until all are to stop."""
        while not self._stopping.is_set():
            ending = await self._life(number, admin)
            pause = self._judge(f"worker {number} {ending}", ending)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()

    async def _life(self, number: int, admin: Address | None) -> Ending:
        """Have one worker, and return how it ended."""
        try:
            worker = await self._start(number)
        except OSError as fault:
            return Ending(None, FAILURE, str(fault))
        self._workers[number] = worker
        if self._stopping.is_set():
            worker.stop()
        if await worker.obey(self._orders) and not self._all_served:
            self._announce(admin)
        ending = await worker.ended()
        del self._workers[number]
        self._front.departed(worker.pid)
        return ending

    async def _start(self, number: int) -> Worker:
        with ExitStack() as after_start:
            listeners = [after_start.enter_context(listener) for listener in self._place.sockets()]
            return await Worker.start([*self._staffing.command, str(number)], listeners)

    def _announce(self, admin: Address | None) -> None:
        serving = [worker for worker in self._workers.values() if worker.serves]
        if len(serving) == len(self._numbers):
            self._all_served = True
            self._front.announce(self._place.address, admin)

    def _judge(self, what: str, ending: Ending) -> float:
        """Say how a worker ended, decide what comes of it, and return how long to wait before it is replaced."""
        if self._stopping.is_set():
            self._judge_late(what, ending)
            return 0.0
        if ending.code == USAGE and not self._all_served:
            say(ending.complaint or what)
            self._stop(USAGE)
            return 0.0
        pause = self._staffing.mortality.count(ending.lived, time.monotonic())
        if pause is None:
            say(what)
            say(f"gives up: {self._staffing.mortality}")
            self._stop(FAILURE)
            return 0.0
        say(f"{what}; starts another {f'in {pause:g} s' if pause else 'in its place'}")
        return pause

    def _judge_late(self, what: str, ending: Ending) -> None:
        """Say what was cut off, unless that was said before."""
        if ending.served and ending.code != GOOD and self._stop_signals < FORCED:
            say(what)
            self._code = self._code or FAILURE

    def _stop(self, code: int) -> None:
        """Have all workers finish what is in flight and leave. From now on the address is given back."""
        self._code = code
        self._stopping.set()
        self._place.release()
        for worker in self._workers.values():
            worker.stop()

    def _told_to_stop(self) -> None:
        self._stop_signals += 1
        if self._stop_signals == FORCED:
            say("stops at once: writes in flight may have been applied")
            self._code = FAILURE
            for worker in self._workers.values():
                worker.kill()
        elif not self._stopping.is_set():
            self._stop(GOOD)
            say(f"drains: requests in flight have {self._orders.settings.drain:g} s")

    async def _take_new_routes(self) -> None:
        """Have all workers go by the routes of the file as it is now, and those to come as well."""
        read = None if self._stopping.is_set() else await self._front.reload()
        if read is None or self._stopping.is_set():
            return
        self._orders = replace(self._orders, settings=replace(self._orders.settings, routes=read.routes))
        await asyncio.gather(*(worker.obey(self._orders) for worker in self._workers.values()))
        self._front.reloaded(read)
