"""An address that several processes serve, without the processes."""

import socket
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from proxy.core.address import Address, TcpAddress, UnixAddress
from proxy.server.reserving import Reservation, reserve

LOOPBACK = TcpAddress("127.0.0.1", 0)
MANY = 64


@contextmanager
def listening(place: Reservation) -> Iterator[list[socket.socket]]:
    """Listen as one more process would."""
    with ExitStack() as opened:
        own = [opened.enter_context(each) for each in place.sockets()]
        for each in own:
            each.listen(MANY)
        yield own


def connect(address: Address) -> socket.socket:
    """Return a connection to the address."""
    if isinstance(address, UnixAddress):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(address.path)
        return connection
    return socket.create_connection((address.host, address.port), 30)


def queued(listener: socket.socket) -> int:
    """Accept all connections that wait, and return how many there were."""
    listener.settimeout(0)
    count = 0
    while True:
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


async def test_connections_are_dealt_out() -> None:
    """Every process has the same port, chosen once where it may be any, and gets a part of the connections."""
    place = await reserve(LOOPBACK)
    assert isinstance(place.address, TcpAddress)
    assert place.address.port != 0
    with listening(place) as (one,), listening(place) as (other,), ExitStack() as clients:
        for _ in range(MANY):
            clients.enter_context(connect(place.address))
        counts = queued(one), queued(other)
    place.release()
    assert sum(counts) == MANY
    assert min(counts) > 0


async def test_nobody_connects_before_somebody_listens() -> None:
    """To have reserved an address is not to listen, and to have got a socket is neither."""
    place = await reserve(LOOPBACK)
    own = place.sockets()
    with pytest.raises(ConnectionRefusedError):
        connect(place.address)
    with listening(place), connect(place.address):
        pass
    with pytest.raises(ConnectionRefusedError):
        connect(place.address)
    for each in own:
        each.close()
    place.release()


@pytest.mark.parametrize("served", [False, True])
async def test_it_is_nobody_elses(served: bool) -> None:
    """No other proxy has the address meanwhile, with one process or several, whether or not anyone listens yet."""
    place = await reserve(LOOPBACK)
    assert isinstance(place.address, TcpAddress)
    with ExitStack() as until_tried:
        if served:
            until_tried.enter_context(listening(place))
        with pytest.raises(OSError, match="in use"):
            await reserve(place.address)
        with pytest.raises(OSError, match="in use"):
            socket.create_server((place.address.host, place.address.port))
    place.release()
    (await reserve(place.address)).release()


async def test_it_is_had_again_at_once() -> None:
    """Connections of a while ago, whose ends the kernel remembers, keep nobody from the address."""
    place = await reserve(LOOPBACK)
    with listening(place) as (own,), connect(place.address) as client:
        accepted, _ = own.accept()
        accepted.close()  # the side that closes first is the one that is remembered
        assert client.recv(1) == b""
    place.release()
    again = await reserve(place.address)
    with listening(again), connect(again.address):
        pass
    again.release()


@pytest.mark.parametrize("host", ["", "localhost"])
async def test_every_address_of_a_host(host: str) -> None:
    """One socket for each that a single process would listen on; those of IPv6 leave IPv4 to another."""
    place = await reserve(TcpAddress(host, 0))
    with listening(place) as first, listening(place) as second:
        assert [each.getsockname() for each in first] == [each.getsockname() for each in second]
        assert len({each.family for each in first}) == len(first)
        for own in first:
            with connect(TcpAddress("127.0.0.1" if own.family is socket.AF_INET else "::1", own.getsockname()[1])):
                pass
    place.release()


async def test_a_socket_that_cannot_be_had() -> None:
    """What was opened before it is closed, and the error is the kernel's."""
    place = await reserve(LOOPBACK)
    lost = socket.socket()
    lost.close()
    half = Reservation(place.address, [place.sockets()[0], lost])
    with pytest.raises(OSError, match="Bad file descriptor"):
        half.sockets()
    half.release()
    place.release()


async def test_a_unix_socket(tmp_path: Path) -> None:
    """All listen on one socket for owner and group; connections wait there, and its file goes when it is released."""
    path = tmp_path / "s.sock"
    place = await reserve(UnixAddress(str(path)))
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    with connect(place.address):
        for own in place.sockets():
            assert queued(own) == 1
            own.close()
        assert path.exists()
        with pytest.raises(OSError, match="in use"):
            await reserve(place.address)
    place.release()
    assert not path.exists()


async def test_what_was_released_is_not_ours(tmp_path: Path) -> None:
    """Releasing twice does not remove what the next one made there."""
    address = UnixAddress(str(tmp_path / "s.sock"))
    place = await reserve(address)
    place.release()
    following = await reserve(address)
    place.release()
    with connect(address):
        pass
    following.release()
