"""Rows about time: a store that stands still, and clocks that are set. F11, F17, F18."""

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from threading import Event

from proxy.core import http_date
from tests.faults.matrix import Act, Store
from tests.faults.solo import Solo, changes, locks, reads_go_on, settled
from tests.faults.unhurried import LEASE, UNHURRIED, unhurried
from tests.support.clocks import FakedClock
from tests.support.redis_server import until

MINUTE = 60.0
TEN_MINUTES = 600.0


def stopped(lengths: Sequence[float], act: Act) -> None:
    """The store stands still for so many seconds, once for each: a write under way ends well, others are refused."""
    for seconds in lengths:
        before, solo, other = settled(act), Solo(act, f"stopped-{seconds}"), Solo(act, f"other-{seconds}")
        with reads_go_on(act):
            with solo.writing(0) as held:
                act.scene.redis.pause()
                began = time.monotonic()
                assert held.finish().status == 204
            other.refused("store-unavailable", 0, 1, 2)
            Event().wait(seconds - (time.monotonic() - began))
            act.scene.redis.resume()
            act.facts[f"on after {seconds:g} s"] = round(other.accepted(0, 1, 2), 2)
        changes(act, before, "down", "up")
        solo.accepted(1)


# F17: the clock of the store is set -----------------------------------------------------------------------------------


def set_back(act: Act) -> None:
    """Under load the clock goes back ten minutes: each lease seems to last that much longer, but is not let to."""
    Event().wait(0.5)
    act.scene.redis.jump(-TEN_MINUTES)
    Event().wait(1)


def set_in_turn(act: Act) -> None:
    """Step by step: back, under a lease that nobody gives back and under a selection; and forward.

    Forward only where nobody is in the write phase: a lease lapses then under a write that is under way, which is not
    promised to be seen (a fence tells the origin server).
    """
    until(lambda: not locks(act), "all is over")
    act.scene.redis.jump(TEN_MINUTES)
    settled(act)
    abandoned = Solo(act, "abandoned")
    _abandon(abandoned)
    act.scene.redis.jump(-TEN_MINUTES)
    began = time.monotonic()
    busy = abandoned.until(1, lambda answer: answer.problem == "resource-busy")
    assert busy.retry_after <= LEASE + 1, "the lease seems to last for ten minutes"
    abandoned.accepted(1, 2)
    act.facts["free after"] = round(time.monotonic() - began, 1)
    assert _fences(abandoned) == sorted(set(_fences(abandoned)))
    for name, jump in ("back", -TEN_MINUTES), ("forward", MINUTE):
        _set_while_selecting(Solo(act, name), jump)


def _abandon(solo: Solo) -> None:
    """Leave a lock behind: its holder does not know what became of its write."""
    solo.accepted(0)
    solo.act.scene.origin.knobs(PATCH={"drop_after_apply": True, "times": 1})
    solo.until(0, lambda answer: answer.problem == "outcome-unknown")


def _set_while_selecting(solo: Solo, jump: float) -> None:
    """The clock is set while a writer selects: it is refused, and others go on."""
    with solo.selecting(0) as held:
        solo.act.scene.redis.jump(jump)
        answer = held.finish()
    assert (answer.problem, answer.status) == ("lease-lost", 503), answer
    assert solo.forwarded() == 0
    solo.act.facts[f"on after {jump:+g} s"] = round(solo.accepted(1, 0), 2)


def _fences(solo: Solo) -> list[int]:
    return [int(write.fence or 0) for write in solo.act.scene.origin.writes(solo.path)]


# F18: the wall clock of a proxy is set --------------------------------------------------------------------------------


def own_clock(act: Act) -> None:
    """The wall clock of one proxy goes back and forth under load."""
    for _ in range(20):
        _proxy_clock(act).jump(act.dice.choice([-86_400.0, -1.0, 0.3, 7.0, 3_600.0]))
        Event().wait(0.05)


def own_clock_in_turn(act: Act) -> None:
    """It is set while the proxy selects, and while it writes: leases are measured by another clock."""
    clock = _proxy_clock(act)
    for number, jump in enumerate([3_600.0, -86_400.0]):
        selecting, writing = Solo(act, f"selecting-{number}"), Solo(act, f"writing-{number}")
        with selecting.selecting(0) as held:
            clock.jump(jump)
            assert held.finish().problem != "lease-lost"
        with writing.writing(0) as held:
            clock.jump(jump)
            assert held.finish().status == 204
        shown = http_date.parse(selecting.write(0, '"none"').heard.fields["date"])
        assert abs((shown or 0) - time.time() - clock.offset) < MINUTE, "the clock was set"
        writing.accepted(0, 1)


def _proxy_clock(act: Act) -> FakedClock:
    clock = act.scene.members[0].clock
    assert clock is not None
    return clock


# ----------------------------------------------------------------------------------------------------------------------


STOPPED = "503 within the budget; writes under way end well"

ROWS = [
    unhurried("F11", "the store stands still for 1 s, then for 3 s", STOPPED, fault=partial(stopped, (1, 3))),
    unhurried("F11-long", "the store stands still for 30 s", STOPPED, fault=partial(stopped, (30,)), long=True),
    unhurried(
        "F17",
        "the store's clock goes back ten minutes, and a minute forward",
        "503 for who selects; no lease lasts longer for it; fences rise",
        fault=set_back,
        afterwards=set_in_turn,
        store=Store.CLOCK,
    ),
    unhurried(
        "F18",
        "a proxy's wall clock goes back and forth",
        "no effect",
        fault=own_clock,
        afterwards=own_clock_in_turn,
        setting=replace(UNHURRIED, clock=True),
    ),
]
