"""Connections that wait for the next safe request."""

import asyncio
import ssl

import pytest

from proxy.adapters.upstream.connection import Connection
from proxy.adapters.upstream.opening import open_connection
from proxy.adapters.upstream.pool import Pool
from tests.adapters.upstream.origin import CERTIFICATE, Clock, Peer, Serving, serving


async def waits(peer: Peer) -> None:
    """Keep the connection until the client ends it."""


async def opened(origin: Serving, number: int) -> list[Connection]:
    """New connections to an origin server."""
    return [await open_connection(origin.origin, None, 30.0) for _ in range(number)]


def closed(connection: Connection) -> bool:
    """Tell whether there is nothing to wait for any more."""
    waiting = connection.wait_closed()
    try:
        waiting.send(None)
    except StopIteration:
        return True
    waiting.close()
    return False


async def test_the_connection_used_last_is_taken_first() -> None:
    """It is the one most likely to be still open; each is taken once."""
    async with serving(waits) as origin:
        first, second = await opened(origin, 2)
        pool = Pool(64, 15.0)
        pool.put(first)
        pool.put(second)
        assert [pool.take(), pool.take(), pool.take()] == [second, first, None]
        pool.put(first)
        pool.put(second)
        await pool.aclose()


async def test_a_new_generation() -> None:
    """Those that wait are closed, and so is one of an older generation that comes back; one of the new one is kept."""
    async with serving(waits) as origin:
        waiting, in_use, new = await opened(origin, 3)
        pool = Pool(64, 15.0)
        pool.put(waiting)
        pool.renew()
        pool.put(in_use)
        new.generation = pool.generation
        pool.put(new)
        await waiting.wait_closed()
        await in_use.wait_closed()
        assert [pool.take(), pool.take()] == [new, None]
        new.abort()


async def test_the_pool_is_bounded() -> None:
    """One connection too many closes the one that waited longest."""
    async with serving(waits) as origin:
        first, second, third = await opened(origin, 3)
        pool = Pool(2, 15.0)
        for connection in (first, second, third):
            pool.put(connection)
        await first.wait_closed()
        await origin.closed(leaving=2)
        assert [pool.take(), pool.take(), pool.take()] == [third, second, None]
        for connection in (second, third):
            connection.abort()


async def test_a_pool_of_none_keeps_none() -> None:
    """Size 0 switches reuse off."""
    async with serving(waits) as origin:
        (connection,) = await opened(origin, 1)
        pool = Pool(0, 15.0)
        pool.put(connection)
        await connection.wait_closed()
        assert pool.take() is None


async def test_what_waits_too_long_is_closed(clock: Clock) -> None:
    """Each connection expires by its own time, without anyone asking for it."""
    async with serving(waits) as origin:
        first, second = await opened(origin, 2)
        pool = Pool(64, 15.0)
        pool.put(first)
        clock.forward(10.0)
        pool.put(second)
        clock.forward(5.5)
        await first.wait_closed()
        assert second.open
        clock.forward(10.0)
        await second.wait_closed()
        await origin.closed()


async def test_what_was_taken_does_not_expire(clock: Clock) -> None:
    """The timer of a connection that is in use again finds nothing to close, and the next one sets its own."""
    async with serving(waits) as origin:
        (connection,) = await opened(origin, 1)
        pool = Pool(64, 15.0)
        pool.put(connection)
        assert pool.take() is connection
        clock.forward(16.0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert connection.open
        pool.put(connection)
        clock.forward(16.0)
        await connection.wait_closed()


async def test_a_connection_that_ended_meanwhile_is_not_taken() -> None:
    """The origin server's close is noticed although the loop has not read it yet."""
    async with serving(waits) as origin:
        (connection,) = await opened(origin, 1)
        pool = Pool(64, 15.0)
        pool.put(connection)
        peer = await origin.peer(0)
        peer.writer.write_eof()
        assert pool.take() is None
        assert not connection.open


async def test_a_connection_that_is_closed_is_not_kept() -> None:
    """What ended during its exchange takes nobody's place."""
    async with serving(waits) as origin:
        ended, other = await opened(origin, 2)
        pool = Pool(1, 15.0)
        pool.put(other)
        ended.abort()
        pool.put(ended)
        assert pool.take() is other
        other.abort()


async def test_a_goodbye_that_is_not_returned_is_not_waited_for_long(clock: Clock) -> None:
    """Closing a TLS connection takes a second at most, whatever the origin server does."""
    deaf = asyncio.Event()
    over = asyncio.Event()

    async def hears_nothing(peer: Peer) -> None:
        transport = peer.writer.transport
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
        deaf.set()
        await over.wait()
        transport.resume_reading()

    context = ssl.create_default_context(cafile=str(CERTIFICATE))
    async with serving(hears_nothing, tls=True) as origin:
        connection = await open_connection(origin.origin, context, 30.0)
        await deaf.wait()
        connection.close()
        for _ in range(10):
            await asyncio.sleep(0)
        assert not closed(connection)
        clock.forward(1.1)
        for _ in range(10):
            await asyncio.sleep(0)
        assert closed(connection)
        over.set()


@pytest.mark.parametrize("tls", [False, True])
async def test_closing_the_pool_closes_what_waits_and_what_comes_later(tls: bool) -> None:
    """When `aclose` returns no idle socket is open, and none becomes idle again."""
    context = ssl.create_default_context(cafile=str(CERTIFICATE)) if tls else None
    async with serving(waits, tls=tls) as origin:
        idle = await open_connection(origin.origin, context, 30.0)
        used = await open_connection(origin.origin, context, 30.0)
        pool = Pool(64, 15.0)
        pool.put(idle)
        await pool.aclose()
        assert (pool.closed, closed(idle), used.open) == (True, True, True)
        pool.put(used)
        await used.wait_closed()
        await pool.aclose()
