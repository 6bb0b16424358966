"""What passes between a bench and its hand."""

from collections.abc import Iterator
from socket import socketpair
from threading import Thread

import pytest

from proxy.adapters.workshop.line import Line, read

Ends = tuple[Line, Line]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """Both ends of a line."""
    one, other = map(Line, socketpair())
    yield one, other
    one.close()
    other.close()


@pytest.mark.parametrize("length", [0, 1, 3 * 1024 * 1024])
def test_messages_arrive_with_their_content(ends: Ends, length: int) -> None:
    """Content of any length comes out as it went in, and the next message after it."""
    content = bytes(range(256)) * (length // 256) + b"x" * (length % 256)

    def send() -> None:
        ends[0].send(("a", 1), content)
        ends[0].send("next")

    sending = Thread(target=send)
    sending.start()
    first, second = ends[1].receive(), ends[1].receive()
    sending.join()
    assert (read(first[0]), first[1]) == (("a", 1), content)
    assert (read(second[0]), second[1]) == ("next", b"")


def test_readiness_is_told(ends: Ends) -> None:
    """Whoever waits for the other side to be ready goes on once it says so."""
    ends[1].ready()
    ends[0].await_ready()


def test_a_line_that_was_cut_is_noticed(ends: Ends) -> None:
    """Whoever reads from an end that nobody else has any more is told so, at once or in the middle of a message."""
    ends[1].close()
    with pytest.raises(EOFError):
        ends[0].receive()
    ends[0].close()
    with pytest.raises((OSError, ValueError)):
        ends[0].send("x")


def test_closing_wakes_who_waits(ends: Ends) -> None:
    """A thread that waits for an answer goes on when its own end is closed by another thread."""
    ended: list[type[BaseException]] = []

    def wait() -> None:
        try:
            ends[0].receive()
        except (EOFError, OSError) as end:
            ended.append(type(end))

    waiting = Thread(target=wait)
    waiting.start()
    ends[0].close()
    waiting.join(30)
    assert len(ended) == 1


def test_a_line_closed_meanwhile_is_like_one_that_was_cut(ends: Ends) -> None:
    """Whoever reads only after another thread has closed the line is told so in the same way."""
    ends[0].close()
    with pytest.raises(EOFError):
        ends[0].receive()
