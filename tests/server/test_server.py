"""The life of a server, from `start` to `drain`."""

import asyncio
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from proxy.core.address import TcpAddress, UnixAddress
from proxy.ports import Purpose
from proxy.server import Server
from proxy.server.reserving import reserve
from tests.server.conftest import Serving
from tests.server.origin import Gate, Origin, OriginReply, Pieces, answering
from tests.server.wire import PATIENCE, connect, put

FOREVER = 1e6
GET = b"GET /wiki/1 HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_a_server_that_never_started_can_drain(serving: Serving) -> None:
    """Whoever fails to start can leave by the same door."""
    stand = await serving()
    assert await Server(stand.gateway).drain(0)


async def test_draining_closes_idle_connections(serving: Serving) -> None:
    """A persistent connection between two requests is closed, and so is one that has sent nothing yet."""
    stand = await serving()
    used, fresh = await stand.ask(GET), await stand.connect()
    assert (await used.answer()).status == 200
    async with asyncio.timeout(PATIENCE):
        assert await stand.server.drain(FOREVER)
    assert await used.ended() == await fresh.ended() == b""


async def test_draining_accepts_nothing(serving: Serving) -> None:
    """From the first moment of draining on, nobody can connect."""
    gate = Gate(Purpose.PERFORM)
    stand = await serving(gate.origin)
    wire = await stand.ask(put("If-Match: *"))
    await gate.reached.wait()
    draining = asyncio.ensure_future(stand.server.drain(FOREVER))
    await asyncio.sleep(0)
    assert stand.server.draining
    with pytest.raises(ConnectionRefusedError):
        await connect(stand.address)
    gate.opened.set()
    assert (await wire.answer()).status == 204
    assert await draining


async def test_a_connection_that_was_being_accepted(serving: Serving) -> None:
    """A connection that the kernel handed over as draining began is closed at once."""
    stand = await serving()
    stand.server._census.draining = True  # noqa: SLF001 - so narrow a race cannot be staged
    assert await (await stand.connect()).ended() == b""


async def test_a_request_in_flight_is_finished_and_its_connection_closed(serving: Serving) -> None:
    """What was begun is answered, with Connection: close, and a request behind it on the connection is not begun."""
    gate = Gate(Purpose.PERFORM)
    stand = await serving(gate.origin)
    wire = await stand.ask(put("If-Match: *") + put("If-Match: *", content=b"late"))
    await gate.reached.wait()
    draining = asyncio.ensure_future(stand.server.drain(FOREVER))
    await asyncio.sleep(0)
    gate.opened.set()
    answer = await wire.answer()
    assert (answer.status, answer.fields.get("connection")) == (204, "close")
    assert await wire.ended() == b""
    assert await draining
    assert gate.origin.content == b"two"


async def test_an_upload_in_flight_is_finished(serving: Serving) -> None:
    """A client that is still sending when draining begins can send the rest, and its write is made."""
    stand = await serving()
    wire = await stand.ask(put("Expect: 100-continue", "If-Match: *")[:-3])
    assert (await wire.head()).status == 100
    draining = asyncio.ensure_future(stand.server.drain(FOREVER))
    await asyncio.sleep(0)
    wire.send(b"two")
    assert (await wire.answer()).status == 204
    assert await draining
    assert stand.origin.content == b"two"


async def test_an_answer_that_had_promised_to_go_on(serving: Serving) -> None:
    """A connection whose answer was begun before draining closes after it, whatever its head said."""
    pieces = Pieces()
    stand = await serving(Origin(script=answering(OriginReply(content=pieces))))
    wire = await stand.ask(b"GET /open/x HTTP/1.1\r\nHost: x\r\n\r\n")
    assert "connection" not in (await wire.head()).fields
    draining = asyncio.ensure_future(stand.server.drain(FOREVER))
    await asyncio.sleep(0)
    pieces.send(b"abc")
    pieces.end()
    assert [await wire.chunk(), await wire.chunk()] == [b"abc", b""]
    async with asyncio.timeout(PATIENCE):
        assert await draining
    assert await wire.ended() == b""


async def test_a_write_whose_client_left_is_waited_for(serving: Serving) -> None:
    """Draining waits for a write that nobody waits for any more, and does not cancel it."""
    gate = Gate(Purpose.PERFORM)
    stand = await serving(gate.origin)
    wire = await stand.ask(put("If-Match: *"))
    await gate.reached.wait()
    wire.reset()
    draining = asyncio.ensure_future(stand.server.drain(FOREVER))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not draining.done()
    gate.opened.set()
    assert await draining
    assert gate.origin.content == b"two"
    assert not gate.cancelled.is_set()


async def test_the_limit_of_draining(serving: Serving) -> None:
    """What is not over in time is cut off: the client sees a reset, and the log an unknown outcome."""
    gate = Gate(Purpose.PERFORM)
    stand = await serving(gate.origin)
    wire = await stand.ask(put("If-Match: *"))
    await gate.reached.wait()
    assert not await stand.server.drain(0)
    assert gate.cancelled.is_set()
    with pytest.raises(ConnectionResetError):
        await wire.ended()
    assert (await stand.logged())["outcome"] == "unknown"


async def test_an_endless_stream_is_cut_at_the_limit(serving: Serving) -> None:
    """A stream that does not end does not keep the process: it is cut, and the origin server's reply let go of."""
    reply = OriginReply(content=Pieces())
    stand = await serving(Origin(script=answering(reply)))
    wire = await stand.ask(b"GET /open/x HTTP/1.1\r\nHost: x\r\n\r\n")
    await wire.head()
    assert not await stand.server.drain(0)
    assert reply.closed.is_set()


async def test_two_servers_of_one_gateway(serving: Serving) -> None:
    """Draining one server leaves another on the same gateway alone."""
    stand = await serving()
    second = Server(stand.gateway)
    address = await second.start(TcpAddress("127.0.0.1", 0))
    wire = await connect(address)
    wire.send(GET)
    assert (await wire.answer()).status == 200
    assert await second.drain(FOREVER)
    wire.writer.close()
    with pytest.raises(ConnectionRefusedError):
        await connect(address)
    assert (await (await stand.ask(GET)).answer()).status == 200


@pytest.mark.parametrize("unix", [False, True])
async def test_a_shared_address(serving: Serving, tmp_path: Path, unix: bool) -> None:
    """Two servers take turns on sockets that they were given; one that drains leaves the address to the other."""
    stand = await serving()
    place = await reserve(UnixAddress(str(tmp_path / "s.sock")) if unix else TcpAddress("127.0.0.1", 0))
    first, second = Server(stand.gateway), Server(stand.gateway)
    for server in (first, second):
        assert await server.start(place.address, own=place.sockets()) == place.address
    assert await first.drain(FOREVER)
    wire = await connect(place.address)
    wire.send(GET)
    assert (await wire.answer()).status == 200
    wire.writer.close()
    assert await second.drain(FOREVER)
    place.release()
    with pytest.raises((ConnectionRefusedError, FileNotFoundError)):
        await connect(place.address)


async def test_a_burst_on_a_shared_queue(serving: Serving, tmp_path: Path) -> None:
    """Where processes share one queue of connections, the first to look does not take all that are there."""
    stand = await serving()
    path = tmp_path / "s.sock"
    place = await reserve(UnixAddress(str(path)))
    servers = Server(stand.gateway), Server(stand.gateway)
    for server in servers:
        await server.start(place.address, own=place.sockets())
    with ExitStack() as opened:
        for _ in range(20):
            opened.enter_context(socket.socket(socket.AF_UNIX)).connect(str(path))
        taken = [0, 0]
        async with asyncio.timeout(PATIENCE):
            while sum(taken) < 20:
                await asyncio.sleep(0)
                taken = [len(each._census._connections) for each in servers]  # noqa: SLF001 - nobody else need count
    assert taken == [10, 10]
    assert await asyncio.gather(*(each.drain(FOREVER) for each in servers)) == [True, True]
    place.release()
