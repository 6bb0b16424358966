"""The port's `Workshop`: who does which work.

What lives here: threads that hash, and threads that each wait for a process of its own. None is started before it is
needed, so a proxy that never meets large content has none of them. Work waits in first-come order; as much can wait as
there are requests.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from proxy.adapters.workshop.bench import Bench, Unstaffed, command
from proxy.core.effort import Effort

T = TypeVar("T")

BENCHES: Final = 2
"""Processes at most: one that is busy for seconds with one document leaves another for the rest."""

HASHING: Final = 2
"""Threads at most for work that lets others go on."""


class Shop:
    """Fulfils `ports.Workshop`, in one event loop. `aclose` ends every thread and process.

    `hand` is the command of a process; None: our own.
    """

    def __init__(self, benches: int = BENCHES, hand: Sequence[str] | None = None) -> None:
        self._hand = command() if hand is None else hand
        self._benches: list[Bench] = []
        self._own = threading.local()
        self._hashing = ThreadPoolExecutor(HASHING, "hashing")
        self._reading = ThreadPoolExecutor(benches, "reading")

    async def do(self, work: Callable[[bytes], T], content: bytes, effort: Effort) -> T:
        """Return what `work` makes of the content; see `ports.Workshop.do`."""
        held = [(work, content)]
        read = effort is Effort.INTERPRETED

        def begin() -> T:
            asked, of = held.pop()
            return self._at_bench(asked, of) if read else asked(of)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._reading if read else self._hashing, begin)
        finally:
            held.clear()  # a thread pool keeps what is cancelled until its turn comes

    @property
    def pids(self) -> list[int]:
        """The processes that there are now."""
        return [pid for bench in tuple(self._benches) if (pid := bench.pid) is not None]

    async def aclose(self) -> None:
        """End. Work that was not begun never is; what is under way in a process is given up."""
        for pool in (self._hashing, self._reading):
            pool.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        for bench in tuple(self._benches):
            bench.close()
        for pool in (self._hashing, self._reading):
            pool.shutdown(wait=True)

    def _at_bench(self, work: Callable[[bytes], T], content: bytes) -> T:
        """Do work at the bench of this thread; here, where there can be none."""
        bench: Bench | None = getattr(self._own, "bench", None)
        if bench is None:
            bench = self._own.bench = Bench(self._hand)
            self._benches.append(bench)
        try:
            done: T = bench.do(work, content)
        except Unstaffed:
            return work(content)
        return done
