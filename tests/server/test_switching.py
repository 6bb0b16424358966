"""A client's connection that may be taken out of HTTP, over a real socket."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from proxy.core.address import TcpAddress
from proxy.server import Patience
from proxy.server.connection import Connection
from proxy.server.draining import Census
from proxy.server.inlet import HELD, Inlet
from proxy.server.listening import Listener, listen
from proxy.server.sent import Sent
from proxy.telemetry import Sparing
from tests.server.conftest import LOOPBACK
from tests.server.wire import PATIENCE, Wire, connect
from tests.support.websocket import handshake


class Stage:
    """A listener whose handler takes over whichever connection can be, and keeps it until it is lost."""

    def __init__(self) -> None:
        self.can: list[bool] = []
        self.taken: asyncio.Queue[tuple[Connection, Inlet]] = asyncio.Queue()
        self.wires: list[Wire] = []
        self.address = LOOPBACK

    async def __call__(self, request: web.BaseRequest) -> Sent:
        connection = request.protocol
        assert isinstance(connection, Connection)
        self.can.append(connection.can_switch)
        if connection.can_switch:
            self.taken.put_nowait((connection, connection.switch()))
            await connection.gone
        else:
            connection.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        return Sent(connection, request)

    async def ask(self, message: bytes) -> Wire:
        """Send bytes on a new connection."""
        self.wires.append(await connect(self.address))
        self.wires[-1].send(message)
        return self.wires[-1]

    async def take(self) -> tuple[Connection, Inlet]:
        """Wait for a connection that was taken over."""
        async with asyncio.timeout(PATIENCE):
            return await self.taken.get()


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """Return a stage on which a server plays."""
    stage, census = Stage(), Census()
    server = await listen(Listener(stage, census, Patience(), Sparing(logging.getLogger("x"))), LOOPBACK, None)
    stage.address = TcpAddress("127.0.0.1", server.sockets[0].getsockname()[1])
    yield stage
    for wire in stage.wires:
        wire.writer.close()
    server.close()
    await census.drain(0)  # a half-closed one is not known to have ended


async def test_the_clients_bytes_are_taken_over(stage: Stage) -> None:
    """First those behind the request, then those that come; its half-close ends them, and leaves our side open."""
    wire = await stage.ask(handshake("/") + b"early")
    connection, inlet = await stage.take()
    assert await anext(inlet) == b"early"
    wire.send(b"GET / HTTP/1.1\r\n\r\n")
    assert await anext(inlet) == b"GET / HTTP/1.1\r\n\r\n"
    wire.half_close()
    assert await anext(inlet, None) is None
    assert (connection.ended, connection.gone.done(), connection.switched) == (True, False, True)
    connection.write(b"late")
    assert connection.finish()
    assert await wire.ended() == b"late"
    assert stage.can == [True]


async def test_an_end_that_came_before_is_an_end(stage: Stage) -> None:
    """A client that shut its side behind the request has nothing more to say than what came with it."""
    wire = await stage.ask(handshake("/") + b"early")
    wire.half_close()
    connection, inlet = await stage.take()
    assert [piece async for piece in inlet] == [b"early"]
    assert not connection.gone.done()


async def test_a_client_that_is_lost_has_said_all(stage: Stage) -> None:
    """Whoever waits for its bytes goes on, and there is nothing to shut any more."""
    wire = await stage.ask(handshake("/"))
    connection, inlet = await stage.take()
    wire.reset()
    assert [piece async for piece in inlet] == []
    await connection.gone
    assert not connection.finish()


async def test_what_is_not_taken_is_not_read(stage: Stage) -> None:
    """The client is held up; once its bytes are taken, it is read on."""
    wire = await stage.ask(handshake("/"))
    _, inlet = await stage.take()
    whole = 8 * 1024 * 1024
    wire.send(bytes(whole))
    for _ in range(500):
        await asyncio.sleep(0)
    assert HELD < inlet.held < 1024 * 1024
    wire.half_close()
    assert sum([len(piece) async for piece in inlet]) == whole


@pytest.mark.parametrize(
    "message",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n",
        handshake("/", upgrade="h2c"),
        handshake("/", upgrade="websocket, h2c"),
    ],
)
async def test_what_the_parser_reads_on_is_not_taken_over(stage: Stage, message: bytes) -> None:
    """Where it takes what follows for the next request, that must be one."""
    wire = await stage.ask(message)
    assert (await wire.head()).status == 204
    assert stage.can == [False]
