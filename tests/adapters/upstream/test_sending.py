"""Request content on its way out."""

from collections.abc import AsyncIterator

import pytest

from proxy.adapters.upstream.opening import open_connection
from proxy.adapters.upstream.sending import PART, Outgoing, gather, prepare, stream, without_content
from proxy.core.message import Request
from proxy.errors import NotSent, Unanswered
from proxy.ports import Content, Purpose
from tests.adapters.upstream.origin import Peer, Pieces, Text, request, serving

PUT = request("PUT", "/", [("Host", "o")])


async def streamed(content: Content) -> bytes:
    """What an origin server gets when this content is streamed."""
    got = b""

    async def reads(peer: Peer) -> None:
        nonlocal got
        got = await peer.left()

    async with serving(reads) as origin:
        connection = await open_connection(origin.origin, None, 30.0)
        try:
            await stream(content, connection, lambda: None)
        finally:
            connection.close()
    return got


async def ready(request: Request, content: Content, authority: str, purpose: Purpose) -> Outgoing:
    """Return a request ready to go, as the client makes it so."""
    return prepare(request, content, authority, purpose) or await gather(request, content, authority)


@pytest.mark.parametrize("in_memory", [True, False])
async def test_small_content_of_a_guarded_write_joins_its_head(in_memory: bool) -> None:
    """One write, so one segment: the hot path of the proxy."""
    outgoing = await ready(PUT, Text(b"hello", in_memory=in_memory), "", Purpose.PERFORM)
    assert outgoing.opening == b"PUT / HTTP/1.1\r\nHost: o\r\nContent-Length: 5\r\n\r\nhello"
    assert outgoing.rest is None


@pytest.mark.parametrize(
    ("content", "purpose"),
    [
        (Text(bytes(PART + 1)), Purpose.PERFORM),
        (Text(b"hello"), Purpose.RELAY),
        (Pieces([b"hello"]), Purpose.RELAY),
        (Pieces([b"hello"]), Purpose.PERFORM),
    ],
)
async def test_other_content_follows_its_head(content: Content, purpose: Purpose) -> None:
    """What is large, or may still be arriving, does not hold the head back."""
    outgoing = await ready(PUT, content, "", purpose)
    assert outgoing.opening.endswith(b"\r\n\r\n")
    assert outgoing.rest is content


async def test_without_content_the_head_is_all() -> None:
    """There is nothing to stream, so no task streams it."""
    for outgoing in (without_content(PUT, ""), await ready(PUT, Text(b""), "", Purpose.RELAY)):
        assert outgoing.rest is None
        assert outgoing.bare


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("told", [4, 6])
async def test_a_false_length_is_noticed_before_anything_is_sent(told: int, in_memory: bool) -> None:
    """Small content is counted first."""
    with pytest.raises(NotSent, match="not as long as was announced"):
        await ready(PUT, Text(b"hello", told, in_memory), "", Purpose.PERFORM)


async def test_content_of_known_length_is_sent_as_it_is() -> None:
    """No framing between the pieces, however large they are."""
    assert await streamed(Pieces([b"a", b"", bytes(3 * PART + 1)], length=3 * PART + 2)) == b"a" + bytes(3 * PART + 1)


async def test_content_of_unknown_length_is_chunked() -> None:
    """One chunk a part, none for an empty piece, which would be the last one (RFC 9112 §7.1)."""
    sent = await streamed(Pieces([b"hello", b"", bytes(PART + 1)]))
    assert sent == b"5\r\nhello\r\n10000\r\n" + bytes(PART) + b"\r\n1\r\n\0\r\n0\r\n\r\n"


async def test_a_byte_more_than_announced_is_not_sent() -> None:
    """The origin server would read it as the next request."""
    with pytest.raises(Unanswered, match="not as long as was announced"):
        await streamed(Pieces([b"hello", b"!"], length=5))


async def test_a_byte_less_than_announced_is_no_end() -> None:
    """The origin server would wait for it."""
    with pytest.raises(Unanswered, match="not as long as was announced"):
        await streamed(Pieces([b"hell"], length=5))


async def test_a_generator_left_half_way_is_closed() -> None:
    """Who gave the content learns at once that nobody reads on."""
    content = Pieces([b"hello", b"!"], length=4)
    with pytest.raises(Unanswered):
        await streamed(content)
    assert content.ended.is_set()


class Bare:
    """Content whose iterator is no generator and cannot be closed."""

    length = 2

    def __init__(self) -> None:
        self._left = [b"b", b"a"]

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop()


async def test_an_iterator_need_not_be_a_generator() -> None:
    """`Content` promises iteration and nothing else."""
    assert await streamed(Bare()) == b"ab"
