"""A command in the foreground: its lines for the person who started it, and the signals that tell it to end.

What lives here: what `run` and each of its workers have in common. What must not: what is served, or how.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from proxy.core.address import Address, UnixAddress

ENDING: Final = (signal.SIGTERM, signal.SIGINT)
"""The signals that ask for an end: the first for a good one, a second for one at once."""


def say(text: str) -> None:
    """Tell the person who started the command, or nobody where there is nobody any more."""
    with suppress(OSError):
        print(f"ifmatch {text}", file=sys.stderr, flush=True)


def url(address: Address, *, tls: bool = False) -> str:
    """Return an address as something to open."""
    if isinstance(address, UnixAddress):
        return str(address)
    return f"{'https' if tls else 'http'}://{address}"


@contextmanager
def naming(address: Address | None) -> Iterator[None]:
    """Name the address that cannot be had, in words for the person who chose it."""
    try:
        yield
    except OSError as fault:
        reason = os.strerror(fault.errno) if fault.errno else str(fault)
        raise OSError(fault.errno, f"{address}: {reason}") from fault


async def until_stopped(serve: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Serve until told to stop, which sets the event that `serve` is given; then let it finish.

    A second signal ends the process at once, with exit code 1. Whatever `serve` raises is raised.
    """
    stopping, forced = asyncio.Event(), asyncio.Event()

    def told() -> None:
        (forced if stopping.is_set() else stopping).set()

    with heeding(told):
        serving = asyncio.ensure_future(serve(stopping))
        forcing = asyncio.ensure_future(forced.wait())
        await asyncio.wait({serving, forcing}, return_when=asyncio.FIRST_COMPLETED)
        forcing.cancel()
        if not serving.done():
            say("stops at once: writes in flight may have been applied")
            os._exit(1)  # a write that is cut off has no better end than this process's
        await serving


@contextmanager
def heeding(told: Callable[[], object]) -> Iterator[None]:
    """Call `told` in the running event loop once for each signal that asks for an end, while the body runs.

    Not by `add_signal_handler`: uvloop calls twice for a signal that comes while another one is taken in, and of two
    the second ends everything.
    """
    loop = asyncio.get_running_loop()
    before = {number: signal.signal(number, lambda *_: loop.call_soon_threadsafe(told)) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class OneByOne:
    """Does a thing as often as it was begun, one time after the other: what a signal asks for that takes a while."""

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self._turn = asyncio.Lock()
        self._begun: set[asyncio.Task[None]] = set()

    def begin(self) -> None:
        """Do it once more, after those before."""
        task = asyncio.ensure_future(self._do())
        self._begun.add(task)  # the event loop keeps no strong reference
        task.add_done_callback(self._begun.discard)

    async def _do(self) -> None:
        async with self._turn:
            await self._work()
