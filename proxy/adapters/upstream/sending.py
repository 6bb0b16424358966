"""Request content on its way out: in one write with the head where it is small, else piece by piece.

What lives here: cutting, chunking and counting. How far the origin server keeps up is the room `connection`.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from proxy.adapters.upstream.connection import Connection
from proxy.adapters.upstream.request import serialise
from proxy.core.message import Request
from proxy.errors import NotSent, Unanswered
from proxy.ports import Content, Purpose

PART = 64 * 1024
"""Bytes of content handed to the transport at a time; up to this much goes out together with the head."""
_LAST_CHUNK = b"0\r\n\r\n"  # and no trailer fields (RFC 9112 §7.1)
_MISCOUNTED = "The request content is not as long as was announced."


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request ready to go. `opening` is one write; `rest` follows it piece by piece, None when that was all.

    `bare`: the request has no content, so that an origin server that answered it has nothing of it left to read.
    `whole`: content is sent to its end unless it is refused, because a part of it might be applied.
    `upgrade`: it offers to speak another protocol.
    """

    method: str
    opening: bytes
    rest: Content | None
    bare: bool = False
    whole: bool = False
    upgrade: bool = False


def without_content(request: Request, authority: str) -> Outgoing:
    """Make a request ready to go. Raised when it cannot be serialised: `errors.NotSent`."""
    return Outgoing(request.method, serialise(request, None, authority), None, bare=True)


def prepare(request: Request, content: Content, authority: str, purpose: Purpose) -> Outgoing | None:
    """Make a request with content ready to go; small content that was received whole joins the head.

    None where that content has to be read first: `gather`. Raised when the request cannot be serialised or its content
    is not as long as it says: `errors.NotSent`.
    """
    if content.length == 0:
        return Outgoing(request.method, serialise(request, content, authority), None, bare=True)
    if purpose is not Purpose.PERFORM or content.length is None or content.length > PART:
        whole = purpose is Purpose.PERFORM
        return Outgoing(request.method, serialise(request, content, authority), content, whole=whole)
    held: bytes | None = getattr(content, "held", None)  # content that is performed was received (`ReceivedContent`)
    return None if held is None else _joined(request, content, authority, held)


async def gather(request: Request, content: Content, authority: str) -> Outgoing:
    """Make a request with small content ready to go. Raised: as by `prepare`; what `content` raises."""
    async with _iterated(content) as pieces:
        return _joined(request, content, authority, b"".join([piece async for piece in pieces]))


def _joined(request: Request, content: Content, authority: str, whole: bytes) -> Outgoing:
    if len(whole) != content.length:
        raise NotSent(_MISCOUNTED)
    return Outgoing(request.method, serialise(request, content, authority) + whole, None)


async def stream(content: Content, connection: Connection, progress: Callable[[], None]) -> None:
    """Send content behind its head, calling `progress` after each part. Raises whatever its iteration raises.

    Raised when it is not as long as it says, before a byte too many is sent: `errors.Unanswered`.
    """
    sent = 0
    async with _iterated(content) as pieces:
        async for piece in pieces:
            sent += len(piece)
            if content.length is not None and sent > content.length:
                raise Unanswered(_MISCOUNTED)
            for part in _parts(piece):
                await connection.deliver(part if content.length is not None else _chunk(part))
                progress()
    if content.length is None:
        await connection.deliver(_LAST_CHUNK)
    elif sent != content.length:
        raise Unanswered(_MISCOUNTED)


@asynccontextmanager
async def _iterated(content: Content) -> AsyncIterator[AsyncIterator[bytes]]:
    """Iterate content and close a generator left half-way: the loop would otherwise start a task to do so."""
    pieces = aiter(content)
    try:
        yield pieces
    finally:
        close = getattr(pieces, "aclose", None)
        if close is not None:
            await close()


def _parts(piece: bytes) -> Iterator[bytes]:
    """Cut a piece, so that an early answer is seen soon. An empty piece has no part: its chunk would be the last."""
    return (piece[start : start + PART] for start in range(0, len(piece), PART))


def _chunk(part: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(part), part)
