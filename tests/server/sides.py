"""A server over a real upstream, with the short way for plain reads or without it, and what may be seen of it.

What lives here: one such server, the origin server behind it that plays what a test says, and how it looks from all
sides what became of a request: what the client heard, what the origin server was asked, what was logged.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from proxy.adapters.memory import MemoryLock, MemoryState
from proxy.adapters.upstream import HttpUpstream
from proxy.core.address import Address
from proxy.core.matching import Routes
from proxy.core.minting import Minter
from proxy.gateway import Gateway
from proxy.ports import Purpose
from proxy.server import Patience, Server
from proxy.server.brief import Brief, Shortcut
from proxy.server.connection import Connection
from proxy.server.errand import Errand, Errands
from proxy.server.incoming import Incomings
from tests.adapters.upstream import origin as upstreams
from tests.adapters.upstream.origin import PATIENT, Peer, Serving
from tests.server.conftest import LOOPBACK, routes
from tests.server.wire import PATIENCE, Reached, Wire

ANSWERED, LEFT, LONG = "answered the short way", "left the short way", "the long way from the start"

WARM = b"GET /warm "
DATE = b"Date: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
"""The origin server's; another one is ours."""
OWN_DATE = re.compile(rb"\r\nDate: (?!Mon, 01 Jan 2024)[^\r]*")
_OWN_NAME = re.compile(r"[0-9a-f]{16}")
_VARY = {"time", "duration_ms", "select_ms", "perform_ms", "wait_ms", "overhead_ms"}
"""Members of a line whose values are times; only whether they are there is compared."""


@dataclass
class Trail:
    """Which way each head went that came alone to an idle connection, in the order of their coming."""

    ways: list[str] = field(default_factory=list)

    @property
    def left(self) -> bool:
        """Tell whether the latest has left the short way."""
        return self.ways[-1:] == [LEFT]


def lay_trail(patched: pytest.MonkeyPatch) -> Trail:
    """Note what takes a short way, and what leaves it, on all servers from now on; one at a time is followed."""
    trail = Trail()
    asks, does, read_on, write_on = Shortcut.take, Errands.take, Brief.lengthened, Errand.lengthened

    def noted(self: Shortcut, connection: Connection, head: bytes) -> Brief | None:
        brief = asks(self, connection, head)
        trail.ways.append(LONG if brief is None else ANSWERED)
        return brief

    def noted_too(self: Errands, connection: Connection, message: bytes) -> Errand | None:
        errand = does(self, connection, message)
        trail.ways[-1] = LONG if errand is None else ANSWERED  # what is no read is tried here then
        return errand

    def left(self: Brief) -> None:
        trail.ways[-1] = LEFT
        read_on(self)

    def left_too(self: Errand) -> None:
        trail.ways[-1] = LEFT
        write_on(self)

    patched.setattr(Shortcut, "take", noted)
    patched.setattr(Errands, "take", noted_too)
    patched.setattr(Brief, "lengthened", left)
    patched.setattr(Errand, "lengthened", left_too)
    return trail


def leave_when_lengthened(patched: pytest.MonkeyPatch) -> None:
    """Have each client leave in the moment in which its request leaves a short way."""
    lengthen = Connection.lengthen

    def leaving(connection: Connection) -> None:
        if connection.brief is not None:
            connection.abort()
        lengthen(connection)

    patched.setattr(Connection, "lengthen", leaving)


@dataclass
class Side(Reached):
    """A server, `short` with the short way. `lines` are those of its log, `plays` what its origin server does next."""

    short: bool
    server: Server
    gateway: Gateway
    upstream: HttpUpstream
    state: MemoryState
    origin: Serving
    address: Address
    lines: list[Mapping[str, object]]
    plays: list["Play"]
    wires: list[Wire] = field(default_factory=list)

    @property
    def asked(self) -> list[bytes]:
        """The requests that the origin server was sent by the server under test."""
        return [request for request in self.origin.requests if not request.startswith(WARM)]

    @property
    def census(self) -> Any:
        """Who is here."""
        return self.server._census  # noqa: SLF001 - that nobody is left behind shows nowhere else

    @property
    def incomings(self) -> Incomings:
        """What reads fields."""
        return self.server._handling.incomings  # noqa: SLF001 - likewise

    @property
    def connection(self) -> Connection:
        """The server's end of the only client connection."""
        (connection,) = self.census._connections  # noqa: SLF001 - likewise
        assert isinstance(connection, Connection)
        return connection

    async def warm(self, connections: int = 1) -> None:
        """Leave so many idle connections to the origin server behind."""
        replies = [
            await self.upstream.send(
                upstreams.request("GET", "/warm", [("Host", "x")]), None, purpose=Purpose.SELECT, budget=PATIENT
            )
            for _ in range(connections)
        ]
        for reply in replies:
            assert await reply.read(2) == b"ok"
            await reply.aclose()

    async def until(self, so: Callable[[], object]) -> None:
        """Let the loop turn until it is so."""
        async with asyncio.timeout(PATIENCE):
            while not so():  # noqa: ASYNC110 - what is waited for has no event of its own
                await asyncio.sleep(0)

    async def arrived(self, number: int = 1) -> None:
        """Wait until the origin server was sent so many requests."""
        await self.until(lambda: len(self.asked) >= number)

    async def told(self, number: int = 1) -> list[Mapping[str, object]]:
        """Wait for so many lines of the log."""
        await self.until(lambda: len(self.lines) >= number)
        return self.lines

    async def end(self) -> None:
        """Have the clients leave and see that nobody is left behind, so that a drain has nothing to cut off."""
        for wire in self.wires:
            wire.writer.close()
        async with asyncio.timeout(PATIENCE):
            assert await self.server.drain(PATIENCE)
        assert self.census.empty


Play = Callable[[Peer, Side], Awaitable[object]]
"""What the origin server does about one request."""


def says(*pieces: bytes, close: bool = False) -> Play:
    """Send an answer, each piece once the one before it was read; then end the connection, if that is to be."""

    async def play(peer: Peer, side: Side) -> None:
        for number, piece in enumerate(pieces):
            if number:
                await read_by(side)
            await peer.send(piece)
        if close:
            peer.writer.close()

    return play


async def read_by(side: Side) -> None:
    """Wait until the server has read what was sent to it, as far as that can be known."""
    for _ in range(20):
        await asyncio.sleep(0)


def held(answer: bytes, gate: asyncio.Event) -> Play:
    """Send an answer as soon as the gate opens."""

    async def play(peer: Peer, side: Side) -> None:
        await gate.wait()
        await peer.send(answer)

    return play


async def silent(peer: Peer, side: Side) -> None:
    """Say nothing."""


async def hung_up(peer: Peer, side: Side) -> None:
    """End the connection without an answer."""
    peer.writer.close()


@asynccontextmanager
async def side(
    *plays: Play, short: bool = True, rules: Routes | None = None, warm: int = 1, **options: Any
) -> AsyncIterator[Side]:
    """Run a server before an origin server that plays these to the requests that come, and ends the connection then."""
    here: list[Side] = []

    async def script(peer: Peer) -> None:
        while request := await peer.request():
            if request.startswith(WARM):
                await peer.send(upstreams.OK)
            elif here[0].plays:
                await here[0].plays.pop(0)(peer, here[0])
            else:
                peer.writer.close()
                return

    async with upstreams.serving(script) as origin, origin.upstream() as upstream:
        lines: list[Mapping[str, object]] = []
        state = MemoryState()
        gateway = Gateway(rules or routes(), upstream, MemoryLock(state), state, Minter("test"))
        settings = {"patience": Patience(linger=1e6), **options, "scouts": upstream if short else None}
        server = Server(gateway, witnesses=[lines.append], **settings)
        address = await server.start(LOOPBACK)
        here.append(Side(short, server, gateway, upstream, state, origin, address, lines, list(plays)))
        try:
            await here[0].warm(warm)
            yield here[0]
            await here[0].end()
        finally:
            for wire in here[0].wires:
                wire.writer.close()
            await server.drain(0)


async def heard(wire: Wire, method: str = "GET") -> bytes:
    """Return all that a client is sent, which has nothing more to say once it has an answer, but for the time.

    Of an answer that is cut off it is not told how much came: that is up to chance.
    """
    try:
        got = await _answered(wire, method)
        if not wire.writer.transport.is_closing():
            wire.half_close()
        got += await wire.ended()
    except ConnectionResetError:
        return b"a reset"
    return OWN_DATE.sub(b"\r\nDate: now", got)


async def _answered(wire: Wire, method: str) -> bytes:
    """Return an answer, with what comes before it."""
    got = b""
    try:
        while True:
            answer = await wire.answer(method)
            got += answer.raw_head + answer.content
            if answer.status >= 200:
                return got
    except asyncio.IncompleteReadError as end:
        return got + end.partial


def comparable(line: Mapping[str, object], messages: Iterable[bytes]) -> list[tuple[str, type, object]]:
    """Return the members of a line of the log, in order, with what may differ left out: times, and names made up."""
    sent = b"".join(messages).decode("latin-1")
    told = []
    for member, value in line.items():
        made_up = member == "id" and _OWN_NAME.fullmatch(str(value)) and str(value) not in sent
        told.append((member, type(value), None if member in _VARY or made_up else value))
    return told


@dataclass
class Seen:
    """A request as it looked from all sides."""

    heard: list[bytes]
    asked: list[bytes]
    lines: list[list[tuple[str, type, object]]]


async def seen(
    messages: Iterable[bytes], plays: Iterable[Play], *, short: bool, rules: Routes | None = None, **options: Any
) -> Seen:
    """Send messages, one after the other, each on a connection of its own, and see what becomes of them.

    One that is no HTTP at all has no line in the log, so that there may be fewer lines.
    """
    messages = list(messages)
    async with side(*plays, short=short, rules=rules, **options) as here:
        answers = []
        for message in messages:
            answers.append(await heard(await here.ask(message), message.partition(b" ")[0].decode()))
            await here.warm(0 if here.upstream._pool._waiting else 1)  # noqa: SLF001 - so that the next can take it
        asked = here.asked
    await read_by(here)  # what is told of what was cut off
    return Seen(answers, asked, [comparable(line, messages) for line in here.lines])
