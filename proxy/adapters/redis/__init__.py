"""Lock and memory of a fleet in one Redis or Valkey (`store: redis://...` and its kin).

`scripts` is the protocol, as the store sees it; `lock`, `lease` and `turns` as a writer sees it; `state` is what is
remembered; `watching` keeps an eye on the store itself, `diagnosing` and `standing` say what it sees. What all of this
rests on stands in docs/guarantees.md.
"""

from proxy.adapters.redis.connecting import connect
from proxy.adapters.redis.lock import RedisLock
from proxy.adapters.redis.opening import Fleet, Listeners, Membership, open_fleet, vouch
from proxy.adapters.redis.standing import Standing
from proxy.adapters.redis.state import RedisState
from proxy.adapters.redis.watching import Refused

__all__ = [
    "Fleet",
    "Listeners",
    "Membership",
    "RedisLock",
    "RedisState",
    "Refused",
    "Standing",
    "connect",
    "open_fleet",
    "vouch",
]
