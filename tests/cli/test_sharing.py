"""A store that replicas share: what it is told of a fleet, what is told of it, and an operator's word for it."""

from dataclasses import replace

import pytest

from proxy.adapters.memory import MemoryState
from proxy.cli.agreeing import fleet_names, fleet_rules
from proxy.cli.sharing import membership, sharing, vouched
from proxy.config import ConfigurationError, Settings, load
from proxy.core.store_address import parse_store
from proxy.metrics import Metrics
from tests.support.stores import running_redis


def settings(**flags: str) -> Settings:
    """Return settings without a file."""
    return load(None, flags={"upstream": "http://127.0.0.1:1", **flags}, environ={})


async def test_a_store_that_must_not_be_used_is_a_mistake() -> None:
    """One line says which store, why, and what to do; the password is not in it."""
    with running_redis(policy="allkeys-lru", password="hush") as redis, pytest.raises(ConfigurationError) as raised:
        async with sharing(settings(store=redis.url), MemoryState(), Metrics(), lambda _line: None):
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


def test_members_go_by_names_rules_and_the_longest_lease() -> None:
    """What the replicas of a store compare is made of the settings, and the quarantine lasts as long as a write may."""
    told = settings(tag_key="a")
    joined = membership(told)
    assert (joined.key, joined.fingerprint) == (fleet_names(told), fleet_rules(told, told.routes))
    assert joined.quarantine == 35
