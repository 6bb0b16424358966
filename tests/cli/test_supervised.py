"""A worker as its supervisor has it, with programs of one line in the place of a worker."""

import asyncio
import socket
from pathlib import Path

import pytest

from proxy.cli.orders import Orders
from proxy.cli.supervised import Ending, Worker, worker_command
from proxy.config import load
from tests.support.child import PATIENCE, ROOT, python

ORDERS = Orders(load(None, flags={"upstream": "http://127.0.0.1:1"}, environ={}))
LINE = "import os, socket, sys; line = socket.socket(fileno=0)"
TAKE = "line.recv(1 << 20)"
DONE = r"line.send(b'\6')"


async def start(*program: str) -> Worker:
    """Start a worker that does this."""
    return await Worker.start(python("-c", "; ".join([LINE, *program])), [])


async def told(worker: Worker) -> tuple[list[bool], Ending]:
    """Give orders twice; return whether they were carried out, and how the worker ended."""
    async with asyncio.timeout(PATIENCE):
        obeyed = [await worker.obey(ORDERS), await worker.obey(ORDERS)]
        return obeyed, await worker.ended()


@pytest.mark.parametrize(
    ("program", "obeyed", "code", "said"),
    [
        ([TAKE, DONE, TAKE, DONE], [True, True], 0, "left"),
        ([TAKE, DONE, TAKE], [True, False], 0, "left"),
        ([TAKE, DONE, TAKE, DONE, "line.send(b'late')"], [True, True], 0, "left: late"),
        (
            [TAKE, "line.send(b'no such thing')", "sys.exit(2)"],
            [False, False],
            2,
            "ended with exit code 2: no such thing",
        ),
        ([TAKE, "sys.exit(3)"], [False, False], 3, "ended with exit code 3"),
        (["sys.exit(3)"], [False, False], 3, "ended with exit code 3"),
        ([TAKE, "os.kill(os.getpid(), 9)"], [False, False], -9, "was killed by SIGKILL"),
        ([TAKE, DONE, "os.kill(os.getpid(), 36)"], [True, False], -36, "was killed by signal 36"),
    ],
)
async def test_how_workers_end(program: list[str], obeyed: list[bool], code: int, said: str) -> None:
    """Whether orders are carried out, and how it ends, is told of every worker; whether it served, too."""
    worker = await start(*program)
    heard, ending = await told(worker)
    assert (heard, ending.code, ending.served) == (obeyed, code, obeyed[0])
    assert str(ending) == f"(process {worker.pid}) {said}"
    assert 0 < ending.lived < PATIENCE
    assert not worker.serves


async def test_it_serves_from_its_first_answer_on() -> None:
    """Not when it is started, and not when it was told what to do; and orders given at once are taken in turn."""
    worker = await start(TAKE, DONE, TAKE, DONE, TAKE)
    served = [worker.serves]
    async with asyncio.timeout(PATIENCE):
        assert all(await asyncio.gather(worker.obey(ORDERS), worker.obey(ORDERS)))
        served.append(worker.serves)
        worker.stop()
        assert (await worker.ended()).code == -15
        served.append(worker.serves)
    assert served == [False, True, False]
    worker.stop()
    worker.kill()


async def test_it_can_be_killed() -> None:
    """Whatever it does about SIGTERM."""
    worker = await start("import signal", "signal.signal(15, signal.SIG_IGN)", TAKE, DONE, TAKE)
    async with asyncio.timeout(PATIENCE):
        assert await worker.obey(ORDERS)
        worker.stop()
        worker.kill()
        assert (await worker.ended()).code == -9


async def test_it_inherits_its_sockets_and_nothing_else() -> None:
    """Descriptors have the numbers that the orders name; the others of the supervisor are closed."""
    look = "import pickle", f"orders = pickle.loads({TAKE}[4:])", "own = socket.socket(fileno=orders.listeners[0])"
    tell = "line.send(f'{own.getsockname()[1]} {len(os.listdir(\"/dev/fd\"))}'.encode())"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        worker = await Worker.start(python("-c", "; ".join([LINE, *look, tell])), [listener])
    _, ending = await told(worker)
    assert ending.complaint == f"{port} {len(['line', 'stdout', 'stderr', 'own', 'listing'])}"


async def test_what_cannot_be_started() -> None:
    """Is an error, and leaves nothing open."""
    with pytest.raises(FileNotFoundError):
        await Worker.start(["/nonexistent"], [])
    assert str(Ending(None, 1, "no memory")) == "could not be started: no memory"


def test_a_worker_is_of_this_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder `proxy` where the command is called does not take this package's place."""
    monkeypatch.chdir(ROOT)
    assert "-P" not in worker_command()
    monkeypatch.chdir(tmp_path)
    assert "-P" in worker_command()
