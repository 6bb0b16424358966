"""What resources are called in the store: replicas agree, Redis finds a slot, and nobody reads a URL there."""

import re
from dataclasses import astuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from proxy.adapters.redis.keys import BUCKETS, Naming
from tests.adapters.redis.members import KEY, NAMING

resources = st.text(st.characters(), max_size=30)


@given(resource=resources)
def test_all_names_of_a_resource_are_in_one_slot(resource: str) -> None:
    """A script may touch one slot of a cluster only, and the message of a release comes from the node of the lock."""
    assert len({key_slot(name.encode()) for name in astuple(NAMING.of(resource))}) == 1


@given(resource=resources)
def test_names_are_digests(resource: str) -> None:
    """Whoever can read the store sees no target of a request, whatever characters that has."""
    lock, fence, epoch, *others = astuple(NAMING.of(resource))
    bucket = r"ifm:\{b\d{4}\}"
    assert re.fullmatch(rf"{bucket}:L:[0-9a-f]{{32}}", lock)
    assert {re.sub(":[LSQNCW]:", ":", name) for name in (lock, *others)} == {lock.replace(":L:", ":")}
    assert re.fullmatch(rf"{bucket}:F", fence)
    assert re.fullmatch(rf"{bucket}:E", epoch)


@given(one=resources, other=resources)
def test_two_resources_share_no_lock(one: str, other: str) -> None:
    """Names differ where resources do, and processes that share the secret agree on each."""
    assert (NAMING.of(one).lock == NAMING.of(other).lock) is (one == other)
    assert Naming("ifm", KEY).of(one) == NAMING.of(one)


def test_names_stay_as_they_are() -> None:
    """While a fleet is upgraded, old and new processes call a resource the same."""
    assert astuple(NAMING.of("/wiki/1")) == (
        "ifm:{b0424}:L:0da8ff66a5b33ab61643913e4712e2a9",
        "ifm:{b0424}:F",
        "ifm:{b0424}:E",
        "ifm:{b0424}:S:0da8ff66a5b33ab61643913e4712e2a9",
        "ifm:{b0424}:Q:0da8ff66a5b33ab61643913e4712e2a9",
        "ifm:{b0424}:N:0da8ff66a5b33ab61643913e4712e2a9",
        "ifm:{b0424}:C:0da8ff66a5b33ab61643913e4712e2a9",
        "ifm:{b0424}:W:0da8ff66a5b33ab61643913e4712e2a9",
    )


@pytest.mark.parametrize("other", [Naming("ifm", bytes(32)), Naming("other", KEY)], ids=["secret", "prefix"])
def test_another_fleet_has_other_names(other: Naming) -> None:
    """Neither a prefix of its own nor another secret lets two fleets share a lock."""
    assert not {*astuple(other.of("k"))} & {*astuple(NAMING.of("k"))}


def test_every_epoch_is_known() -> None:
    """The epoch of any resource is among those that are watched, and their number is bounded."""
    epochs = set(NAMING.epochs())
    assert len(epochs) == BUCKETS
    assert {NAMING.of(str(number)).epoch for number in range(12_000)} == epochs


def test_the_rules_of_a_fleet_stand_in_one_place() -> None:
    """Fleets of one prefix meet there whatever their secret is, so that the second learns of the first."""
    assert NAMING.rules == Naming("ifm", bytes(32)).rules != Naming("other", KEY).rules
