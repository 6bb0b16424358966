"""Checker C3 sees each thing that can be wrong with a list, and its clients make such lists."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.appending import Append, Appender, check_appended, condition, elements, told
from tests.support.clients import PATIENCE, Heard
from tests.support.histories import Fault, Told
from tests.support.processes import OriginHandle, running_origin

PATH = "/list"
MANY = 8


def append(element: str, saw: str = "", told: Told = Told.OK) -> Append:
    """Return an attempt of a client that saw a list of one-letter elements."""
    return Append(element, tuple(saw), told, began=1, ended=2)


GOOD: dict[str, tuple[str, list[Append]]] = {
    "nothing": ("", []),
    "one upon the other": ("ab", [append("b", "a"), append("a")]),
    "refused, not there": ("a", [append("a"), append("b", "", Told.REFUSED)]),
    "unknown, there": ("ab", [append("a"), append("b", "a", Told.UNKNOWN)]),
    "unknown, not there": ("ac", [append("a"), append("b", "a", Told.UNKNOWN), append("c", "a")]),
}


@pytest.mark.parametrize(("final", "attempts"), GOOD.values(), ids=GOOD)
@pytest.mark.parametrize("start", ["", "xy"])
def test_what_was_told_passes(start: str, final: str, attempts: list[Append]) -> None:
    """A list is as it was told, whatever it began with."""
    upon = [Append(one.element, (*start, *one.saw), one.told, one.began, one.ended) for one in attempts]
    assert check_appended([*start, *final], upon, start) == []


BAD: dict[str, tuple[str, list[Append], list[tuple[Fault, str]]]] = {
    "lost": ("b", [append("a"), append("b")], [(Fault.LOST, "a")]),
    "written upon another list": ("abc", [append("a"), append("b", "a"), append("c", "a")], [(Fault.LOST, "c")]),
    "written upon a list that was longer": ("ab", [append("a"), append("b", "ac")], [(Fault.LOST, "b")]),
    "written upon a list in another order": (
        "abc",
        [append("a"), append("b", "a"), append("c", "ba")],
        [(Fault.LOST, "c")],
    ),
    "unknown, written upon another list": ("ab", [append("a"), append("b", "", Told.UNKNOWN)], [(Fault.LOST, "b")]),
    "refused, there": ("ab", [append("a"), append("b", "a", Told.REFUSED)], [(Fault.LIE, "b")]),
    "twice": ("aa", [append("a")], [(Fault.TWICE, "a")]),
    "unknown, twice": ("aba", [append("a", "", Told.UNKNOWN), append("b", "a")], [(Fault.TWICE, "a")]),
    "nobody's": ("ax", [append("a")], [(Fault.MANGLED, "x")]),
    "one element of two attempts": ("a", [append("a"), append("a", "", Told.UNKNOWN)], [(Fault.LOG, "a")]),
}


@pytest.mark.parametrize(("final", "attempts", "found"), BAD.values(), ids=BAD)
def test_what_was_not_told_is_seen(final: str, attempts: list[Append], found: list[tuple[Fault, str]]) -> None:
    """Each way in which a list can be wrong is called by its name, and none is taken for another."""
    assert [(violation.fault, violation.where) for violation in check_appended([*final], attempts)] == found


@pytest.mark.parametrize(("final", "fault"), [("a", Fault.LOST), ("yxa", Fault.LOST), ("xyax", Fault.TWICE)])
def test_the_start_is_kept(final: str, fault: Fault) -> None:
    """What was in the list before is neither lost nor moved nor doubled."""
    faults = {violation.fault for violation in check_appended([*final], [append("a", final.partition("a")[0])], "xy")}
    assert faults == {fault}


@given(st.lists(st.tuples(st.sampled_from(Told), st.integers(0, 3), st.booleans()), max_size=12))
def test_what_a_guarded_list_shows_passes(plans: list[tuple[Told, int, bool]]) -> None:
    """Attempts upon the list as it is are applied, or perhaps when the answer is lost; others are not: all is well."""
    states: list[tuple[str, ...]] = [()]
    attempts = []
    for number, (answer, age, applied) in enumerate(plans):
        saw = states[max(-1 - age, -len(states))]
        fits = saw == states[-1] and answer is not Told.REFUSED
        if fits and (applied or answer is Told.OK):
            states.append((*saw, str(number)))
        said = Told.REFUSED if answer is Told.OK and not fits else answer
        attempts.append(Append(str(number), saw, said, began=number, ended=number))
    assert check_appended(states[-1], attempts) == []


# The client -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def running() -> Iterator[OriginHandle]:
    """Run one origin for this file."""
    with running_origin() as origin:
        yield origin


@pytest.fixture
def origin(running: OriginHandle) -> OriginHandle:
    """Begin each test with nothing kept, at an origin that has strong tags and enforces preconditions."""
    running.reset()
    running.knobs(etag="strong", enforce=True)
    return running


def final(origin: OriginHandle) -> list[str]:
    """Return the list."""
    return [str(element) for element in json.loads(origin.peek(PATH) or b"[]")]


def times(rounds: int) -> Callable[[], bool]:
    """Return what says so often to go on."""
    left = iter(range(rounds))
    return lambda: next(left, None) is not None


def crowd(origin: OriginHandle, rounds: int, *, together: bool) -> list[Append]:
    """Let many clients append so often each; `together` all of them read before any of them writes."""
    attempts: list[Append] = []
    barrier = Barrier(MANY if together else 1)
    clients = [Appender(origin.url, number, PATH, attempts, lambda: barrier.wait(PATIENCE)) for number in range(MANY)]
    with ThreadPoolExecutor(MANY) as pool:
        for done in [pool.submit(client.run, times(rounds)) for client in clients]:
            done.result()
    return attempts


@pytest.mark.parametrize("start", [None, b"[]", b'["x", "y"]'])
def test_clients_of_an_origin_that_enforces_lose_nothing(origin: OriginHandle, start: bytes | None) -> None:
    """Of many that write upon one list one succeeds and the rest are refused, and the list is as they were told."""
    origin.seed(PATH, start, "application/json")
    before = final(origin)
    attempts = crowd(origin, 1, together=True)
    assert sorted(attempt.told for attempt in attempts) == [Told.OK, *(MANY - 1) * [Told.REFUSED]]
    assert {attempt.saw for attempt in attempts} == {tuple(before)}
    assert len(final(origin)) == len(before) + 1
    assert check_appended(final(origin), attempts, before) == []


@pytest.mark.parametrize("start", [None, b"[]"])
def test_clients_of_an_origin_that_does_not_enforce_lose_all_but_one(origin: OriginHandle, start: bytes | None) -> None:
    """Of many that write upon one list all are told that they succeeded, and all but one are found to be lost."""
    origin.knobs(etag="strong", enforce=False)
    origin.seed(PATH, start, "application/json")
    attempts = crowd(origin, 1, together=True)
    assert {attempt.told for attempt in attempts} == {Told.OK}
    violations = check_appended(final(origin), attempts)
    assert [violation.fault for violation in violations] == (MANY - 1) * [Fault.LOST]
    assert {violation.where for violation in violations} == {one.element for one in attempts} - {*final(origin)}


@pytest.mark.parametrize("together", [True, False])
def test_a_long_list_is_as_it_was_told(origin: OriginHandle, *, together: bool) -> None:
    """Many rounds, in step or not, leave a list in which every element is where its client put it."""
    attempts = crowd(origin, 10, together=together)
    assert len(attempts) == 10 * MANY
    assert len(final(origin)) == sum(attempt.told is Told.OK for attempt in attempts) > 0
    assert check_appended(final(origin), attempts) == []


@pytest.mark.parametrize(
    ("knob", "told", "there"),
    [
        ({}, Told.OK, True),
        ({"drop_before_apply": True}, Told.UNKNOWN, False),
        ({"drop_after_apply": True}, Told.UNKNOWN, True),
        ({"truncate": True}, Told.UNKNOWN, True),
        ({"status": 500}, Told.UNKNOWN, False),
        ({"status_after_apply": 502}, Told.UNKNOWN, True),
        ({"status": 412}, Told.REFUSED, False),
        ({"status": 428}, Told.REFUSED, False),
    ],
)
def test_an_attempt_is_told_what_became_of_it(
    origin: OriginHandle, knob: dict[str, object], told: Told, *, there: bool
) -> None:
    """An attempt is written down with what the client could know, and a lost answer does not spoil the list."""
    origin.knobs(PUT={**knob, "times": 1})
    attempts: list[Append] = []
    Appender(origin.url, 3, PATH, attempts).run(times(2))
    assert [(attempt.element, attempt.told) for attempt in attempts] == [("3:0", told), ("3:1", Told.OK)]
    assert final(origin) == (["3:0", "3:1"] if there else ["3:1"])
    assert check_appended(final(origin), attempts) == []


def test_a_reading_that_failed_is_no_attempt(origin: OriginHandle) -> None:
    """Without an answer, or with one that shows no list, nothing is written."""
    attempts: list[Append] = []
    for knob in ({"drop_before_apply": True}, {"status": 500}):
        origin.knobs(GET={**knob, "times": 1})
        Appender(origin.url, 1, PATH, attempts).run(times(1))
    assert attempts == []
    assert origin.log("PUT") == []


def test_a_client_comes_again_when_it_was_told_to(origin: OriginHandle) -> None:
    """Between an answer with Retry-After and the next attempt there are at least so many seconds."""
    origin.knobs(PUT={"status": 503, "fields": [["Retry-After", "1"]], "times": 1})
    attempts: list[Append] = []
    Appender(origin.url, 1, PATH, attempts).run(times(2))
    assert [attempt.status for attempt in attempts] == [503, 201]
    assert attempts[1].began - attempts[0].ended >= 1


JSON = {"content-type": "application/json"}
PROBLEM = {"content-type": "application/problem+json"}


@pytest.mark.parametrize(
    ("heard", "shown"),
    [
        (Heard(200, JSON, b'["a", "b"]'), ("a", "b")),
        (Heard(200, JSON, b"[]"), ()),
        (Heard(404, JSON, b"nothing here"), ()),
        (Heard(404, PROBLEM, b"{}"), None),
        (Heard(500, JSON, b'["a"]'), None),
    ],
)
def test_what_an_answer_shows(heard: Heard, shown: tuple[str, ...] | None) -> None:
    """A list is what 200 brings; 404 of the origin server's is an empty one, and all else none."""
    assert elements(heard) == shown


@pytest.mark.parametrize("content", [b'{"a": 1}', b'["a", 1]', b'"ab"', b"no JSON"])
def test_what_is_no_list_is_refused(content: bytes) -> None:
    """Content that is no list of strings is not taken for one."""
    with pytest.raises(ValueError, match=r"not a list of strings|Expecting value"):
        elements(Heard(200, JSON, content))


@pytest.mark.parametrize(
    ("read", "fields"),
    [
        (Heard(200, {"etag": '"1"'}, b""), {"If-Match": '"1"'}),
        (Heard(404, {}, b""), {"If-None-Match": "*"}),
        (Heard(200, {}, b""), {}),
    ],
)
def test_a_write_depends_on_what_was_read(read: Heard, fields: dict[str, str]) -> None:
    """With a tag it names the tag, with nothing there that there be nothing, and else it cannot."""
    assert condition(read) == fields


def test_no_answer_tells_nothing() -> None:
    """Without an answer the outcome is unknown; what says that it was not applied is believed."""
    refused = Heard(503, PROBLEM, json.dumps({"outcome": "not-applied"}).encode())
    assert (told(None), told(refused)) == (Told.UNKNOWN, Told.REFUSED)
