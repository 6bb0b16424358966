"""Calls that share a connection: each has its own reply or its own failure, in its own time."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from redis.asyncio.connection import AbstractConnection, Connection
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import RedisError, ResponseError

from proxy.adapters.redis.connecting import Piped, connect
from proxy.adapters.redis.pipelining import Pipeline
from proxy.core.store_address import parse_store
from tests.adapters.redis.members import GUARD, done, until
from tests.support.redis_server import RedisHandle
from tests.support.relaying import relay
from tests.support.stores import running_redis

SOON = 0.2
"""Seconds after which a call fails where it is meant to."""


@asynccontextmanager
async def pipeline(port: int) -> AsyncIterator[Pipeline]:
    """Return a pipeline to that port, as a client has it, and close it."""
    client = connect(parse_store(f"redis://127.0.0.1:{port}"))
    assert isinstance(client, Piped)
    yield client.pipelined
    await client.pipelined.aclose()


async def said(one: Pipeline, word: str) -> Any:
    """Return what the other side says to a word."""
    return await done(one.call(GUARD, "ECHO", word))


async def opened(one: Pipeline) -> None:
    """Wait until it has a connection. No call of it lasts longer than those that may follow."""

    async def answered() -> bool:
        with suppress(TimeoutError):
            return bool(await one.call(SOON, "ECHO", "opened"))
        return False

    await until(answered, "it is answered")


async def alone(server: RedisHandle, others: int = 0) -> None:
    """Wait until there is no connection but the one that asks, and so many others."""
    await until(lambda: len(server.cli("CLIENT", "LIST").splitlines()) == 1 + others, "connections are closed")


async def test_calls_share_a_connection_and_a_round_trip(server: RedisHandle) -> None:
    """What is asked in one turn of the loop goes out in one piece, and each call has the reply that is its own."""
    with relay(server.port) as link:
        async with pipeline(link.port) as one:
            await said(one, "opened")
            link.reset_count()
            words = [str(number) for number in range(100)]
            assert await asyncio.gather(*(said(one, word) for word in words)) == [word.encode() for word in words]
            assert (link.counted, link.round_trips) == ({"ECHO": 100}, 1)


async def test_calls_before_the_connection_stands_wait_for_it(server: RedisHandle) -> None:
    """One connection is opened for all of them, and none of them is sent twice."""
    async with pipeline(server.port) as one:
        assert await asyncio.gather(*(one.call(GUARD, "INCR", "n") for _ in range(10))) == list(range(1, 11))
        await alone(server, others=1)


async def test_a_refusal_is_told_to_its_call_alone(server: RedisHandle) -> None:
    """The calls before it and behind it have their replies, on the same connection."""
    async with pipeline(server.port) as one:
        calls = [one.call(GUARD, "ECHO", "a"), one.call(GUARD, "NONSENSE"), one.call(GUARD, "ECHO", "b")]
        before, refusal, behind = await done(asyncio.gather(*calls, return_exceptions=True))
        assert (before, behind) == (b"a", b"b")
        assert isinstance(refusal, ResponseError)
        await alone(server, others=1)


async def test_who_is_late_fails_alone() -> None:
    """A call that is under way meanwhile has its own time; the late reply is nobody's, and its connection ends."""
    with running_redis() as own:
        async with pipeline(own.port) as one:
            await opened(one)
            own.pause()
            late, patient = one.call(SOON, "ECHO", "late"), one.call(GUARD, "ECHO", "patient")
            with pytest.raises(TimeoutError):
                await done(late)
            other = one.call(GUARD, "ECHO", "other")
            own.resume()
            assert [await done(patient), await done(other)] == [b"patient", b"other"]
            assert await said(one, "again") == b"again"
        await alone(own)


async def test_a_late_connection_ends_when_nobody_waits_for_it() -> None:
    """However many calls were under way on it: each fails in its time, and then the connection is closed."""
    with running_redis() as own:
        async with pipeline(own.port) as one:
            await opened(one)
            own.pause()
            calls = [one.call(SOON, "ECHO", str(number)) for number in range(10)]
            failures = await done(asyncio.gather(*calls, return_exceptions=True))
            assert {type(failure) for failure in failures} == {TimeoutError}
            own.resume()
            await alone(own)
            assert await said(one, "again") == b"again"


async def test_a_loop_that_stands_still_makes_nobody_late(server: RedisHandle) -> None:
    """Neither before a call is sent, nor when its reply has come and nobody has read it yet."""
    async with pipeline(server.port) as one:
        await opened(one)
        unsent = one.call(SOON, "ECHO", "unsent")
        time.sleep(2 * SOON)  # noqa: ASYNC251 - nothing of this process goes on
        assert await done(unsent) == b"unsent"
        sent = one.call(SOON, "ECHO", "sent")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        time.sleep(2 * SOON)  # noqa: ASYNC251 - likewise
        assert await done(sent) == b"sent"


async def test_a_connection_that_does_not_come_about_is_late(server: RedisHandle) -> None:
    """Who waits for it fails in its time, and nothing is left of it."""
    with relay(server.port) as link:
        async with pipeline(link.port) as one:
            link.black_hole()
            with pytest.raises(TimeoutError):
                await done(one.call(SOON, "ECHO", "x"))
            link.mend()
            assert await said(one, "again") == b"again"


async def test_a_lost_connection_fails_its_calls_at_once(server: RedisHandle) -> None:
    """All that are under way; the next call has another."""
    with relay(server.port) as link:
        async with pipeline(link.port) as one:
            await said(one, "opened")
            link.black_hole()
            calls = [one.call(GUARD, "ECHO", str(number)) for number in range(3)]
            await asyncio.sleep(0)
            link.cut()
            failures = await done(asyncio.gather(*calls, return_exceptions=True))
            assert {type(failure) for failure in failures} == {Disconnected}
            link.mend()
            assert await said(one, "again") == b"again"


async def test_an_idle_connection_that_was_closed_is_made_anew(server: RedisHandle) -> None:
    """Nobody is told of it: the next call goes over another."""
    async with pipeline(server.port) as one:
        await said(one, "opened")
        server.cli("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await alone(server)
        for _ in range(10):
            await asyncio.sleep(0.001)  # it is told so by the kernel, and in some turns of the loop by the library
        assert await said(one, "again") == b"again"


async def test_a_reply_to_no_call_ends_the_connection(server: RedisHandle) -> None:
    """After it nobody could tell which reply is whose. A server that monitors says what nobody asked."""
    async with pipeline(server.port) as one:
        await done(one.call(GUARD, "MONITOR"))
        server.cli("PING")
        await alone(server)
        assert await said(one, "again") == b"again"


@pytest.mark.parametrize("fault", [Disconnected("no"), OSError("no"), RedisError("no"), KeyError("no")])
async def test_what_fails_in_opening_fails_every_call(fault: Exception | None) -> None:
    """In the words of redis-py, or as an error of it that holds whatever else it was."""

    @asynccontextmanager
    async def failing() -> AsyncIterator[AbstractConnection]:
        await asyncio.sleep(0)
        if isinstance(fault, Exception):
            raise fault
        yield Connection()

    one = Pipeline(failing)
    failures = await done(asyncio.gather(*(one.call(GUARD, "PING") for _ in range(3)), return_exceptions=True))
    assert all(isinstance(failure, (RedisError, OSError)) and "no" in str(failure) for failure in failures)
    await one.aclose()


@pytest.mark.parametrize("turns", range(25))
async def test_who_ends_it_at_whatever_moment_leaves_nothing(server: RedisHandle, turns: int) -> None:
    """While it connects, while it waits, while a reply is read: calls fail or are answered, connections are closed."""
    async with pipeline(server.port) as one:
        call = one.call(GUARD, "ECHO", "x")
        for _ in range(turns):
            await asyncio.sleep(0)
    await asyncio.wait([call])
    assert call.exception() is None or isinstance(call.exception(), Disconnected)
    await alone(server)


@pytest.mark.parametrize("turns", range(12))
async def test_a_call_that_is_cancelled_keeps_its_place(server: RedisHandle, turns: int) -> None:
    """Its reply is dropped, and the next call is not answered with it."""
    async with pipeline(server.port) as one:
        call = one.call(GUARD, "ECHO", "cancelled")
        for _ in range(turns):
            await asyncio.sleep(0)
        call.cancel()
        assert await said(one, "next") == b"next"


async def test_what_nobody_waits_for_is_not_sent(server: RedisHandle) -> None:
    """Given up or late before it could be: it is not executed when nobody expects it to be any more."""
    stands = asyncio.Event()
    client = connect(parse_store(f"redis://127.0.0.1:{server.port}"))
    assert isinstance(client, Piped)

    @asynccontextmanager
    async def opening() -> AsyncIterator[AbstractConnection]:
        await stands.wait()
        connection = await client.connection_pool.get_connection()  # type: ignore[no-untyped-call]  # of redis-py
        yield connection
        await connection.disconnect()

    one = Pipeline(opening)
    cancelled, late, patient = one.call(SOON, "INCR", "n"), one.call(SOON, "INCR", "n"), one.call(GUARD, "GET", "n")
    cancelled.cancel()
    with pytest.raises(TimeoutError):
        await done(late)
    stands.set()
    assert await done(patient) is None
    one.call(GUARD, "INCR", "n").cancel()
    for _ in range(10):
        await asyncio.sleep(0)
    assert await done(one.call(GUARD, "GET", "n")) is None
    assert await said(one, "again") == b"again"
    await alone(server, others=1)
    await one.aclose()
    await client.aclose()
