"""Rows in which some writers are not checked: past the proxies, or through them without any condition. F26, F27."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from random import Random

from tests.faults.matrix import Act, Row
from tests.faults.principal import PATIENT
from tests.faults.solo import Solo
from tests.support.clients import ask
from tests.support.histories import Fault, check
from tests.support.redis_server import until
from tests.support.soak import recorded
from tests.support.writers import Writer

BYPASS = 5_000
"""The number of the first client that goes past the proxies; a write is named for its client."""


def bypassed(act: Act) -> None:
    """Two clients write straight to the origin server, on the keys over which the crowd fights."""
    _unconditionally(act, BYPASS, [act.scene.origin.url] * 2, pause=0.02)
    _changed_behind_them(act)


def only_in_the_window(act: Act) -> None:
    """See that what was lost was written past the proxies while another write was under way, and never before that."""
    recorded(act.history, act.scene.origin)
    known = {operation.name: operation for operation in act.history.operations}
    missed = [found.where for found in check(act.history) if found.fault is Fault.LOST]
    for name in missed:
        lines = [line for line in act.history.applied if line.key == known[name].key]
        place = next(index for index, line in enumerate(lines) if line.operation == name)
        before = lines[place - 1]
        assert int(before.operation.partition(":")[0]) >= BYPASS, f"{name} overwrote {before.operation}"
        assert before.at >= known[name].began, f"{name} overwrote what was there before it came"
    act.facts["missed"] = len(missed)
    act.facts["bypassed"] = sum(int(name.partition(":")[0]) >= BYPASS for name in known)


def _changed_behind_them(act: Act) -> None:
    """A change that none of them made is counted when it is seen."""
    before, solo = _counted(act), Solo(act, "changed")
    solo.tag()

    def noticed() -> bool:
        act.scene.origin.seed(solo.path, str(act.dice.random()).encode())
        solo.tag()
        return _counted(act) > before

    until(noticed, "a change behind the proxies is counted")
    act.facts["out of band"] = _counted(act)


def _counted(act: Act) -> float:
    """Return what the proxies together have counted."""
    pages = [ask(str(member.handle.admin_url), "GET", "/metrics") for member in act.scene.members if member.handle]
    lines = [line for page in pages for line in page.content.decode().splitlines()]
    return sum(float(line.split()[-1]) for line in lines if line.startswith("ifmatch_out_of_band_changes_total"))


def unconditional(act: Act) -> None:
    """Three clients write through the proxies without having read: they take turns with those who compare."""
    _unconditionally(act, 100, [member.url for member in act.scene.members], pause=0)


def _unconditionally(act: Act, number: int, urls: list[str], pause: float) -> None:
    """Let a client of each of these write without any condition, until enough was written."""

    def run(number: int, url: str, dice: Random) -> None:
        with closing(Writer(url, number, dice, act.keys, act.history)) as client:
            while not act.over.wait(pause):
                client.blind(act.keys.pick(dice))

    with ThreadPoolExecutor(len(urls)) as pool:
        for done in [pool.submit(run, number + place, url, Random(place)) for place, url in enumerate(urls)]:  # noqa: S311 - to be repeated
            done.result()


ROWS = [
    Row(
        "F26",
        "writers that bypass the proxies",
        "misses only inside the window, counted",
        bypassed,
        setting=PATIENT,
        count=3,
        afterwards=only_in_the_window,
        allowed=frozenset({Fault.LOST}),
    ),
    Row(
        "F27",
        "unconditional writes through the proxies",
        "never inside a compare and apply",
        unconditional,
        setting=PATIENT,
        count=3,
    ),
]
