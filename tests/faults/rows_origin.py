"""Rows in which the origin server is cut off, late or silent, or tells old news: F15, F22 to F24.

Beside the crowd, which meets these faults by chance, each is met on purpose: by a write to a resource of its own, whose
answer is known, and whose traces the origin server's log has.
"""

from dataclasses import replace

from tests.faults.matrix import Act, Row
from tests.faults.principal import PATIENT, Principal
from tests.faults.scene import Setting
from tests.faults.solo import Answer, Solo
from tests.faults.striking import PAUSE, Knob, now_and_then, turning
from tests.faults.unhurried import UNHURRIED
from tests.support.histories import Fault, Told
from tests.support.redis_server import until
from tests.support.severing import LATE, Cut, Link
from tests.support.soak import mutant, recorded


def _held_back(solo: Solo, number: int, answer: Answer) -> None:
    """See that a write was told as unknown and sent once, and that others are kept out for as long as it may come."""
    assert answer.status in {502, 504}, answer
    assert answer.problem in {"outcome-unknown", "504"}, answer
    follower = solo.write(number)
    assert (follower.problem, follower.status) == ("resource-busy", 503), follower
    assert follower.retry_after >= 1, follower
    assert solo.forwarded() <= 1


# F15: cut off ---------------------------------------------------------------------------------------------------------


_AT_FIRST = frozenset({Cut.AT_ONCE, Cut.GIVEN_UP})
"""What may come before the request could be sent: a connection that ended, or spoke, takes none."""


def _links(act: Act) -> list[Link]:
    return [member.origin_link for member in act.scene.members if member.origin_link is not None]


def cut(act: Act) -> None:
    """Connections to the origin server are cut at any point, and for a moment none is made."""

    def strike() -> None:
        link = act.dice.choice(_links(act))
        if act.dice.random() < 1 / 4:
            link.refuse()
            act.over.wait(PAUSE)
            link.admit()
        else:
            link.arm(act.dice.choice(list(Cut)))

    now_and_then(act, strike)
    for link in _links(act):
        link.arm(None)


def cut_in_turn(act: Act) -> None:
    """Before a byte has left: not applied, and the next one goes on. Behind it: unknown, and held."""
    for number, where in enumerate(Cut):
        solo, here, there = Solo(act, f"cut-{number}"), number % 3, (number + 1) % 3
        solo.tag(here)  # and now there is a connection for the selection, so that the next one is the write's
        _links(act)[here].arm(where)
        answer = solo.write(here)
        act.facts[where.value] = f"{answer.status} {answer.problem}"
        if where in _AT_FIRST and answer.problem == "upstream-unreachable":
            assert (answer.status, solo.forwarded()) == (502, 0)
            assert solo.write(there).status == 204
        elif where is not Cut.LATE or answer.status != 204:
            _held_back(solo, there, answer)
    solo = Solo(act, "refused")
    solo.tag()
    _links(act)[0].refuse()
    refused = solo.write()
    _links(act)[0].admit()
    assert (refused.problem, refused.status, solo.forwarded()) == ("upstream-unreachable", 502, 0)
    assert solo.write(1).status == 204


# F22, F23, F24: late, silent, or with old news ------------------------------------------------------------------------


def count_late(act: Act) -> None:
    """See that writes were applied when their proxies had given up."""
    recorded(act.history, act.scene.origin)
    applied = {line.operation: line.at for line in act.history.applied}
    act.facts["applied late"] = count = sum(
        operation.ended < applied.get(operation.name, 0)
        for operation in act.history.operations
        if operation.status == 504
    )
    assert count > 0


def late_beyond(act: Act) -> None:
    """A write is applied when its lease has lapsed and somebody else has written: nothing but a fence can stop it."""
    origin = act.scene.origin
    first, second = (Principal(act, number, "/part/late") for number in (0, 1))
    named = first.look()
    origin.knobs(PUT={"hold_before_apply": True, "times": 1})
    late = first.put(named)
    assert late.told is Told.UNKNOWN
    until(lambda: second.put(named).told is Told.OK, "the lease lapses")
    origin.release()
    until(lambda: origin.peek(first.key) == str(late.value).encode(), "the late write is applied")
    act.facts["overwritten"] = 1


def silent_in_turn(act: Act) -> None:
    """A write without an answer was sent once; a selection on a connection that had died is made again."""
    knobs: list[Knob] = [{"drop_after_apply": True}, {"truncate": True}, {"hold_after_apply": True}]
    for number, knob in enumerate(knobs):
        solo = Solo(act, f"silent-{number}")
        act.scene.origin.knobs(PATCH={**knob, "times": 1})
        _held_back(solo, 1, solo.write(0))
        assert (solo.forwarded(), act.scene.origin.peek(solo.path)) == (1, b"begun more ")
        act.scene.origin.release()
    solo = Solo(act, "died")
    solo.tag()
    act.scene.origin.knobs(GET={"drop_before_apply": True, "times": 1})
    assert (solo.write().status, solo.forwarded()) == (204, 1)


SEVERAL = frozenset({Fault.LOST, Fault.STALE, Fault.WRONGED})
"""What an origin server can do to itself that shows yesterday's state."""

ROWS = [
    Row(
        "F15",
        "partition proxy-origin, before and behind the bytes of a write",
        "502 not applied; 502 or 504 unknown, and held",
        cut,
        setting=replace(UNHURRIED, origin_links=True),
        afterwards=cut_in_turn,
    ),
    Row(
        "F22",
        "the origin server applies late, within settle",
        "504 unknown; safe",
        turning("PUT", {"delay_before_apply": LATE}),
        afterwards=count_late,
    ),
    Row(
        "F22-released",
        "the same, and a lease is released whatever became of the write (negative control)",
        "updates are lost, and C1 says so",
        turning("PUT", {"delay_before_apply": LATE}),
        setting=Setting(program=mutant("released")),
        recovers=False,
        control=True,
    ),
    Row(
        "F23",
        "the reply is dropped after applying; a kept-alive connection died",
        "502 or 504 unknown; the origin server is asked once",
        turning("PUT", {"drop_after_apply": True}, {"truncate": True}),
        setting=UNHURRIED,
        afterwards=silent_in_turn,
    ),
    Row(
        "F24",
        "the origin server applies late, beyond the lease",
        "documented: the late write overwrites, and is counted; its fence would have told",
        setting=UNHURRIED,
        afterwards=late_beyond,
        allowed=frozenset({Fault.LOST, Fault.FENCE}),
    ),
    Row(
        "F24-stale",
        "the origin server shows old states",
        "documented: what it does not show cannot be compared; counted",
        turning("GET", {"stale": True}),
        setting=PATIENT,
        allowed=SEVERAL,
    ),
]
