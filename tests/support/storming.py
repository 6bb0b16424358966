"""A thousand writers at once, each on a connection of its own that stands before the first of them writes.

What lives here: connections, one request on each, and the status and fields of its answer. What is asked is the test's.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

PATIENCE = 60.0
"""Seconds after which a test that waits for answers fails."""
REST = 0.2
"""Seconds without work after which a process has nothing left to do. Its time is counted in hundredths."""
AT_ONCE = 100
"""How many connections are made at a time: more than a listener's backlog would be dropped, and wait for a second."""


@dataclass(frozen=True)
class Told:
    """What a writer was answered. Names of fields are in lower case."""

    status: int
    fields: Mapping[str, str]


def request(method: str, path: str, content: bytes = b"", **fields: str) -> bytes:
    """Return a request. An underscore in a field's name stands for a hyphen."""
    lines = {"Host": "origin.test", "Content-Length": str(len(content)), **fields}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + content


def storm(urls: Sequence[str], requests: Sequence[bytes], meanwhile: Callable[[], None] = lambda: None) -> list[Told]:
    """Send all requests at once, to the URLs in turn; return the answers in the same order.

    `meanwhile` is done between the two.
    """
    return asyncio.run(_storm([urls[number % len(urls)] for number in range(len(requests))], requests, meanwhile))


def at_rest(*pids: int) -> None:
    """Wait until none of these processes has anything to do: all that was sent has arrived, and waits."""
    ending, before, since = time.monotonic() + PATIENCE, _worked(pids), time.monotonic()
    while time.monotonic() - since < REST:
        assert time.monotonic() < ending, "some process is always at work"
        time.sleep(REST / 10)
        if (now := _worked(pids)) != before:
            before, since = now, time.monotonic()


def statuses(told: Sequence[Told]) -> Counter[int]:
    """Return how often each status was told."""
    return Counter(each.status for each in told)


def _worked(pids: Sequence[int]) -> list[list[str]]:
    """Return the processor time that each has had, in its two kinds."""
    return [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13] for pid in pids]


async def _storm(urls: Sequence[str], requests: Sequence[bytes], meanwhile: Callable[[], None]) -> list[Told]:
    room = asyncio.Semaphore(AT_ONCE)
    async with asyncio.timeout(PATIENCE):
        streams = await asyncio.gather(*(_opened(room, url) for url in urls))
        for (_, writer), sent in zip(streams, requests, strict=True):
            writer.write(sent)
        await asyncio.to_thread(meanwhile)
        told = await asyncio.gather(*(_answer(reader) for reader, _ in streams))
    for _, writer in streams:
        writer.transport.abort()
    return told


async def _opened(room: asyncio.Semaphore, url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    address = urlsplit(url)
    async with room:
        return await asyncio.open_connection(address.hostname, address.port)


async def _answer(reader: asyncio.StreamReader) -> Told:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    lines = (line.partition(":") for line in head[1:] if line)
    fields = {name.lower(): value.strip() for name, _, value in lines}
    await reader.readexactly(int(fields.get("content-length", "0")))
    return Told(int(head[0].split(" ")[1]), fields)
