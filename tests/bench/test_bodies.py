"""Large content: what is told of the figures, and who takes part."""

import json
from collections.abc import Iterator
from contextlib import closing

import pytest

from bench.bodies.client import MIB, Client, content_length, latencies
from bench.bodies.figures import BESIDE, DOWN, IFMATCH, NGINX, UP, WAYS, Found, told
from bench.bodies.origin import document, listing
from bench.cores import Cores
from tests.support.child import Child, python
from tests.support.processes import ADDRESS


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    """Run the origin server."""
    child = Child(python("-m", "bench.bodies.origin"))
    yield child.line(f"listening on {ADDRESS}")[1]
    assert child.stop() == 0


@pytest.mark.parametrize(
    ("path", "sending", "status", "size"),
    [
        ("/bytes/3000000", 0, 200, 3_000_000),
        ("/state/0", 0, 200, 0),
        ("/bytes/1", 2 * MIB, 204, 2 * MIB),
        ("/small/1", 0, 200, len(document(2_000))),
        ("/list/3", 0, 200, len(listing(3))),
    ],
)
def test_client_and_origin(origin: str, path: str, sending: int, status: int, size: int) -> None:
    """What is counted is content, and nothing is left on the connection for the next request."""
    with closing(Client(origin)) as client:
        for _ in range(2):
            moved = client.ask("PUT" if sending else "GET", path, sending=sending)
            assert (moved.status, moved.size) == (status, size)


def test_latencies(origin: str) -> None:
    """Each is that of one answer."""
    assert all(0 < each < 60 for each in latencies(origin, "/small/1", 0.01))


def test_documents_are_as_large_as_asked() -> None:
    """JSON of about that size, and a list of that many items with a link each."""
    assert 0.9 < len(document(100_000)) / 100_000 < 1.1
    items = json.loads(listing(7))["items"]
    assert [each["_links"]["self"]["href"] for each in items] == [f"/items/{number}" for number in range(7)]


def test_the_length_that_a_head_says() -> None:
    """In any case of letters; 0 without."""
    assert content_length(b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 5") == 5
    assert content_length(b"HTTP/1.1 204 No Content") == 0


def found(*, share: float, memory: float, delay: float) -> Found:
    """Return figures of two rounds: beside nginx, beside the memory before, and beside times alone."""
    figures = Found(idle=40 * MIB)
    for way in WAYS:
        figures.rates[IFMATCH, way.name] = [100 * share, 100 * share]
        figures.memory[way.name] = [0.0, memory * MIB]
    for passed_on in (DOWN, UP):
        figures.rates[NGINX, passed_on] = [100.0, 100.0]
    for who in (NGINX, IFMATCH):
        for name, path in BESIDE.items():
            figures.times[who, name] = [[0.001 * (1 if path is None else delay)] * 3] * 2
    return figures


@pytest.mark.parametrize(
    ("figures", "kept"),
    [
        (found(share=0.5, memory=16, delay=2), [True, True, True]),
        (found(share=0.4, memory=16, delay=2), [True, False, True]),
        (found(share=0.5, memory=17, delay=2), [False, True, True]),
        (found(share=0.5, memory=16, delay=2.1), [True, True, False]),
    ],
)
def test_which_bars_are_kept(figures: Found, kept: list[bool]) -> None:
    """Memory and delay must not exceed theirs; the share of nginx's rate must reach its."""
    result = told(figures, 1.0, Cores(0, 1), {"nginx": "1"})
    assert [bar.kept for bar in result.bars] == kept
    assert [len(table.rows) for table in result.tables] == [len(WAYS), len(BESIDE)]
    assert all(len(row) == len(table.columns) for table in result.tables for row in table.rows)
