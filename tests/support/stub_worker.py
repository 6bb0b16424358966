"""A worker that does one thing, as a program: `python -m tests.support.stub_worker MODE NUMBER`.

What lives here: the worker's side of the line to its supervisor, without a proxy. A mode is a function below.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path

from proxy.cli.orders import DONE, Orders, read

SCARS = "STUB_SCARS"
"""The variable that names the folder where `serves_once` remembers which numbers have been started."""

Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Stub:
    """The worker, with its number and its line."""

    def __init__(self, number: int, line: Line) -> None:
        self._number = number
        self._reader, self._writer = line
        self._routes = 0
        self._over = asyncio.Event()

    async def serves(self) -> int:
        """Answer every connection with who it is, until SIGTERM or the end of the line."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._over.set)
        orders = await read(self._reader)
        assert orders
        for listener in orders.listeners:
            await asyncio.start_server(self._introduce, sock=socket.socket(fileno=listener))
        heeding = asyncio.ensure_future(self._heed(orders))
        await self._over.wait()
        heeding.cancel()
        return 0

    async def serves_once(self) -> int:
        """Serve, the first time that this number is started; refuse from then on."""
        return await (self.serves() if _scarred(self._number) else self.refuses())

    async def serves_if_first(self) -> int:
        """Serve as number 1, be mute as any other."""
        return await (self.serves() if self._number == 1 else self.is_mute())

    async def is_mute(self) -> int:
        """Take orders and never answer, until the end of the line."""
        while await read(self._reader) is not None:
            self._say("listens")
        return 0

    async def is_stubborn(self) -> int:
        """Serve, and never end, as long as there is a supervisor."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        await self._heed(await read(self._reader))
        return 0

    async def refuses(self) -> int:
        """Say what is wrong with the orders."""
        await read(self._reader)
        return await self._complain("cannot do that", 2)

    async def crashes(self) -> int:
        """End without a word."""
        await read(self._reader)
        return 3

    async def _introduce(self, _: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        client.write(json.dumps({"pid": os.getpid(), "number": self._number, "routes": self._routes}).encode())
        client.close()

    async def _heed(self, orders: Orders | None) -> None:
        self._say("serves")
        while orders is not None:
            self._routes = len(orders.settings.routes.routes)
            self._writer.write(DONE)
            orders = await read(self._reader)
        self._over.set()

    def _say(self, what: str) -> None:
        print(f"stub {self._number} {what} as {os.getpid()}", file=sys.stderr, flush=True)  # noqa: T201 - to be waited for

    async def _complain(self, text: str, code: int) -> int:
        self._writer.write(text.encode())
        await self._writer.drain()
        return code


def _scarred(number: int) -> bool:
    """Leave a mark that this number has been started; tell whether there was none."""
    scar = Path(os.environ[SCARS], str(number))
    first = not scar.exists()
    scar.touch()
    return first


async def main(mode: str, number: int) -> int:
    """Work, and return the exit code."""
    stub = Stub(number, await asyncio.open_unix_connection(sock=socket.socket(fileno=0)))
    return int(await getattr(stub, mode)())


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1], int(sys.argv[2]))))
