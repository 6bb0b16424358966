"""What a command in the foreground says, and how it is told to end."""

import asyncio
import errno
import os
import signal
import subprocess
from collections.abc import Callable

import pytest
import uvloop

from proxy.cli.foreground import ENDING, OneByOne, heeding, naming, say, until_stopped, url
from proxy.core.address import TcpAddress, UnixAddress
from tests.support.child import PATIENCE, ROOT, python

FOREVER = """
import asyncio, os, signal
from proxy.cli.foreground import until_stopped

async def serve(stopping):
    os.kill(os.getpid(), signal.SIGINT)
    await stopping.wait()
    print("told once", flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.Event().wait()

asyncio.run(until_stopped(serve))
"""


def test_addresses_as_something_to_open() -> None:
    """A Unix socket has no URL."""
    assert url(TcpAddress("127.0.0.1", 80)) == "http://127.0.0.1:80"
    assert url(TcpAddress("::1", 80), tls=True) == "https://[::1]:80"
    assert url(UnixAddress("/run/x.sock")) == "unix:/run/x.sock"


def test_lines_name_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, one line each."""
    say("drains")
    assert capsys.readouterr().err == "ifmatch drains\n"


def test_nobody_need_listen() -> None:
    """A command whose standard error is closed at the other end goes on."""
    reading, writing = os.pipe()
    os.close(reading)
    program = "from proxy.cli.foreground import say; say('x'); say('y'); import os; os._exit(7)"
    try:
        done = subprocess.run(python("-c", program), stderr=writing, cwd=ROOT, check=False, timeout=PATIENCE)
    finally:
        os.close(writing)
    assert done.returncode == 7


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (OSError(errno.EADDRINUSE, "error while attempting to bind"), "127.0.0.1:80: Address already in use"),
        (OSError("no such name"), "127.0.0.1:80: no such name"),
    ],
)
def test_an_address_that_cannot_be_had_is_named(fault: OSError, said: str) -> None:
    """In the words of the system, with the address that was asked for."""
    with pytest.raises(OSError, match=r".") as raised, naming(TcpAddress("127.0.0.1", 80)):
        raise fault
    assert raised.value.strerror == said


@pytest.mark.parametrize("number", ENDING)
async def test_a_signal_asks_for_a_good_end(number: int) -> None:
    """What serves is told, and waited for."""
    ended = asyncio.Event()

    async def serve(stopping: asyncio.Event) -> None:
        os.kill(os.getpid(), number)
        await stopping.wait()
        await asyncio.sleep(0)
        ended.set()

    async with asyncio.timeout(PATIENCE):
        await until_stopped(serve)
    assert ended.is_set()


async def test_what_ends_by_itself() -> None:
    """It ends for all, with the reason that it gives."""

    async def serve(_: asyncio.Event) -> None:
        raise LookupError("nothing to serve")

    with pytest.raises(LookupError, match="nothing to serve"):
        await until_stopped(serve)


def test_a_second_signal_ends_it_at_once() -> None:
    """Exit 1, whatever is still going on, with a line about it."""
    done = subprocess.run(
        python("-c", FOREVER), cwd=ROOT, check=False, capture_output=True, text=True, timeout=PATIENCE
    )
    assert (done.returncode, done.stdout) == (1, "told once\n")
    assert done.stderr == "ifmatch stops at once: writes in flight may have been applied\n"


@pytest.mark.parametrize("number", ENDING)
@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_each_signal_is_heard_once(loop: Callable[[], asyncio.AbstractEventLoop], number: signal.Signals) -> None:
    """However many other signals are taken in meanwhile; and afterwards what was before them is there again."""
    heard: list[int] = []
    before = signal.getsignal(number)

    async def listen() -> None:
        told = asyncio.Event()

        def hear() -> None:
            heard.append(number)
            told.set()

        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, lambda: None)
        with heeding(hear):
            for _ in range(20):
                told.clear()
                os.kill(os.getpid(), signal.SIGHUP)
                os.kill(os.getpid(), number)
                async with asyncio.timeout(PATIENCE):
                    await told.wait()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(listen())
    assert heard == [number] * 20
    assert signal.getsignal(number) is before


@pytest.fixture(autouse=True)
def handlers() -> None:
    """Leave no handler behind: a loop that is closed takes its own away."""
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


async def test_what_signals_ask_for_is_done_one_by_one() -> None:
    """Asked for twice while it is under way, it is done twice more, and never two at a time."""
    gate, done = asyncio.Semaphore(0), asyncio.Queue[int]()
    under_way = 0

    async def work() -> None:
        nonlocal under_way
        under_way += 1
        await gate.acquire()
        done.put_nowait(under_way)
        under_way -= 1

    reloads = OneByOne(work)
    for _ in range(3):
        reloads.begin()
    await asyncio.sleep(0)  # all three have begun, or wait for their turn
    for _ in range(3):
        gate.release()
    async with asyncio.timeout(PATIENCE):
        assert [await done.get() for _ in range(3)] == [1, 1, 1]
    assert done.empty()
