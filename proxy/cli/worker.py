"""A worker: one of several processes that serve one address, started by a supervisor and never by hand.

What lives here: the worker's side, from its first orders to its end. What must not: what the person who started the
command is told, which is the supervisor's business. Exit 0 after a good end, 1 when something was cut off, 2 when the
orders cannot be carried out. When its supervisor is gone, a worker finishes what is in flight and leaves.
"""

import asyncio
import signal
import socket
import sys
from contextlib import suppress
from typing import Final

from proxy.access_log import AccessLog
from proxy.cli import FAILURE, GOOD, USAGE, looping
from proxy.cli.foreground import say, until_stopped
from proxy.cli.orders import DONE, Orders, read
from proxy.cli.serving import CutOffError, Served, serving
from proxy.config import ConfigurationError
from proxy.metrics import Metrics

_LINE: Final = 0
"""The standard input is the line to the supervisor."""


def main() -> int:
    """Work until told to stop. The command's only argument is the worker's number."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # new routes come over the line
    return looping.run(_work(" ".join(sys.argv[1:])))


async def _work(number: str) -> int:
    try:
        reader, writer = await asyncio.open_unix_connection(sock=socket.socket(fileno=_LINE))
    except OSError:
        say("worker: is started by `ifmatch run` alone")
        return USAGE
    orders = await read(reader)
    return GOOD if orders is None else await _Worker(number, reader, writer).work(orders)


class _Worker:
    """One worker and its line."""

    def __init__(self, number: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._number = number
        self._reader = reader
        self._writer = writer

    async def work(self, orders: Orders) -> int:
        """Serve to the end, and return the exit code."""
        try:
            await until_stopped(lambda stopping: self._serve(orders, stopping))
        except ConfigurationError as fault:
            await self._complain(str(fault))
        except OSError as fault:
            await self._complain(f"cannot listen on {fault.strerror}")
        except CutOffError:
            await self._complain("cut off what was still in flight: writes may have been applied")
            return FAILURE
        else:
            return GOOD
        return USAGE

    async def _serve(self, orders: Orders, stopping: asyncio.Event) -> None:
        own = [socket.socket(fileno=descriptor) for descriptor in orders.listeners]
        log, metrics = AccessLog(sys.stdout, orders.style, asyncio.get_running_loop().call_soon), Metrics(orders.counts)
        async with serving(orders.settings, log, own, metrics=metrics, say=self._say) as served:
            looping.settle_down()
            self._writer.write(DONE)
            heeding = asyncio.ensure_future(self._heed(served, stopping))
            await stopping.wait()
            heeding.cancel()

    async def _heed(self, served: Served, stopping: asyncio.Event) -> None:
        """Take new routes as they come; stop when there is nobody any more who could send them."""
        while (orders := await read(self._reader)) is not None:
            served.gateway.adopt(orders.settings.routes)
            self._writer.write(DONE)
        self._say("its supervisor is gone; drains")
        stopping.set()

    def _say(self, text: str) -> None:
        """Say what this worker alone can know."""
        say(f"worker {self._number}: {text}")

    async def _complain(self, text: str) -> None:
        """Tell the supervisor, which knows whom to tell, what became of the orders."""
        with suppress(ConnectionError):
            self._writer.write(text.encode())
            self._writer.close()
            await self._writer.wait_closed()


if __name__ == "__main__":
    sys.exit(main())
