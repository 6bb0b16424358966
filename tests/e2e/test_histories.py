"""The promise under faults, with processes: what clients were told and what the origin server did agree, in every run.

Short forms of `make soak`, all at once. The controls break one part each; a checker that did not see that would see
nothing.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tests.support.histories import Fault, History, Told, check
from tests.support.knobs import ETag
from tests.support.nemesis import Mood
from tests.support.soak import Plan, mutant, play

GUARD = "the guard"
ENFORCED = "an origin server that enforces If-Match"

OVERLAPPING = Plan(writes=250, seconds=10, keys=3, mood=Mood.CALM, latency=0.01, aftermath=False)
LATE = Plan(writes=1_000, seconds=3, keys=4, mood=Mood.LATE, wait="1s", aftermath=False)

PLANS = {
    GUARD: Plan(writes=2_000, seconds=4, keys=10),
    ENFORCED: replace(OVERLAPPING, guard="off", etag=ETag.STRONG, enforce=True),
    "guard off": replace(OVERLAPPING, guard="off", etag=ETag.STRONG),
    "no lock": replace(OVERLAPPING, program=mutant("unlocked")),
    "an old memory": replace(OVERLAPPING, program=mutant("remembering")),
    "a lease that is never abandoned": replace(LATE, program=mutant("released")),
    "a second sending": replace(LATE, program=mutant("repeating")),
}
CONTROLS = {
    "guard off": Fault.LOST,
    "no lock": Fault.LOST,
    "an old memory": Fault.WRONGED,
    "a lease that is never abandoned": Fault.LOST,
    "a second sending": Fault.TWICE,
}


@pytest.fixture(scope="module")
def histories() -> Mapping[str, History]:
    """Play every plan."""
    with ThreadPoolExecutor(len(PLANS)) as pool:
        return dict(zip(PLANS, pool.map(play, PLANS.values()), strict=True))


def test_nothing_is_lost_and_nobody_is_lied_to(histories: Mapping[str, History]) -> None:
    """G1, G3, I2, I4: while requests and links fail every answer is true, nothing is lost, and no key stays locked."""
    history = histories[GUARD]
    assert [str(violation) for violation in check(history)] == []
    assert all(history.told(told) for told in Told)


@pytest.mark.parametrize(("control", "fault"), CONTROLS.items(), ids=CONTROLS)
def test_each_control_is_caught(histories: Mapping[str, History], control: str, fault: Fault) -> None:
    """Without the guard, the lock, the stamp on a memory, the abandoned lease, or with a retry, the checker says so."""
    assert fault in {violation.fault for violation in check(histories[control])}


def test_an_origin_server_that_guards_itself_passes(histories: Mapping[str, History]) -> None:
    """The other control: with the guard off before an origin server that enforces If-Match, no update is lost."""
    assert Fault.LOST not in {violation.fault for violation in check(histories[ENFORCED])}
