"""The addresses of the origin server's name, asked for once in a while and not by every write.

What lives here: who asks the resolver, who waits for it, and how long its answer is good. What must not: connections.
The resolver of the operating system blocks, for half a minute at times, and nothing can stop it. So it is asked in a
thread that nobody waits for at the end: what the event loop has of its own would keep the process from ending.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from threading import Thread
from typing import Any, Final

from proxy.core.address import Origin, TcpAddress

KEPT: Final = 10.0
"""Seconds after an answer of the resolver, or none, in which it is not asked again."""
TRUSTED: Final = 60.0
"""Seconds after it in which nobody waits for the next one: the addresses that are known do."""
_NONE_SUCH: Final = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
"""What the resolver says when it has an answer, and that is none. Anything else is no answer."""
_FAMILIES: Final = {socket.AF_INET, socket.AF_INET6}

Resolve = Callable[[str], Sequence[str]]
"""Returns the addresses of a name in the order in which they are to be tried, and blocks until it does.

Raised when there are none, or they cannot be had: whatever `socket.getaddrinfo` raises.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What an answer of the resolver was. Another answer is another one, also where it says the same."""

    hosts: tuple[str, ...]


_Answer = asyncio.Future[Exception | None]
_NOTHING: Final = Known(())


def resolve(name: str) -> Sequence[str]:
    """Ask the operating system; see `Resolve`."""
    answer = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(_written(address) for family, *_, address in answer if family in _FAMILIES))


def addresses_of(origin: Origin, on_change: Callable[[], None] = lambda: None) -> "Addresses | None":
    """Return the addresses of an origin server that has a name; None where there is nothing to ask for."""
    if not isinstance(origin.address, TcpAddress):
        return None
    with suppress(ValueError):
        ip_address(origin.address.host)
        return None
    return Addresses(origin.address.host, on_change=on_change)


class Addresses:
    """The addresses of one name, for all who open connections in one event loop. At most one question is under way.

    `latest` is what was answered last, to whomever. `on_change` is called when the name stands for others than it did.
    """

    def __init__(self, name: str, resolve: Resolve = resolve, on_change: Callable[[], None] = lambda: None) -> None:
        self._name = name
        self._resolve = resolve
        self._on_change = on_change
        self.latest = _NOTHING
        self._kept = self._trusted = float("-inf")  # until when, in the loop's time
        self._answer: _Answer | None = None

    async def known(self, patience: float | None = None) -> Known:
        """Return the addresses that are to be tried.

        Who comes when they are no longer trusted waits for the resolver, but where there are some no longer than
        `patience` seconds; then, and when it fails, those have to do.

        Raised when there are none: what the resolver raised.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now < self._kept:
            return self.latest
        answer = self._ask(loop)
        if now >= self._trusted:
            await self._wait(answer, patience, loop)
        return self.latest

    def doubt(self, known: Known) -> None:
        """Have who comes next wait for a new answer, unless there has been one: no address led anywhere."""
        if self.latest is known:
            self._kept = self._trusted = float("-inf")

    async def _wait(self, answer: _Answer, patience: float | None, loop: asyncio.AbstractEventLoop) -> None:
        # Who stops waiting must not stop the others, so it is not the answer that is awaited.
        await asyncio.wait({answer}, timeout=patience if self.latest.hosts else None)
        if not answer.done():
            self._trusted = loop.time() + TRUSTED
            return
        failure = answer.result()
        if failure is not None and not self.latest.hosts:
            raise failure

    def _ask(self, loop: asyncio.AbstractEventLoop) -> _Answer:
        """Return what is done when the resolver has answered, with its failure if that is what it was."""
        if self._answer is None:
            answer: _Answer = loop.create_future()
            Thread(target=self._consult, args=(answer, loop), name="resolver", daemon=True).start()
            self._answer = answer
        return self._answer

    def _consult(self, answer: _Answer, loop: asyncio.AbstractEventLoop) -> None:
        """Ask, in a thread of its own, and tell the loop."""
        told: Sequence[str] | Exception
        try:
            told = self._resolve(self._name) or socket.gaierror(socket.EAI_NONAME, "no address")
        except Exception as failure:  # noqa: BLE001 - raised where it is waited for
            told = failure
        with suppress(RuntimeError):  # the loop has been closed, and nobody waits
            loop.call_soon_threadsafe(self._hear, told, answer, loop.time)

    def _hear(self, told: Sequence[str] | Exception, answer: _Answer, time: Callable[[], float]) -> None:
        now, before = time(), self.latest
        self.latest = self._after(told)
        self._kept, self._trusted = (now + KEPT, now + TRUSTED) if self.latest.hosts else (now, now)
        self._answer = None
        answer.set_result(told if isinstance(told, Exception) else None)  # who waits goes on behind `on_change`
        if before.hosts and set(self.latest.hosts) != set(before.hosts):
            self._on_change()

    def _after(self, told: Sequence[str] | Exception) -> Known:
        """Return what is known once the resolver has said that."""
        if not isinstance(told, Exception):
            return Known(tuple(told))
        none_such = isinstance(told, socket.gaierror) and told.errno in _NONE_SUCH
        return _NOTHING if none_such else self.latest


def _written(address: tuple[Any, ...]) -> str:
    """Return an address as text. One that is of a link (RFC 4007) has to name its interface."""
    match address:
        case (str(host), _, _, int(zone)) if zone:
            return f"{host}%{socket.if_indextoname(zone)}"
        case _:
            return str(address[0])
