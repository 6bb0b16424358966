"""What a request costs a gateway that has seen so many resources: `python -m bench.keys STORE KEYS REQUESTS`.

What lives here: the gateway with its real lock and memory before an origin server that answers at once, in one process,
where CPU time can be read to the microsecond. No sockets but the store's, and no HTTP. It is a program of its own,
since memory that an earlier run has used would say nothing of this one.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import astuple, dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Final, cast

from redis.asyncio import Redis

from bench.proc import PAGE
from proxy.adapters.memory import MemoryLock, MemoryState
from proxy.adapters.redis import Membership, open_fleet, vouch
from proxy.adapters.redis.state import MENTIONED
from proxy.core.fields import Fields
from proxy.core.matching import Routes
from proxy.core.message import Request
from proxy.core.minting import Minter
from proxy.core.route import Route, TagOnWrite
from proxy.core.store_address import parse_store
from proxy.core.target import parse
from proxy.core.template import Template
from proxy.gateway import Gateway
from proxy.ports import LastCheck, Purpose, Remembered, ResourceLock, StateStore, Taker
from tests.support.world import SilentJournal, Text

MEMBER: Final = Membership(bytes(32), "bench", 1.0)
JOURNAL: Final = SilentJournal()
WRITTEN: Final = Text(b'{"text": "new"}')
FIELDS: Final = Fields([("Content-Type", "application/json")])
CONTENT: Final = b'{"text": "' + b"x" * 2000 + b'"}'
SELECTOR: Final = bytes(16)
FILLED: Final = 2_000
FILL: Final = """
for number = ARGV[1], ARGV[2] do
  redis.call('HSET', 'bench:' .. number, 'selector', string.rep('x', 200))
end
"""
"""Puts records into the store that are about as large as those of a resource."""

CHUNK: Final = 250
"""Requests between two readings of the clock; the median of all chunks counts, so that a hiccup does not."""


@dataclass(frozen=True, slots=True)
class Held:
    """An answer held in memory."""

    status: int
    content: bytes = b""
    fields: Fields = FIELDS

    async def read(self, limit: int) -> bytes | None:
        """Return the content; None if that is more than `limit`."""
        return self.content if len(self.content) <= limit else None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.content

    async def skim(self, taker: Taker) -> None:
        """Pass the content on."""
        await taker(self.content)

    async def aclose(self) -> None:
        """Let go of nothing."""


class Prompt:
    """Fulfils ports.Upstream: shows every resource in one state, applies nothing, and answers at once."""

    async def send(self, *_what: object, purpose: Purpose, check: LastCheck | None = None, **_how: object) -> Held:
        """Show the state, or take a write."""
        if check is not None:
            await check()
        return Held(200, CONTENT) if purpose is Purpose.SELECT else Held(204)


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU microseconds of a GET and of a PUT with If-Match, and bytes of memory for each resource that was seen.

    `trips` to the store are made by a PUT; `busy` is for how many microseconds the store itself works for it.
    """

    get: float
    put: float
    held: float
    trips: float = 0.0
    busy: float = 0.0


def gateway(lock: ResourceLock, state: StateStore) -> Gateway:
    """Return a gateway that guards everything."""
    route = Route("things", Template.parse("/things/{id}"), etag_on_write=TagOnWrite.NEVER)
    return Gateway(Routes([route]), Prompt(), lock, state, Minter("bench"))


def path(number: int) -> str:
    """Return the target of a resource; as clients choose them, one does not follow from the other."""
    return f"/things/{blake2b(number.to_bytes(8, 'big'), digest_size=8).hexdigest()}"


async def got(asked: Gateway, number: int) -> str:
    """Read a resource, and return its tag."""
    request = Request("GET", parse(path(number), "h"), Fields([("Host", "h")]))
    answer = await asked.observe(request, asked.identify(request), JOURNAL)
    assert answer.response is not None
    tag = answer.response.fields.get("etag")
    assert tag is not None
    return tag


async def put(asked: Gateway, number: int, tag: str) -> None:
    """Write a resource with this tag, which is current."""
    request = Request("PUT", parse(path(number), "h"), Fields([("Host", "h"), ("If-Match", tag)]))
    answer = await asked.guard(request, WRITTEN, asked.identify(request), JOURNAL)
    assert answer.response is not None
    assert answer.response.status == 204  # noqa: PLR2004 - what `Prompt` answers


async def each(numbers: list[int], do: Callable[[int], Awaitable[object]]) -> float:
    """Return the CPU microseconds that it takes to do something with one of them, the median of chunks."""
    costs = []
    for start in range(0, len(numbers), CHUNK):
        chunk = numbers[start : start + CHUNK]
        began = time.process_time()
        for number in chunk:
            await do(number)
        costs.append((time.process_time() - began) / len(chunk))
        await asyncio.sleep(0)  # whoever watches the store must not take it for dead
    return 1e6 * sorted(costs)[len(costs) // 2]


async def measured(asked: Gateway, keys: int, requests: int, seen: Callable[[int], Awaitable[None]]) -> Cost:
    """Let the gateway see all keys, then measure on some of them, chosen at random."""
    before = resident()
    await seen(keys)
    held = (resident() - before) / keys
    chosen = random.Random(keys)  # noqa: S311 - the same choice each time
    numbers = [chosen.randrange(keys) for _ in range(requests)]
    tags: dict[int, str] = {}

    async def learn(number: int) -> None:
        tags[number] = await got(asked, number)

    await each(numbers, learn)
    get = await each(numbers, lambda number: got(asked, number))
    return Cost(get, await each(numbers, lambda number: put(asked, number, tags[number])), held)


async def in_memory(keys: int, requests: int) -> Cost:
    """Measure with `memory://`, whose every part has seen every key."""
    state = MemoryState()
    asked = gateway(MemoryLock(state), state)

    async def seen(count: int) -> None:
        for number in range(count):
            key = path(number)
            await state.count(key)
            state.suspend(key)
            state.resume(key)
            state.mention(key, SELECTOR, Remembered(None, state.now(), Fields(), firm=False), again=0)

    return await measured(asked, keys, requests, seen)


@asynccontextmanager
async def fleet(url: str) -> AsyncIterator[tuple[ResourceLock, StateStore]]:
    """Join a fleet of one, in a store that is new."""
    await vouch(parse_store(url), MEMBER.key)
    async with open_fleet(parse_store(url), MEMBER, MemoryLock(MemoryState())) as joined:
        yield joined.lock, joined.state


async def in_redis(url: str, keys: int, requests: int) -> Cost:
    """Measure with a store that remembers so many resources; this process has seen as many as it ever keeps."""
    async with fleet(url) as (lock, state), Redis.from_url(url) as store:
        asked = gateway(lock, state)

        async def seen(count: int) -> None:
            for start in range(0, count, FILLED):
                await cast("Awaitable[object]", store.eval(FILL, 0, start, min(count, start + FILLED) - 1))
            await each(list(range(min(count, MENTIONED))), lambda number: got(asked, number))

        cost = await measured(asked, keys, requests, seen)
        before = await scripts(store)
        numbers = range(min(keys, CHUNK))
        for number in numbers:
            await put(asked, number, await got(asked, number))
        after = await scripts(store)
        trips, busy = ((now - then) / len(numbers) for then, now in zip(before, after, strict=True))
        return replace(cost, trips=trips, busy=busy)


async def scripts(store: Redis) -> tuple[int, int]:
    """Return how many scripts a store has run, and for how many microseconds in all."""
    told = (await store.info("commandstats"))["cmdstat_evalsha"]
    return told["calls"], told["usec"]


def resident() -> float:
    """Return the bytes of this process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text("utf-8").split()[1])
    return float(pages * PAGE)


def main() -> None:
    """Measure, and print the cost as JSON."""
    store, keys, requests = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    cost = asyncio.run(in_memory(keys, requests) if store == "memory://" else in_redis(store, keys, requests))
    print(json.dumps(astuple(cost)))


if __name__ == "__main__":
    main()
