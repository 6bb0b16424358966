"""Every keeper of locks and memory that there is, alone and as two processes that share it, for one suite a port."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, cast

import fakeredis
import pytest

from proxy.adapters.memory import MemoryLock, MemoryState
from proxy.adapters.redis import connecting, store
from proxy.adapters.redis.connecting import Client
from proxy.ports import ResourceLock, StateStore
from tests.adapters.redis.members import GUARD, Member, client_of, joined, keys
from tests.support.redis_server import RedisHandle
from tests.support.stores import running_redis


@dataclass
class Stand:
    """Two ways to the same resources: those of two processes, or of one.

    `changes` has an entry for each state that changed past them.
    """

    locks: tuple[ResourceLock, ResourceLock]
    states: tuple[StateStore, StateStore]
    queued: Callable[[], Awaitable[int]]
    """How many wait for the resource `k`."""
    delivered: Callable[[], Awaitable[None]]
    """Wait until what was mentioned is kept."""
    changes: list[None] = field(default_factory=list)


@pytest.fixture(scope="session")
def lasting_server() -> Iterator[RedisHandle]:
    """A server, with what the last test left in it."""
    with running_redis() as handle:
        yield handle


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    for room in (connecting, store):
        monkeypatch.setattr(room, "PATIENCE", GUARD)


@pytest.fixture(params=["memory", "fakeredis", "fakeredis twice", "redis", "redis twice"])
async def stand(request: pytest.FixtureRequest) -> AsyncIterator[Stand]:
    """Everything that keeps locks and memory; the last two are a real server."""
    kind, _, twice = str(request.param).partition(" ")
    if kind == "memory":
        yield _memory()
        return
    changes: list[None] = []
    async with AsyncExitStack() as stack:
        clients = _fake() if kind == "fakeredis" else _real(request.getfixturevalue("lasting_server"))
        members = [
            await stack.enter_async_context(joined(next(clients), on_change=lambda: changes.append(None)))
            for _ in range(2 if twice else 1)
        ]
        yield _shared(members, changes)


def _memory() -> Stand:
    changes: list[None] = []
    state = MemoryState(on_change=lambda: changes.append(None))
    lock = MemoryLock(state)

    async def queued() -> int:
        return lock.waiting()

    async def delivered() -> None:
        pass

    return Stand((lock, lock), (state, state), queued, delivered, changes)


def _fake() -> Iterator[Client]:
    server = fakeredis.FakeServer()
    while True:
        yield cast("Client", fakeredis.FakeAsyncRedis(server=server))


def _real(server: RedisHandle) -> Iterator[Client]:
    server.flush()
    while True:
        yield client_of(server)


def _shared(members: list[Member], changes: list[None]) -> Stand:
    one, other = members[0], members[-1]

    async def queued() -> int:
        asking: Any = one.store.client
        _, listeners = await asking.execute_command("PUBSUB", "NUMSUB", keys().channel)
        return sum(member.queue.waiting() for member in members) + int(listeners)

    async def delivered() -> None:
        for member in members:
            await member.state.delivered()

    return Stand((one.lock, other.lock), (one.state, other.state), queued, delivered, changes)
