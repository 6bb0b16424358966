"""Who has been answered is told of any number of clients, in a program that has many files open."""

import os
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.support.raw import RawClient, answered, first_to_answer

MANY = 1_024
"""The first descriptor that `select` does not take."""


@contextmanager
def many_files() -> Iterator[None]:
    """Have so many files open that the next one has a number above that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * MANY), hard))
    opened: list[int] = []
    try:
        while not opened or opened[-1] < MANY:
            opened.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        for descriptor in opened:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_who_has_been_answered() -> None:
    """Those that have something to read, or whose connection has ended; nobody else."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        stack.enter_context(many_files())
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        clients, lines = [], []
        for _ in range(3):
            clients.append(stack.enter_context(RawClient(url)))
            lines.append(stack.enter_context(server.accept()[0]))
        assert min(client.fileno() for client in clients) > MANY
        assert answered(*clients) == []
        lines[1].sendall(b"x")
        assert first_to_answer(clients) is clients[1]
        lines[2].close()
        assert first_to_answer([clients[0], clients[2]]) is clients[2]
        assert set(answered(*clients, within=30.0)) == {clients[1], clients[2]}
