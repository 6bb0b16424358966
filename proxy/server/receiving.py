"""Request content: as it arrives, for what is relayed, and received whole, for what is guarded.

What lives here: reading a client's content with its limits, and keeping it, in memory and then on disk. What must not:
what is done with it. No lock is held or awaited while any of this waits for a client (DESIGN I10).
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from hashlib import blake2b
from tempfile import TemporaryFile
from typing import IO, Final

from aiohttp import web
from aiohttp.streams import StreamReader

from proxy.errors import BadFraming, ClientGone, ContentTooLarge, ReceiveTimeout
from proxy.ports import DIGEST_SIZE

IN_MEMORY: Final = 1024 * 1024
"""Bytes of one request's content that are kept in memory; what exceeds them goes to a temporary file."""

PIECE: Final = 256 * 1024
"""Bytes that are read back from the file at a time."""


class Arriving:
    """Content on its way in (`ports.Content`), to be iterated once. `invite` is called before the first byte is read.

    Raised while it is iterated: `errors.BadFraming` when it ends early or its framing breaks, `errors.ClientGone`.
    """

    def __init__(self, stream: StreamReader, length: int | None, invite: Callable[[], None]) -> None:
        self._stream = stream
        self._length = length
        self._invite = invite
        self._invited = False

    @property
    def length(self) -> int | None:
        """Bytes announced; None when it comes in chunks."""
        return self._length

    def at_once(self) -> bytes | None:
        """Return all of it where it is here, as small content is, mostly; None where it has to be iterated."""
        here = self._stream.is_eof() and self._stream.exception() is None
        return self._stream.read_nowait() if here else None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        self._invite_once()
        try:
            piece = await self._stream.readany()
        except ConnectionError as lost:
            raise ClientGone("The client closed its connection before its request was complete.") from lost
        except web.RequestPayloadError as broken:
            raise BadFraming("The framing of the content is malformed.") from broken
        if not piece:
            raise StopAsyncIteration
        return piece

    def _invite_once(self) -> None:
        if not self._invited and not self._stream.is_eof():
            self._invited = True
            self._invite()


class Received:
    """Content received whole (`ports.ReceivedContent`). `close` lets go of the file."""

    def __init__(self) -> None:
        self._tail = bytearray()
        self._file: IO[bytes] | None = None
        self._filed = 0
        self._writing: asyncio.Future[None] | None = None
        self._hash: blake2b | None = None  # of what is in the file: in the thread that writes there

    @classmethod
    def of(cls, content: bytes) -> "Received":
        """Return content that is all here, no more than stays in memory."""
        received = cls()
        received._tail += content
        return received

    @property
    def length(self) -> int:
        """Bytes."""
        return self._filed + len(self._tail)

    @property
    def held(self) -> bytes | None:
        """The bytes where none of them is in the file."""
        return None if self._filed else bytes(self._tail)

    @property
    def digest(self) -> bytes:
        """BLAKE2b-256 of the bytes."""
        whole = blake2b(digest_size=DIGEST_SIZE) if self._hash is None else self._hash.copy()
        whole.update(self._tail)
        return whole.digest()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        for offset in range(0, self._filed, PIECE):
            yield await loop.run_in_executor(None, self._read, offset, min(PIECE, self._filed - offset))
        if self._tail:
            yield bytes(self._tail)

    async def add(self, piece: bytes) -> None:
        """Take the next bytes. Raised when they cannot be stored: OSError."""
        self._tail += piece
        if len(self._tail) > IN_MEMORY:
            self._writing = asyncio.get_running_loop().run_in_executor(None, self._store, bytes(self._tail))
            await asyncio.shield(self._writing)
            self._filed += len(self._tail)
            self._tail.clear()

    def close(self) -> None:
        """Let go of the content. A write to the file that is under way in another thread ends first."""
        if self._writing is not None and not self._writing.done():
            self._writing.add_done_callback(self._close_after)
        else:
            self._close_file()

    def _store(self, content: bytes) -> None:
        if self._hash is None:
            self._hash = blake2b(digest_size=DIGEST_SIZE)
        self._hash.update(content)
        if self._file is None:
            self._file = TemporaryFile(buffering=0)  # noqa: SIM115 - closed by `close`
        view = memoryview(content)
        while view:
            view = view[self._file.write(view) :]

    def _read(self, offset: int, size: int) -> bytes:
        if self._file is None:
            raise ValueError("content that was let go of cannot be read")
        return os.pread(self._file.fileno(), size, offset)

    def _close_after(self, writing: "asyncio.Future[None]") -> None:
        if not writing.cancelled():
            writing.exception()  # nobody waits for it any more; retrieved, so that asyncio does not complain
        self._close_file()

    def _close_file(self) -> None:
        """Close the file in another thread: its blocks are given back then, which takes 50 ms where they are 1 GiB."""
        file, self._file = self._file, None
        if file is not None:
            _ = asyncio.get_running_loop().run_in_executor(None, file.close)


async def receive(content: Arriving, limit: int, seconds: float) -> Received:
    """Receive content whole; the caller closes it.

    Raised: `errors.ContentTooLarge` past `limit` bytes, before any is read if that much is announced;
    `errors.ReceiveTimeout` after `seconds`; what `Arriving` raises.
    """
    if content.length is not None and content.length > limit:
        raise _too_large(limit)
    received = Received()
    try:
        whole = content.at_once()
        if whole is not None:
            await _add(whole, received, limit)
            return received
        async with asyncio.timeout(seconds):
            await _take(content, received, limit)
    except TimeoutError:
        received.close()
        raise ReceiveTimeout(f"The request content did not arrive within {seconds:g} s.") from None
    except BaseException:
        received.close()
        raise
    return received


class Resumed:
    """Content of which the beginning was received and the rest still arrives (`ports.Content`), to be iterated once."""

    def __init__(self, received: Received, rest: Arriving) -> None:
        self._received = received
        self._rest = rest

    @property
    def length(self) -> int | None:
        """Bytes announced; None when it comes in chunks."""
        return self._rest.length

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._received:
            yield piece
        async for piece in self._rest:
            yield piece


async def begin(content: Arriving, limit: int, seconds: float) -> tuple[Received, bool]:
    """Receive content until it exceeds `limit`; return what came, which the caller closes, and whether that is all.

    Of content that is announced to be larger nothing is received. Raised: `errors.ReceiveTimeout` when nothing comes
    for `seconds`; what `Arriving` raises.
    """
    received = Received()
    try:
        while (content.length or 0) <= limit and received.length <= limit:
            async with asyncio.timeout(seconds):
                piece = await anext(content, None)
            if piece is None:
                return received, True
            await received.add(piece)
    except TimeoutError:
        received.close()
        raise ReceiveTimeout(f"Nothing of the request content arrived within {seconds:g} s.") from None
    except BaseException:
        received.close()
        raise
    return received, False


async def _take(content: Arriving, received: Received, limit: int) -> None:
    async for piece in content:
        await _add(piece, received, limit)


async def _add(piece: bytes, received: Received, limit: int) -> None:
    if received.length + len(piece) > limit:
        raise _too_large(limit)
    await received.add(piece)


def _too_large(limit: int) -> ContentTooLarge:
    return ContentTooLarge(f"The request content exceeds {limit} bytes.")
