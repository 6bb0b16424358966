"""The scripts as whoever calls them sees them, one call at a time, over a plain connection to a real server.

What lives here: one resource, asked for with the arguments that the adapter sends, and looked at.
"""

from collections.abc import Sequence
from typing import Any

import redis

from proxy.adapters.redis.scripts import (
    ABANDON,
    ACQUIRE,
    PHASE,
    RELEASE,
    RULES,
    SWEEP,
    VOUCH,
    Script,
)
from proxy.adapters.redis.state_scripts import COUNT, FORGET, RECALL, REMEMBER, UNTOUCHED, WRITES
from tests.adapters.redis.members import NAMING

READ, WRITE, KEPT = 5_000, 35_000, 3_600_000
"""Milliseconds."""
SELECTORS = 4


class Asked:
    """A resource and its store. `quarantine` is in microseconds, 0 for a store that nobody distrusts."""

    def __init__(self, client: redis.Redis, resource: str = "k", quarantine: int = 0) -> None:
        self.client: Any = client
        self.keys = NAMING.of(resource)
        self.quarantine = quarantine
        self.known = 0
        """What the caller takes for the store's time."""

    def run(self, script: Script, keys: Sequence[str], *arguments: object) -> list[Any]:
        """Return what a script says."""
        said: list[Any] = self.client.eval(script.text, len(keys), *keys, *arguments)
        return said

    def acquire(self, owner: str = "a", length: int = READ, life: str = "life") -> list[Any]:
        keys = [self.keys.lock, self.keys.fence, self.keys.epoch, self.keys.queue, self.keys.turn]
        return self.run(ACQUIRE, keys, owner, length, self.quarantine, life)

    def phase(self, owner: str = "a", length: int = WRITE) -> list[Any]:
        keys = [self.keys.lock, self.keys.epoch, self.keys.state]
        return self.run(PHASE, keys, owner, length, self.quarantine, "life", KEPT)

    def release(self, owner: str = "a", turn: int = 0) -> list[Any]:
        keys = [self.keys.lock, self.keys.state, self.keys.queue, self.keys.turn]
        return self.run(RELEASE, keys, owner, self.keys.channel, KEPT, turn)

    def abandon(self, owner: str = "a") -> list[Any]:
        return self.run(ABANDON, [self.keys.lock], owner, self.keys.channel)

    def sweep(self, *epochs: str) -> list[Any]:
        return self.run(SWEEP, epochs or [self.keys.epoch], self.quarantine, "life")

    def vouch(self, *epochs: str) -> list[Any]:
        return self.run(VOUCH, epochs or [self.keys.epoch], "life")

    def rules(self, fingerprint: str, length: int = 5_000) -> list[Any]:
        return self.run(RULES, [NAMING.rules], fingerprint, length)

    def remember(self, selector: str, identity: str, earliest: int, latest: int | None = None) -> list[Any]:
        latest = earliest if latest is None else latest
        record = f"{earliest} {latest} {identity}\n{{}}"
        keys = [self.keys.lock, self.keys.state, self.keys.epoch]
        return self.run(REMEMBER, keys, selector, record, earliest, latest, KEPT, SELECTORS, self.known)

    def recall(self, selector: str) -> list[Any]:
        return self.run(RECALL, [self.keys.epoch, self.keys.state], selector)

    def forget(self, ahead: int = 0) -> list[Any]:
        return self.run(FORGET, [self.keys.state], KEPT, ahead)

    def untouched(self, since: int) -> list[Any]:
        return self.run(UNTOUCHED, [self.keys.epoch, self.keys.state], since)

    def writes(self) -> int:
        return int(self.run(WRITES, [self.keys.count, self.keys.epoch], KEPT)[1])

    def count(self) -> list[Any]:
        return self.run(COUNT, [self.keys.count], KEPT)

    def live(self) -> None:
        """Let this life of the server have begun long ago."""
        self.sweep()
        self.client.hset(self.keys.epoch, "since", 0)

    # What stands there ------------------------------------------------------------------------------------------------

    @property
    def lock(self) -> dict[str, str]:
        """The lock's fields."""
        return self._hash(self.keys.lock)

    @property
    def state(self) -> dict[str, str]:
        """The fields of what is remembered."""
        return self._hash(self.keys.state)

    @property
    def epoch(self) -> dict[str, str]:
        """The epoch's fields."""
        return self._hash(self.keys.epoch)

    @property
    def waits(self) -> list[str]:
        """The processes that wait, the one that has done so for longest first."""
        return [life.decode() for life in self.client.zrange(self.keys.queue, 0, -1)]

    @property
    def left(self) -> int:
        """How long the lock lasts, in milliseconds."""
        return int(self.client.pttl(self.keys.lock))

    def now(self) -> int:
        """Return what the store's clock shows."""
        seconds, micros = self.client.time()
        return int(seconds) * 1_000_000 + int(micros)

    def lapse(self) -> None:
        """Let the lock's time be over."""
        self.client.pexpire(self.keys.lock, 0)

    def _hash(self, key: str) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.client.hgetall(key).items()}
