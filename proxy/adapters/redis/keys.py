"""What a resource is called in the store.

What lives here: names. A resource's own name never leaves the process: what stands in the store is its keyed digest.
"""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Final

BUCKETS: Final = 1_024
"""How many hash tags there are. Fences and epochs are kept by bucket, so their number is bounded."""

KEPT: Final = 1_024
"""Resources whose keys are remembered: a write, and what comes of it, names its own several times."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one resource, all in one slot, and the channel on which its release is told."""

    lock: str
    fence: str
    epoch: str
    state: str
    queue: str
    turn: str
    count: str
    channel: str


class Naming:
    """Names resources with a secret that the replicas share."""

    __slots__ = ("_key", "_prefix", "of", "rules")

    def __init__(self, prefix: str, key: bytes) -> None:
        self._prefix = prefix
        self._key = key
        self.rules = f"{self._bucket(0)}:R"
        self.of = lru_cache(maxsize=KEPT)(self._of)
        """Returns the keys of a resource."""

    def _of(self, resource: str) -> Keys:
        digest = blake2b(resource.encode("utf-8", "surrogatepass"), digest_size=16, key=self._key).digest()
        bucket, name = self._bucket(int.from_bytes(digest[:2]) % BUCKETS), digest.hex()
        lock, state, queue, turn, count, channel = [f"{bucket}:{kind}:{name}" for kind in "LSQNCW"]
        return Keys(lock, f"{bucket}:F", f"{bucket}:E", state, queue, turn, count, channel)

    def epochs(self) -> list[str]:
        """Return the epoch key of every bucket."""
        return [f"{self._bucket(number)}:E" for number in range(BUCKETS)]

    def _bucket(self, number: int) -> str:
        return f"{self._prefix}:{{b{number:04}}}"
