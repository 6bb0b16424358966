"""Rows about the link between one proxy and the store: lost answers, partitions, slowness, lost messages.

F13, F14, F16, F31. The link of proxy 0 has the fault, unless said otherwise; the others go on.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from proxy.adapters.redis import scripts
from tests.faults.matrix import Act, Row
from tests.faults.solo import Answer, Solo, changes, nothing_stays_locked, reads_go_on, settled
from tests.faults.unhurried import UNHURRIED, unhurried
from tests.support.conversing import After
from tests.support.redis_server import until
from tests.support.relaying import Relay


def link(act: Act, number: int = 0) -> Relay:
    """Return the relay between a proxy and the store."""
    relay = act.scene.members[number].store_link
    assert relay is not None
    return relay


# F13: the store did what it was asked, and the proxy is not told ------------------------------------------------------


def losing(script: scripts.Script, act: Act) -> None:
    """Under load, one answer after the other is lost, with its connection or in silence."""
    for number, after in enumerate([After.CLOSED, After.SILENT] * 3):
        link(act, number % 3).drop_reply(script.sha.encode(), after=after).wait()


def lost(script: scripts.Script, check: Callable[[Solo, Answer], None], act: Act) -> None:
    """One write meets the loss; then the resource is free for whoever comes next, long before a lease has lapsed."""
    for after in After:
        settled(act)
        solo = Solo(act, f"{script.name}-{after.value}")
        solo.accepted(0)  # and the store knows the script
        loss = link(act).drop_reply(script.sha.encode(), after=after)
        answer = solo.write(0)
        loss.wait()
        check(solo, answer)
        act.facts[f"free after, {after.value}"] = free = round(solo.accepted(1), 2)
        assert free < READ / 2, "the lock was left to lapse"
    nothing_stays_locked(act)


def refused(solo: Solo, answer: Answer) -> None:
    """The client is told that nothing was forwarded, and nothing was."""
    assert (answer.problem, answer.status) == ("store-unavailable", 503), answer
    assert solo.forwarded() == 1


def accepted(solo: Solo, answer: Answer) -> None:
    """The write is done, whatever becomes of the lock."""
    assert answer.status == 204, answer
    assert solo.forwarded() == 2


# F14: nothing passes between one proxy and the store ------------------------------------------------------------------


def partitioned(part: Callable[[Relay], None], act: Act) -> None:
    """A proxy loses the store while a write of its is under way: it ends well, others take over, and it comes back."""
    before = settled(act)
    solo, other = Solo(act, "parted"), Solo(act, "other")
    tag = solo.tag(1)
    with reads_go_on(act):
        with solo.writing(0) as held:
            part(link(act))
            assert held.finish().status == 204
        other.refused("store-unavailable", 0)
        other.accepted(1, 2)
        solo.until(1, lambda answer: answer.problem == "resource-busy")
        healed = time.monotonic()
        link(act).mend()
        other.accepted(0)
        act.facts["back after"] = round(time.monotonic() - healed, 2)
    solo.accepted(1)
    act.facts["released after"] = round(time.monotonic() - healed, 2)
    assert solo.answered(2, tag).status == 412
    changes(act, before, "down", "up", of=[0])


# F16: the store is far away -------------------------------------------------------------------------------------------


def distant(act: Act) -> None:
    """The store answers later and later: writes take longer, and past a quarter of a second they are refused."""
    for milliseconds in (10, 100, 400):
        settled(act)
        solo = Solo(act, f"distant-{milliseconds}")
        for number in range(3):
            link(act, number).delay(milliseconds / 2_000)
        if milliseconds > 250:
            with reads_go_on(act):
                solo.refused("store-unavailable", 0, 1, 2)
        else:
            solo.accepted(0)
            answer = solo.answered(0)
            assert answer.status == 204, answer
            assert answer.seconds >= 3 * milliseconds / 1_000, "it asks the store three times"
            act.facts[f"write at {milliseconds} ms"] = round(answer.seconds, 3)
        for number in range(3):
            link(act, number).mend()
    Solo(act, "near").accepted(0, 1, 2)


# F31: messages are lost -----------------------------------------------------------------------------------------------


def muted(act: Act) -> None:
    """Nobody hears that a lock is free: who waits asks again by itself, within about a second."""
    for number in range(3):
        link(act, number).mute_pushes()


def handed_over(act: Act) -> None:
    """A write waits behind another proxy's: without messages for the timer, and with them for nothing."""
    act.facts["hand-off, muted"] = handed = _hand_over(act, "muted")
    assert handed < 2.5, "it asks again every second at least"
    for number in range(3):
        link(act, number).mend()
    act.facts["hand-off"] = _hand_over(act, "heard")


def _hand_over(act: Act, name: str) -> float:
    """Return how long it takes from the end of one proxy's write to that of another's that waited for it."""
    solo = Solo(act, name)
    with ThreadPoolExecutor(1) as pool, solo.writing(0) as held:
        following = pool.submit(solo.write, 1)
        until(lambda: act.scene.redis.cli("PUBSUB", "CHANNELS", "*:W:*") != "", "the follower listens")
        began = time.monotonic()
        assert held.finish().status == 204
        answer = following.result()
        assert answer.status == 204, answer
    return round(time.monotonic() - began, 3)


# ----------------------------------------------------------------------------------------------------------------------

LINKED = replace(UNHURRIED, store_links=True)

READ = 20
"""How long a lease is in its read phase where it must be given back before it lapses, in seconds."""


def _loss(name: str, script: scripts.Script, check: Callable[[Solo, Answer], None], expected: str) -> Row:
    return unhurried(
        name,
        f"answer lost after {script.name.upper()}, its connection closed or silent",
        expected,
        fault=partial(losing, script),
        afterwards=partial(lost, script, check),
        setting=replace(LINKED, lock={"wait": "1s", "read": f"{READ}s"}),
    )


def _partition(name: str, what: str, part: Callable[[Relay], None]) -> Row:
    return unhurried(
        name,
        what,
        "503 there, while its write ends well and others go on; back by itself",
        fault=partial(partitioned, part),
        setting=replace(LINKED, lock={"wait": "300ms"}),
    )


ROWS = [
    _loss("F13-acquire", scripts.ACQUIRE, refused, "503, and the lock is given back at once"),
    _loss("F13-phase", scripts.PHASE, refused, "503, not forwarded, free at once"),
    _loss("F13-release", scripts.RELEASE, accepted, "2xx, and released by a second try"),
    _partition("F14-cut", "no connection between one proxy and the store", Relay.cut),
    _partition("F14-hole", "all that one proxy says to the store is lost", Relay.black_hole),
    _partition("F14-held", "all that one proxy says to the store arrives much later", Relay.hold),
    unhurried(
        "F16",
        "the store is 10, 100 and 400 ms away",
        "slower; past 250 ms 503",
        fault=distant,
        setting=LINKED,
    ),
    unhurried(
        "F31",
        "published messages lost",
        "handed over by the timer, within about a second",
        fault=muted,
        afterwards=handed_over,
        setting=replace(LINKED, lock={"wait": "3s"}),
    ),
]
