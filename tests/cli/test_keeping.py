"""Where locks and tags are kept, by the settings, and what the replicas of a fleet must have in common."""

from dataclasses import replace
from pathlib import Path

import pytest

from proxy.adapters.memory import MemoryLock, MemoryState
from proxy.adapters.redis import RedisLock, RedisState
from proxy.cli.keeping import fleet_rules, keeping, membership, vouched
from proxy.config import ConfigurationError, Settings, load
from proxy.core.store_address import parse_store
from proxy.metrics import Metrics
from tests.support.stores import running_redis

UPSTREAM = {"upstream": "http://127.0.0.1:1"}


def settings(**flags: str) -> Settings:
    """Return settings without a file."""
    return load(None, flags={**UPSTREAM, **flags}, environ={})


async def test_memory_keeps_both_here() -> None:
    """`memory://` needs no store, and says nothing."""
    said: list[str] = []
    async with keeping(settings(), Metrics(), said.append) as kept:
        assert isinstance(kept.lock, MemoryLock)
        assert isinstance(kept.state, MemoryState)
    assert said == []


async def test_a_shared_store_keeps_both() -> None:
    """A Redis URL puts lock and memory there; its standing reaches people and metrics."""
    said: list[str] = []
    metrics = Metrics()
    with running_redis() as redis:
        async with keeping(settings(store=redis.url), metrics, said.append) as kept:
            assert isinstance(kept.lock, RedisLock)
            assert isinstance(kept.state, RedisState)
        assert [line.partition(":")[0] for line in said] == ["store is new, was restarted or replaced"]
        counted = metrics.exposition().decode()
    assert "ifmatch_store_available 1.0" in counted
    assert "ifmatch_store_quarantines_total 1.0" in counted


async def test_a_store_that_must_not_be_used_is_a_mistake() -> None:
    """One line says which store, why, and what to do; the password is not in it."""
    with running_redis(policy="allkeys-lru", password="hush") as redis, pytest.raises(ConfigurationError) as raised:
        async with keeping(settings(store=redis.url), Metrics(), lambda _line: None):
            pass
    (problem,) = raised.value.problems
    assert problem.startswith("store redis://127.0.0.1:")
    assert "set maxmemory-policy noeviction" in problem
    assert "hush" not in problem


async def test_vouching_ends_a_quarantine_once() -> None:
    """An operator's word counts for every part of the store; a second time there is nothing to end."""
    with running_redis() as redis:
        told = settings(store=redis.url)
        assert await vouched(told) > 0
        assert await vouched(told) == 0


async def test_vouching_for_what_is_not_there() -> None:
    """Nobody can vouch for a store that does not answer."""
    told = replace(settings(), store=parse_store("redis://127.0.0.1:1"))
    with pytest.raises(ConfigurationError, match="cannot be used: unreachable"):
        await vouched(told)


def test_members_agree_on_key_rules_and_quarantine(tmp_path: Path) -> None:
    """Another tag key makes another fleet; limits of one replica do not."""
    one, same, other = settings(tag_key="a"), settings(tag_key="a"), settings(tag_key="b")
    assert membership(one) == membership(same)
    assert membership(one).key != membership(other).key
    assert membership(one).fingerprint != membership(other).fingerprint
    assert membership(one).quarantine == 35
    file = tmp_path / "routes.yaml"
    file.write_text("upstream: http://127.0.0.1:1\ntag_key: a\nroutes:\n  - path: /wiki/{id}\n")
    read = load(str(file), flags={}, environ={})
    assert fleet_rules(one, read.routes) != fleet_rules(one, one.routes)
