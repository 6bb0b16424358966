"""One connection through a relay: its two ways, and how the link is meanwhile.

What lives here: passing bytes on late, later or not at all, and ending. Telling a link how it is, is
`tests.support.relaying`'s.
"""

import asyncio
import socket
import struct
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from enum import Enum, Flag
from typing import Any

from tests.support.conversing import Conversation, Orders
from tests.support.door import streams
from tests.support.ports import LOOPBACK

_AT_ONCE = 64 * 1024
_PIECES = 64
"""How many pieces, of that many bytes at most, may be under way; then no more are read."""
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on, for no time: closing then sends RST."""


class Way(Flag):
    """Which bytes."""

    THERE = 1
    BACK = 2
    BOTH = THERE | BACK


class Link(Enum):
    """How a link is."""

    WHOLE = "whole"
    CUT = "cut"
    """No connection is, and none is made."""
    HOLE = "hole"
    """What is sent is lost."""
    HELD = "held"
    """What is sent is kept."""


class State:
    """How the link of a relay is, to all its connections."""

    def __init__(self) -> None:
        self.link = Link.WHOLE
        self.delays = dict.fromkeys((Way.THERE, Way.BACK), 0.0)
        self.orders = Orders()
        self.open = asyncio.Event()
        self.open.set()

    def mend(self) -> None:
        """Make all as it was at first."""
        self.delays = dict.fromkeys((Way.THERE, Way.BACK), 0.0)
        self.orders.losses.clear()
        self.orders.muted = False
        self.turn(Link.WHOLE)

    def turn(self, link: Link) -> None:
        """Make it so."""
        self.link = link
        if link is Link.HELD:
            self.open.clear()
        else:
            self.open.set()


class _Severed(Exception):
    """The connection is to end here."""


class _Pipe:
    """One way of one connection: each piece arrives no sooner than it should, and as the link then is."""

    def __init__(self, state: State, way: Way, writer: asyncio.StreamWriter, talk: Conversation) -> None:
        self.lost = False
        self._state = state
        self._way = way
        self._writer = writer
        self._talk = talk
        self._pieces: asyncio.Queue[tuple[float, bytes | None]] = asyncio.Queue(_PIECES)
        self._loop = asyncio.get_running_loop()

    async def take(self, reader: asyncio.StreamReader) -> None:
        """Take in what comes, until nothing more does. That it was reset arrives in turn as well."""
        try:
            while data := await reader.read(_AT_ONCE):
                await self._put(data)
        except OSError:
            await self._put(None)
        else:
            await self._put(b"")

    async def give(self) -> None:
        """Give it out, until the end was."""
        ended = False
        while not ended:
            due, data = await self._pieces.get()
            await asyncio.sleep(due - self._loop.time())
            await self._state.open.wait()
            if self._state.link is Link.HOLE:
                self.lost = True
            else:
                ended = await self._deliver(data)

    async def _put(self, data: bytes | None) -> None:
        await self._pieces.put((self._loop.time() + self._state.delays[self._way], data))

    async def _deliver(self, data: bytes | None) -> bool:
        """Pass a piece on; tell whether it was the last."""
        if self._way is Way.THERE:
            await self._send(self._talk.there(data or b""))
        elif data is None:
            raise ConnectionResetError
        else:
            with suppress(OSError):  # who asked may have left; what was asked goes on
                await self._send(self._talk.back(data))
            if self._talk.closed:
                raise _Severed
        if not data:
            self._writer.write_eof()
        return not data

    async def _send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()


class Connection:
    """A connection of a client, and ours to the other side."""

    def __init__(self, state: State, near: socket.socket) -> None:
        self._state = state
        self._near = near
        self._writers: list[asyncio.StreamWriter] = []
        self._pipes: list[_Pipe] = []
        self._swallowed = False

    @property
    def lost(self) -> bool:
        """Tell that something sent on it never arrived."""
        return self._swallowed or any(pipe.lost for pipe in self._pipes)

    async def run(self, port: int) -> None:
        """Relay until both sides have ended, or a reply was lost. Raised when either fails: `OSError`."""
        reader, writer = await streams(self._near)
        self._writers.append(writer)
        if self._state.link is Link.HOLE:
            await self._swallow(reader)
        elif self._state.link is not Link.CUT:
            await self._relay(port, reader)

    def reset(self) -> None:
        """Reset both sides, if they have not ended."""
        for writer in self._writers:
            _reset(writer)
        if not self._writers:
            self._near.close()

    async def _swallow(self, reader: asyncio.StreamReader) -> None:
        self._swallowed = True
        while await reader.read(_AT_ONCE):
            pass

    async def _relay(self, port: int, reader: asyncio.StreamReader) -> None:
        far, writer = await asyncio.open_connection(LOOPBACK, port)
        self._writers.append(writer)
        talk = Conversation(self._state.orders)
        there = _Pipe(self._state, Way.THERE, writer, talk)
        back = _Pipe(self._state, Way.BACK, self._writers[0], talk)
        self._pipes = [there, back]
        steps = [there.take(reader), back.take(far), there.give(), back.give()]
        with suppress(_Severed):
            await _together(steps)
        for ended in self._writers:
            ended.close()
            await ended.wait_closed()


async def _together(steps: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Take the steps at once. When one fails the others end too."""
    tasks = [asyncio.ensure_future(step) for step in steps]
    try:
        await asyncio.gather(*tasks)
    finally:
        await cancelled(tasks)


async def cancelled(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel them, and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _reset(writer: asyncio.StreamWriter) -> None:
    connected: socket.socket = writer.get_extra_info("socket")
    with suppress(OSError):  # it may have ended already
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
