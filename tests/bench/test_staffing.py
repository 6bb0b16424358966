"""Workers are found, placed and counted."""

import os
import socket
from collections.abc import Sequence

from bench.line import played
from bench.load import Played
from bench.staffing import FEW, accepted, place, shares, sockets, staff, weights, worked
from tests.support.processes import running_origin
from tests.support.stores import running_redis


def one_by_one(url: str, requests: Sequence[bytes], seconds: int, connections: int, size: float) -> Played:
    """Stand in for wrk, on one connection, until the workers' clocks must have moved."""
    assert (seconds, connections) == (1, 8)
    answers = [heard for _ in range(20) for heard in played(url, requests, 200)]
    assert answers[0].size == size
    return Played(len(answers), sum(heard.seconds for heard in answers), len(answers), 0, 0)


def test_two_workers() -> None:
    """Each has a part of the connections, and all of them together; each runs where it is told to, and is counted."""
    with running_origin() as origin, running_redis() as store, staff(origin.url, 2, store.url) as team:
        for number in FEW:
            origin.seed(f"/documents/{number}", b"{}", "application/json")
        assert len(team.workers) == 2
        assert team.pid not in team.workers
        assert sum(shares(team, 8)) == 8
        core = min(os.sched_getaffinity(0))
        place(team, [core])
        assert [os.sched_getaffinity(pid) for pid in team.workers] == [{core}] * 2
        done = worked(team, 8, 1, by=one_by_one)
        assert done.rate > 0
        assert done.cpu > 0
        assert done.cores > 0
        supervisor, each = weights(team)
        assert supervisor.resident > 0
        assert len(each) == 2


def test_one_worker_is_the_command_itself() -> None:
    """There is nobody beside it."""
    with running_origin() as origin, staff(origin.url, 1, "memory://") as team:
        assert team.workers == [team.pid]


def test_a_connection_is_its_acceptors() -> None:
    """Of the two sockets of a connection, only that of who listens is counted."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert accepted(port) == set()
        with socket.create_connection(("127.0.0.1", port)), listening.accept()[0]:
            assert len(accepted(port)) == 1
            assert accepted(port) <= sockets(os.getpid())
