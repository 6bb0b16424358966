"""A server in this process, in front of a scripted origin server, and clients that speak raw bytes."""

import asyncio
import io
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvloop

from proxy.access_log import AccessLog, Style
from proxy.adapters.memory import MemoryLock, MemoryState
from proxy.core.address import Address, TcpAddress
from proxy.core.matching import Routes
from proxy.core.minting import Minter
from proxy.core.route import Guard, Route, Unmatched
from proxy.core.template import Template
from proxy.gateway import Gateway
from proxy.ports import ResourceLock
from proxy.server import Patience, Server
from tests.server.origin import Origin
from tests.server.wire import PATIENCE, Message, Reached, Wire

LOOPBACK = TcpAddress("127.0.0.1", 0)


def routes(**rules: Any) -> Routes:
    """Return a guarded route for /wiki/{id} with these rules; everything else is relayed."""
    return Routes(
        [
            Route("wiki", Template.parse("/wiki/{id}"), **rules),
            Route("open", Template.parse("/open/{rest...}"), guard=Guard.OFF),
        ],
        Unmatched.RELAY,
    )


class Log(io.StringIO):
    """An access log that the test can wait for."""

    def __init__(self) -> None:
        super().__init__()
        self.written = asyncio.Event()

    def write(self, text: str) -> int:
        self.written.set()
        return super().write(text)


@dataclass
class Stand(Reached):
    """A server under test. `lines` are those of its access log."""

    server: Server
    origin: Origin
    address: Address
    log: Log
    gateway: Gateway
    wires: list[Wire] = field(default_factory=list)

    async def answer(self, message: bytes, method: str = "GET") -> Message:
        """Return the answer to a request on a connection of its own."""
        return await (await self.ask(message)).answer(method)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    async def logged(self) -> dict[str, Any]:
        """Wait for the first line of the access log."""
        async with asyncio.timeout(PATIENCE):
            await self.log.written.wait()
        return self.lines[0]

    async def finish(self) -> list[dict[str, Any]]:
        """Drain, and return the lines of the access log."""
        for wire in self.wires:
            wire.writer.close()
        async with asyncio.timeout(PATIENCE):
            await self.server.drain(PATIENCE)
        return self.lines


Serving = Callable[..., Awaitable[Stand]]


@pytest.fixture
async def serving() -> AsyncIterator[Serving]:
    """Return what starts a server: with an origin server, routes, and whatever `Server` takes."""
    stands: list[Stand] = []

    async def start(
        origin: Origin | None = None,
        rules: Routes | None = None,
        address: Address = LOOPBACK,
        context: ssl.SSLContext | None = None,
        lock: ResourceLock | None = None,
        **options: Any,
    ) -> Stand:
        origin, log, state = origin or Origin(), Log(), MemoryState()
        gateway = Gateway(rules or routes(), origin, lock or MemoryLock(state), state, Minter("test"))
        patient = {"patience": Patience(linger=1e6), **options}
        server = Server(gateway, witnesses=[AccessLog(log, Style.JSON).write], **patient)
        stands.append(Stand(server, origin, await server.start(address, context), log, gateway))
        return stands[-1]

    yield start
    for stand in stands:
        for wire in stand.wires:
            wire.writer.close()
        await stand.server.drain(0)


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Serve on both event loops: asyncio's own, and the one that runs where it is installed."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
