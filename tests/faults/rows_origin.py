"""Rows in which the origin server is cut off, late, silent or wrong, or has writers that nobody guards.

F15, F22 to F27. Beside the crowd, which meets these faults by chance, each is met on purpose: by a write to a resource
of its own, whose answer is known, and whose traces the origin server's log has.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from random import Random

from tests.faults.matrix import Act, Row
from tests.faults.principal import PATIENT, Principal
from tests.faults.scene import Setting
from tests.faults.solo import Answer, Solo
from tests.faults.unhurried import UNHURRIED
from tests.support.clients import ask
from tests.support.histories import Fault, Told, check
from tests.support.redis_server import until
from tests.support.severing import LATE, Cut, Link
from tests.support.soak import mutant, recorded
from tests.support.writers import Writer

PAUSE = 0.1
"""Seconds between two faults that the crowd meets by chance."""

BYPASS = 5_000
"""The number of the first client that goes past the proxies; a write is named for its client."""

_Knob = Mapping[str, object]


def _now_and_then(act: Act, strike: Callable[[], None]) -> None:
    """Strike again and again, until enough was written; then all is well again."""
    while not act.over.wait(act.dice.expovariate(1 / PAUSE)):
        strike()
    act.scene.origin.knobs(PUT={}, GET={}, DELETE={})


def _knobs(method: str, *knobs: _Knob) -> Callable[[Act], None]:
    """Return what turns one of these knobs now and then, each time for one request."""

    def fault(act: Act) -> None:
        _now_and_then(act, lambda: act.scene.origin.knobs(**{method: {"times": 1, **act.dice.choice(knobs)}}))

    return fault


def _held_back(solo: Solo, number: int, answer: Answer) -> None:
    """See that a write was told as unknown and sent once, and that others are kept out for as long as it may come."""
    assert answer.status in {502, 504}, answer
    assert answer.problem in {"outcome-unknown", "504"}, answer
    follower = solo.write(number)
    assert (follower.problem, follower.status) == ("resource-busy", 503), follower
    assert follower.retry_after >= 1, follower
    assert solo.forwarded() <= 1


# F15: cut off ---------------------------------------------------------------------------------------------------------


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

    _now_and_then(act, strike)
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
        if where is Cut.AT_ONCE and answer.problem == "upstream-unreachable":
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


def late_in_time(act: Act) -> None:
    """Writes are applied when their proxies have given up, and before they may be followed."""
    _knobs("PUT", {"delay_before_apply": LATE})(act)


def count_late(act: Act) -> None:
    """See that there were such."""
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
    assert second.learn(named).told is Told.OK
    origin.release()
    until(lambda: origin.peek(first.key) == str(late.value).encode(), "the late write is applied")
    act.facts["overwritten"] = 1


def silent(act: Act) -> None:
    """Writes are applied and not answered."""
    _knobs("PUT", {"drop_after_apply": True}, {"truncate": True})(act)


def silent_in_turn(act: Act) -> None:
    """A write without an answer was sent once; a selection on a connection that had died is made again."""
    knobs: list[_Knob] = [{"drop_after_apply": True}, {"truncate": True}, {"hold_after_apply": True}]
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


# F25: selections that show no state -----------------------------------------------------------------------------------

MINT = 1024 * 1024
"""How many bytes of a representation are read for a tag: more than any of the crowd's."""

SELECTIONS: dict[str, tuple[_Knob, set[str]]] = {
    "500": ({"status": 500}, {"unverifiable"}),
    "503": ({"status": 503}, {"unverifiable"}),
    "405": ({"status": 405}, {"unverifiable"}),
    "206": ({"status_after_apply": 206, "fields": [["Content-Range", "bytes 0-4/6"]]}, {"unverifiable"}),
    "303": ({"status": 303, "fields": [["Location", "/elsewhere"]]}, {"unverifiable"}),
    "302": ({"status": 302, "fields": [["Location", "/elsewhere"]]}, {"302"}),
    "401": ({"status": 401, "fields": [["WWW-Authenticate", "Basic"]]}, {"401"}),
    "403": ({"status": 403}, {"403"}),
    "404": ({"status": 404}, {"precondition-failed"}),
    "cut short": ({"truncate": True}, {"upstream-unanswered"}),
    "dropped": ({"drop_before_apply": True}, {"upstream-unanswered"}),
    "slow": ({"hold_before_apply": True}, {"upstream-unanswered"}),
}
"""What is done to a selection, and what the write is told then."""


def select_in_turn(act: Act) -> None:
    """Each of these through one proxy: nothing is forwarded, and the resource can be written through another then."""
    for number, (name, (knob, expected)) in enumerate(SELECTIONS.items()):
        solo = Solo(act, f"select-{number}")
        act.scene.origin.knobs(GET={**knob, "times": 2})  # a connection that has died is tried once more
        answer = solo.write(number % 3)
        act.scene.origin.knobs(GET={})
        act.scene.origin.release()
        assert answer.problem in expected, f"{name}: {answer}"
        _nothing_sent(solo, number)
    solo = Solo(act, "oversize")
    act.scene.origin.seed(solo.path, (MINT + 1) * b"x")
    assert solo.write().problem == "unverifiable"
    act.scene.origin.seed(solo.path, b"small enough")
    _nothing_sent(solo, 0)


def _nothing_sent(solo: Solo, number: int) -> None:
    """See that nothing was forwarded, and that nothing is locked."""
    assert solo.forwarded() == 0
    assert solo.write((number + 1) % 3).status == 204


# F26, F27: writers that nobody checks ---------------------------------------------------------------------------------


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
        late_in_time,
        afterwards=count_late,
    ),
    Row(
        "F22-released",
        "the same, and a lease is released whatever became of the write (negative control)",
        "updates are lost, and C1 says so",
        late_in_time,
        setting=Setting(program=mutant("released")),
        recovers=False,
        control=True,
    ),
    Row(
        "F23",
        "the reply is dropped after applying; a kept-alive connection died",
        "502 or 504 unknown; the origin server is asked once",
        silent,
        setting=UNHURRIED,
        afterwards=silent_in_turn,
    ),
    Row(
        "F24",
        "the origin server applies late, beyond the lease",
        "documented: the late write overwrites, and is counted; its fence would have told",
        afterwards=late_beyond,
        allowed=frozenset({Fault.LOST, Fault.FENCE}),
    ),
    Row(
        "F24-stale",
        "the origin server shows old states",
        "documented: what it does not show cannot be compared; counted",
        _knobs("GET", {"stale": True}),
        setting=PATIENT,
        allowed=SEVERAL,
    ),
    Row(
        "F25",
        "selections answered 5xx, 404, 401, 3xx, too large, cut short, late",
        "mapped status, nothing forwarded",
        _knobs("GET", *(knob for knob, _ in SELECTIONS.values() if "hold_before_apply" not in knob)),
        setting=replace(PATIENT, route={**PATIENT.route, "timeouts": {"select": "2s"}, "limits": {"mint": f"{MINT}B"}}),
        afterwards=select_in_turn,
    ),
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
