"""What a store must be before a lock in it is worth anything, checked when it is met.

What lives here: the conditions, each with what to do where it is not met. What must not: what is done about it.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Any, Final

from redis.asyncio.cluster import RedisCluster

from proxy.adapters.redis.connecting import PATIENCE, Client, within

OLDEST: Final = (6, 2)

LOOK: Final = 4 * PATIENCE
"""Seconds that looking a store over may take; a sentinel or a node that hangs may be the first to be asked."""

LONGEST_LAG: Final = 10.0
"""Seconds after which a primary without replicas refuses writes, as it comes: min-replicas-max-lag 10."""

OTHER_RULES: Final = (
    "another ifmatch uses it under other rules or with another tag_key; replicas need the same ones: stop the others "
    "first, or give this fleet a database or a prefix of its own (redis://.../?prefix=NAME)"
)


class Unfit(Exception):
    """The store is not fit for locks. The text says what to do."""


async def inspect(client: Client) -> float:
    """Look a store over and return its lag: the seconds for which a replaced primary may still take writes.

    Raised when it is not fit: `Unfit`; when it does not answer: a fault of redis-py, or TimeoutError.
    """
    told = await within(LOOK, _information(client))
    for server in told:
        judge(server)
    return LONGEST_LAG if any(int(server.get("connected_slaves", 0)) for server in told) else 0.0


def judge(told: Mapping[str, Any]) -> None:
    """Judge what INFO tells of one server. Raised when it is not fit: `Unfit`."""
    if told.get("redis_mode") == "sentinel":
        raise Unfit("it is a sentinel; name it as redis+sentinel://host:port/SERVICE")
    if str(told.get("redis_mode")) == "cluster" and not told.get("asked_as_cluster"):
        raise Unfit("it is a node of a cluster; name it as redis+cluster://host:port")
    version = str(told.get("redis_version", "0"))
    if _numbers(version) < OLDEST:
        raise Unfit(f"it is version {version}; 6.2 or later is needed")
    if told.get("role") != "master":
        raise Unfit("it is a replica, which may be behind; name the primary, or the sentinels that know it")
    policy = told.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise Unfit(f"its maxmemory-policy is {policy}, so it may drop a lock; set maxmemory-policy noeviction")
    if int(told.get("connected_slaves", 0)) and "min_slaves_good_slaves" not in told:
        raise Unfit("it has replicas and takes writes without them; set min-replicas-to-write 1")


async def _information(client: Client) -> list[dict[str, Any]]:
    if isinstance(client, RedisCluster):
        cluster: Any = await client.initialize()
        asked = (cluster.info(target_nodes=node) for node in cluster.get_primaries())
        told = await asyncio.gather(*asked, return_exceptions=True)
        if not any(isinstance(one, dict) for one in told):
            raise next(one for one in told if isinstance(one, BaseException))
        return [{**one, "asked_as_cluster": True} for one in told if isinstance(one, dict)]
    return [dict(await client.info())]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])
