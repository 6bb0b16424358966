"""Opening a connection, or `NotSent`."""

import asyncio
import socket
import ssl
from pathlib import Path

import pytest

from proxy.adapters.upstream.opening import open_connection
from proxy.core.address import Origin, TcpAddress, UnixAddress
from proxy.errors import NotSent
from tests.adapters.upstream.origin import CERTIFICATE, Clock, Peer, answers, serving


def tcp(host: str, port: int) -> Origin:
    """An origin server at a TCP address."""
    return Origin(TcpAddress(host, port), tls=False, authority="o.example")


async def test_a_refused_connection_is_not_sent() -> None:
    """Where nobody listens, nothing was sent, and it is not a matter of time."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    with pytest.raises(NotSent, match=r"refused the connection\.") as caught:
        await open_connection(tcp("127.0.0.1", port), None, 30.0)
    assert not caught.value.timed_out


async def test_a_missing_unix_socket_is_not_sent(tmp_path: Path) -> None:
    """A path without a socket is an origin server that cannot be reached, and its name is not told."""
    origin = Origin(UnixAddress(str(tmp_path / "absent")), tls=False, authority="o.example")
    with pytest.raises(NotSent) as caught:
        await open_connection(origin, None, 30.0)
    assert caught.value.detail == "The origin server could not be reached."


async def test_a_name_that_cannot_be_encoded_is_not_sent() -> None:
    """IDNA's limits are a failure like any other."""
    with pytest.raises(NotSent, match="name could not be resolved"):
        await open_connection(tcp("a" * 64 + ".example", 80), None, 30.0)


async def test_a_name_that_is_unknown_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the resolver says ends in the same sentence."""

    async def unknown(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    with pytest.raises(NotSent, match="name could not be resolved"):
        await open_connection(tcp("unknown.example", 80), None, 30.0)


async def test_an_untrusted_certificate_is_not_sent() -> None:
    """Verification is on, and what fails it hears no request."""
    async with serving(answers(), tls=True) as origin:
        with pytest.raises(NotSent, match="certificate could not be verified"):
            await open_connection(origin.origin, ssl.create_default_context(), 30.0)
    assert origin.requests == []


async def test_a_server_without_tls_is_not_sent() -> None:
    """An answer in the clear to a TLS handshake is no connection."""

    async def clear(peer: Peer) -> None:
        await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with serving(clear) as origin:
        with pytest.raises(NotSent, match="TLS with the origin server could not be set up"):
            await open_connection(origin.origin, ssl.create_default_context(), 30.0)


async def test_a_handshake_that_takes_too_long_is_not_sent(clock: Clock) -> None:
    """The time to connect includes TLS, and no socket is left behind."""
    accepted = asyncio.Event()

    async def silent(peer: Peer) -> None:
        accepted.set()

    async with serving(silent) as origin:
        opening = asyncio.create_task(open_connection(origin.origin, ssl.create_default_context(), 2.0))
        await accepted.wait()
        clock.forward(2.1)
        with pytest.raises(NotSent, match="in time") as caught:
            await opening
        assert caught.value.timed_out
        await origin.closed()


@pytest.mark.parametrize("tls", [False, True])
async def test_an_open_connection_is_open(tls: bool) -> None:
    """TCP and TLS both end in the same kind of connection."""
    context = ssl.create_default_context(cafile=str(CERTIFICATE)) if tls else None
    async with serving(answers(), tls=tls) as origin:
        connection = await open_connection(origin.origin, context, 30.0)
        assert connection.open
        connection.close()
        await connection.wait_closed()
        assert not connection.open


async def test_over_a_unix_socket_the_certificate_names_the_authority(tmp_path: Path) -> None:
    """A Unix socket has no host name, so the one of Host is what TLS proves."""
    context = ssl.create_default_context(cafile=str(CERTIFICATE))
    async with serving(answers(), tls=True, path=tmp_path / "s") as origin:
        connection = await open_connection(origin.origin, context, 30.0)
        connection.close()
        await connection.wait_closed()
        other = Origin(origin.origin.address, tls=True, authority="other.example:8443")
        with pytest.raises(NotSent, match="certificate could not be verified"):
            await open_connection(other, context, 30.0)
