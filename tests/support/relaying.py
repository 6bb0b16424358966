"""A relay on the link to a store, or any other, that can be told to be slow, to be cut, to swallow and to forget.

What lives here: connections, and what becomes of them. Unlike `tests.support.severing`, which meets one connection with
one fault, it is told how the link is, and stays so until mended. What RESP means is `tests.support.conversing`'s.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any, TypeVar

from tests.support.child import PATIENCE
from tests.support.conversing import After, Loss
from tests.support.door import Door
from tests.support.ports import reserved_port
from tests.support.relayed import Connection, Link, State, Way, cancelled

_Told = TypeVar("_Told")


class Relay:
    """A running relay. `port` is where clients find the other side. What it is told is so when the method returns."""

    def __init__(self, port: int, far_port: int) -> None:
        self.port = port
        self._far_port = far_port
        self._failures: list[BaseException] = []
        self._connections: dict[Connection, asyncio.Task[None]] = {}
        self._door: Door | None = None
        self._loop = asyncio.new_event_loop()
        self._state = State()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._do(self._listen)

    # How the link is --------------------------------------------------------------------------------------------------

    def delay(self, seconds: float, way: Way = Way.BOTH) -> None:
        """Let every piece that comes from now on take so long, on each way that is meant."""
        self._state.delays |= dict.fromkeys(way, seconds)

    def cut(self) -> None:
        """Reset all connections, and refuse new ones."""
        self._do(self._cut)

    def black_hole(self) -> None:
        """Swallow all that is sent, on connections that are and on new ones; none of them ends."""
        self._do(self._turn, Link.HOLE)

    def hold(self) -> None:
        """Keep all that is sent; it arrives when mended, whoever still waits for it: TCP behind a broken switch."""
        self._do(self._turn, Link.HELD)

    def mend(self) -> None:
        """Make the link as it was at first. A connection that lost something in a black hole is reset."""
        self._do(self._mend)

    def mute_pushes(self) -> None:
        """Pass no published message on. That a channel is subscribed to is told all the same."""
        self._state.orders.muted = True

    def drop_reply(self, matching: bytes, times: int = 1, after: After = After.CLOSED) -> Loss:
        """Lose the reply to the next commands in which these bytes are; the store does what they ask.

        A command that subscribes is answered by pushes, and has no reply to lose.
        """
        loss = Loss(matching, times, after)
        self._state.orders.losses.append(loss)
        return loss

    # What passed ------------------------------------------------------------------------------------------------------

    @property
    def counted(self) -> Counter[str]:
        """How many commands of each name passed, as `EVALSHA` or `CLIENT SETINFO`."""
        return self._do(self._told)[0]

    @property
    def round_trips(self) -> int:
        """How often a command passed on a connection on which no other was without its reply."""
        return self._do(self._told)[1]

    def reset_count(self) -> None:
        """Count from now on."""
        self._do(self._forget)

    # On the loop ------------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Reset all connections and end. Raised when what passed was no RESP but began so: `ValueError`."""
        self._do(self._cut)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        if self._failures:
            raise self._failures[0]

    def _do(self, step: Callable[..., Coroutine[Any, Any, _Told]], *arguments: object) -> _Told:
        return asyncio.run_coroutine_threadsafe(step(*arguments), self._loop).result(PATIENCE)

    async def _listen(self) -> None:
        if self._door is None:
            self._door = Door(self.port, self._accept)
        self._door.open()

    def _accept(self, near: socket.socket) -> None:
        connection = Connection(self._state, near)
        task = self._loop.create_task(connection.run(self._far_port))
        self._connections[connection] = task
        task.add_done_callback(lambda task: self._ended(connection, task))

    def _ended(self, connection: Connection, task: asyncio.Task[None]) -> None:
        connection.reset()
        del self._connections[connection]
        failure = None if task.cancelled() else task.exception()
        if failure is not None and not isinstance(failure, OSError):
            self._failures.append(failure)

    async def _turn(self, link: Link) -> None:
        self._state.turn(link)

    async def _cut(self) -> None:
        self._state.turn(Link.CUT)
        if self._door is not None:
            self._door.shut()
        await cancelled(list(self._connections.values()))

    async def _mend(self) -> None:
        await cancelled([task for connection, task in self._connections.items() if connection.lost])
        self._state.mend()
        await self._listen()

    async def _told(self) -> tuple[Counter[str], int]:
        return Counter(self._state.orders.counted), self._state.orders.round_trips

    async def _forget(self) -> None:
        self._state.orders.counted.clear()
        self._state.orders.round_trips = 0


@contextmanager
def relay(port: int) -> Iterator[Relay]:
    """Run a relay to a port of this machine."""
    with reserved_port() as near:
        link = Relay(near, port)
        try:
            yield link
        finally:
            link.stop()
