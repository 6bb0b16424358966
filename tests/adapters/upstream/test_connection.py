"""One connection: bytes in, bytes out, back-pressure both ways."""

import asyncio
import os
from collections.abc import Callable

import pytest
import uvloop

from proxy.adapters.upstream.connection import MAX_BUFFERED, Connection
from proxy.adapters.upstream.opening import open_connection
from proxy.adapters.upstream.response import IncomingResponse
from proxy.core.address import TcpAddress
from tests.adapters.upstream.origin import OK, Peer, Serving, serving

HEAD = b"GET / HTTP/1.1\r\nHost: o\r\n\r\n"
MEBIBYTE = 1024 * 1024
READ = 256 * 1024
"""The most that a loop reads in one go, in bytes."""
WHOLE_READ = 256_000
"""What uvloop reads in one go, where there is as much; asyncio reads a little more."""


async def plenty(peer: Peer) -> None:
    """16 MiB, as fast as they go."""
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (16 * MEBIBYTE))
    for _ in range(16):
        await peer.send(bytes(MEBIBYTE))


async def connected(origin: Serving) -> Connection:
    """A connection to that origin server."""
    return await open_connection(origin.origin, None, 30.0)


async def asked(origin: Serving) -> tuple[Connection, IncomingResponse]:
    """A connection on which a request was sent."""
    connection = await connected(origin)
    response = connection.expect("GET")
    connection.write(HEAD)
    return connection, response


async def test_bytes_nobody_asked_for_end_an_idle_connection() -> None:
    """What arrives between two exchanges could only be taken for the next answer."""

    async def chatty(peer: Peer) -> None:
        await peer.send(OK)

    async with serving(chatty) as origin:
        connection = await connected(origin)
        await connection.wait_closed()
        assert not connection.open


async def test_bytes_that_wait_to_be_read_are_noticed_at_once() -> None:
    """`quiet` asks the operating system, not only what the loop has read so far."""
    connections: list[Connection] = []
    seen: list[bool] = []

    async def chatty(peer: Peer) -> None:
        await peer.request()
        seen.append(connections[0].quiet)
        os.write(peer.writer.get_extra_info("socket").fileno(), OK)  # arrives while the loop is busy here
        seen.append(connections[0].quiet)

    async with serving(chatty) as origin:
        connections.append(await connected(origin))
        connections[0].write(HEAD)
        await connections[0].wait_closed()
    assert seen == [True, False]


async def test_reading_pauses_when_too_much_waits_and_goes_on_when_it_is_taken() -> None:
    """The memory an answer takes is bounded by what is taken, and nothing of it is lost."""
    async with serving(plenty) as origin:
        connection, response = await asked(origin)
        while response.buffered <= MAX_BUFFERED:
            await connection.changed()
        held = response.buffered
        for _ in range(100):
            await asyncio.sleep(0)  # many turns of the loop, in each of which bytes are ready to be read
        assert response.buffered == held <= MAX_BUFFERED + READ
        taken = 0
        while taken < 16 * MEBIBYTE:
            piece = response.take()
            connection.relieve()
            if piece is None:
                await connection.changed()
            else:
                taken += len(piece)
        assert (response.complete, response.reusable) == (True, True)
        connection.abort()


@pytest.mark.parametrize("make_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_large_answer_is_read_once_in_a_turn(make_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """However much of it is there, the loop reads once and then sees to others; uvloop would read on and on."""
    turns: list[int] = [0]  # bytes taken in, a turn of the loop each

    class Counting(Connection):
        def data_received(self, data: bytes) -> None:
            turns[-1] += len(data)
            super().data_received(data)

    async def count() -> None:
        while True:
            await asyncio.sleep(0)
            turns.append(0)

    async def take_all() -> None:
        async with serving(plenty) as origin:
            assert isinstance(origin.origin.address, TcpAddress)
            host, port = origin.origin.address.host, origin.origin.address.port
            _, connection = await asyncio.get_running_loop().create_connection(Counting, host, port)
            response, counting = connection.expect("GET"), asyncio.create_task(count())
            connection.write(HEAD)
            while not response.complete:
                await connection.changed()
                response.take_whole()
                connection.relieve()
            counting.cancel()
            connection.abort()

    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(take_all())
    assert sum(turns) > 16 * MEBIBYTE
    assert max(turns) < 2 * WHOLE_READ


async def test_a_paused_connection_reads_again_when_it_rests() -> None:
    """A connection that waits for its next request notices an end although nobody took its last answer."""
    close = asyncio.Event()

    async def much(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % MEBIBYTE + bytes(MEBIBYTE))
        await close.wait()
        peer.writer.close()

    async with serving(much) as origin:
        connection, response = await asked(origin)
        while response.buffered <= MAX_BUFFERED:
            await connection.changed()
        connection.rest()
        close.set()
        await connection.wait_closed()


async def test_delivery_waits_for_the_origin_server() -> None:
    """Content is taken no faster than it is read at the other end."""
    go_on = asyncio.Event()
    sent = 0

    async def slow(peer: Peer) -> None:
        await go_on.wait()
        await peer.reader.readexactly(64 * MEBIBYTE)

    async def deliver(connection: Connection) -> None:
        nonlocal sent
        for _ in range(64):
            await connection.deliver(bytes(MEBIBYTE))
            sent += 1

    async with serving(slow) as origin:
        connection = await connected(origin)
        delivery = asyncio.create_task(deliver(connection))
        for _ in range(1000):
            await asyncio.sleep(0)  # many turns of the loop: what can be sent is sent
        assert sent < 64
        assert not connection.flushed
        go_on.set()
        await delivery
        assert sent == 64
        connection.close()
        await connection.wait_closed()


async def test_a_delivery_that_waits_ends_with_the_connection() -> None:
    """Nobody waits for a connection that is gone, and writing to it is harmless."""
    reset = asyncio.Event()

    async def gone(peer: Peer) -> None:
        await reset.wait()
        peer.reset()

    async with serving(gone) as origin:
        connection = await connected(origin)
        delivery = asyncio.create_task(connection.deliver(bytes(64 * MEBIBYTE)))
        await asyncio.sleep(0)
        assert not connection.flushed
        reset.set()
        await delivery
        assert not connection.open
        connection.write(b"more")


async def test_an_end_is_an_end_for_what_is_still_to_be_sent() -> None:
    """When the origin server shuts its side, bytes it does not read cannot keep the socket open."""
    ended = asyncio.Event()

    async def shuts(peer: Peer) -> None:
        await peer.head()
        peer.writer.write_eof()
        await ended.wait()  # nothing more is read until then

    async with serving(shuts) as origin:
        connection, response = await asked(origin)
        connection.write(bytes(64 * MEBIBYTE))
        await connection.wait_closed()
        assert response.failure is not None
        ended.set()


async def test_a_delivery_gives_way_to_what_has_arrived() -> None:
    """However fast the origin server reads, the loop has its turn between two parts, so an early answer is seen."""
    turns = 0

    def turn() -> None:
        nonlocal turns
        turns += 1

    async with serving(Peer.left) as origin:
        connection = await connected(origin)
        for _ in range(3):
            asyncio.get_running_loop().call_soon(turn)
            await connection.deliver(b"a")
        assert turns == 3
        connection.close()
        await connection.wait_closed()
