"""A client that writes and reads raw bytes, and the messages it reads."""

import asyncio
import json
import socket
import struct
from dataclasses import dataclass
from typing import Any

from proxy.core.address import Address, UnixAddress
from proxy.core.fields import Fields

PATIENCE = 30.0
"""Seconds after which a test that waits for what never comes fails."""


@dataclass(frozen=True)
class Message:
    """A response; `raw_head` as it came, `content` decoded from its framing."""

    raw_head: bytes
    status: int
    fields: Fields
    content: bytes = b""

    @property
    def problem(self) -> dict[str, Any]:
        assert self.fields.get("content-type") == "application/problem+json"
        document = json.loads(self.content)
        assert isinstance(document, dict)
        return document


class Wire:
    """One client connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, *parts: bytes) -> None:
        self.writer.write(b"".join(parts))

    def half_close(self) -> None:
        self.writer.write_eof()

    def reset(self) -> None:
        """Leave in a way that the other side learns of at once."""
        connected = self.writer.get_extra_info("socket")
        if connected.family != socket.AF_UNIX:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def head(self) -> Message:
        """Read a response head."""
        async with asyncio.timeout(PATIENCE):
            raw = await self.reader.readuntil(b"\r\n\r\n")
        status_line, *lines = raw[:-4].decode("latin-1").split("\r\n")
        fields = Fields((line.partition(": ")[0], line.partition(": ")[2]) for line in lines)
        return Message(raw, int(status_line.split(" ")[1]), fields)

    async def answer(self, method: str = "GET") -> Message:
        """Read a whole response to a request with this method."""
        head = await self.head()
        async with asyncio.timeout(PATIENCE):
            content = b"" if method == "HEAD" or head.status in {103, 204, 304} else await self._content(head)
        return Message(head.raw_head, head.status, head.fields, content)

    async def exactly(self, size: int) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readexactly(size)

    async def ended(self) -> bytes:
        """Read until the server ends the connection; return what came."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read()

    async def chunk(self) -> bytes:
        """Read one chunk; b"" for the last."""
        async with asyncio.timeout(PATIENCE):
            size = int(await self.reader.readuntil(b"\r\n"), 16)
            return (await self.reader.readexactly(size + 2))[:-2]

    async def _content(self, head: Message) -> bytes:
        length = head.fields.get("content-length")
        if length is not None:
            return await self.reader.readexactly(int(length))
        if head.fields.get("transfer-encoding") == "chunked":
            return b"".join([piece async for piece in self._chunks()])
        return await self.reader.read()

    async def _chunks(self) -> Any:
        while piece := await self.chunk():
            yield piece


class Reached:
    """What has an address, and keeps the connections that are opened to it."""

    address: Address
    wires: list[Wire]

    async def connect(self) -> Wire:
        wire = await connect(self.address)
        self.wires.append(wire)
        return wire

    async def ask(self, message: bytes) -> Wire:
        wire = await self.connect()
        wire.send(message)
        return wire


async def connect(address: Address) -> Wire:
    """Open a connection."""
    if isinstance(address, UnixAddress):
        return Wire(*await asyncio.open_unix_connection(address.path))
    return Wire(*await asyncio.open_connection(address.host, address.port))


def put(*lines: str, target: str = "/wiki/1", content: bytes = b"two") -> bytes:
    """Return a PUT with these field lines."""
    head = [f"PUT {target} HTTP/1.1", "Host: x", *lines, f"Content-Length: {len(content)}"]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + content
