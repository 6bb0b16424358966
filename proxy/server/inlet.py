"""What a client sends once its connection is no longer HTTP, on its way into a tunnel.

What lives here: the bytes that wait, bounded by not reading on. It has the shape of a payload parser of aiohttp, which
is how that lets a connection be taken over. What must not: where the bytes go.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final

HELD: Final = 64 * 1024
"""Bytes that may wait before the client is read no further; one read more is taken."""


class Inlet:
    """Iteration yields the client's bytes as they come, until it shuts its sending side or is lost."""

    def __init__(self, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        self._pause = pause
        self._resume = resume
        self._pieces: deque[bytes] = deque()
        self._changed = asyncio.Event()
        self._ended = False
        self.held = 0

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Take what came. Returns, as aiohttp wants it, that there is no end in it, and nothing behind one."""
        self._pieces.append(data)
        self.held += len(data)
        if self.held > HELD:
            self._pause()
        self._changed.set()
        return False, b""

    def feed_eof(self) -> None:
        """Take that nothing more comes."""
        self._ended = True
        self._changed.set()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while not self._pieces:
            if self._ended:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        piece = self._pieces.popleft()
        self.held -= len(piece)
        if self.held <= HELD // 2 < self.held + len(piece):
            self._resume()
        return piece
