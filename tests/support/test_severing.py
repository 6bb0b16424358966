"""The relay does to a connection what it was armed for, to one, and nothing otherwise."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from socketserver import StreamRequestHandler, ThreadingTCPServer
from urllib.parse import urlsplit

import pytest

from tests.support.severing import GAVE_UP, Cut, severable
from tests.support.threading_server import serving

QUESTION, ANSWER = b"question?", b"answer"
PATIENCE = 30.0


class Far(ThreadingTCPServer):
    """A server that reads one question a connection, and answers one that is whole."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Asked)
        self.heard: SimpleQueue[bytes] = SimpleQueue()


class _Asked(StreamRequestHandler):
    server: Far

    def handle(self) -> None:
        try:
            question = self.rfile.read(len(QUESTION))
        except ConnectionResetError:
            question = b"reset"
        self.server.heard.put(question)
        if question == QUESTION:
            self.wfile.write(ANSWER)


@contextmanager
def far() -> Iterator[Far]:
    """Run the server."""
    with serving(Far()) as server:
        yield server


def asked(url: str, *, wait: bool = True) -> bytes:
    """Ask the question, and return what came back before the connection ended."""
    parts = urlsplit(url)
    heard = b""
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 0), PATIENCE) as line:
            line.sendall(QUESTION)
            while wait and (more := line.recv(100)):
                heard += more
    except ConnectionError:  # a connection cut at once may already fail to open
        heard += b" and a reset"
    return heard


@pytest.mark.parametrize(
    ("cut", "heard", "arrived"),
    [
        (None, ANSWER, QUESTION),
        (Cut.AT_ONCE, b" and a reset", None),
        (Cut.IN_THE_REQUEST, b" and a reset", b"reset"),
        (Cut.BEFORE_THE_ANSWER, b" and a reset", QUESTION),
        (Cut.LATE, ANSWER, QUESTION),
        (Cut.GIVEN_UP, GAVE_UP + ANSWER, QUESTION),
    ],
)
def test_each_cut(cut: Cut | None, heard: bytes, arrived: bytes | None) -> None:
    """The near end hears what it should, the far end gets what it should, and the next connection is whole."""
    with far() as server, severable(server.server_address[1]) as link:
        link.arm(cut)
        assert asked(link.url) == heard
        assert arrived is None or server.heard.get(timeout=PATIENCE) == arrived
        assert asked(link.url) == ANSWER


def test_a_cut_in_the_answer() -> None:
    """Less than all of the answer comes back, and no clean end."""
    with far() as server, severable(server.server_address[1]) as link:
        link.arm(Cut.IN_THE_ANSWER)
        got = asked(link.url)
    assert got.endswith(b" and a reset")
    assert not got.startswith(ANSWER)


def test_a_late_request_arrives_although_nobody_waits() -> None:
    """Who asked may have left: the far end gets the question all the same."""
    with far() as server, severable(server.server_address[1]) as link:
        link.arm(Cut.LATE)
        asked(link.url, wait=False)
        assert server.heard.get(timeout=PATIENCE) == QUESTION


def test_a_link_that_refuses() -> None:
    """While it refuses nobody gets through; a connection that is made later does, at the same place."""
    with far() as server, severable(server.server_address[1]) as link:
        link.refuse()
        assert asked(link.url) == b" and a reset"
        link.admit()
        assert asked(link.url) == ANSWER
        assert server.heard.qsize() == 1
