"""Ports of the loopback interface that stay ours while nothing listens on them.

What lives here: keeping a port. A server that is stopped and started again on its port could otherwise lose it, or
worse: a client that keeps connecting to a port nobody listens on may be given that very port for its own end, and then
it is connected to itself.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

LOOPBACK = "127.0.0.1"


@contextmanager
def reserved_port() -> Iterator[int]:
    """Keep a free port: nobody is given it, and who names it may listen on it (with SO_REUSEADDR, as servers do).

    Linux looks at SO_REUSEADDR of both sockets when the second is bound: set behind our own `bind`, that one still
    fails where somebody else keeps the port.
    """
    with socket.socket() as keeper:
        keeper.bind((LOOPBACK, 0))
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        yield keeper.getsockname()[1]
