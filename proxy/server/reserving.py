"""An address that several processes serve: whose it is, and how each of them comes by its socket.

What lives here: sockets before anybody listens on them. What must not: who the processes are.

TCP: each process has a socket of its own, bound to the same address by SO_REUSEPORT, and the kernel (Linux) deals new
connections out among those who listen. So each has its own queue of connections that it has yet to accept, and these
are reset when it ends, even while others go on. Such a client has been answered not a byte and none of its bytes was
read: nothing was applied. (Linux can hand that queue over: `sysctl net.ipv4.tcp_migrate_req=1`.)

Unix: all listen on one socket with one queue, which outlives each of them; whoever wakes first accepts the next.
"""

import asyncio
import os
import socket
from collections.abc import Sequence
from contextlib import ExitStack

from proxy.core.address import Address, TcpAddress, UnixAddress
from proxy.server.listening import BACKLOG, bind_unix, unlink_socket


class Reservation:
    """An address that is ours until `release`. `address` is what was reserved, with the port chosen for port 0."""

    def __init__(self, address: Address, held: Sequence[socket.socket]) -> None:
        self.address = address
        self._held = held

    def sockets(self) -> list[socket.socket]:
        """Return sockets for one more process to listen on; the caller closes them. Raised by the kernel: OSError."""
        if isinstance(self.address, UnixAddress):
            return [held.dup() for held in self._held]
        with ExitStack() as unless_complete:
            siblings = [unless_complete.enter_context(_sibling(held)) for held in self._held]
            unless_complete.pop_all()
        return siblings

    def release(self) -> None:
        """Give the address back, once; the file of a Unix socket is removed. Who listens goes on listening."""
        held, self._held = self._held, ()
        for each in held:
            each.close()
        if held:
            unlink_socket(self.address)  # not twice: by then it may be that of the next to listen there


async def reserve(address: Address) -> Reservation:
    """Take an address for several processes. Raised when it cannot be had, also from such processes: OSError."""
    if isinstance(address, UnixAddress):
        bound = bind_unix(address)
        bound.listen(BACKLOG)
        return Reservation(address, [bound])
    held = await _bound(address)
    for each in held:
        _open_to_siblings(each)
    return Reservation(TcpAddress(address.host, held[0].getsockname()[1]), held)


async def _bound(address: TcpAddress) -> list[socket.socket]:
    """Bind as asyncio does for a single process, names and both families included, without listening."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(asyncio.Protocol, address.host or None, address.port, start_serving=False)
    held = [socket.socket(fileno=os.dup(each.fileno())) for each in server.sockets]
    server.close()
    return held


def _open_to_siblings(held: socket.socket) -> None:
    """Let siblings bind the address, and nobody else: it was bound without SO_REUSEPORT, so it was free before.

    SO_REUSEADDR, without which the address could not be had for a minute after the last connection to it, is taken
    back: a stranger that has it too could bind the address, as long as no sibling listens.
    """
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)


def _sibling(held: socket.socket) -> socket.socket:
    sibling = socket.socket(held.family, socket.SOCK_STREAM)
    try:
        sibling.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sibling.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if held.family == socket.AF_INET6:
            sibling.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # as asyncio: IPv4 has its own socket
        sibling.bind(held.getsockname())
    except BaseException:
        sibling.close()
        raise
    return sibling
