"""Rows in which the origin server answers a selection with something that shows no state: F25."""

from dataclasses import replace

from tests.faults.matrix import Act, Row
from tests.faults.principal import PATIENT
from tests.faults.solo import Solo
from tests.faults.striking import Knob, turning

MINT = 1024 * 1024
"""How many bytes of a representation are read for a tag: more than any of the crowd's."""

SELECTIONS: dict[str, tuple[Knob, set[str]]] = {
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


ROWS = [
    Row(
        "F25",
        "selections answered 5xx, 404, 401, 3xx, too large, cut short, late",
        "mapped status, nothing forwarded",
        turning("GET", *(knob for name, (knob, _) in SELECTIONS.items() if name not in {"404", "slow"})),
        setting=replace(PATIENT, route={**PATIENT.route, "timeouts": {"select": "2s"}, "limits": {"mint": f"{MINT}B"}}),
        afterwards=select_in_turn,
    ),
]
