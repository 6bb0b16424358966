"""Content as it arrives, and content received whole."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from hashlib import blake2b
from io import FileIO
from pathlib import Path

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import StreamReader
from aiohttp.web import RequestPayloadError
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import BadFraming, ClientGone, ContentTooLarge, Failure, ReceiveTimeout
from proxy.ports import Content, ReceivedContent
from proxy.server import receiving
from proxy.server.receiving import IN_MEMORY, PIECE, Arriving, Received, Resumed, begin, receive

FOREVER = 1e6


class Line:
    """A stream of a client's content that the test feeds. `invitations` counts what the client was told to go on."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        protocol = BaseProtocol(loop)
        protocol.connection_made(asyncio.Transport())
        self.stream = StreamReader(protocol, 64 * 1024, loop=loop)
        self.invitations = 0

    def arriving(self, length: int | None = None) -> Arriving:
        return Arriving(self.stream, length, self._invite)

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.stream.feed_data(piece)

    def end(self) -> None:
        self.stream.feed_eof()

    def _invite(self) -> None:
        self.invitations += 1


async def _all(content: Content) -> bytes:
    return b"".join([piece async for piece in content])


async def _received(*pieces: bytes) -> Received:
    received = Received()
    for piece in pieces:
        await received.add(piece)
    return received


@pytest.mark.parametrize(
    "pieces",
    [
        (),
        (b"abc",),
        (b"abc", b"def"),
        (b"x" * IN_MEMORY,),
        (b"x" * IN_MEMORY, b"y"),
        (b"x" * IN_MEMORY, b"y" * (IN_MEMORY + 1), b"z"),
        (b"x" * (IN_MEMORY + PIECE + 7), b"tail"),
    ],
    ids=lambda pieces: "+".join(str(len(piece)) for piece in pieces) or "none",
)
async def test_what_was_received_comes_back(pieces: tuple[bytes, ...]) -> None:
    """Content comes back whole, as often as it is asked for, from memory and from disk, with its length and digest."""
    with closing(await _received(*pieces)) as held:
        received: ReceivedContent = held
        whole = b"".join(pieces)
        assert received.length == len(whole)
        assert received.digest == blake2b(whole, digest_size=32).digest()
        assert await _all(received) == whole
        assert await _all(received) == whole


async def test_two_iterations_do_not_disturb_each_other() -> None:
    """Content on disk can be read in two places at once."""
    received = await _received(b"x" * IN_MEMORY, b"y" * IN_MEMORY, b"z")
    first, second = await asyncio.gather(_all(received), _all(received))
    assert first == second == b"x" * IN_MEMORY + b"y" * IN_MEMORY + b"z"
    received.close()


async def test_nothing_is_read_after_close() -> None:
    """What was let go of is not mistaken for empty content."""
    received = await _received(b"x" * (IN_MEMORY + 1))
    received.close()
    received.close()
    with pytest.raises(ValueError, match="let go of"):
        await _all(received)


async def test_close_waits_for_a_write_to_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is never closed under a thread that writes to it: its number could be another connection's by then."""
    loop = asyncio.get_running_loop()
    writing: asyncio.Future[None] = loop.create_future()
    monkeypatch.setattr(loop, "run_in_executor", lambda _executor, _store, _content: writing)
    received = Received()
    closed: list[bool] = []
    monkeypatch.setattr(received, "_close_file", lambda _written=None: closed.append(True))
    adding = asyncio.ensure_future(received.add(b"x" * (IN_MEMORY + 1)))
    await asyncio.sleep(0)
    adding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await adding
    received.close()
    assert closed == []
    writing.set_exception(OSError("disk full"))  # nobody waits for it; must not be reported either
    await asyncio.sleep(0)
    assert closed == [True]


async def test_the_file_is_closed_beside_the_event_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a large one are given back then: nobody else waits for that."""
    closing_it: list[int] = []
    closed = threading.Event()

    class Noting(FileIO):
        def close(self) -> None:
            closing_it.append(threading.get_ident())
            super().close()
            closed.set()

    monkeypatch.setattr(receiving, "TemporaryFile", lambda buffering: Noting(tmp_path / f"{buffering}", "w+"))
    received = await _received(b"x" * (IN_MEMORY + 1))
    received.close()
    assert await asyncio.to_thread(closed.wait, 30)
    assert closing_it[0] != threading.get_ident()


@given(pieces=st.lists(st.binary(min_size=1, max_size=40)), in_memory=st.integers(0, 64), piece=st.integers(1, 16))
def test_memory_and_disk_make_no_difference(pieces: list[bytes], in_memory: int, piece: int) -> None:
    """Wherever the border between memory and disk lies, the same bytes come back."""

    async def law() -> None:
        with closing(await _received(*pieces)) as received:
            assert await _all(received) == b"".join(pieces)
            assert received.length == len(b"".join(pieces))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(receiving, "IN_MEMORY", in_memory)
        patched.setattr(receiving, "PIECE", piece)
        asyncio.run(law())


async def test_content_is_received_whole() -> None:
    """`receive` returns when the last byte has come, not before."""
    line = Line()
    receipt = asyncio.ensure_future(receive(line.arriving(6), 100, FOREVER))
    line.send(b"abc")
    await asyncio.sleep(0)
    assert not receipt.done()
    line.send(b"def")
    line.end()
    received = await receipt
    assert await _all(received) == b"abcdef"
    received.close()


async def test_too_much_announced_is_refused_before_it_is_read() -> None:
    """Content that says it is too large is refused at once, and the client is not told to go on."""
    line = Line()
    with pytest.raises(ContentTooLarge):
        await receive(line.arriving(101), 100, FOREVER)
    assert line.invitations == 0


async def test_too_much_unannounced_is_refused_when_it_comes() -> None:
    """Chunks are counted: the first byte over the limit ends it, though the content has not ended."""
    line = Line()
    line.send(b"x" * 100, b"x")
    with pytest.raises(ContentTooLarge):
        await receive(line.arriving(), 100, FOREVER)


async def test_the_limit_itself_is_allowed() -> None:
    """As many bytes as the limit are not too many."""
    line = Line()
    line.send(b"x" * 100)
    line.end()
    received = await receive(line.arriving(100), 100, FOREVER)
    assert received.length == 100


async def test_content_that_does_not_come_is_given_up() -> None:
    """After its time, content that has not ended is refused."""
    line = Line()
    line.send(b"abc")
    with pytest.raises(ReceiveTimeout):
        await receive(line.arriving(6), 100, 0)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (ConnectionResetError(), ClientGone),
        (RequestPayloadError("x"), BadFraming),
        (BadFraming("x"), BadFraming),
        (ClientGone("x"), ClientGone),
    ],
)
async def test_content_that_breaks_off_is_a_failure(fault: Exception, expected: type[Failure]) -> None:
    """Content cut short never looks whole, whatever cut it."""
    line = Line()
    line.send(b"abc")
    receipt = asyncio.ensure_future(receive(line.arriving(6), 100, FOREVER))
    await asyncio.sleep(0)
    line.stream.set_exception(fault)
    with pytest.raises(expected):
        await receipt


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize(("pieces", "whole"), [((), True), ((b"abc",), True), ((b"ab", b"cd", b"e"), False)])
async def test_what_was_begun_comes_back_with_the_rest(pieces: tuple[bytes, ...], announced: bool, whole: bool) -> None:
    """Up to a limit all of it is received, of more only a part, and of what is announced to be more nothing."""
    line, content = Line(), b"".join(pieces)
    arriving = line.arriving(len(content) if announced else None)
    line.send(*pieces[:2])
    receiving_it = asyncio.ensure_future(begin(arriving, 3, FOREVER))
    line.send(*pieces[2:])
    line.end()
    received, is_all = await receiving_it
    with closing(received):
        assert is_all is whole
        assert (received.length == 0) is ((announced and not whole) or not content)
        if not whole:
            resumed = Resumed(received, arriving)
            assert (resumed.length, await _all(resumed)) == (len(content) if announced else None, content)


async def test_what_was_begun_and_does_not_go_on_is_given_up() -> None:
    """Each part has all of the time."""
    line = Line()
    line.send(b"a")
    with pytest.raises(ReceiveTimeout):
        await begin(line.arriving(), 3, 0.01)


async def test_the_client_is_invited_once_and_only_if_content_is_to_come() -> None:
    """The invitation goes out when reading begins; not again, and not when there is nothing to wait for."""
    line = Line()
    content = line.arriving()
    assert line.invitations == 0
    line.send(b"abc")
    iterator: AsyncIterator[bytes] = aiter(content)
    assert await anext(iterator) == b"abc"
    line.end()
    assert await anext(iterator, b"over") == b"over"
    assert line.invitations == 1

    whole = Line()
    whole.send(b"abc")
    whole.end()
    assert await _all(whole.arriving()) == b"abc"
    assert whole.invitations == 0


@pytest.mark.parametrize("make", [lambda line: line.arriving(3), lambda line: line.arriving()])
async def test_arriving_content_knows_its_length(make: Callable[[Line], Arriving]) -> None:
    """The announced length goes on to the origin server; chunks have none."""
    content: Content = make(Line())
    assert content.length in {3, None}
