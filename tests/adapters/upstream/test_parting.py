"""What the end of a connection says of the response on it."""

import asyncio
import ssl

import pytest

from proxy.adapters.upstream import parting
from proxy.adapters.upstream.opening import open_connection
from proxy.adapters.upstream.parting import salvage
from proxy.adapters.upstream.response import IncomingResponse
from proxy.core.address import TcpAddress
from tests.adapters.upstream.origin import CERTIFICATE, OK, Peer, Serving, serving

HEAD = b"GET / HTTP/1.1\r\nHost: o\r\n\r\n"


@pytest.mark.parametrize("clean", [True, False])
async def test_the_way_a_connection_ends_is_told_apart(clean: bool) -> None:
    """A close completes content that ends with the connection, a reset does not."""

    async def ends(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\nhello")
        await peer.reader.readexactly(1)
        if clean:
            peer.writer.close()
        else:
            peer.reset()

    async with serving(ends) as origin:
        connection = await open_connection(origin.origin, None, 30.0)
        response = connection.expect("GET")
        connection.write(HEAD)
        while response.buffered < 5:
            await connection.changed()
        connection.write(b"x")  # only now the end comes: a reset overtakes what was not read yet
        await connection.wait_closed()
        assert (response.complete, response.failure is None) == (clean, clean)


@pytest.mark.parametrize("goodbye", [True, False])
async def test_over_tls_an_end_without_goodbye_is_none(goodbye: bool) -> None:
    """TCP closes cleanly in both cases, and anyone on the way can make it do so."""

    async def ends(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\nhello")
        if goodbye:
            peer.writer.close()
        else:
            peer.writer.transport.abort()  # closes the socket without a close_notify

    async with serving(ends, tls=True) as origin:
        trusting = ssl.create_default_context(cafile=str(CERTIFICATE))
        connection = await open_connection(origin.origin, trusting, 30.0)
        response = connection.expect("GET")
        connection.write(HEAD)
        await connection.wait_closed()
        assert (response.complete, response.failure is None) == (goodbye, goodbye)


async def unread(content: bytes, *, tls: bool = False) -> IncomingResponse:
    """Return what is salvaged from a transport that has not read what its peer sent."""
    sent = asyncio.Event()

    async def sends(peer: Peer) -> None:
        peer.writer.write(content)
        sent.set()

    async with serving(sends, tls=tls) as origin:
        transport = await connected(origin)
        transport.pause_reading()
        await sent.wait()
        response = IncomingResponse("GET")
        salvage(transport, response)
        transport.abort()
        return response


async def connected(origin: Serving) -> asyncio.Transport:
    """A transport to that origin server, with nobody who listens."""
    assert isinstance(origin.origin.address, TcpAddress)
    trusting = ssl.create_default_context(cafile=str(CERTIFICATE)) if origin.origin.tls else None
    transport, _ = await asyncio.get_running_loop().create_connection(
        asyncio.Protocol, "127.0.0.1", origin.origin.address.port, ssl=trusting
    )
    return transport


async def test_what_had_arrived_before_a_reset_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it, in however many reads, until there is no more."""
    monkeypatch.setattr(parting, "AT_ONCE", 1000)
    content = bytes(range(256)) * 64
    response = await unread(b"HTTP/1.1 413 No\r\nContent-Length: %d\r\n\r\n" % len(content) + content)
    assert response.head is not None
    assert response.head.status == 413
    assert response.take_whole() == content
    assert response.complete


async def test_over_tls_nothing_can_be_salvaged() -> None:
    """What is in the socket is no answer without the session."""
    assert not (await unread(OK * 100_000, tls=True)).began


async def test_what_had_not_arrived_is_no_fault() -> None:
    """That nothing is there, and that the socket is gone, are one way to learn that there is nothing more."""
    assert not (await unread(b"")).began
    async with serving(Peer.left) as origin:
        transport = await connected(origin)
        transport.abort()
        await origin.closed()
        response = IncomingResponse("GET")
        salvage(transport, response)
        assert not response.began
