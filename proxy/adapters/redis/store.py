"""The store as the lock and the memory see it: scripts that are run within a quarter of a second, or fail.

What lives here: one call, its time limit, its clock reading, and what of redis-py's many errors is what of ours. What
must not: what a script means, and when the store is believed to be back (`watching`).
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from redis.exceptions import NoScriptError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from proxy.adapters.redis.connecting import FAULTS, PATIENCE, Client, Value, calling
from proxy.adapters.redis.keys import Naming
from proxy.adapters.redis.scripts import Script
from proxy.adapters.redis.timing import Reading, StoreClock, local_time
from proxy.errors import StoreFailure

AT_ONCE: Final = 64
"""How many calls are under way at most. They share a connection, but in a Cluster, where each opens its own."""

_UNREACHABLE: Final = "The store of locks cannot be reached."
_UNUSABLE: Final = "The store of locks cannot be used now; the proxy's log says why."


class Unsent(StoreFailure):
    """The store is known to be out of use, and was not asked."""


class Forbidden(Unsent):
    """The store is there and must not be used; nobody goes on without it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a script returned, and when it was asked: `sent` and `received` in local time."""

    values: Sequence[Any]
    sent: int
    received: int

    @property
    def status(self) -> int:
        """The first value: what the answer comes to."""
        return int(self.values[0])

    def number(self, index: int) -> int:
        """Return a value that is a number."""
        return int(self.values[index])

    def word(self, index: int) -> str:
        """Return a value that is text."""
        value = self.values[index]
        return value.decode() if isinstance(value, bytes) else str(value)

    def reading(self, index: int) -> Reading:
        """Return the reading of the store's clock that stands at that place."""
        return Reading(self.sent, self.received, self.number(index))


def reason_of(fault: BaseException) -> str:
    """Return one word for a fault: the store's own (READONLY, NOREPLICAS, OOM), or unreachable, or timeout."""
    if isinstance(fault, (TimeoutError, RedisTimeoutError)):
        return "timeout"
    if isinstance(fault, ResponseError):
        word = fault.status_code or str(fault).partition(" ")[0]  # redis-py takes the words that it knows off the text
        return word.lower() if word.isupper() and word != "ERR" else "refused"
    return "unreachable"


@dataclass(eq=False)
class Store:
    """One store. `quarantine` is in seconds: how long nothing is granted by a server that may have forgotten a lock.

    `lag`, in seconds, is how long a primary that was replaced may go on granting before it notices; the quarantine is
    as much longer. `patience` is what a call may take. `usable` is turned by whoever watches; while it is not, calls
    fail at once. `forbidden`: it is there and must not be used. `on_fault` hears of each failed call, `on_refusal` of
    each command that the store refuses, `on_quarantine` of each that finds the store in quarantine, with True
    where it has just begun.
    """

    client: Client
    naming: Naming
    quarantine: float
    on_fault: Callable[[str], None] = lambda _reason: None
    on_quarantine: Callable[[bool], None] = lambda _begins: None
    on_refusal: Callable[[ResponseError], None] = lambda _fault: None
    usable: bool = True
    forbidden: bool = False
    lag: float = 0.0
    patience: float = field(default_factory=lambda: PATIENCE)
    clock: StoreClock = field(default_factory=StoreClock)
    life: str = field(default_factory=lambda: secrets.token_hex(8))
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    def __post_init__(self) -> None:
        self._call = calling(self.client)

    @property
    def terms(self) -> tuple[str, str]:
        """The two arguments of every script that looks at the epoch: the quarantine in microseconds, an id."""
        return str(int((self.quarantine + self.lag) * 1_000_000)), self.life

    async def run(self, script: Script, keys: Sequence[str], *arguments: Value) -> Reply:
        """Run a script. Raised when the store does not answer in time, or refuses: `errors.StoreFailure`."""
        async with self._room:
            if self.forbidden:
                raise Forbidden(_UNUSABLE)
            if not self.usable:
                raise Unsent(_UNUSABLE)
            try:
                return await self.attempt(script, keys, *arguments)
            except FAULTS as fault:
                self.on_fault(reason_of(fault))
                if isinstance(fault, ResponseError):
                    self.on_refusal(fault)
                raise StoreFailure(_UNUSABLE if isinstance(fault, ResponseError) else _UNREACHABLE) from fault

    async def attempt(self, script: Script, keys: Sequence[str], *arguments: Value) -> Reply:
        """Run a script whether the store is believed to be usable or not. Raised: one of `FAULTS`."""
        sent, words = local_time(), (len(keys), *keys, *arguments)
        try:
            values = await self._call(self.patience, "EVALSHA", script.sha, *words)
        except NoScriptError:  # a server that has not seen it yet, or was restarted
            values = await self._call(self.patience, "EVAL", script.text, *words)
        return Reply(values, sent, local_time())

    async def aclose(self) -> None:
        """Close all connections. Never raises."""
        with suppress(*FAULTS):
            await self.client.aclose()
