"""What a store must be: each condition is told apart, with what to do about it, and a fit store passes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from proxy.adapters.redis.connecting import connect
from proxy.adapters.redis.inspecting import LONGEST_LAG, Unfit, inspect, judge
from proxy.core.store_address import parse_store
from tests.support.redis_cluster import Cluster
from tests.support.stores import running_redis, running_sentinel

FIT: dict[str, Any] = {
    "redis_mode": "standalone",
    "redis_version": "7.0.15",
    "role": "master",
    "maxmemory_policy": "noeviction",
    "connected_slaves": 0,
}


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"redis_version": "6.2.0"},
        {"redis_version": "6.2"},
        {"redis_version": "255.255.255"},
        {"redis_version": "8.0.1-rc1"},
        {"connected_slaves": 2, "min_slaves_good_slaves": 2},
        {"connected_slaves": 1, "min_slaves_good_slaves": 0},
        {"redis_mode": "cluster", "asked_as_cluster": True},
    ],
)
def test_what_is_fit_passes(told: dict[str, Any]) -> None:
    """A primary of a version that knows what is needed, that loses no key and tells no replica too late."""
    judge(FIT | told)


@pytest.mark.parametrize(
    ("told", "advice"),
    [
        ({"redis_mode": "sentinel"}, r"redis\+sentinel://"),
        ({"redis_mode": "cluster"}, r"redis\+cluster://"),
        ({"redis_version": "6.0.20"}, "6.2 or later"),
        ({"redis_version": "2.8.24"}, "6.2 or later"),
        ({"redis_version": "?"}, "6.2 or later"),
        ({"role": "slave"}, "name the primary"),
        ({"maxmemory_policy": "allkeys-lru"}, "set maxmemory-policy noeviction"),
        ({"maxmemory_policy": "volatile-ttl"}, "set maxmemory-policy noeviction"),
        ({"connected_slaves": 1}, "set min-replicas-to-write 1"),
    ],
)
def test_what_is_unfit_is_told_with_what_to_do(told: dict[str, Any], advice: str) -> None:
    """Whoever set the store up reads what is wrong and how it is put right."""
    with pytest.raises(Unfit, match=advice):
        judge(FIT | told)


async def lag(url: str) -> float:
    """Look a store over."""
    client = connect(parse_store(url))
    try:
        return await inspect(client)
    finally:
        await client.aclose()


@contextmanager
def replicated(least: int) -> Iterator[tuple[str, str]]:
    """Run a server with a replica; both URLs."""
    with running_redis(min_replicas=least) as primary, running_redis(replica_of=primary) as replica:
        while primary.info("replication")["connected_slaves"] != "1":
            pass
        yield primary.url, replica.url


async def test_a_server_alone_is_fit() -> None:
    """It has nobody who could replace it, so it stops granting when it stops."""
    with running_redis() as server:
        assert await lag(server.url) == 0.0


async def test_a_replicated_server_needs_its_replicas() -> None:
    """A primary that was replaced must stop taking writes, and is given the time it takes to notice."""
    with replicated(1) as (primary, replica):
        assert await lag(primary) == LONGEST_LAG
        with pytest.raises(Unfit, match="name the primary"):
            await lag(replica)
    with replicated(0) as (primary, _), pytest.raises(Unfit, match="min-replicas-to-write 1"):
        await lag(primary)


async def test_a_server_that_drops_keys_is_unfit() -> None:
    """A lock that was evicted is one that two can hold."""
    with running_redis(policy="allkeys-lru") as server, pytest.raises(Unfit, match="noeviction"):
        await lag(server.url)


async def test_a_sentinel_is_no_store() -> None:
    """Its address is a common mistake; asked for the service it leads to the primary."""
    with running_sentinel(min_replicas=1) as watched:
        assert await lag(watched.url) == LONGEST_LAG
        with pytest.raises(Unfit, match=r"redis\+sentinel://"):
            await lag(f"redis://127.0.0.1:{watched.sentinel.port}")


async def test_every_primary_of_a_cluster_is_looked_at(cluster: Cluster) -> None:
    """One unfit node is enough; and a node by itself is no store."""
    assert await lag(cluster.url) == 0.0
    with pytest.raises(Unfit, match=r"redis\+cluster://"):
        await lag(cluster.nodes[1].url)
    cluster.nodes[2].cli("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
    with pytest.raises(Unfit, match="noeviction"):
        await lag(cluster.url)
