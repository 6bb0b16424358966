"""Rows in which the store forgets: killed, flushed, or made to forget a single lock. F10, F12."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from tests.faults.matrix import Act, Store, writer
from tests.faults.solo import Solo, changes, locks, reads_go_on, says, settled
from tests.faults.unhurried import LEASE, UNHURRIED, unhurried
from tests.support.child import python
from tests.support.histories import Told
from tests.support.ledger import Stage
from tests.support.redis_server import until

EVERYWHERE = (0, 1, 2)
"""The numbers of the proxies."""

LONG = 20
"""Seconds of a quarantine that nobody waits for."""


def killed(act: Act) -> None:
    """The store is killed and comes back without its keys: refusals, a quarantine, and then writes by themselves."""
    before, solo = settled(act), Solo(act, "killed")
    with reads_go_on(act):
        act.scene.redis.kill()
        solo.refused("store-unavailable", *EVERYWHERE)
        began = time.monotonic()
        act.scene.redis.start()
        _quarantined(solo)
        solo.accepted(*EVERYWHERE)
        act.facts["refused for"] = passed = time.monotonic() - began
        assert passed >= LEASE, "the quarantine was cut short"
    changes(act, before, "down", "quarantined", "up")


def kept(act: Act) -> None:
    """The store is killed and comes back with its keys, but another replication id: who knows what it has missed."""
    before, solo = settled(act), Solo(act, "kept")
    act.scene.redis.cli("SET", "kept", "yes")
    act.scene.redis.restart(keep=True)
    assert act.scene.redis.cli("GET", "kept") == "yes"
    _quarantined(solo)
    solo.accepted(*EVERYWHERE)
    changes(act, before, "quarantined", "up")


def vouched(act: Act) -> None:
    """An operator who has stopped nothing but the store says that no write is under way: the quarantine ends."""
    before, solo = settled(act), Solo(act, "vouched")
    began = time.monotonic()
    act.scene.redis.restart(keep=False)
    _quarantined(solo)
    act.scene.vouch()
    solo.accepted(*EVERYWHERE)
    act.facts["refused for"] = passed = time.monotonic() - began
    assert passed < LONG
    changes(act, before, "quarantined", "up")


def flushed(act: Act) -> None:
    """Every key is lost while a write is under way: it ends well, and nobody follows until it must be over."""
    before, solo = settled(act), Solo(act, "flushed")
    with solo.writing(0) as held:
        tag = solo.tag(1)
        act.scene.redis.flush()
        assert solo.write(1, tag).status == 503
        assert held.finish().status == 204
    _quarantined(solo)
    solo.accepted(2)
    assert solo.answered(1, tag).status == 412
    changes(act, before, "quarantined", "up")


def overtaken(act: Act) -> None:
    """A write waits at the origin server while the store forgets its lock, and a follower asks for the same place.

    Without the quarantine the follower is let in, and the first write, when it is applied, undoes the other's.
    """
    key, scene = act.keys.names[0], act.scene
    first, second = writer(act, 9_000), writer(act, 9_001)
    second_proxy = scene.members[9_001 % len(scene.members)]
    named = first.read(key)
    scene.origin.knobs(PUT={"hold_before_apply": True, "times": 1})
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(first.write, "PUT", key, first.content(), named)
        scene.origin.until(Stage.HELD, method="PUT", target=key)
        scene.redis.kill()
        assert second.write("PUT", key, second.content(), named).told is Told.REFUSED
        until(says(second_proxy, "down"), "the store is missed")
        scene.redis.start()
        until(says(second_proxy, "quarantined", "up"), "the store is back")
        act.facts["follower"] = second.write("PUT", key, second.content(), named).told.value
        scene.origin.release()
        act.facts["first"] = writing.result().told.value
    for each in first, second:
        each.close()


def forgotten(act: Act) -> None:
    """Locks vanish one by one, each while its holder still selects: the holder is refused, whoever follows goes on."""
    with act.scene.redis.client() as store:
        forget = store.register_script("return redis.call('HGET', KEYS[1], 's') == 'r' and redis.call('DEL', KEYS[1])")
        ending, count = time.monotonic() + 2, 0
        while time.monotonic() < ending or not count:
            count += sum(forget(keys=[key]) or 0 for key in locks(act))
    act.facts["forgotten"] = count


def forgotten_in_turn(act: Act) -> None:
    """The same step by step; and one that vanishes while its holder writes, where a fence keeps the late one out."""
    until(lambda: not locks(act), "all is over")
    selecting = Solo(act, "selecting")
    with selecting.selecting(0) as held:
        act.scene.redis.cli("DEL", *locks(act, "r"))
        selecting.accepted(1)
        lost = held.finish()
    assert (lost.problem, lost.status) == ("lease-lost", 503), lost
    assert selecting.forwarded() == 1
    writing = Solo(act, "writing")
    act.scene.origin.knobs(fence=True)
    with writing.writing(0) as held:
        act.scene.redis.cli("DEL", *locks(act, "w"))
        writing.accepted(1)
        assert held.finish().status == 409, "the origin server knows of a later holder"
    assert act.scene.origin.peek(writing.path) == b"begun more "


def alone(act: Act) -> None:
    """Without a store each process goes on with its own locks; one that comes back is in quarantine first."""
    before, solo = settled(act), Solo(act, "alone")
    act.scene.redis.kill()
    for _ in range(20):
        assert solo.write().status == 204, "no store is needed"
    act.scene.redis.start()
    changes(act, before, "down", "quarantined")
    solo.accepted(0)


def _quarantined(solo: Solo) -> None:
    """See every proxy refuse writes because of a quarantine, with the time that it still takes."""
    for number in EVERYWHERE:
        answer = solo.until(number, lambda answer: answer.problem != "store-unavailable")
        assert answer.problem == "quarantined", answer
        assert answer.retry_after >= 1, answer


CERTAIN = "the store forgets the lock of a write that waits at the origin server"

ROWS = [
    unhurried(
        "F10", "store killed, back without its keys", "503, then quarantine, then on by itself; GET 100 %", fault=killed
    ),
    unhurried(
        "F10-keep",
        "store killed, back with its keys",
        "quarantine: it is another life of the server",
        fault=kept,
        store=Store.KEEPING,
    ),
    unhurried(
        "F10-vouch",
        "store killed; an operator vouches that no write is under way",
        "the quarantine ends at once",
        fault=vouched,
        setting=replace(UNHURRIED, lock={"wait": "1s", "write": f"{LONG}s"}),
    ),
    unhurried("F10-held", CERTAIN, "the follower waits for the quarantine", afterwards=overtaken),
    unhurried(
        "F10-amnesic",
        f"{CERTAIN}, and no quarantine follows (negative control)",
        "an update is lost, and C1 says so",
        afterwards=overtaken,
        setting=replace(UNHURRIED, program=tuple(python("-m", "tests.support.mutants", "amnesic"))),
        recovers=False,
        control=True,
    ),
    unhurried(
        "F10-local",
        "store killed, on_store_failure: local, one proxy",
        "writes go on: the process excludes its own",
        fault=alone,
        setting=replace(UNHURRIED, proxies=1, top={"on_store_failure": "local"}),
    ),
    unhurried("F12", "FLUSHALL under load", "quarantine; the write under way ends well", fault=flushed),
    unhurried(
        "F12-del",
        "single locks deleted",
        "in select: 503; in the write phase: the fence decides",
        fault=forgotten,
        afterwards=forgotten_in_turn,
    ),
]
