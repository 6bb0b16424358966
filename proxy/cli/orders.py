"""What a supervisor tells its workers, and what they answer: the words on the line between the two.

What lives here: the form of it. What must not: processes. The line is a socket that is the worker's standard input. The
supervisor sends orders, each a length and a pickle: the configuration was read once, by the supervisor, so that all
workers go by the same rules, also one that is started when the file has changed. The worker answers each with `DONE`
once it goes by it, the first once it serves; or it writes what is wrong with them, and leaves. The end of the line is
the end of the other side.
"""

import asyncio
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proxy.access_log import Style
from proxy.config import Settings

DONE: Final = b"\x06"
"""The worker goes by the orders."""

_LENGTH: Final = 4


@dataclass(frozen=True, slots=True)
class Orders:
    """What a worker is to do.

    `style` is that of its access log; `counts` is the folder where all workers count together; `listeners` are the
    descriptors of sockets that it has inherited.
    """

    settings: Settings
    style: Style | None = None
    counts: Path | None = None
    listeners: tuple[int, ...] = ()


def written(orders: Orders) -> bytes:
    """Return orders as they go over the line."""
    content = pickle.dumps(orders)
    return len(content).to_bytes(_LENGTH, "big") + content


async def read(line: asyncio.StreamReader) -> Orders | None:
    """Return the next orders; None when the supervisor is gone."""
    try:
        length = int.from_bytes(await line.readexactly(_LENGTH), "big")
        content = await line.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    orders: Orders = pickle.loads(content)  # noqa: S301 - nobody but the process that started this one can write here
    return orders
