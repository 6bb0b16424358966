"""The checker itself: it passes what is good, and sees each thing that is not."""

from collections import Counter
from dataclasses import replace

import pytest

from tests.support.histories import Applied, Fault, History, Operation, Reading, Told, check

FIRST = Operation("1:1", "/k", "1:1", guarded=True, named="seed", told=Told.OK, began=1, ended=3, status=204, tag='"a"')
SECOND = Operation("2:1", "/k", "2:1", guarded=True, named="1:1", told=Told.OK, began=4, ended=6, status=204)
REFUSED = Operation("3:1", "/k", "3:1", guarded=True, named="seed", told=Told.REFUSED, began=1, ended=7, status=412)
UNKNOWN = Operation("4:1", "/k", "4:1", guarded=True, named="2:1", told=Told.UNKNOWN, began=7, ended=8, status=504)

FIRST_APPLIED = Applied("1:1", "/k", "seed", "1:1", at=2)
SECOND_APPLIED = Applied("2:1", "/k", "1:1", "2:1", at=5)
UNKNOWN_APPLIED = Applied("4:1", "/k", "2:1", "4:1", at=9)


def history(
    operations: list[Operation],
    applied: list[Applied],
    readings: list[Reading] | None = None,
    forwards: Counter[str] | None = None,
) -> History:
    """Return a history of one key whose end is what its log says."""
    end = applied[-1].after if applied else "seed"
    counted = Counter(line.operation for line in applied) if forwards is None else forwards
    return History(operations, readings or [], applied, counted, {"/k": "seed"}, {"/k": end})


def faults(seen: History) -> list[Fault]:
    """Return the faults that the checker finds."""
    return [violation.fault for violation in check(seen)]


@pytest.mark.parametrize(
    "seen",
    [
        history([], []),
        history([FIRST, SECOND, REFUSED], [FIRST_APPLIED, SECOND_APPLIED]),
        history([FIRST, SECOND, UNKNOWN], [FIRST_APPLIED, SECOND_APPLIED], forwards=Counter(["1:1", "2:1", "4:1"])),
        history([FIRST, SECOND, UNKNOWN], [FIRST_APPLIED, SECOND_APPLIED, UNKNOWN_APPLIED]),
        history([FIRST], [FIRST_APPLIED], [Reading("/k", "seed", '"0"', 0, 2), Reading("/k", "1:1", '"a"', 2, 2)]),
        history([replace(FIRST, guarded=False, named=None)], [FIRST_APPLIED]),
        history([replace(FIRST, value=None, tag=None)], [replace(FIRST_APPLIED, after=None)]),
    ],
    ids=["nothing", "a chain", "unknown, not applied", "unknown, applied late", "reads", "unguarded", "a deletion"],
)
def test_good_histories_pass(seen: History) -> None:
    """What keeps the promise shows no violation."""
    assert check(seen) == []


BAD = {
    "both of two with one state": (
        Fault.LOST,
        history([FIRST, replace(SECOND, named="seed")], [FIRST_APPLIED, SECOND_APPLIED]),
    ),
    "an unconditional write overtaken": (
        Fault.LOST,
        history([replace(FIRST, guarded=False), replace(SECOND, named="seed")], [FIRST_APPLIED, SECOND_APPLIED]),
    ),
    "created over what exists": (Fault.LOST, history([replace(FIRST, named=None)], [FIRST_APPLIED])),
    "applied late over another": (
        Fault.LOST,
        history(
            [replace(UNKNOWN, named="seed", began=1), FIRST], [FIRST_APPLIED, replace(UNKNOWN_APPLIED, before="1:1")]
        ),
    ),
    "success, never applied": (Fault.LIE, history([FIRST], [])),
    "success before it was applied": (Fault.LIE, history([FIRST], [replace(FIRST_APPLIED, at=3.5)])),
    "refused and applied": (Fault.LIE, history([replace(FIRST, told=Told.REFUSED, tag=None)], [FIRST_APPLIED])),
    "refused and forwarded": (Fault.LIE, history([replace(REFUSED, named="x")], [], forwards=Counter(["3:1"]))),
    "forwarded twice": (Fault.TWICE, history([FIRST], [FIRST_APPLIED], forwards=Counter({"1:1": 2}))),
    "refused for no reason": (Fault.WRONGED, history([replace(REFUSED, ended=8)], [])),
    "read too early": (Fault.STALE, history([FIRST], [FIRST_APPLIED], [Reading("/k", "1:1", None, 0, 1)])),
    "read too late": (Fault.STALE, history([FIRST], [FIRST_APPLIED], [Reading("/k", "seed", None, 3, 4)])),
    "read what never was": (Fault.STALE, history([FIRST], [FIRST_APPLIED], [Reading("/k", "9:9", None, 0, 9)])),
    "one tag for two states": (
        Fault.TAG,
        history([FIRST], [FIRST_APPLIED], [Reading("/k", "seed", '"a"', 0, 1)]),
    ),
    "two tags for one state": (
        Fault.TAG,
        history([FIRST], [FIRST_APPLIED], [Reading("/k", "1:1", '"b"', 2, 3)]),
    ),
    "another content": (
        Fault.MANGLED,
        history([replace(FIRST, digest="1")], [replace(FIRST_APPLIED, digest="2")]),
    ),
    "a write nobody sent": (Fault.MANGLED, history([], [FIRST_APPLIED])),
    "fences that fall": (
        Fault.FENCE,
        history([FIRST, SECOND], [replace(FIRST_APPLIED, fence=2), replace(SECOND_APPLIED, fence=2)]),
    ),
    "a log that skips": (Fault.LOG, history([replace(SECOND, named="seed")], [SECOND_APPLIED])),
}


@pytest.mark.parametrize(("fault", "seen"), BAD.values(), ids=BAD)
def test_bad_histories_are_seen(fault: Fault, seen: History) -> None:
    """Each way to break the promise is found, called by its name, and not taken for another."""
    assert set(faults(seen)) == {fault}


def test_the_end_is_compared_with_the_last_write() -> None:
    """What the resource holds in the end is what was applied last."""
    seen = history([FIRST], [FIRST_APPLIED])
    seen.end = {"/k": "seed"}
    assert faults(seen) == [Fault.STALE]


def test_noise_is_a_fault() -> None:
    """A proxy that complains has gone through something that it was not made for."""
    seen = history([], [])
    seen.noise = ["Traceback (most recent call last):"]
    assert faults(seen) == [Fault.NOISE]
