"""A connection is taken in or refused, whenever the door is shut."""

import asyncio
import gc
import socket
from collections import Counter
from contextlib import suppress

import pytest

from tests.support.door import Door, streams
from tests.support.ports import LOOPBACK, reserved_port

TURNS = 6
"""Past so many turns of the loop a connection has been taken in for certain."""


@pytest.mark.parametrize("turns", range(TURNS))
def test_no_connection_is_lost_when_the_door_is_shut(turns: int) -> None:
    """In whatever turn of the loop it is shut, each connection is welcomed and answered, or ends; no socket is left."""

    async def knock(port: int) -> Counter[str]:
        welcomed: list[socket.socket] = []
        door = Door(port, welcomed.append)
        door.open()
        with socket.create_connection((LOOPBACK, port)) as client:
            for _ in range(turns):
                await asyncio.sleep(0)
            door.shut()
            for _ in range(TURNS):
                await asyncio.sleep(0)
            for connection in welcomed:
                connection.close()
            client.settimeout(30)
            with suppress(ConnectionResetError):
                assert client.recv(1) == b""
        return Counter(["welcomed"] * len(welcomed))

    with reserved_port() as port:
        welcomed = asyncio.run(knock(port))
    gc.collect()  # what is left open warns now
    assert welcomed["welcomed"] in {0: {0}, TURNS - 1: {1}}.get(turns, {0, 1})


def test_a_door_that_is_opened_again() -> None:
    """It may be opened and shut twice in a row, and lets in whoever comes while it is open; both ways then work."""

    async def visits(port: int) -> list[str]:
        said = []
        welcomed: asyncio.Queue[socket.socket] = asyncio.Queue()
        door = Door(port, welcomed.put_nowait)
        for step in (door.open, door.open, door.shut, door.shut, door.open):
            step()
            try:
                mine = await asyncio.open_connection(LOOPBACK, port)
            except ConnectionRefusedError:
                said.append("refused")
                continue
            reader, writer = await streams(await welcomed.get())
            mine[1].write(b"hello\n")
            writer.write(await reader.readline())
            said.append((await mine[0].readline()).decode().strip())
            for each in (mine[1], writer):
                each.close()
                await each.wait_closed()
        door.shut()
        return said

    with reserved_port() as port:
        assert asyncio.run(visits(port)) == ["hello", "hello", "refused", "refused", "hello"]
