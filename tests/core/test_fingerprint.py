"""Which rules the replicas of a fleet must share, and how long a write may take under them."""

from dataclasses import replace

import pytest

from proxy.core.canonical import CanonicalJson
from proxy.core.fingerprint import fingerprint, longest_write_lease
from proxy.core.injection import Injection
from proxy.core.matching import Routes
from proxy.core.route import Guard, Limits, LockRules, Query, Route, Timeouts, UnconditionalPost, Unmatched
from proxy.core.tag_rules import TagRules, UpstreamTag
from proxy.core.template import Template

KEY = b"k" * 32
ROUTE = Route("wiki", Template.parse("/wiki/{id}"))


def of(*routes: Route, unmatched: Unmatched = Unmatched.RELAY) -> str:
    """Return the fingerprint under one key."""
    return fingerprint(Routes(routes, unmatched), KEY)


@pytest.mark.parametrize(
    "other",
    [
        replace(ROUTE, template=Template.parse("/wiki/{name}/x")),
        replace(ROUTE, methods=frozenset({"PUT"})),
        replace(ROUTE, guard=Guard.OFF),
        replace(ROUTE, state=Template.parse("/wiki/{id}/page")),
        replace(ROUTE, query=Query.IDENTITY),
        replace(ROUTE, rules=TagRules(CanonicalJson())),
        replace(ROUTE, rules=TagRules(upstream=UpstreamTag.REPLACE)),
        replace(ROUTE, inject=Injection()),
        replace(ROUTE, unconditional_post=UnconditionalPost.LOCK),
        replace(ROUTE, lock=LockRules(write=99)),
    ],
)
def test_rules_that_decide_who_excludes_whom_count(other: Route) -> None:
    """Replicas that differ in one of these would not guard a resource together."""
    assert of(ROUTE) != of(other)


@pytest.mark.parametrize(
    "other",
    [
        replace(ROUTE, name="another"),
        replace(ROUTE, limits=Limits(content=1)),
        replace(ROUTE, timeouts=Timeouts(receive=1)),
        replace(ROUTE, lock=LockRules(wait=1)),
    ],
)
def test_rules_of_one_replica_alone_do_not_count(other: Route) -> None:
    """A replica may be more or less patient than another."""
    assert of(ROUTE) == of(other)


def test_whether_anything_is_trusted_counts() -> None:
    """Who trusts nothing tells nobody of the writes that it relays unguarded; for how long, is everybody's own."""
    trusting = replace(ROUTE, trust=5.0)
    assert of(ROUTE) != of(trusting)
    assert of(trusting) == of(replace(ROUTE, trust=60.0))


def test_order_unmatched_and_key_count() -> None:
    """The first route that matches is taken, so their order is a rule; another secret makes another fleet."""
    other = replace(ROUTE, template=Template.parse("/{rest...}"))
    assert of(ROUTE, other) != of(other, ROUTE)
    assert of(ROUTE) != of(ROUTE, unmatched=Unmatched.GUARD)
    assert fingerprint(Routes([ROUTE]), KEY) != fingerprint(Routes([ROUTE]), b"another")


def test_the_methods_of_a_route_are_a_set() -> None:
    """The order in which a set is walked differs from process to process."""
    names = [f"METHOD{number}" for number in range(20)]
    assert of(replace(ROUTE, methods=frozenset(names))) == of(replace(ROUTE, methods=frozenset(reversed(names))))


def test_the_longest_write_lease() -> None:
    """It is that of the most patient route, the default rules included where they are in force."""
    short, long = replace(ROUTE, lock=LockRules(write=10)), replace(ROUTE, lock=LockRules(write=20))
    assert longest_write_lease(Routes([short, long])) == 20
    assert longest_write_lease(Routes([short], Unmatched.GUARD)) == LockRules().write
    assert longest_write_lease(Routes([])) == 0
