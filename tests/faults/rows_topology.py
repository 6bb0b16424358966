"""Rows in which the store is several servers: a replica is promoted, a slot moves, a node is lost. F19 to F21."""

from functools import partial
from threading import Event

from redis.crc import key_slot

from proxy.adapters.redis.keys import Naming
from proxy.core.minting import Minter
from tests.faults.matrix import Act, Row, Store
from tests.faults.scene import LEASE, Setting
from tests.faults.solo import Solo
from tests.faults.unhurried import ROUTE, UNHURRIED

EVERYWHERE = (0, 1, 2)
"""The numbers of the proxies."""

OTHERS = (1, 2)
"""Those without a write under way: the one that has one knows by itself who holds the resource."""


def _unreplicated(act: Act) -> None:
    """A write is held at the origin server under a lock that the promoted replica has never seen.

    While it may still be applied nobody else is let in; afterwards it is what others are compared with.
    """
    watched, solo = act.scene.watched, Solo(act, "unreplicated")
    dying, stale = watched.master, solo.tag()
    # For min-replicas-max-lag seconds a master takes writes that a replica which has gone silent never hears of.
    dying.cli("CONFIG", "SET", "min-replicas-to-write", 0)
    watched.detach()
    with solo.writing(0) as held:
        watched.kill_master()
        dying.start()
        watched.settle()
        _quarantined(solo)
        assert solo.forwarded() == 1
        act.facts["held write"] = held.finish().status
    act.scene.vouch()
    assert act.scene.origin.peek(solo.path) == b"begun held "
    assert solo.write(1, stale).status == 412
    solo.accepted(*EVERYWHERE)


def _ping_pong(act: Act, rounds: int) -> None:
    """Master and replica change places and back, while writes are under way: nothing is granted by either then.

    When all leases have lapsed somebody vouches for the master.
    """
    solo = Solo(act, "ping-pong")
    for _ in range(rounds):
        for _ in ("there", "and back"):
            act.scene.watched.fail_over()
            _quarantined(solo)
        Event().wait(LEASE)
        act.scene.vouch()
        solo.accepted(*EVERYWHERE)


def _placed(act: Act) -> list[Solo]:
    """Return a resource for each node of the cluster, in their order, whose lock is kept there."""
    found: dict[int, Solo] = {}
    for number in range(100):
        solo = Solo(act, f"placed-{number}")
        found.setdefault(act.scene.cluster.node_of(_lock(solo)).port, solo)
    return [found[node.port] for node in act.scene.cluster.nodes]


def _lock(solo: Solo) -> str:
    """Return the name of the lock of a resource."""
    return Naming("ifm", Minter("faults").derived(b"names of resources in the store")).of(solo.path).lock


def _kept_out(solo: Solo) -> None:
    """See that nobody gets at a resource, while one who was there before has a write under way."""
    for number in OTHERS:
        answer = solo.write(number)
        assert answer.status == 503, answer
        assert answer.retry_after >= 1, answer
    assert solo.forwarded() == 1


def _quarantined(solo: Solo) -> None:
    """See that writes of a resource come to be refused because the store is new; until then, for whatever reason."""
    for number in OTHERS:
        solo.until(number, lambda answer: answer.problem == "quarantined")


def _moved(act: Act) -> None:
    """A slot moves, with a lock in it under which a write is under way, and stops half-way for a while.

    Whoever asks for that lock is sent on, or told to come again; where it arrives it is new, hence the quarantine.
    Other slots are none the wiser.
    """
    moved, _, stays = _placed(act)
    source, target, _ = act.scene.cluster.nodes
    with moved.writing(0) as held:
        moving = act.scene.cluster.begin(key_slot(_lock(moved).encode()), target)
        _kept_out(moved)
        stays.accepted(*EVERYWHERE)
        moving.move()
        _kept_out(moved)
        stays.accepted(*EVERYWHERE)
        moving.finish()
        _quarantined(moved)
        stays.accepted(*EVERYWHERE)
        assert moved.forwarded() == 1
        act.facts["held write"] = held.finish().status
    errors = source.info("errorstats") | target.info("errorstats")
    act.facts["told"] = told = {name.removeprefix("errorstat_") for name in errors} & {"ASK", "MOVED", "TRYAGAIN"}
    assert "ASK" in told
    act.scene.vouch()
    moved.accepted(*EVERYWHERE)


def _node_lost(act: Act) -> None:
    """A node is killed, with a lock under which a write is under way; it comes back and has forgotten all.

    Resources whose locks are on other nodes are written all the while.
    """
    lost, *others = _placed(act)
    node = act.scene.cluster.nodes[0]
    with lost.writing(0) as held:
        node.kill()
        for other in others:
            other.accepted(*EVERYWHERE)
        _kept_out(lost)
        node.start()
        _quarantined(lost)
        for other in others:
            other.accepted(*EVERYWHERE)
        assert lost.forwarded() == 1
        act.facts["held write"] = held.finish().status
    act.scene.vouch()
    lost.accepted(*EVERYWHERE)


LONG = Setting(route={"timeouts": {**ROUTE["timeouts"], "perform": "20s"}}, lock={"wait": "1s", "write": "30s"})
"""Time enough for a write to be under way while something is done to the cluster; quarantines are as long."""

ROWS = [
    Row(
        "F19",
        "Sentinel failover with an unreplicated lock",
        "quarantine: no second holder while the first may write",
        _unreplicated,
        store=Store.SENTINEL,
        setting=UNHURRIED,
        clients=3,
    ),
    Row(
        "F20",
        "Sentinel failover and back",
        "quarantine; no violation",
        partial(_ping_pong, rounds=1),
        store=Store.SENTINEL,
        clients=3,
    ),
    Row(
        "F20-ten",
        "Sentinel ping-pong, ten times",
        "as F20",
        partial(_ping_pong, rounds=5),
        store=Store.SENTINEL,
        clients=3,
        long=True,
    ),
    Row(
        "F21",
        "Cluster: slots move",
        "retry or 503",
        _moved,
        store=Store.CLUSTER,
        setting=LONG,
        clients=4,
    ),
    Row(
        "F21-node",
        "Cluster: a node is lost",
        "its part of the resources 503, the others go on; then quarantine",
        _node_lost,
        store=Store.CLUSTER,
        setting=LONG,
        clients=4,
        long=True,
    ),
]
