"""A storm: very many writers who send one tag at once, and what the origin server hears of it.

What lives here: the writers, each with a connection of its own, and the count of what the origin server was asked.
"""

import asyncio
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from bench.line import PATIENCE, connected, request
from tests.support.processes import OriginHandle

PAGE: Final = "/page"
LATENCY: Final = 0.005
"""Seconds that the origin server takes for a request."""
OPENING: Final = 100
"""How many connections are opened at a time: more than that many would not fit the queue of a listening socket."""


@dataclass(frozen=True, slots=True)
class Storm:
    """How the writers were answered, by status, and how many requests the origin server got meanwhile."""

    statuses: dict[int, int]
    asked: int

    @property
    def told(self) -> str:
        """The answers, in a cell."""
        return ", ".join(f"{count:,} x {status}" for status, count in sorted(self.statuses.items()))


def rage(origin: OriginHandle, url: str, writers: int, *, current: bool) -> Storm:
    """Let so many write at once with a tag that was current a moment ago, or still is.

    Raised when the state has no tag: `AssertionError`.
    """
    origin.seed(PAGE, b'{"title": "first"}', "application/json")
    with connected(url) as line:
        tag = line.ask(request(url, "GET", PAGE)).field("etag")
        assert tag, "no tag, no storm"
        if not current:
            line.ask(request(url, "PUT", PAGE, b'{"title": "second"}', If_Match=tag))
    origin.knobs(**{"*": {"delay_before_apply": LATENCY}})
    before = len(origin.log())
    statuses = asyncio.run(_written(url, tag, writers))
    return Storm(dict(statuses), len(origin.log()) - before)


async def _written(url: str, tag: str, writers: int) -> Counter[int]:
    together, opening = asyncio.Barrier(writers), asyncio.Semaphore(OPENING)
    address = urlsplit(url)

    async def write(number: int) -> int:
        async with opening:
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
        with closing(writer):
            await together.wait()
            content = f'{{"title": "by {number}"}}'.encode()
            writer.write(request(url, "PUT", PAGE, content, If_Match=tag))
            head = await reader.readuntil(b"\r\n\r\n")
            return int(head[9:12])

    async with asyncio.timeout(PATIENCE):
        return Counter(await asyncio.gather(*map(write, range(writers))))
