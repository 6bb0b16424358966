"""Proxies that stop themselves at an exact point of a write, where the request asks for it.

What lives here: the points, and what happens at one. `X-Stop: selected` stops the process as SIGSTOP does, until
somebody lets it go on; `X-Block: selected` blocks its event loop for `BLOCKED` seconds. Nothing else is changed: a
point is between two steps of the real thing, where a scheduler could stop it as well.

    held        the lease was granted; nothing was asked of the origin server
    selected    the origin server has shown the current state
    confirmed   the write phase has begun; no connection was opened for the write
    checked     the connection stands, and the lease was confirmed again
    sending     all was checked; the bytes of the write are about to leave
    sent        they left
"""

import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from proxy.adapters.upstream.connection import Connection
from proxy.core.message import Request
from proxy.gateway import Gateway
from proxy.gateway.exchange import Answer, Selection, Write
from proxy.ports import Lease

STOP = "X-Stop"
BLOCK = "X-Block"
"""The fields that name points, with a space between two."""

BLOCKED = 3.0
"""For how many seconds a blocked event loop is: twice as long as the read lease of a scene."""

_guard, _hold, _select, _confirm = Gateway.guard, Gateway.hold, Gateway.select, Gateway.confirm
_write = Connection.write


@dataclass
class _Marks:
    """What a request asks for, and whether it was confirmed before."""

    stops: set[str] = field(default_factory=set)
    blocks: set[str] = field(default_factory=set)
    confirmed: bool = False


_marks: ContextVar[_Marks] = ContextVar("marks")


def halting() -> None:
    """Let a proxy obey `X-Stop` and `X-Block`."""
    Gateway.guard = _guarding  # type: ignore[assignment, method-assign]  # the real one and a point
    Gateway.hold = _holding  # type: ignore[method-assign]  # likewise
    Gateway.select = _selecting  # type: ignore[assignment, method-assign]  # likewise
    Gateway.confirm = _confirming  # type: ignore[method-assign]  # likewise
    Connection.write = _writing  # type: ignore[method-assign]  # likewise


def _reach(point: str) -> None:
    """Halt at a point, the first time that a write comes there."""
    marks = _marks.get(_Marks())
    if point in marks.stops:
        marks.stops.discard(point)
        os.kill(os.getpid(), signal.SIGSTOP)
    if point in marks.blocks:
        marks.blocks.discard(point)
        time.sleep(BLOCKED)


async def _guarding(self: Gateway, request: Request, *others: Any) -> Answer:
    stops, blocks = (set((request.fields.get(name) or "").split()) for name in (STOP, BLOCK))
    _marks.set(_Marks(stops, blocks))
    return await _guard(self, request, *others)


@asynccontextmanager
async def _holding(self: Gateway, write: Write) -> AsyncIterator[Lease]:
    async with _hold(self, write) as lease:
        _reach("held")
        yield lease


async def _selecting(self: Gateway, *others: Any, **options: Any) -> Selection:
    selection = await _select(self, *others, **options)
    _reach("selected")
    return selection


async def _confirming(self: Gateway, write: Write, lease: Lease) -> None:
    await _confirm(self, write, lease)
    marks = _marks.get()
    _reach("checked" if marks.confirmed else "confirmed")
    marks.confirmed = True


def _writing(self: Connection, data: bytes) -> None:
    selecting = data.startswith(b"GET ")
    if not selecting:
        _reach("sending")
    _write(self, data)
    if not selecting:
        _reach("sent")
