"""What a client sends once its connection is no longer HTTP."""

import asyncio

from proxy.server.inlet import HELD, Inlet


class Transport:
    """Counts how often reading was stopped and taken up again."""

    def __init__(self) -> None:
        self.paused = 0
        self.resumed = 0

    def pause(self) -> None:
        self.paused += 1

    def resume(self) -> None:
        self.resumed += 1


def inlet() -> tuple[Inlet, Transport]:
    """Return an inlet and what stands for its transport."""
    transport = Transport()
    return Inlet(transport.pause, transport.resume), transport


async def test_what_comes_is_yielded_until_the_end() -> None:
    """In order, also what is still waited for."""
    fed, _ = inlet()
    assert fed.feed_data(b"a") == (False, b"")
    fed.feed_data(b"b")
    assert [await anext(fed), await anext(fed)] == [b"a", b"b"]
    waiting = asyncio.ensure_future(anext(fed))
    await asyncio.sleep(0)
    assert not waiting.done()
    fed.feed_data(b"c")
    assert await waiting == b"c"
    fed.feed_data(b"d")
    fed.feed_eof()
    assert [piece async for piece in fed] == [b"d"]
    assert [piece async for piece in fed] == []


async def test_an_end_is_noticed_by_who_waits() -> None:
    """No more bytes are needed for that."""
    fed, _ = inlet()
    waiting = asyncio.ensure_future(anext(fed, None))
    await asyncio.sleep(0)
    fed.feed_eof()
    assert await waiting is None


async def test_reading_stops_while_too_much_waits() -> None:
    """It goes on when half of the bound is left, once."""
    fed, transport = inlet()
    fed.feed_data(bytes(HELD))
    assert (transport.paused, fed.held) == (0, HELD)
    fed.feed_data(b"a")
    assert transport.paused == 1
    await anext(fed)
    assert (transport.resumed, fed.held) == (1, 1)
    await anext(fed)
    assert (transport.resumed, fed.held) == (1, 0)
