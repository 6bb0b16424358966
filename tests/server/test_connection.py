"""The events of one connection: half-closes, losses, clients that dawdle, messages that cannot be parsed."""

import asyncio
import logging
import re
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from proxy.core.address import TcpAddress
from proxy.core.fields import Fields
from proxy.core.message import Request
from proxy.errors import ClientGone
from proxy.ports import Content, InterimListener, Purpose
from proxy.server import Patience
from proxy.server.connection import Connection
from proxy.server.draining import Census
from proxy.server.handling import Handling
from proxy.server.listening import Listener
from proxy.server.sent import Sent
from proxy.telemetry import Sparing
from tests.adapters.upstream.origin import Clock
from tests.server.conftest import Serving
from tests.server.origin import Gate, Origin, OriginReply, Pieces, answering
from tests.server.wire import PATIENCE, Wire

GET = b"GET /wiki/1 HTTP/1.1\r\nHost: x\r\n\r\n"
PUT = b"PUT /wiki/1 HTTP/1.1\r\nHost: x\r\nIf-Match: *\r\n"
FOREVER = 1e6
SOON = 0.01
_METHOD = re.compile(rb"(GET|PUT) /")
CERTIFICATE = Path(__file__).parent.parent / "adapters" / "upstream" / "localhost.pem"


# ---------------------------------------------------------------------------------------- half-closes, losses, dawdling


async def test_a_client_that_half_closes_gets_its_answer(serving: Serving) -> None:
    """A client that shuts its sending side after a whole request is answered, then the connection ends."""
    stand = await serving()
    wire = await stand.ask(PUT + b"Content-Length: 3\r\n\r\nabc")
    wire.half_close()
    answer = await wire.answer("PUT")
    assert answer.status == 204
    assert await wire.ended() == b""
    assert [seen.content for seen in stand.origin.writes] == [b"abc"]


async def test_all_of_a_pipeline_is_answered_after_a_half_close(serving: Serving) -> None:
    """Every request that was sent before the half-close is answered, in order."""
    stand = await serving()
    wire = await stand.ask(GET + PUT + b"Content-Length: 3\r\n\r\ntwo" + GET)
    wire.half_close()
    assert [(await wire.answer()).content for _ in range(3)] == [b"one", b"", b"two"]
    assert await wire.ended() == b""


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 6\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"]
)
async def test_content_cut_short_is_never_forwarded(serving: Serving, framing: bytes) -> None:
    """A client that shuts its sending side before its content is whole is told so, and nothing is written."""
    stand = await serving()
    wire = await stand.ask(PUT + framing)
    wire.half_close()
    answer = await wire.answer()
    assert answer.status == 400
    assert answer.problem["reason"] == "bad-framing"
    assert await wire.ended() == b""
    assert await stand.server.drain(PATIENCE)  # there is nobody to linger for
    assert stand.origin.seen == []


async def test_content_whose_client_leaves_is_never_forwarded(serving: Serving) -> None:
    """A client that leaves before its content is whole has written nothing."""
    stand = await serving()
    wire = await stand.ask(PUT + b"Content-Length: 6\r\nExpect: 100-continue\r\n\r\n")
    assert (await wire.head()).status == 100
    wire.reset()
    (line,) = await stand.finish()
    assert line["reason"] == "client-gone"
    assert line["outcome"] == "not-applied"
    assert line["status"] is None
    assert stand.origin.seen == []


async def test_a_head_that_does_not_end_is_given_up(serving: Serving) -> None:
    """A client that began a request head has `head` seconds to end it."""
    stand = await serving(patience=Patience(keepalive=FOREVER, head=0))
    wire = await stand.ask(b"GET / HTTP/1.1\r\nHost:")
    assert await wire.ended() == b""
    assert stand.lines == []


async def test_a_head_that_ends_is_not(serving: Serving) -> None:
    """The time for a head does not run while a request is answered, nor between requests."""
    origin = Origin(script=answering(OriginReply(content=Pieces())))
    stand = await serving(origin, patience=Patience(keepalive=FOREVER, head=FOREVER))
    wire = await stand.ask(b"GET / HTTP/1.1\r\nHost:")
    await asyncio.sleep(0)
    wire.send(b" x\r\n\r\n")
    assert (await wire.head()).status == 200


@pytest.mark.parametrize(
    "before",
    [
        [GET],
        [GET + GET],
        [PUT + b"Content-Length: 3\r\n\r\nabc"],
        [PUT + b"Content-Length: 3\r\n\r\n", b"a", b"bc"],
        [PUT + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", GET],
    ],
)
@pytest.mark.parametrize("begun", [b"G", b"GET /wiki/1 HT", b"GET /wiki/1 HTTP/1.1\r\nHost: x\r\n"])
async def test_a_head_behind_a_request_that_does_not_end(serving: Serving, before: list[bytes], begun: bytes) -> None:
    """A client that began a request head behind other requests has `head` seconds from their answers on to end it."""
    stand = await serving(patience=Patience(keepalive=FOREVER, head=SOON))
    wire = await stand.connect()
    for piece in before[:-1]:
        wire.send(piece)
        await asyncio.sleep(0)
    wire.send(before[-1] + begun)
    for method in _METHOD.findall(b"".join(before)):
        assert (await wire.answer(method.decode())).status in {200, 204}
    assert await wire.ended() == b""


async def streamed(pieces: Pieces, wire: Wire) -> None:
    """See that an answer that has begun goes on to its end."""
    for piece in (b"one", b"two"):
        pieces.send(piece)
        assert await wire.chunk() == piece
    pieces.end()
    assert await wire.chunk() == b""


async def test_a_head_that_begins_during_an_answer(serving: Serving) -> None:
    """So has one that began it while another request was being answered, which is not cut off for that."""
    pieces = Pieces()
    stand = await serving(
        Origin(script=answering(OriginReply(content=pieces))), patience=Patience(keepalive=FOREVER, head=SOON)
    )
    wire = await stand.ask(b"GET /open/events HTTP/1.1\r\nHost: x\r\n\r\n")
    await wire.head()
    wire.send(b"GET /")
    await streamed(pieces, wire)
    assert await wire.ended() == b""


@pytest.mark.asyncio(loop_factories=["asyncio"])  # whose clock can be set
async def test_the_time_for_a_head_behind_a_request(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """It begins with the answer, and ends with the head."""
    clock, gate = Clock(asyncio.get_running_loop()), Gate(Purpose.SELECT)
    monkeypatch.setattr(asyncio.get_running_loop(), "time", clock.time)
    stand = await serving(gate.origin, patience=Patience(keepalive=FOREVER, head=10.0))
    wire = await stand.ask(GET)
    await stand.origin.arrived.wait()
    (connection,) = stand.server._census._connections  # noqa: SLF001 - that it has read shows nowhere else
    assert isinstance(connection, Connection)
    connection.data_received(GET[:9])
    clock.forward(9.0)
    gate.opened.set()
    assert (await wire.answer()).status == 200
    for piece in (GET[9:], GET):
        clock.forward(9.0)
        await asyncio.sleep(0)
        wire.send(piece)
        assert (await wire.answer()).status == 200


@pytest.mark.parametrize(
    "pieces",
    [
        [GET],
        [GET[:-2], GET[-2:]],
        [GET + PUT + b"Content-Length: 3\r\n\r\nabc"],
        [b"\r\n\r\n" + PUT + b"Content-Length: 3\r\n\r\n", b"abc"],
        [PUT + b"Content-Le", b"ngth: 3\r\n\r\nabc"],
        [PUT + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r", b"\n"],
    ],
)
@pytest.mark.asyncio(loop_factories=["asyncio"])  # whose clock can be set
async def test_whole_requests_and_no_more(
    serving: Serving, pieces: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However requests arrive, behind the last of them no head has begun, so that the connection is kept."""
    clock = Clock(asyncio.get_running_loop())
    monkeypatch.setattr(asyncio.get_running_loop(), "time", clock.time)
    stand = await serving(patience=Patience(keepalive=FOREVER, head=10.0))
    wire = await stand.ask(GET)
    assert (await wire.answer()).status == 200
    (connection,) = stand.server._census._connections  # noqa: SLF001 - to have it read each piece by itself
    assert isinstance(connection, Connection)
    for piece in pieces:
        connection.data_received(piece)
    for method in _METHOD.findall(b"".join(pieces)):
        assert (await wire.answer(method.decode())).status in {200, 204}
    clock.forward(11.0)
    await asyncio.sleep(0)
    wire.send(GET)
    assert (await wire.answer()).status == 200


async def test_an_idle_connection_ends(serving: Serving) -> None:
    """A connection on which nothing happens for `keepalive` seconds is closed."""
    stand = await serving(patience=Patience(keepalive=0.01))
    wire = await stand.connect()
    assert await wire.ended() == b""


async def test_a_half_close_between_requests(serving: Serving) -> None:
    """A client that shuts its sending side when nothing is asked is let go at once."""
    stand = await serving(patience=Patience(keepalive=FOREVER))
    wire = await stand.ask(GET)
    assert (await wire.answer()).status == 200
    wire.half_close()
    assert await wire.ended() == b""


async def test_content_that_nobody_reads_yet_fails_too() -> None:
    """When the connection is lost, content fails for whoever will read it, not only for who does already."""

    async def handler(request: web.BaseRequest) -> Sent:
        raise AssertionError

    listener = Listener(handler, Census(), Patience(), Sparing(logging.getLogger("test")))
    connection = listener()
    assert isinstance(connection, Connection)
    connection.connection_made(Nowhere())
    connection.data_received(PUT + b"Content-Length: 6\r\n\r\nabc")
    content = connection._messages[-1][1]  # noqa: SLF001 - aiohttp has not yet begun to handle it
    connection.connection_lost(None)
    with pytest.raises(ClientGone):
        await content.readany()
    await asyncio.sleep(0)  # aiohttp's task for the connection ends


async def test_silence_after_a_half_close(serving: Serving) -> None:
    """A client that shut its sending side and is written nothing for `silence` seconds counts as gone."""
    reply = OriginReply(content=Pieces())
    stand = await serving(Origin(script=answering(reply)), patience=Patience(silence=0))
    wire = await stand.ask(b"GET /open/events HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await wire.head()).status == 200
    wire.half_close()
    await reply.closed.wait()
    (line,) = await stand.finish()
    assert line["cut_short"] == "client-gone"


async def test_a_stream_goes_on_after_a_half_close(serving: Serving) -> None:
    """A client that shut its sending side is not silent as long as something is written to it."""
    pieces = Pieces()
    stand = await serving(Origin(script=answering(OriginReply(content=pieces))))
    wire = await stand.ask(b"GET /open/events HTTP/1.1\r\nHost: x\r\n\r\n")
    wire.half_close()
    await wire.head()
    await streamed(pieces, wire)
    assert await wire.ended() == b""


async def test_silence_is_measured_anew(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte written since the last look gives the client another `silence` seconds."""
    pieces = Pieces()
    connections: list[Connection] = []
    made = Connection.connection_made

    def noticed(self: Connection, transport: asyncio.BaseTransport) -> None:
        connections.append(self)
        made(self, transport)

    monkeypatch.setattr(Connection, "connection_made", noticed)
    stand = await serving(Origin(script=answering(OriginReply(content=pieces))), patience=Patience(silence=FOREVER))
    wire = await stand.ask(b"GET /open/events HTTP/1.1\r\nHost: x\r\n\r\n")
    await wire.head()
    (connection,) = connections
    before = connection._progress()  # noqa: SLF001 - the test stands in for the timer
    pieces.send(b"one")
    assert await wire.chunk() == b"one"
    connection._judge_silence(before)  # noqa: SLF001 - likewise
    pieces.send(b"two")
    assert await wire.chunk() == b"two"
    connection._judge_silence(connection._progress())  # noqa: SLF001 - likewise
    with pytest.raises(ConnectionResetError):
        await wire.chunk()


async def test_over_tls(serving: Serving) -> None:
    """With TLS the scheme that is forwarded is https, and a client that leaves is noticed at once."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)
    reply = OriginReply(content=Pieces())
    stand = await serving(Origin(script=answering(reply)), context=context)
    trusting = ssl.create_default_context(cafile=CERTIFICATE)
    assert isinstance(stand.address, TcpAddress)
    reader, writer = await asyncio.open_connection(
        stand.address.host, stand.address.port, ssl=trusting, server_hostname="localhost"
    )
    writer.write(b"GET /open/events HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    assert stand.origin.seen[0].request.fields.get("x-forwarded-proto") == "https"
    writer.close()
    await reply.closed.wait()
    (line,) = await stand.finish()
    assert line["cut_short"] == "client-gone"


class Nowhere(asyncio.Transport):
    """A transport to nobody."""

    def close(self) -> None:
        pass


class Upload:
    """A script that reads an upload piece by piece and answers when it has seen the whole."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.begun = asyncio.Event()

    async def __call__(self, request: Request, content: Content | None, interim: InterimListener | None) -> OriginReply:
        assert content is not None
        async for piece in _noticed(content, self.begun):
            self.taken.append(piece)
        return OriginReply(204, Fields())


async def _noticed(content: Content, begun: asyncio.Event) -> AsyncIterator[bytes]:
    async for piece in content:
        begun.set()
        yield piece


async def test_a_relayed_upload_that_breaks_off(serving: Serving) -> None:
    """A client that leaves in the middle of a relayed upload cancels it: the origin server never sees a whole one."""
    upload = Upload()
    stand = await serving(Origin(script=upload))
    wire = await stand.ask(b"PUT /open/x HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc")
    await upload.begun.wait()
    wire.reset()
    (line,) = await stand.finish()
    assert line["reason"] == "client-gone"
    assert line["outcome"] == "unknown"  # the origin server may act on a part of it
    assert upload.taken == [b"abc"]


# --------------------------------------------------------------------- messages that cannot be parsed, and last answers


async def test_chunks_that_break_are_answered(serving: Serving) -> None:
    """Framing that proves malformed while content arrives ends the wait for it: 400, and the connection closes."""
    stand = await serving()
    wire = await stand.ask(PUT + b"Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n")
    assert (await wire.head()).status == 100
    wire.send(b"3\r\nabc\r\nnot-a-size\r\n")
    answer = await wire.answer()
    assert answer.status == 400
    assert answer.problem["reason"] == "bad-framing"
    assert answer.fields.get("connection") == "close"
    assert await wire.ended() == b""
    assert stand.origin.seen == []


@pytest.mark.parametrize(
    "message",
    [
        b"NONSENSE-secret\r\n\r\n",
        b"GET /secret HTTP/1.1\r\nHost: x\r\nBad Name: secret\r\n\r\n",
        b"GET /secret HTTP/1.1\r\n\r\n",
        b"GET /" + b"secret" * 2000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"secret" * 2000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: secret\r\n" * 200 + b"\r\n",
        b"\x16\x03\x01secret",
        b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nsecret",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n secret\r\n\r\n",
    ],
    ids=["line", "name", "no-host", "long-line", "long-field", "fields", "tls", "lengths", "fold"],
)
async def test_a_message_that_cannot_be_parsed(
    serving: Serving, message: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """It is answered 400 and its connection ends; one line is logged, no traceback; its bytes appear nowhere."""
    stand = await serving()
    wire = await stand.ask(message)
    answer = await wire.answer()
    assert answer.status == 400
    assert answer.problem["outcome"] == "not-applied"
    assert answer.fields.get("connection") == "close"
    assert await wire.ended() == b""
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.exc_info is None
    assert "secret" not in f"{record.getMessage()}{answer.raw_head!r}{answer.content!r}"


async def test_what_follows_a_good_request_is_answered_on_its_own(serving: Serving) -> None:
    """Garbage behind a request does not spoil its answer, not even when nothing more will come."""
    pieces = Pieces()
    stand = await serving(Origin(script=answering(OriginReply(content=pieces))))
    wire = await stand.ask(b"GET /open/x HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await wire.head()).status == 200
    wire.send(b"NONSENSE\r\n\r\n")
    wire.half_close()
    pieces.send(b"one")
    pieces.end()
    assert [await wire.chunk(), await wire.chunk()] == [b"one", b""]
    assert (await wire.answer()).status == 400
    assert await wire.ended() == b""


async def test_bad_messages_do_not_flood_the_log(serving: Serving, caplog: pytest.LogCaptureFixture) -> None:
    """However many come, one line is logged in a while."""
    stand = await serving()
    for _ in range(5):
        assert (await (await stand.ask(b"NONSENSE\r\n\r\n")).answer()).status == 400
    assert len(caplog.records) == 1


async def test_a_client_that_sends_before_it_reads(serving: Serving) -> None:
    """A client that reads only after it has sent everything can do both, though nobody wants its content."""
    answered = asyncio.Event()

    async def late(request: Request, content: Content | None, interim: InterimListener | None) -> OriginReply:
        await answered.wait()
        return OriginReply(403)

    stand = await serving(Origin(script=late))
    wire = await stand.ask(b"PUT /open/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n")
    wire.send(b"x" * 20_000_000)
    for _ in range(500):  # the buffers in between fill up, and nobody reads
        await asyncio.sleep(0)
    answered.set()
    async with asyncio.timeout(PATIENCE):
        await wire.writer.drain()
    answer = await wire.answer()
    assert (answer.status, answer.fields.get("connection")) == (403, "close")
    assert await wire.ended() == b""


async def test_a_client_that_still_sends_can_read_its_answer(serving: Serving) -> None:
    """What a client sends after its last answer does not destroy that answer by a reset (RFC 9112 §9.6)."""
    stand = await serving()
    wire = await stand.ask(PUT + b"Content-Length: 100000000\r\n\r\n")
    await stand.logged()
    for _ in range(100):
        wire.send(b"x" * 1000)
        await asyncio.sleep(0)
    assert (await wire.answer()).status == 413
    assert await wire.ended() == b""


async def test_lingering_ends(serving: Serving) -> None:
    """A client that goes on sending is not waited for longer than `linger`."""
    stand = await serving(patience=Patience(linger=0))
    wire = await stand.ask(PUT + b"Content-Length: 100000000\r\n\r\n")
    assert (await wire.answer()).status == 413
    async with asyncio.timeout(PATIENCE):
        assert await stand.server.drain(FOREVER)


async def test_a_fault_of_the_handler_itself(
    serving: Serving, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should our own handler ever raise, the client gets a problem that admits an unknown outcome, and one log line."""

    async def broken(_self: Handling, request: web.BaseRequest) -> web.StreamResponse:
        raise KeyError(request.method)

    monkeypatch.setattr(Handling, "__call__", broken)
    stand = await serving()
    answer = await (await stand.ask(GET)).answer()
    assert answer.status == 500
    assert answer.problem["outcome"] == "unknown"
    assert [record.getMessage() for record in caplog.records] == ["the handler of a request raised"]


async def test_a_fault_of_the_handler_after_it_wrote(
    serving: Serving, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handler that raises with half an answer written gets its connection cut: no second answer follows the half."""

    async def broken(_self: Handling, request: web.BaseRequest) -> web.StreamResponse:
        await request.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        raise KeyError

    monkeypatch.setattr(Handling, "__call__", broken)
    stand = await serving()
    wire = await stand.ask(GET)
    await wire.head()
    with pytest.raises(ConnectionResetError):
        await wire.ended()
    assert [record.getMessage() for record in caplog.records] == ["the handler of a request raised"]


async def test_a_request_is_the_same_however_it_is_cut(serving: Serving) -> None:
    """Wherever the network cuts a pipeline of requests, each gets its answer, and the writes are what was sent."""
    stand = await serving()
    chunked = b"Transfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n"
    message = PUT + b"Content-Length: 3\r\n\r\none" + PUT + chunked + GET
    for cut in range(1, len(message)):
        wire = await stand.ask(message[:cut])
        await asyncio.sleep(0)
        wire.send(message[cut:])
        assert [(await wire.answer()).status for _ in range(3)] == [204, 204, 200]
        wire.writer.close()
    assert [seen.content for seen in stand.origin.writes] == [b"one", b"two"] * (len(message) - 1)


async def test_one_error_is_enough(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a message that cannot be parsed nothing is read: however much comes, it waits for nobody in memory."""
    fed: list[bytes] = []
    feed = web.RequestHandler.data_received

    def noticed(self: web.RequestHandler, data: bytes) -> None:
        fed.append(data)
        feed(self, data)

    monkeypatch.setattr(web.RequestHandler, "data_received", noticed)
    pieces = Pieces()
    stand = await serving(Origin(script=answering(OriginReply(content=pieces))))
    wire = await stand.ask(b"GET /open/x HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await wire.head()).status == 200
    for number in range(5):
        wire.send(b"NONSENSE\r\n\r\n")
        pieces.send(b"%d" % number)
        assert await wire.chunk() == b"%d" % number
    assert b"".join(fed).count(b"NONSENSE") < 5
