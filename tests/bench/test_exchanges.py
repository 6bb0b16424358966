"""What is measured as the least that a guarded write takes does its exchanges, and outlives whoever leaves."""

import asyncio
from asyncio import IncompleteReadError, StreamReader, StreamWriter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import pytest

from bench.exchanges import Origin, Tell, whole
from bench.line import connected, request
from tests.support.child import PATIENCE, Child, python
from tests.support.ledger import Stage
from tests.support.processes import ADDRESS, OriginHandle, running_origin
from tests.support.raw import RawClient

PATH = "/documents/1"
CONTENT = b'{"id": 1}'


@pytest.fixture
def origin() -> Iterator[OriginHandle]:
    """Run an origin server that has something."""
    with running_origin() as running:
        running.seed(PATH, CONTENT, "application/json")
        yield running


@contextmanager
def exchanging(origin: OriginHandle, *hosts: str) -> Iterator[str]:
    """Run the program, and insist that it had nothing to complain about."""
    child = Child(python("-m", "bench.exchanges", origin.url, *hosts))
    try:
        yield child.line(f"listening on {ADDRESS}")[1]
    finally:
        child.stop()
    assert child.stderr == []


def write(url: str) -> bytes:
    """Return a write as it is sent."""
    return request(url, "PUT", PATH, CONTENT)


def served(url: str) -> bool:
    """Tell whether somebody is served who comes anew."""
    with connected(url) as line:
        return line.ask(write(url)).status == 204 and line.ask(request(url, "GET", PATH)).content == CONTENT


def test_the_exchanges_of_a_write(origin: OriginHandle) -> None:
    """One looks, on a connection that is kept; the other is the write as it came, on one that is not used again."""
    with exchanging(origin) as url, connected(url) as line:
        assert [line.ask(write(url)).status for _ in range(2)] == [204, 204]
        records = origin.log()
    assert [record.method for record in records] == ["GET", "PUT", "GET", "PUT"]
    looked, wrote, looked_again, wrote_again = (record.connection for record in records)
    assert looked == looked_again
    assert len({looked, wrote, wrote_again}) == 3
    assert records[1].head.encode() + CONTENT == write(url)


def test_what_is_no_write(origin: OriginHandle) -> None:
    """It goes on as it came, and so does its answer."""
    with exchanging(origin) as url, connected(url) as line:
        asked = request(url, "GET", PATH, Accept="text/html")
        assert line.ask(asked).content == CONTENT
        (record,) = origin.log()
    assert record.head.encode() == asked


def test_hosts_take_turns(origin: OriginHandle) -> None:
    """A write goes to each of those that are named; where nobody answers, the client is left."""
    with exchanging(origin, "127.0.0.1", "127.0.0.2") as url:
        with RawClient(url) as client:
            client.send(write(url))
            assert client.answer().status == 204
            client.send(write(url))
            assert client.rest() == b""
        assert served(url)
        assert len(origin.writes()) == 2


@pytest.mark.parametrize(("method", "written"), [("GET", 0), ("PUT", 1)])
def test_an_origin_server_that_hangs_up(origin: OriginHandle, method: str, written: int) -> None:
    """Its client is left without an answer, a write is not sent of which nothing was shown; the next one is served."""
    origin.knobs(**{method: {"drop_after_apply": True, "times": 1}})
    with exchanging(origin) as url:
        with RawClient(url) as client:
            client.send(write(url))
            assert client.rest() == b""
        assert len(origin.writes()) == written
        assert served(url)


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_client_that_leaves(origin: OriginHandle, method: str) -> None:
    """Nobody is there for the answer, which harms nobody else."""
    origin.knobs(**{method: {"hold_before_apply": True, "times": 1}})
    with exchanging(origin) as url:
        client = RawClient(url)
        client.send(write(url))
        origin.until(Stage.HELD)
        client.reset()
        origin.release()
        assert served(url)


@pytest.mark.parametrize(
    "message",
    [
        b"HTTP/1.1 204 No Content\r\nServer: some\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\nServer: some\r\n\r\n13 \r\n\r\n bytes",
        b"PUT / HTTP/1.1\r\nHost: some\r\nContent-Length:3\r\n\r\n123",
    ],
)
def test_the_end_of_a_message(message: bytes) -> None:
    """It is where the head and the length say, and not before."""
    assert [whole(message[:size]) for size in range(len(message) + 1)] == [*[False] * len(message), True]


async def test_a_kept_connection_that_was_closed() -> None:
    """It is not asked again."""
    asked: list[StreamWriter] = []
    answer = b"HTTP/1.1 204 No Content\r\n\r\n"

    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        with closing(writer), suppress(IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                asked.append(writer)
                writer.write(answer)

    async def told(ask: Callable[[bytes, Tell], None]) -> bytes:
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        ask(b"GET / HTTP/1.1\r\n\r\n", future.set_result)
        return await asyncio.wait_for(future, PATIENCE)

    async def end(writer: StreamWriter, lines: Origin) -> None:
        writer.close()
        await writer.wait_closed()
        assert await told(lines.ask_afresh) == answer  # takes turns of the loop, in which the end is heard
        await asked[-1].wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        lines = Origin("http://{}:{}".format(*server.sockets[0].getsockname()), [])
        assert [await told(lines.ask) for _ in range(2)] == [answer] * 2
        kept = asked[0]
        assert asked == [kept, kept]
        await end(kept, lines)
        assert await told(lines.ask) == answer
        assert asked.count(asked[-1]) == 1
        await end(asked[-1], lines)
