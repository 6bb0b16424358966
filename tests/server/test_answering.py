"""Bytes that go out: framing, streams without delay, interim responses, and messages cut short."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from proxy.core.fields import Fields
from proxy.core.message import Request
from proxy.errors import Unanswered
from proxy.ports import Content, InterimListener
from proxy.server import Patience
from tests.server.conftest import Serving
from tests.server.origin import TEXT, Origin, OriginReply, Pieces, answering

OPEN = b"GET /open/x HTTP/1.1\r\nHost: x\r\n\r\n"
OLD = b"GET /open/x HTTP/1.0\r\n\r\n"
FIVE = Fields([("Content-Length", "5")])


class Endless(Pieces):
    """Content without an end; `sent` counts its pieces, of 64 KiB each."""

    sent = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self.sent += 1
            yield b"x" * 65536
            await asyncio.sleep(0)


async def test_an_answer_reaches_the_client_as_it_is(serving: Serving) -> None:
    """Field case, order, repeated lines and bytes that are no ASCII pass; Via alone is added, and no Server."""
    fields = Fields([("eTaG", 'W/"\xe9"'), ("set-cookie", "a"), ("Set-Cookie", "b"), ("DATE", "today"), *FIVE])
    stand = await serving(Origin(script=answering(OriginReply(203, fields, b"\xff\x00abc"))))
    answer = await (await stand.ask(OPEN)).answer()
    assert answer.raw_head == (
        b"HTTP/1.1 203 Non-Authoritative Information\r\n"
        b'eTaG: W/"\xe9"\r\nset-cookie: a\r\nSet-Cookie: b\r\nDATE: today\r\nContent-Length: 5\r\n'
        b"Via: 1.1 ifmatch\r\n\r\n"
    )
    assert answer.content == b"\xff\x00abc"


async def test_content_of_unknown_length_is_chunked(serving: Serving) -> None:
    """Content whose length nobody said goes out in chunks, and its end is told."""
    stand = await serving(Origin(script=answering(OriginReply(content=b"x" * 300000))))
    wire = await stand.ask(OPEN)
    answer = await wire.answer()
    assert answer.fields.get("transfer-encoding") == "chunked"
    assert answer.content == b"x" * 300000
    wire.send(OPEN)
    assert (await wire.head()).status == 200


async def test_http_1_0_knows_no_chunks(serving: Serving) -> None:
    """To HTTP/1.0, content of unknown length ends with the connection."""
    stand = await serving(Origin(script=answering(OriginReply(content=b"abc"))))
    wire = await stand.ask(OLD)
    head = await wire.head()
    assert "transfer-encoding" not in head.fields
    assert head.fields.get("connection") == "close"
    assert await wire.ended() == b"abc"


@pytest.mark.parametrize(("asked", "goes_on"), [(b"Connection: keep-alive\r\n", True), (b"", False)])
async def test_http_1_0_keeps_the_connection_only_if_asked(serving: Serving, asked: bytes, goes_on: bool) -> None:
    """An HTTP/1.0 client that asked for it gets a persistent connection, and is told so."""
    stand = await serving(Origin(script=answering(OriginReply(fields=FIVE, content=b"abcde"))))
    wire = await stand.ask(b"GET /open/x HTTP/1.0\r\n" + asked + b"\r\n")
    answer = await wire.answer()
    assert answer.fields.get("connection") == ("keep-alive" if goes_on else "close")
    if goes_on:
        wire.send(OLD)
        assert (await wire.answer()).content == b"abcde"
    else:
        assert await wire.ended() == b""


async def test_head_keeps_the_length_and_has_no_content(serving: Serving) -> None:
    """HEAD is answered with the fields of GET; content that came all the same is dropped, and the connection lives."""
    reply = OriginReply(fields=FIVE, content=b"abcde")
    stand = await serving(Origin(script=answering(reply)))
    wire = await stand.ask(b"HEAD /open/x HTTP/1.1\r\nHost: x\r\n\r\n")
    answer = await wire.answer("HEAD")
    assert answer.fields.get("content-length") == "5"
    assert reply.closed.is_set()
    wire.send(OPEN)
    assert (await wire.answer()).content == b"abcde"


@pytest.mark.parametrize("status", [204, 304])
async def test_answers_without_content_have_no_framing(serving: Serving, status: int) -> None:
    """204 and 304 end with their head: no length, no chunk, whatever the origin server said."""
    stand = await serving(Origin(script=answering(OriginReply(status, FIVE, b""))))
    wire = await stand.ask(OPEN)
    answer = await wire.answer()
    assert not {"content-length", "transfer-encoding"} & answer.fields.names()
    wire.send(OPEN)
    assert (await wire.answer()).status == status


async def test_a_stream_is_not_held_back(serving: Serving) -> None:
    """The head goes out before there is content, and each piece before the next exists."""
    pieces = Pieces()
    stream = Fields([("Content-Type", "text/event-stream")])
    stand = await serving(Origin(script=answering(OriginReply(fields=stream, content=pieces))))
    wire = await stand.ask(OPEN)
    assert (await wire.head()).fields.get("content-type") == "text/event-stream"
    for event in (b"data: 1\n\n", b"data: 2\n\n"):
        pieces.send(event)
        assert await wire.chunk() == event
    pieces.send(b"")  # an empty piece is not the end
    pieces.send(b"data: 3\n\n")
    assert await wire.chunk() == b"data: 3\n\n"
    pieces.end()
    assert await wire.chunk() == b""


@pytest.mark.parametrize("fields", [FIVE, TEXT])
@pytest.mark.parametrize("asked", [OPEN, OLD])
async def test_an_answer_that_breaks_off_never_looks_whole(serving: Serving, fields: Fields, asked: bytes) -> None:
    """When the origin server's content ends early the client sees a reset, or an end without the last chunk."""
    pieces = Pieces()
    reply = OriginReply(fields=fields, content=pieces)
    stand = await serving(Origin(script=answering(reply)))
    wire = await stand.ask(asked)
    await wire.head()
    pieces.send(b"abc")
    pieces.break_off(Unanswered("The origin server hung up."))
    with pytest.raises(ConnectionResetError):
        await wire.ended()
    assert reply.closed.is_set()
    (line,) = await stand.finish()
    assert line["cut_short"] == "upstream-unanswered"


@pytest.mark.parametrize("content", [b"abcd", b"abcdef"])
async def test_content_of_another_length_than_announced(serving: Serving, content: bytes) -> None:
    """More or less content than Content-Length said is not passed off as whole, and never more than it said is sent."""
    stand = await serving(Origin(script=answering(OriginReply(fields=FIVE, content=content))))
    wire = await stand.ask(OPEN)
    await wire.head()
    with pytest.raises(ConnectionResetError):
        await wire.ended()


async def test_a_client_that_leaves_ends_the_stream(serving: Serving) -> None:
    """A client that goes away in the middle of an answer lets the origin server's reply be closed."""
    reply = OriginReply(content=Pieces())
    stand = await serving(Origin(script=answering(reply)))
    wire = await stand.ask(OPEN)
    await wire.head()
    wire.reset()
    await reply.closed.wait()
    (line,) = await stand.finish()
    assert (line["status"], line["cut_short"]) == (200, "client-gone")


async def test_a_client_that_leaves_before_the_answer(serving: Serving) -> None:
    """A client that goes away while the origin server thinks has its request cancelled there."""
    cancelled = asyncio.Event()

    async def thinking(request: Request, content: Content | None, interim: InterimListener | None) -> OriginReply:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            cancelled.set()
        raise AssertionError

    stand = await serving(Origin(script=thinking))
    wire = await stand.ask(OPEN)
    await stand.origin.arrived.wait()
    wire.reset()
    await cancelled.wait()
    (line,) = await stand.finish()
    assert (line["status"], line["reason"], line["outcome"]) == (None, "client-gone", "not-applied")


async def test_back_pressure(serving: Serving) -> None:
    """A client that does not read stops the reading of the origin server's content: memory stays bounded."""
    endless = Endless()
    stand = await serving(Origin(script=answering(OriginReply(content=endless))))
    wire = await stand.ask(OPEN)
    await wire.head()
    before = -1
    while before != endless.sent:  # until a thousand turns of the event loop bring nothing more
        before = endless.sent
        for _ in range(1000):
            await asyncio.sleep(0)
    assert endless.sent < 1000  # 64 MiB: what the kernel's buffers on both sides and ours can hold is far less
    wire.reset()


async def test_a_client_that_stops_reading_is_given_up(serving: Serving) -> None:
    """A client that takes nothing for `stall` seconds does not keep its exchange for ever."""
    reply = OriginReply(content=Endless())
    stand = await serving(Origin(script=answering(reply)), patience=Patience(stall=0.01))
    await stand.ask(OPEN)
    await reply.closed.wait()
    (line,) = await stand.finish()
    assert line["cut_short"] == "client-gone"


def _hinting(final: OriginReply) -> Origin:
    async def script(request: Request, content: Content | None, interim: InterimListener | None) -> OriginReply:
        if interim is not None:
            interim(103, Fields([("Link", "</a.css>; rel=preload"), ("Connection", "x")]))
        return final

    return Origin(script=script)


async def test_interim_responses_pass(serving: Serving) -> None:
    """A 103 of the origin server reaches an HTTP/1.1 client before the final answer, without hop-by-hop fields."""
    stand = await serving(_hinting(OriginReply(content=b"abc")))
    wire = await stand.ask(OPEN)
    hint = await wire.head()
    assert hint.raw_head == b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nVia: 1.1 ifmatch\r\n\r\n"
    assert (await wire.answer()).content == b"abc"


async def test_http_1_0_gets_no_interim_response(serving: Serving) -> None:
    """RFC 9110 §15.2: a 1xx response is never sent to an HTTP/1.0 client."""
    stand = await serving(_hinting(OriginReply(content=b"abc")))
    assert (await (await stand.ask(OLD)).head()).status == 200


async def test_a_large_answer_that_is_held_here(serving: Serving) -> None:
    """A minted answer larger than one write arrives whole."""
    stand = await serving(Origin(b"x" * 1_000_000))
    answer = await (await stand.ask(b"GET /wiki/1 HTTP/1.1\r\nHost: x\r\n\r\n")).answer()
    assert answer.content == b"x" * 1_000_000
    (line,) = await stand.finish()
    assert line["bytes_out"] == 1_000_000


@pytest.mark.parametrize(("size", "connection"), [(50, None), (500, "close")])
async def test_a_head_that_weighs_is_not_kept(serving: Serving, size: int, connection: str | None) -> None:
    """After a request whose head is large the connection ends, since aiohttp would hold it until the next."""
    stand = await serving()
    lines = b"".join(b"X-%d: %s\r\n" % (number, b"x" * size) for number in range(90))
    answer = await stand.answer(b"GET /wiki/1 HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n")
    assert answer.status == 200
    assert answer.fields.get("connection") == connection
