"""What a store must be: each condition is told apart, with what to do about it, and a fit store passes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from redis import exceptions

from proxy.adapters.redis.connecting import connect
from proxy.adapters.redis.inspecting import LONGEST_LAG, Unfit, denied, inspect, is_denial, judge
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


@pytest.mark.parametrize(
    ("fault", "is_one"),
    [
        (exceptions.AuthenticationError("Authentication required."), True),
        (exceptions.AuthenticationError("WRONGPASS invalid username-password pair or user is disabled."), True),
        (exceptions.AuthenticationError("invalid password"), True),
        (exceptions.NoPermissionError("this user has no permissions to run the 'info' command"), True),
        (exceptions.ResponseError("NOPERM this user has no permissions to access one of the channels"), True),
        (exceptions.ResponseError("NOAUTH Authentication required."), True),
        (exceptions.AuthenticationWrongNumberOfArgsError("wrong number of arguments for 'auth' command"), True),
        (exceptions.ConnectionError("Error 111 connecting to 127.0.0.1:1."), False),
        (exceptions.TimeoutError("Timeout reading from 127.0.0.1:1"), False),
        (exceptions.ReadOnlyError("You can't write against a read only replica."), False),
        (PermissionError(13, "Permission denied"), False),
        (TimeoutError(), False),
    ],
)
def test_a_denial_is_no_failure_of_the_store(fault: BaseException, is_one: bool) -> None:
    """It does not pass by itself, so it is told apart from a store that is down."""
    assert is_denial(fault) is is_one


def test_a_denial_says_what_to_look_at() -> None:
    """The first line of what the store said, and where credentials and permissions stand."""
    told = denied(exceptions.ResponseError("NOPERM no permissions\nsecond line" + "x" * 1_000))
    assert "(NOPERM no permissions)" in told
    assert "docs/operations.md" in told
    assert len(told) < 400
