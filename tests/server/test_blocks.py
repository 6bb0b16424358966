"""Field lines that are read once for all requests that have the same."""

import pytest

from proxy.server.blocks import MOST_LINES, Blocks
from tests.server.sides import side

PEER = "127.0.0.1"
LINES = b"Host: x\r\nA: b\r\n\r\n"


async def test_a_block_is_read_once_for_each_peer() -> None:
    """The same lines from the same peer by the same scheme are one object, and as they are read from any request."""
    async with side() as here:
        blocks = Blocks(here.incomings)
        known = blocks.of(LINES, PEER, "http")
        assert known is not None
        assert list(known.fields) == [("Host", "x"), ("A", "b")]
        assert blocks.of(LINES, PEER, "http") is known
        for other in (blocks.of(LINES, "127.0.0.2", "http"), blocks.of(LINES, PEER, "https")):
            assert other is not None
            assert other is not known
            assert other.onward() != known.onward()


@pytest.mark.parametrize(
    "lines",
    [
        b"",
        b"Host: x\r\n",
        LINES + LINES,
        b"A b: c\r\n\r\n",
        b" A: b\r\n\r\n",
        b"Host: x\r\nConnection: close\r\n\r\n",
        b"Host: x\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\n",
        b"Host: x\r\nUpgrade: a\r\n\r\n",
        b"Host: x\r\nExpect: 100-continue\r\n\r\n",
        b"Host: x\r\nContent-Length: 0\r\n\r\n",
        b"Host: x\r\nContent-Length: 3\r\n\r\nabc",
        b"Host: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"Host: x\r\n" + b"A: b\r\n" * MOST_LINES + b"\r\n",
    ],
)
async def test_lines_of_more_than_a_head(lines: bytes) -> None:
    """Lines that speak of content, of an end or of another protocol, that are many or cannot be read, are unknown."""
    async with side() as here:
        assert Blocks(here.incomings).of(lines, PEER, "http") is None


async def test_as_many_lines_as_are_kept() -> None:
    """A line less than too many is known."""
    async with side() as here:
        lines = b"Host: x\r\n" + b"A: b\r\n" * (MOST_LINES - 1) + b"\r\n"
        assert Blocks(here.incomings).of(lines, PEER, "http") is not None
