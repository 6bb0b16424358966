"""Cancelled at whatever moment, who uses a store leaves no lock that outlives its time, no task and no connection."""

import asyncio
import inspect
import types
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager, suppress
from enum import Enum
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from proxy.adapters import redis as adapter
from proxy.adapters.redis import vouch
from proxy.core.store_address import parse_store
from proxy.ports import Remembered
from tests.adapters.redis.members import KEY, TERMS, Member, done, keys, member, opened, until
from tests.support.redis_server import RedisHandle

ADAPTER = Path(adapter.__file__).parent
MOST = 200
"""More than anybody waits for anything in one scene."""


class When(Enum):
    """The moment of a cancellation."""

    WAITING = "waiting"
    """What is waited for is still to come."""
    ANSWERED = "answered"
    """It has just come, and nobody has seen it yet."""


@types.coroutine
def interrupted(work: Coroutine[Any, Any, None], number: int, when: When) -> Generator[Any, Any, None]:
    """Do the work, and be cancelled at the `number`-th time that something is waited for."""
    task = asyncio.current_task()
    assert task is not None
    go_on: Callable[[], Any] = lambda: work.send(None)  # noqa: E731 - replaced in each turn
    for turn in count(1):
        try:
            awaited = go_on()
        except StopIteration:
            assert turn <= number, "the cancellation was lost"
            return
        if turn == number:
            _cancel(task, awaited, when)
        try:
            yield awaited
        except BaseException as fault:  # noqa: BLE001 - whatever comes is for the work
            go_on = _throwing(work, fault)
        else:
            go_on = lambda: work.send(None)  # noqa: E731 - as above


def _cancel(task: "asyncio.Task[Any]", awaited: "asyncio.Future[Any] | None", when: When) -> None:
    if awaited is None or when is When.WAITING:
        asyncio.get_running_loop().call_soon(task.cancel)
    else:
        awaited.add_done_callback(lambda _: task.cancel())


def _throwing(work: Coroutine[Any, Any, None], fault: BaseException) -> Callable[[], Any]:
    return lambda: work.throw(fault)


async def ended(work: Coroutine[Any, Any, None], number: int, when: When) -> bool:
    """Do the work and cancel it then; tell whether it was still under way. Nothing else may come of it."""
    task = asyncio.ensure_future(interrupted(work, number, when))
    await done(asyncio.wait([task]))
    if not task.cancelled():
        task.result()
    return task.cancelled()


def ours() -> list["asyncio.Task[Any]"]:
    """Return the tasks that the adapter started."""
    return [task for task in asyncio.all_tasks() if _is_ours(task.get_coro())]


def _is_ours(coroutine: object) -> bool:
    return inspect.iscoroutine(coroutine) and Path(coroutine.cr_code.co_filename).is_relative_to(ADAPTER)


async def nothing_is_left(server: RedisHandle) -> None:
    """Wait until no connection is left; tasks there are none of at once."""
    assert ours() == []
    await until(lambda: len(server.cli("CLIENT", "LIST").splitlines()) == 1, "all connections are closed")


# Writers --------------------------------------------------------------------------------------------------------------


async def writing(one: Member) -> None:
    """Write."""
    async with one.lock.hold("k", TERMS) as lease:
        await lease.confirm()


async def refused(one: Member) -> None:
    """Be refused, for what is remembered or selected."""
    async with one.lock.hold("k", TERMS):
        known = await one.state.recall("k", b"s")
        await one.state.remember("k", b"s", known or Remembered(None, one.state.now()))


async def failed(one: Member) -> None:
    """Fail while the resource is held."""
    with suppress(ZeroDivisionError):
        async with one.lock.hold("k", TERMS):
            raise ZeroDivisionError


async def remembering(one: Member) -> None:
    """Remember without holding anything."""
    selection = Remembered(None, one.state.now())
    one.state.mention("k", b"s", selection, again=0.0)
    await one.state.remember("k", b"t", selection)
    await one.state.forget("k")


SCENES = pytest.mark.parametrize("scene", [writing, refused, failed, remembering])
MOMENTS = pytest.mark.parametrize("when", When)


@SCENES
@MOMENTS
@pytest.mark.parametrize("connected", [False, True])
async def test_a_writer_that_is_cancelled_leaves_nothing(
    server: RedisHandle, scene: Callable[[Member], Coroutine[Any, Any, None]], when: When, connected: bool
) -> None:
    """Whatever it was waiting for: the lock is released, and the process can be ended at once."""
    for number in range(1, MOST):
        async with member(server, connected=connected) as one:
            cancelled = await ended(scene(one), number, when)
            await until(lambda: server.cli("EXISTS", keys().lock) == "0", "the lock is released")
            assert one.queue.resources() == 0
        await nothing_is_left(server)
        if not cancelled:
            break
    assert 1 < number < MOST - 1


@MOMENTS
async def test_a_writer_that_gave_up_and_is_cancelled_holds_no_longer(server: RedisHandle, when: When) -> None:
    """An abandoned lock stays, whether the store could still be told so or not, for the time that it has."""
    for number in range(1, MOST):
        server.flush()
        async with member(server) as one:
            cancelled = await ended(abandoning(one), number, when)
        await nothing_is_left(server)
        assert server.ask("PTTL", keys().lock) <= TERMS.write * 1_000
        if not cancelled:
            break
    assert server.cli("HGET", keys().lock, "s") == "a"
    assert 2 < number < MOST - 1


async def abandoning(one: Member) -> None:
    """Write, and never learn what became of it."""
    async with one.lock.hold("k", TERMS) as lease:
        await lease.confirm()
        lease.abandon()


@asynccontextmanager
async def held_until_awaited(server: RedisHandle, two: Member) -> AsyncIterator[None]:
    """Let another process hold the resource until somebody waits for it, or nobody will."""
    holding, over = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with two.lock.hold("k", TERMS):
            holding.set()
            await until(lambda: over.is_set() or listeners(server) > 0, "somebody waits")

    task = asyncio.create_task(hold())
    await done(holding.wait())
    yield
    over.set()
    await done(task)


def listeners(server: RedisHandle) -> int:
    """Return how many listen to the resource's release."""
    return int(server.ask("PUBSUB", "NUMSUB", keys().channel)[1])


@MOMENTS
async def test_a_waiter_that_is_cancelled_leaves_nothing(server: RedisHandle, when: When) -> None:
    """Neither a place in a queue, nor a subscription, nor the lock that it may have been given just then."""
    for number in range(1, MOST):
        async with member(server) as one, member(server) as two:
            async with held_until_awaited(server, two):
                cancelled = await ended(writing(one), number, when)
            await until(lambda: server.cli("EXISTS", keys().lock) == "0", "the lock is released")
            await until(lambda: listeners(server) == 0, "nobody listens")
            assert one.queue.resources() == one.queue.waiting() == 0
        await nothing_is_left(server)
        if not cancelled:
            break
    assert 2 < number < MOST - 1


# Whole processes ------------------------------------------------------------------------------------------------------


async def joining(server: RedisHandle) -> None:
    """Open a fleet, and close it."""
    async with opened(server.url):
        pass


async def vouching(server: RedisHandle) -> None:
    """Vouch for a store."""
    await vouch(parse_store(server.url), KEY)


@MOMENTS
@pytest.mark.parametrize("scene", [joining, vouching])
async def test_who_starts_and_is_cancelled_leaves_nothing(
    server: RedisHandle, scene: Callable[[RedisHandle], Coroutine[Any, Any, None]], when: When
) -> None:
    """A process that is told to end while it starts ends."""
    for number in range(1, MOST):
        cancelled = await ended(scene(server), number, when)
        await nothing_is_left(server)
        if not cancelled:
            break
    assert 2 < number < MOST - 1
