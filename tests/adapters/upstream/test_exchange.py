"""One request and the final head of its response: sending and reading at the same time."""

import asyncio
import gc
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest

from proxy.adapters.upstream.exchange import Answered, exchange
from proxy.adapters.upstream.opening import open_connection
from proxy.adapters.upstream.sending import Outgoing
from proxy.core.address import Origin, TcpAddress
from proxy.core.fields import Fields
from proxy.errors import ClientGone, NotSent, Unanswered
from proxy.ports import Content, InterimListener
from tests.adapters.upstream.origin import CERTIFICATE, OK, Clock, Peer, Pieces, Serving, Slow, others, serving

MEBIBYTE = 1024 * 1024
HEAD = b"PUT / HTTP/1.1\r\nHost: o\r\nContent-Length: %d\r\n\r\n"
REFUSED = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno"


def upload(content: Pieces) -> Outgoing:
    """A PUT of content that is streamed."""
    assert content.length is not None
    return Outgoing("PUT", HEAD % content.length, content)


async def exchanged(
    origin: Serving, outgoing: Outgoing, interim: InterimListener | None = None, patience: float | None = None
) -> Answered:
    """One exchange on a connection of its own, which is closed."""
    context = ssl.create_default_context(cafile=str(CERTIFICATE)) if origin.origin.tls else None
    connection = await open_connection(origin.origin, context, 30.0)
    try:
        return await exchange(connection, outgoing, asyncio.get_running_loop().time() + 30.0, interim, patience)
    finally:
        connection.abort()
        await connection.wait_closed()


async def test_content_is_streamed_and_answered() -> None:
    """An upload that is read to its end is answered, and all of it was sent."""

    async def reads(peer: Peer) -> None:
        await peer.head()
        await peer.reader.readexactly(8 * MEBIBYTE)
        await peer.send(OK)

    async with serving(reads) as origin:
        content = Pieces([bytes(MEBIBYTE)] * 8, length=8 * MEBIBYTE)
        answered = await exchanged(origin, upload(content))
    assert (answered.head.status, answered.whole) == (200, True)


async def test_an_early_answer_ends_the_upload() -> None:
    """When the final head arrives before 8 MiB are sent, sending stops and the answer is delivered."""
    answered_at_last = asyncio.Event()

    async def refuses(peer: Peer) -> None:
        await peer.head()
        await peer.send(REFUSED)
        await answered_at_last.wait()  # nothing more is read until then

    async with serving(refuses) as origin:
        content = Pieces([bytes(MEBIBYTE)] * 8, length=8 * MEBIBYTE)
        connection = await open_connection(origin.origin, None, 30.0)
        answered = await exchange(connection, upload(content), asyncio.get_running_loop().time() + 30.0, None)
        assert (answered.head.status, answered.whole) == (413, False)
        assert content.taken < 8 * MEBIBYTE
        assert content.ended.is_set()
        assert others() == {origin.peers[0].task}
        answered_at_last.set()
        connection.abort()


async def test_an_early_answer_does_not_wait_for_the_client() -> None:
    """The answer counts even when the client never sends the rest."""

    async def refuses(peer: Peer) -> None:
        await peer.head()
        await peer.send(REFUSED)

    async with serving(refuses) as origin:
        content = Pieces([b"a"], length=2, endless=True)
        answered = await exchanged(origin, upload(content))
    assert (answered.head.status, answered.whole, content.ended.is_set()) == (413, False, True)


@dataclass
class Blocking:
    """Content that stops the loop until `go_on` is set, so that the loop cannot read what has arrived meanwhile."""

    go_on: threading.Event
    length: int = 64 * MEBIBYTE
    reached: list[int] = field(default_factory=list)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"a"
        assert self.go_on.wait(30.0)
        for _ in range(64):
            self.reached.append(1)
            yield bytes(MEBIBYTE)


def refuse_and_reset(listening: socket.socket, done: threading.Event) -> None:
    """Answer as soon as content arrives, and close without reading it: TCP makes a reset of that."""
    connection, _ = listening.accept()
    with connection:
        received = b""
        while not received.endswith(b"\r\n\r\n"):
            received += connection.recv(1)
        connection.recv(1, socket.MSG_PEEK)
        connection.sendall(REFUSED)
    done.set()


async def test_an_answer_before_a_reset_is_not_lost() -> None:
    """The answer was received although the next write fails before the loop can read it."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = threading.Thread(target=refuse_and_reset, args=(listening, done))
        server.start()
        origin = Origin(TcpAddress("127.0.0.1", listening.getsockname()[1]), tls=False, authority="o")
        connection = await open_connection(origin, None, 30.0)
        content: Content = Blocking(done)
        outgoing = Outgoing("PUT", HEAD % (64 * MEBIBYTE), content)
        answered = await exchange(connection, outgoing, asyncio.get_running_loop().time() + 30.0, None)
        server.join()
    assert (answered.head.status, answered.whole, answered.response.take()) == (413, False, b"no")
    await connection.wait_closed()


@pytest.mark.parametrize("failure", [ClientGone("gone"), TimeoutError("the content's own")])
async def test_a_client_that_goes_away_ends_the_exchange(failure: Exception) -> None:
    """What iteration raises is raised, and the origin server sees a request cut short, not a complete one."""
    got = []

    async def reads(peer: Peer) -> None:
        await peer.head()
        got.append(await peer.left())

    async with serving(reads) as origin:
        with pytest.raises(type(failure)) as caught:
            await exchanged(origin, upload(Pieces([b"hel"], length=5, fails=failure)))
    assert caught.value is failure
    assert got == [b"hel"]


async def test_a_miscounted_upload_is_not_answered() -> None:
    """Content shorter than announced is given up at once, not when the time is over."""

    async def reads(peer: Peer) -> None:
        await peer.head()

    async with serving(reads) as origin:
        with pytest.raises(Unanswered, match="not as long as was announced"):
            await exchanged(origin, upload(Pieces([b"hel"], length=5)))


@pytest.mark.parametrize("tls", [False, True])
async def test_an_end_during_the_upload_is_not_answered(tls: bool) -> None:
    """A connection that breaks while content is sent ends the exchange, and the content is let go."""

    async def breaks(peer: Peer) -> None:
        await peer.head()
        peer.reset()

    async with serving(breaks, tls=tls) as origin:
        content = Pieces([b"a"], length=2, endless=True)
        with pytest.raises(Unanswered, match="closed the connection without an answer"):
            await exchanged(origin, upload(content))
    assert content.ended.is_set()


async def test_an_upload_that_stalls_is_not_answered_in_time(clock: Clock) -> None:
    """The deadline holds while content is sent."""
    arrived = asyncio.Event()

    async def stalls(peer: Peer) -> None:
        await peer.head()
        arrived.set()

    async with serving(stalls) as origin:
        content = Pieces([b"a"], length=2, endless=True)
        sending = asyncio.create_task(exchanged(origin, upload(content)))
        await arrived.wait()
        clock.forward(31.0)
        with pytest.raises(Unanswered, match="in time") as caught:
            await sending
    assert caught.value.timed_out
    assert content.ended.is_set()


@pytest.mark.parametrize(("answer", "arrived"), [(OK, 8 * MEBIBYTE), (REFUSED, None)])
async def test_a_write_that_is_welcomed_early_is_sent_to_its_end(answer: bytes, arrived: int | None) -> None:
    """An origin server that says 200 before it has read everything gets everything; one that refuses does not."""
    got = 0

    async def welcomes(peer: Peer) -> None:
        nonlocal got
        await peer.head()
        await peer.send(answer)
        while got < 8 * MEBIBYTE and (data := await peer.reader.read(MEBIBYTE)):
            got += len(data)

    async with serving(welcomes) as origin:
        content = Pieces([bytes(MEBIBYTE)] * 8, length=8 * MEBIBYTE)
        outgoing = replace(upload(content), whole=True)
        answered = await exchanged(origin, outgoing)
    assert answered.whole == (arrived is not None)
    assert got == arrived or arrived is None


@pytest.mark.parametrize("patience", [30.0, None])
async def test_a_slow_client_is_not_a_slow_origin_server(clock: Clock, patience: float | None) -> None:
    """An upload of 80 s is answered if its deadline moves on with what is sent, and is not if it stands still."""

    async def reads(peer: Peer) -> None:
        await peer.head()
        await peer.reader.readexactly(4)
        await peer.send(OK)

    async with serving(reads if patience else silent) as origin:
        outgoing = Outgoing("PUT", HEAD % 4, Slow(clock))
        if patience is None:
            with pytest.raises(Unanswered, match="in time"):
                await exchanged(origin, outgoing)
        else:
            assert (await exchanged(origin, outgoing, patience=patience)).whole


async def silent(peer: Peer) -> None:
    """Never answer."""
    await peer.head()


async def test_interim_responses_reach_the_listener_while_content_is_sent() -> None:
    """1xx but 100 are told in order, before the final head."""
    told = []
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 A\r\nLink: <a>\r\n\r\nHTTP/1.1 102 B\r\n\r\n"

    async def hints(peer: Peer) -> None:
        await peer.head()
        await peer.send(interim)
        await peer.reader.readexactly(2)
        await peer.send(OK)

    async with serving(hints) as origin:
        answered = await exchanged(
            origin,
            upload(Pieces([b"a", b"b"], length=2)),
            lambda status, fields: told.append((status, fields)),
        )
    assert told == [(103, Fields([("Link", "<a>")])), (102, Fields())]
    assert answered.head.status == 200


async def test_interim_responses_need_no_listener() -> None:
    """Who does not listen gets the final response all the same."""

    async def hints(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 103 A\r\n\r\n" + OK)

    async with serving(hints) as origin:
        answered = await exchanged(origin, Outgoing("GET", b"GET / HTTP/1.1\r\n\r\n", None))
    assert answered.head.status == 200


async def test_a_listener_that_fails_ends_the_exchange() -> None:
    """Its error is nobody else's; the connection is closed."""

    async def hints(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 103 A\r\n\r\n")

    def fails(status: int, fields: Fields) -> None:
        raise LookupError

    async with serving(hints) as origin:
        with pytest.raises(LookupError):
            await exchanged(origin, Outgoing("GET", b"GET / HTTP/1.1\r\n\r\n", None), fails)


async def test_nothing_is_sent_on_a_closed_connection() -> None:
    """A connection that ended before the request left is one that the request never saw."""

    async def closes(peer: Peer) -> None:
        peer.writer.close()

    async with serving(closes) as origin:
        connection = await open_connection(origin.origin, None, 30.0)
        await connection.wait_closed()
        with pytest.raises(NotSent, match="before the request could be sent") as caught:
            await exchange(connection, Outgoing("GET", b"GET / HTTP/1.1\r\n\r\n", None), 1e9, None)
    assert not caught.value.timed_out


async def test_nothing_is_sent_after_the_deadline() -> None:
    """A write that could not be answered in time any more is not begun."""
    async with serving(Peer.left) as origin:
        connection = await open_connection(origin.origin, None, 30.0)
        with pytest.raises(NotSent, match="time for an answer was over") as caught:
            await exchange(connection, Outgoing("GET", b"GET / HTTP/1.1\r\n\r\n", None), 0.0, None)
    assert caught.value.timed_out
    assert origin.requests == []


class Stubborn:
    """Content that takes its time to end when its sender is cancelled, and then fails where `failure` is given."""

    length = 2

    def __init__(self, failure: Exception | None = None) -> None:
        self.asked = asyncio.Event()
        self.told = asyncio.Event()
        self.let_go = asyncio.Event()
        self._failure = failure

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            self.asked.set()
            await asyncio.Event().wait()
            yield b"never"
        finally:
            self.told.set()
            await self.let_go.wait()
            if self._failure is not None:
                raise self._failure


async def test_a_second_cancellation_still_waits_for_the_content() -> None:
    """The content belongs to someone else: it is not let go while it is still being read."""
    content = Stubborn()
    async with serving(Peer.left) as origin:
        outgoing = Outgoing("PUT", HEAD % 2, content)
        sending = asyncio.create_task(exchanged(origin, outgoing))
        await content.asked.wait()
        sending.cancel()
        await content.told.wait()
        sending.cancel()
        await asyncio.sleep(0)
        assert not sending.done()
        content.let_go.set()
        with pytest.raises(asyncio.CancelledError):
            await sending


async def refuses_early(peer: Peer) -> None:
    """Answer as soon as the head has arrived."""
    await peer.head()
    await peer.send(REFUSED)


async def test_a_cancellation_between_answer_and_content_counts() -> None:
    """Cancelled while an early answer waits for the content to end, the exchange is cancelled."""
    content = Stubborn()
    async with serving(refuses_early) as origin:
        sending = asyncio.create_task(exchanged(origin, Outgoing("PUT", HEAD % 2, content)))
        await content.told.wait()
        sending.cancel()
        content.let_go.set()
        with pytest.raises(asyncio.CancelledError):
            await sending


async def test_what_content_raises_after_an_answer_is_nobodys() -> None:
    """An early answer makes a failure of the content irrelevant; it is not reported as forgotten either."""
    reported: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    content = Stubborn(LookupError())
    content.let_go.set()
    async with serving(refuses_early) as origin:
        answered = await exchanged(origin, Outgoing("PUT", HEAD % 2, content))
    gc.collect()
    assert (answered.head.status, answered.whole, reported) == (413, False, [])
