"""Opening a connection, or `NotSent`."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
import uvloop

from proxy.adapters.upstream.addresses import TRUSTED, Addresses
from proxy.adapters.upstream.connection import Connection
from proxy.adapters.upstream.opening import open_connection
from proxy.core.address import Origin, TcpAddress, UnixAddress
from proxy.errors import NotSent
from tests.adapters.upstream.origin import CERTIFICATE, GUARD, Clock, Peer, Serving, answers, serving
from tests.adapters.upstream.resolver import Resolver, Said

T = TypeVar("T")

HERE = "127.0.0.1"
CLOSED = "::1"
"""Where nobody listens on the port of an origin server that listens on 127.0.0.1."""
SILENT = "192.0.2.1"
"""An address from which no answer comes: see `silence`."""
BOTH = pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])


def tcp(host: str, port: int) -> Origin:
    """An origin server at a TCP address."""
    return Origin(TcpAddress(host, port), tls=False, authority="o.example")


def named(origin: Serving, name: str = "localhost") -> Origin:
    """The origin server, by a name."""
    assert isinstance(origin.origin.address, TcpAddress)
    return replace(origin.origin, address=TcpAddress(name, origin.origin.address.port))


def told(*said: Said) -> tuple[Resolver, Addresses]:
    """A resolver that says that, and the addresses that it is asked for."""
    resolver = Resolver(*said)
    return resolver, Addresses("localhost", resolver)


def run(factory: Callable[[], asyncio.AbstractEventLoop], work: Coroutine[Any, Any, T]) -> T:
    """Do that in a loop of this kind."""
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(work)


def trusting() -> ssl.SSLContext:
    """What believes the origin server's certificate."""
    return ssl.create_default_context(cafile=str(CERTIFICATE))


async def closed(connection: Connection) -> None:
    """Close a connection and wait until it is."""
    connection.close()
    await connection.wait_closed()


async def attempted(silence: asyncio.Semaphore) -> None:
    """Wait until somebody begins to connect to `SILENT`."""
    async with asyncio.timeout(GUARD):
        await silence.acquire()


@pytest.fixture
async def silence(monkeypatch: pytest.MonkeyPatch) -> asyncio.Semaphore:
    """Let connecting to `SILENT` never end. The semaphore has one for each that has begun."""
    loop, begun = asyncio.get_running_loop(), asyncio.Semaphore(0)
    connect, dial = loop.create_connection, loop.sock_connect

    async def create_connection(
        protocol: Callable[[], Connection], host: str | None = None, *args: Any, **rest: Any
    ) -> Any:
        await unless_silent(host)
        return await connect(protocol, host, *args, **rest)

    async def sock_connect(sock: socket.socket, address: tuple[str, int]) -> None:
        await unless_silent(address[0])
        await dial(sock, address)

    async def unless_silent(host: str | None) -> None:
        if host == SILENT:
            begun.release()
            await asyncio.Event().wait()

    monkeypatch.setattr(loop, "create_connection", create_connection)
    monkeypatch.setattr(loop, "sock_connect", sock_connect)
    return begun


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


@pytest.mark.parametrize(
    "failure", [socket.gaierror(socket.EAI_AGAIN, "no answer"), UnicodeError("label too long"), socket.gaierror(-5, "")]
)
async def test_what_the_resolver_fails_with_is_not_sent(failure: Exception) -> None:
    """It ends in that sentence also where the answer is kept for others."""
    _, addresses = told(failure)
    with pytest.raises(NotSent, match="name could not be resolved") as caught:
        await open_connection(tcp("localhost", 80), None, 30.0, addresses)
    assert not caught.value.timed_out


async def test_a_resolver_that_hangs_takes_no_more_than_the_time_to_connect(clock: Clock) -> None:
    """Without any address the time for a connection is the time for a name, too."""
    resolver, addresses = told([HERE])
    resolver.open.clear()
    opening = asyncio.create_task(open_connection(tcp("localhost", 80), None, 2.0, addresses))
    while not resolver.asked:  # noqa: ASYNC110 - a thread sets no event of a loop
        await asyncio.sleep(0)
    clock.forward(2.1)
    with pytest.raises(NotSent, match="in time") as caught:
        await opening
    assert caught.value.timed_out
    resolver.open.set()


@BOTH
@pytest.mark.parametrize("tls", [False, True])
def test_addresses_are_tried_in_order(tls: bool, factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """A name of two addresses, one of which is closed, is an origin server that is open; nobody is asked twice for it.

    What the certificate must prove is the name.
    """
    resolver, addresses = told([CLOSED, HERE])

    async def open_two() -> None:
        async with serving(answers(), tls=tls) as origin:
            for _ in range(2):
                context = trusting() if tls else None
                await closed(await open_connection(named(origin), context, 30.0, addresses))
            assert origin.connections == 2

    run(factory, open_two())
    assert resolver.asked == ["localhost"]


@BOTH
@pytest.mark.parametrize("tls", [False, True])
def test_an_origin_server_that_moved_is_found_at_once(
    tls: bool, factory: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    """Where no known address takes a connection, the name is asked for again, and no write fails."""
    resolver, addresses = told([CLOSED], [HERE])

    async def move() -> None:
        async with serving(answers(), tls=tls) as origin:
            await addresses.known()
            for _ in range(2):
                context = trusting() if tls else None
                await closed(await open_connection(named(origin), context, 30.0, addresses))

    run(factory, move())
    assert len(resolver.asked) == 2


@pytest.mark.parametrize("tls", [False, True])
async def test_an_origin_server_that_moved_is_found_behind_silence(
    tls: bool, clock: Clock, silence: asyncio.Semaphore
) -> None:
    """An old address at which nobody says no has half of the time, then the name is asked for again."""
    resolver, addresses = told([SILENT], [HERE])
    await addresses.known()
    async with serving(answers(), tls=tls) as origin:
        context = trusting() if tls else None
        opening = asyncio.create_task(open_connection(named(origin), context, 2.0, addresses))
        await attempted(silence)
        clock.forward(1.1)
        await closed(await opening)
    assert len(resolver.asked) == 2


async def test_silence_at_an_address_that_is_still_named_is_tried_again(
    clock: Clock, silence: asyncio.Semaphore
) -> None:
    """A packet may have been lost: the second half of the time is for the same address, if that is what is said."""
    resolver, addresses = told([SILENT])
    await addresses.known()
    opening = asyncio.create_task(open_connection(tcp("localhost", 80), None, 2.0, addresses))
    await attempted(silence)
    clock.forward(1.1)
    await attempted(silence)
    assert not opening.done()
    clock.forward(1.0)
    with pytest.raises(NotSent, match="in time") as caught:
        await opening
    assert caught.value.timed_out
    assert len(resolver.asked) == 2


async def test_an_address_of_several_has_half_of_the_time(clock: Clock, silence: asyncio.Semaphore) -> None:
    """The first of two is not waited for until there is no time for the second."""
    _, addresses = told([SILENT, HERE])
    async with serving(answers()) as origin:
        opening = asyncio.create_task(open_connection(named(origin), None, 2.0, addresses))
        await attempted(silence)
        clock.forward(1.1)
        await closed(await opening)


async def test_an_address_alone_has_all_of_the_time(clock: Clock, silence: asyncio.Semaphore) -> None:
    """Nothing is better than to wait for the only address of a name that has been asked for just now."""
    resolver, addresses = told([SILENT])
    opening = asyncio.create_task(open_connection(tcp("localhost", 80), None, 2.0, addresses))
    await attempted(silence)
    clock.forward(1.9)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not opening.done()
    assert silence.locked()
    clock.forward(0.2)
    with pytest.raises(NotSent, match="in time"):
        await opening
    assert len(resolver.asked) == 1


async def test_a_handshake_with_a_known_address_has_all_of_the_time(clock: Clock) -> None:
    """Whoever takes a connection is there: it is not given up for a newer answer."""
    accepted = asyncio.Event()

    async def silent(peer: Peer) -> None:
        accepted.set()

    resolver, addresses = told([HERE])
    await addresses.known()
    async with serving(silent) as origin:
        opening = asyncio.create_task(open_connection(named(origin), trusting(), 2.0, addresses))
        await accepted.wait()
        clock.forward(1.9)
        for _ in range(5):
            await asyncio.sleep(0)
        assert not opening.done()
        clock.forward(0.2)
        with pytest.raises(NotSent, match="in time"):
            await opening
        await origin.closed()
        assert origin.connections == 1
    assert len(resolver.asked) == 1


async def test_old_addresses_do_where_the_resolver_hangs(clock: Clock) -> None:
    """Half of the time is for the resolver, the rest for the addresses that were good once."""
    resolver, addresses = told([HERE])
    await addresses.known()
    async with serving(answers()) as origin:
        clock.forward(TRUSTED)
        resolver.open.clear()
        opening = asyncio.create_task(open_connection(named(origin), None, 2.0, addresses))
        while len(resolver.asked) < 2:  # noqa: ASYNC110 - a thread sets no event of a loop
            await asyncio.sleep(0)
        clock.forward(1.1)
        await closed(await opening)
        resolver.open.set()


@pytest.mark.parametrize(
    ("second", "sentence"),
    [
        ([CLOSED], r"refused the connection\."),
        (socket.gaierror(socket.EAI_AGAIN, "no answer"), r"refused the connection\."),
        (socket.gaierror(socket.EAI_NONAME, "no such name"), r"name could not be resolved\."),
    ],
)
async def test_an_origin_server_that_did_not_move_is_tried_once(
    second: Said, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the same addresses are named, or none can be had, that is the end, and what it was is told."""
    tried: list[str] = []

    async def create_connection(_: object, host: str, port: int) -> None:
        tried.append(host)
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", create_connection)
    resolver, addresses = told([CLOSED], second)
    await addresses.known()
    with pytest.raises(NotSent, match=sentence) as caught:
        await open_connection(tcp("localhost", 80), None, 30.0, addresses)
    assert not caught.value.timed_out
    assert (len(resolver.asked), tried) == (2, [CLOSED])


@BOTH
def test_a_refusal_is_told_on_both_loops(factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """Each loop has its own words for it."""
    _, addresses = told([HERE])
    with socket.create_server((HERE, 0)) as taken:
        port: int = taken.getsockname()[1]

    async def refused() -> None:
        with pytest.raises(NotSent, match=r"refused the connection\.") as caught:
            await open_connection(tcp("localhost", port), None, 30.0, addresses)
        assert not caught.value.timed_out

    run(factory, refused())


@pytest.mark.parametrize(
    ("hosts", "sentence"),
    [([CLOSED, HERE], r"refused the connection\."), ([CLOSED, "no address"], r"could not be reached\.")],
)
async def test_several_addresses_fail_in_one_sentence(
    hosts: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says why where that was the same for all of them, and they have been asked for once."""
    loop = asyncio.get_running_loop()

    async def create_connection(_: object, host: str, port: int) -> None:
        raise OSError("no route") if host == "no address" else ConnectionRefusedError(f"{host} refuses")

    monkeypatch.setattr(loop, "create_connection", create_connection)
    resolver, addresses = told(hosts)
    with pytest.raises(NotSent, match=sentence):
        await open_connection(tcp("localhost", 80), None, 30.0, addresses)
    assert len(resolver.asked) == 1


@BOTH
def test_a_certificate_must_prove_the_name(factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """The address, which it proves as well, was only what the name was resolved to."""
    _, addresses = told([HERE])

    async def other() -> None:
        async with serving(answers(), tls=True) as origin:
            with pytest.raises(NotSent, match="certificate could not be verified"):
                await open_connection(named(origin, "other.example"), trusting(), 30.0, addresses)
            await origin.closed()

    run(factory, other())


@BOTH
@pytest.mark.parametrize("tls", [False, True])
def test_given_up_at_any_moment_nothing_is_left(tls: bool, factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """At each turn of the loop until a connection to the second address stands: no socket stays open."""

    async def give_up_after(turns: int) -> bool:
        _, addresses = told([CLOSED, HERE])
        await addresses.known()
        async with serving(answers(), tls=tls) as origin:
            opening = asyncio.create_task(open_connection(named(origin), trusting() if tls else None, 30.0, addresses))
            for _ in range(turns):
                await asyncio.sleep(0)
            if not opening.cancel():
                await closed(await opening)
                return False
            await asyncio.wait([opening])
            assert opening.cancelled()
            return True

    async def give_up() -> int:
        turns = 0
        while await give_up_after(turns):
            turns += 1
        return turns

    assert run(factory, give_up()) > 1


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
