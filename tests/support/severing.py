"""A relay on the link between the proxy and the origin server, that can be told to cut, to hold and to deliver late.

What lives here: bytes and connections, and of HTTP one answer. One fault is armed at a time and meets the next
connection that is made, which before a guarded write is that of the write: the proxy opens one for each.
"""

import asyncio
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from threading import Event, Thread

from tests.support.door import Door, streams
from tests.support.ports import LOOPBACK, reserved_port

_AT_ONCE = 64 * 1024
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on, for no time: closing then sends RST."""


class Cut(Enum):
    """What happens to a connection."""

    AT_ONCE = "at once"
    """It is reset as soon as it is made; what was sent on it is lost."""
    IN_THE_REQUEST = "in the request"
    """Some bytes of the request arrive, then it is reset on both sides."""
    BEFORE_THE_ANSWER = "before the answer"
    """The request arrives whole; the answer never does, the connection is reset instead."""
    IN_THE_ANSWER = "in the answer"
    """Half of the first piece of the answer arrives, then it is reset."""
    LATE = "late"
    """The request is held, and delivered after a time even if the proxy has left meanwhile."""
    GIVEN_UP = "given up"
    """Likewise, and answered at once with 504, as a gateway does that loses sight of a request."""


LATE = 0.7
"""How long a late request is held, in seconds."""

GAVE_UP = b"HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Link:
    """A running relay. `url` is where the proxy finds the origin server."""

    def __init__(self, near: int, port: int) -> None:
        self.url = f"http://{LOOPBACK}:{near}"
        self._near = near
        self._port = port
        self._door: Door | None = None
        self._armed: Cut | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._up, self._down = Event(), asyncio.Event()
        self._thread = Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)

    def start(self) -> None:
        """Begin to relay."""
        self._thread.start()
        self._up.wait()

    def stop(self) -> None:
        """Deliver what is held, then end."""
        self._loop.call_soon_threadsafe(self._down.set)
        self._thread.join()
        self._loop.close()

    def arm(self, cut: Cut | None) -> None:
        """Let that happen to the next connection; None disarms."""
        self._armed = cut

    def refuse(self) -> None:
        """Refuse new connections, as a machine does on which nothing listens."""
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result()

    def admit(self) -> None:
        """Let connections be made again."""
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()

    async def _open(self) -> None:
        if self._door is None:
            self._door = Door(self._near, self._accept)
        self._door.open()

    async def _shut(self) -> None:
        if self._door is not None:
            self._door.shut()

    async def _serve(self) -> None:
        await self._open()
        self._up.set()
        await self._down.wait()
        await self._shut()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _accept(self, connection: socket.socket) -> None:
        cut, self._armed = self._armed, None
        task = self._loop.create_task(self._relayed(cut, connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _relayed(self, cut: Cut | None, connection: socket.socket) -> None:
        reader, writer = await streams(connection)
        with suppress(OSError):
            await self._join(cut, reader, writer)
        writer.transport.abort()
        await asyncio.sleep(0)  # so that the loop does not end before the connection has

    async def _join(self, cut: Cut | None, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect the two sides until either ends."""
        if cut is Cut.AT_ONCE:
            _reset(writer)
            return
        far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self._port)
        if cut is Cut.GIVEN_UP:
            writer.write(GAVE_UP)
        try:
            asking = asyncio.ensure_future(self._requests(cut, reader, far_writer))
            telling = asyncio.ensure_future(_answers(cut, far_reader, writer))
            _, pending = await asyncio.wait({asking, telling}, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
            if True in await asyncio.gather(asking, telling, return_exceptions=True):
                _reset(writer)
                _reset(far_writer)
        finally:
            far_writer.transport.abort()

    async def _requests(self, cut: Cut | None, reader: asyncio.StreamReader, far: asyncio.StreamWriter) -> bool:
        """Pass requests on; tell whether the connection is to be reset."""
        while data := await reader.read(_AT_ONCE):
            if cut is Cut.IN_THE_REQUEST:
                far.write(data[: len(data) // 2])
                await far.drain()
                return True
            if cut in {Cut.LATE, Cut.GIVEN_UP}:
                await self._deliver_late(data, reader, far)
                return False
            far.write(data)
            await far.drain()
        return False

    async def _deliver_late(self, data: bytes, reader: asyncio.StreamReader, far: asyncio.StreamWriter) -> None:
        """Keep a request for a time, then send it and wait for what comes back, whoever still wants it."""
        await asyncio.sleep(LATE)
        far.write(data)
        with suppress(OSError):
            while more := await reader.read(_AT_ONCE):
                far.write(more)
        await far.drain()
        far.write_eof()
        await asyncio.sleep(LATE)


async def _answers(cut: Cut | None, far: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Pass answers back; tell whether the connection is to be reset."""
    while data := await far.read(_AT_ONCE):
        if cut is Cut.BEFORE_THE_ANSWER:
            return True
        if cut is Cut.IN_THE_ANSWER:
            writer.write(data[: len(data) // 2])
            await writer.drain()
            return True
        with suppress(OSError):  # who asked may have left; what was asked goes on
            writer.write(data)
            await writer.drain()
    return False


def _reset(writer: asyncio.StreamWriter) -> None:
    connected: socket.socket = writer.get_extra_info("socket")
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


@contextmanager
def severable(port: int) -> Iterator[Link]:
    """Run a relay to a port of this machine."""
    with reserved_port() as near:
        link = Link(near, port)
        link.start()
        try:
            yield link
        finally:
            link.stop()
