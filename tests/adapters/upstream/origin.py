"""An origin server on a real socket that answers raw bytes from a script, and what tests ask of an upstream.

A script is one coroutine function, called once a connection. When it returns, the connection is kept until the client
ends it, so that leaving `serving` proves that no socket was left open.
"""

import asyncio
import re
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path

from proxy.adapters.upstream import HttpUpstream
from proxy.core.address import Origin, TcpAddress, UnixAddress
from proxy.core.fields import Fields
from proxy.core.message import Request
from proxy.core.target import parse
from proxy.ports import Budget

CERTIFICATE = Path(__file__).with_name("localhost.pem")
"""A certificate for localhost and 127.0.0.1 that signs itself, and its key; it proves nothing to anyone else."""
PATIENT = Budget(connect=30.0, answer=30.0)
GUARD = 60.0
"""Seconds after which a test that waits for something that never happens fails."""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)


class Peer:
    """The origin server's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, requests: list[bytes]) -> None:
        self.reader = reader
        self.writer = writer
        self.open = True
        self.task = asyncio.current_task()
        self._requests = requests

    async def head(self) -> bytes:
        """Read a request head and count the request; b"" when the client ended the connection."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as end:
            if end.partial:
                raise
            return b""
        self._requests.append(head)
        return head

    async def request(self) -> bytes:
        """Read a request with its content; b"" when the client ended the connection."""
        head = await self.head()
        length = _LENGTH.search(head)
        content = b""
        if length is not None:
            content = await self.reader.readexactly(int(length[1]))
        elif _CHUNKED.search(head) is not None:
            content = await self.reader.readuntil(b"0\r\n\r\n")
        if head:
            self._requests[-1] = head + content
        return head + content

    async def send(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """End the connection with a TCP reset, now and without waiting for what is still to be sent."""
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def left(self) -> bytes:
        """Wait until the client ended the connection; return what it still sent."""
        try:
            return await self.reader.read()
        except ConnectionError:
            return b""


Script = Callable[[Peer], Awaitable[object]]


def answers(*replies: bytes) -> Script:
    """Each request, on whichever connection, gets the next of these; after the last one the connection ends."""
    rest = iter(replies)

    async def script(peer: Peer) -> None:
        while await peer.request():
            reply = next(rest, None)
            if reply is None:
                peer.writer.close()
                return
            await peer.send(reply)

    return script


@dataclass
class Serving:
    """A running origin server. `requests` are those that arrived, on whichever connection."""

    origin: Origin
    requests: list[bytes] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    peers: list[Peer] = field(default_factory=list)
    server: asyncio.Server | None = None
    failures: list[Exception] = field(default_factory=list)

    @property
    def connections(self) -> int:
        """How many connections were accepted."""
        return len(self.peers)

    @asynccontextmanager
    async def upstream(self, *, idle: float = 15.0, connections: int = 1024) -> AsyncIterator[HttpUpstream]:
        """An upstream to this origin server, which trusts its certificate."""
        tls = ssl.create_default_context(cafile=str(CERTIFICATE)) if self.origin.tls else None
        upstream = HttpUpstream(self.origin, idle=idle, connections=connections, ssl_context=tls)
        try:
            yield upstream
        finally:
            await upstream.aclose()

    async def closed(self, *, leaving: int = 0) -> None:
        """Wait until all connections but `leaving` have ended."""
        async with asyncio.timeout(GUARD), self.changed:
            await self.changed.wait_for(lambda: sum(peer.open for peer in self.peers) == leaving)

    async def peer(self, number: int) -> Peer:
        """Return that connection's end, once it has been accepted."""
        async with asyncio.timeout(GUARD), self.changed:
            await self.changed.wait_for(lambda: len(self.peers) > number)
        return self.peers[number]

    async def play(self, script: Script, peer: Peer) -> None:
        """Play the script to a client, then wait until the client has left."""
        async with self.changed:
            self.peers.append(peer)
            self.changed.notify_all()
        try:
            await script(peer)
            await peer.left()
        except ConnectionError:
            pass  # how the client left
        except Exception as failure:  # noqa: BLE001 - raised on leaving
            self.failures.append(failure)
        finally:
            peer.writer.transport.abort()
            async with self.changed:
                peer.open = False
                self.changed.notify_all()

    def stop(self) -> None:
        """Accept no further connection."""
        assert self.server is not None
        self.server.close()


@asynccontextmanager
async def serving(script: Script, *, tls: bool = False, path: Path | None = None) -> AsyncIterator[Serving]:
    """Run an origin server on 127.0.0.1, or on the Unix socket `path`.

    On leaving, every connection must have been ended by the client and every task have ended by itself; a script that
    failed fails the test.
    """
    before = asyncio.all_tasks()
    here = Serving(Origin(UnixAddress(""), tls=tls, authority="localhost"))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await here.play(script, Peer(reader, writer, here.requests))

    await _listen(here, serve, _server_context() if tls else None, path)
    try:
        yield here
        for _ in range(3):
            await asyncio.sleep(0)  # accepts what is in the queue: asyncio loses it when the server is closed just then
        async with asyncio.timeout(GUARD):
            while started := asyncio.all_tasks() - before:
                await asyncio.wait(started)
    finally:
        here.stop()
        for peer in here.peers:
            peer.writer.transport.abort()
    assert not here.failures, here.failures


async def _listen(
    here: Serving,
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    tls: ssl.SSLContext | None,
    path: Path | None,
) -> None:
    if path is not None:
        here.server = await asyncio.start_unix_server(serve, path, ssl=tls)
        here.origin = replace(here.origin, address=UnixAddress(str(path)))
        return
    here.server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    port: int = here.server.sockets[0].getsockname()[1]
    here.origin = replace(here.origin, address=TcpAddress("127.0.0.1", port), authority=f"127.0.0.1:{port}")


def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def request(method: str = "GET", target: str = "/thing", lines: Iterable[tuple[str, str]] = ()) -> Request:
    """A request with just these fields."""
    return Request(method, parse(target, None), Fields(lines))


@dataclass
class Text:
    """Content received whole. `told` is the length it claims, its own unless given."""

    whole: bytes
    told: int | None = None
    in_memory: bool = True

    @property
    def length(self) -> int:
        return len(self.whole) if self.told is None else self.told

    @property
    def held(self) -> bytes | None:
        return self.whole if self.in_memory else None

    @property
    def digest(self) -> bytes:
        return blake2b(self.whole, digest_size=32).digest()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.whole


@dataclass
class Pieces:
    """Content that is still arriving. `length` None: nobody knows. `taken`: bytes that were asked for so far."""

    pieces: Iterable[bytes] = ()
    length: int | None = None
    fails: Exception | None = None
    endless: bool = False
    taken: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            for piece in self.pieces:
                self.taken += len(piece)
                yield piece
            if self.endless:
                await asyncio.Event().wait()
            if self.fails is not None:
                raise self.fails
        finally:
            self.ended.set()


class Clock:
    """The loop's clock, which a test sets forward so that nothing waits."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._time = loop.time
        self._ahead = 0.0

    def time(self) -> float:
        """What `loop.time` returns."""
        return self._time() + self._ahead

    def forward(self, seconds: float) -> None:
        """Let that much time pass."""
        self._ahead += seconds


def others() -> set[asyncio.Task[object]]:
    """The tasks of this loop but the one that asks."""
    return asyncio.all_tasks() - {asyncio.current_task()}


@dataclass(frozen=True)
class Slow:
    """Content of a client that takes its time: 20 s before each byte."""

    clock: Clock
    length: int = 4

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(self.length):
            yield b"a"
            self.clock.forward(20.0)
