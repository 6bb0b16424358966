"""Waking those who wait for a resource: one subscription for the whole process, shared by all of them.

What lives here: which channels are listened to, and the connection that does. A message means nothing but that it is
worth asking again; one that is lost costs its waiter a second at most, since nobody sleeps longer.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from redis.asyncio.client import PubSub

from proxy.adapters.redis.connecting import FAULTS, PATIENCE, within

AGAIN: Final = 0.5
"""Seconds until a lost connection is made anew."""

QUIET: Final = 5.0
"""Seconds of silence after which the connection is tried."""


class Bell:
    """What a waiter listens to."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake the waiter, or let its next wait return at once."""
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        """Return when it is rung, or after that time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        self._rung.clear()


class Waking:
    """Listens to channels for as long as somebody waits there. `connect` makes a subscription, not yet connected."""

    def __init__(self, connect: Callable[[], PubSub], home: str) -> None:
        self._connect = connect
        self._home = home
        self._bells: defaultdict[str, list[Bell]] = defaultdict(list)
        self._confirmed: Counter[str] = Counter()
        self._changed = asyncio.Event()
        self._pubsub: PubSub | None = None
        self._sending = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def listening(self, channel: str) -> AsyncIterator[Bell]:
        """Listen to a channel; on entering the store has confirmed it, or could not in time."""
        if self._task is None:
            self._task = asyncio.create_task(self._listen())
        bell = Bell()
        self._bells[channel].append(bell)
        try:
            if len(self._bells[channel]) == 1:
                await self._subscribe(channel)
            yield bell
        finally:
            self._bells[channel].remove(bell)
            if not self._bells[channel]:
                del self._bells[channel]
                await self._unsubscribe(channel)

    async def aclose(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _subscribe(self, channel: str) -> None:
        """Ask for a channel and wait until the store has confirmed it: what is told before is not heard."""
        with suppress(*FAULTS):
            await within(PATIENCE, self._confirming(channel))

    async def _confirming(self, channel: str) -> None:
        before = self._confirmed[channel]
        await self._send("subscribe", channel)
        while self._confirmed[channel] == before:
            self._changed.clear()
            await self._changed.wait()

    async def _unsubscribe(self, channel: str) -> None:
        self._confirmed.pop(channel, None)
        with suppress(*FAULTS):
            await within(PATIENCE, self._send("unsubscribe", channel))

    async def _send(self, command: str, *channel: str) -> None:
        async with self._sending:
            if self._pubsub is not None:
                await getattr(self._pubsub, command)(*channel)

    async def _listen(self) -> None:
        """Keep a subscription, and make it anew where it is lost."""
        while True:
            with suppress(*FAULTS):
                await self._hear()
            for bells in self._bells.values():
                for bell in bells:
                    bell.ring()  # a message may have been lost with the connection
            await asyncio.sleep(AGAIN)

    async def _hear(self) -> None:
        pubsub = self._connect()
        try:
            await within(PATIENCE * 2, self._begin(pubsub))
            while True:
                await self._take(pubsub)
        finally:
            self._pubsub = None
            with suppress(*FAULTS):
                await pubsub.aclose()  # type: ignore[no-untyped-call]  # of redis-py

    async def _begin(self, pubsub: PubSub) -> None:
        await pubsub.subscribe(self._home)
        async with self._sending:
            self._pubsub = pubsub  # whoever comes from now on asks for a channel, those before did so in vain
            await pubsub.subscribe(self._home, *self._bells)

    async def _take(self, pubsub: PubSub) -> None:
        """Take what comes. Raised when nothing does although it was asked for: TimeoutError."""
        message = await _next(pubsub)
        if message is None:
            await within(PATIENCE, self._send("ping"))
            message = await _next(pubsub)
            if message is None:
                raise TimeoutError
        self._told(message)

    def _told(self, message: dict[str, Any]) -> None:
        channel = message["channel"]
        name = channel.decode() if isinstance(channel, bytes) else str(channel)
        if message["type"] == "subscribe" and name in self._bells:
            self._confirmed[name] += 1
            self._changed.set()
        elif message["type"] == "message":
            for bell in self._bells.get(name, ()):
                bell.ring()


async def _next(pubsub: PubSub) -> dict[str, Any] | None:
    """Return what comes next; None when it is quiet. A lost connection may be made anew meanwhile, by the library."""
    return await within(QUIET + PATIENCE, pubsub.get_message(timeout=QUIET))
