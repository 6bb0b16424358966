"""A process that does work, from within: the test is the bench."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from socket import socketpair

import pytest

from proxy.adapters.workshop import hand
from proxy.adapters.workshop.bench import command
from proxy.adapters.workshop.line import Line, read

ENDLESS = b"[None for _ in iter(int, 1)]"
"""Python that has no end."""


@contextmanager
def started() -> Iterator[tuple[subprocess.Popen[bytes], Line]]:
    """A hand that is ready, and our end of the line to it."""
    ours, theirs = socketpair()
    with theirs:
        process = subprocess.Popen(command(), stdin=theirs.fileno(), start_new_session=True)
    line = Line(ours)
    try:
        line.await_ready()
        yield process, line
    finally:
        line.close()
        process.kill()
        process.wait()


@pytest.mark.parametrize(("work", "expected"), [(len, 3), (bytes.upper, b"ABC")])
def test_work_is_done(work: object, expected: object) -> None:
    """What is sent back is what the work makes of the content."""
    one, other = map(Line, socketpair())
    one.send(work, b"abc")
    hand.serve(other)
    assert read(one.receive()[0]) == (expected, None)
    one.close()
    other.close()


@pytest.mark.parametrize("work", [int, "no function", eval])
def test_what_work_raises_is_sent_back(work: object) -> None:
    """Whoever asked gets the exception; the hand goes on."""
    one, other = map(Line, socketpair())
    for _ in range(2):
        one.send(work, b"abc")
        hand.serve(other)
        result, fault = read(one.receive()[0])
        assert result is None
        assert isinstance(fault, (ValueError, TypeError, NameError))
    one.close()
    other.close()


def test_it_ends_with_its_bench() -> None:
    """When the line is closed an idle hand ends well."""
    with started() as (process, line):
        line.close()
        assert process.wait(30) == 0


def test_it_ends_with_its_bench_in_the_middle_of_work() -> None:
    """However long its work would take."""
    with started() as (process, line):
        line.send(eval, ENDLESS)
        line.close()
        assert process.wait(30) == 0


def test_signals_to_end_are_for_others() -> None:
    """SIGINT, SIGTERM and SIGHUP to all processes of a service leave it at work: others want their answers yet."""
    with started() as (process, line):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            process.send_signal(number)
        line.send(len, b"abc")
        assert read(line.receive()[0]) == (3, None)


def test_it_inherits_no_descriptor() -> None:
    """Beside the standard three it has its own end of the line alone: no listening socket outlives its server there."""
    with started() as (_, line):
        line.send(
            eval,
            b"[__import__('os').readlink(f'/proc/self/fd/{n}') for n in (0, 3, 4, 5, 6, 7, 8, 9)"
            b" if __import__('os').path.exists(f'/proc/self/fd/{n}')]",
        )
        (links, fault), _ = read(line.receive()[0]), None
        assert fault is None
        assert len(links) == 1
        assert links[0].startswith("socket:")


def test_it_loads_no_more_than_it_needs() -> None:
    """Neither an event loop nor a server: it is there beside each proxy that has met large content."""
    with started() as (_, line):
        line.send(eval, b"sorted({'asyncio', 'aiohttp', 'pydantic', 'redis'} & set(__import__('sys').modules))")
        assert read(line.receive()[0]) == ([], None)


def test_it_is_nicer_than_who_serves() -> None:
    """On a core that both want, whoever answers requests goes first."""
    with started() as (_, line):
        line.send(eval, b"__import__('os').getpriority(0, 0)")
        assert read(line.receive()[0]) == (min(19, os.getpriority(os.PRIO_PROCESS, 0) + hand.YIELDING), None)
