"""A line as JSON: the same bytes as the standard library's, however it comes to them."""

import json
from collections.abc import Mapping
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.lines import KINDS, MOST, SOON, Lines, Times, Words
from proxy.ports import Step
from proxy.telemetry import MEMBERS, RequestJournal

WORD = st.sampled_from(["GET", "PUT", "wiki", "stale", "", "null"]) | st.text(max_size=12) | st.text(min_size=600)
TEXT = st.none() | WORD | st.text(alphabet='\n\r\0\x1b\x7f\x85\u2028\ud800"\\=/ {}%é😀', max_size=12)
FACT = TEXT | st.integers() | st.integers(-1, 2) | st.booleans()
STATUS = st.none() | st.integers(-1, 999) | st.booleans()
SIZE = st.none() | st.integers(0, 2**64) | st.booleans() | WORD

TYPICAL = {
    **dict.fromkeys(["id", "method", "path", "route", "verdict", "reason", "if_match", "etag", "outcome"], TEXT),
    **dict.fromkeys(["status", "upstream_status"], STATUS),
    **dict.fromkeys(["bytes_in", "bytes_out"], SIZE),
}
"""What is noted of most requests, each with the values it may have."""

STEPS = st.lists(
    st.tuples(st.sampled_from(Step), st.sampled_from([0.0, 1e-7, 0.0004, 0.01, 3.2, 1e6]) | st.floats(0, 9))
)

LINES = Lines()
"""What it has spelled before must make no difference."""


def line(facts: Mapping[str, str | int | None], steps: list[tuple[Step, float]]) -> dict[str, object]:
    """Return the line of a request with these facts and steps of so many seconds."""
    now = 100.0
    journal = RequestJournal(lambda: now, lambda: 1795262400.25 + len(steps))
    for step, seconds in steps:
        with journal.step(step):
            now += seconds
    journal.note(**facts)
    return journal.line()


@given(st.fixed_dictionaries({}, optional=TYPICAL), STEPS)
def test_lines_are_spelled_as_the_library_does(
    facts: Mapping[str, str | int | None], steps: list[tuple[Step, float]]
) -> None:
    """Whatever is said of a request, and whatever was said of others, the bytes are those of `json.dumps`."""
    members = line(facts, steps)
    assert LINES.spell(members) == json.dumps(members)


@given(st.dictionaries(st.sampled_from([*MEMBERS, "fence", "report", "ü"]), FACT), st.randoms())
def test_any_facts_are_spelled_as_the_library_does(facts: Mapping[str, str | int | None], random: Random) -> None:
    """Members that other lines do not have, others that are missing and another order make no difference, either."""
    members = line({name: fact for name, fact in facts.items() if not name.endswith("_ms")}, [])
    assert LINES.spell(members) == json.dumps(members)
    names = list(members)
    random.shuffle(names)
    some = {name: members[name] for name in names[1:]}
    assert LINES.spell(some) == json.dumps(some)


@pytest.mark.parametrize("status", [1, True, 0, False, 200, None])
def test_what_is_equal_and_spelled_otherwise(status: int | None) -> None:
    """True is no 1, whichever was there first."""
    lines = Lines()
    for each in (True, 1, status, False, 0, status):
        members = line({"status": each, "bytes_in": each}, [])
        assert lines.spell(members) == json.dumps(members)


def test_times_that_come_again_are_kept() -> None:
    """Those are short ones; none is kept that is too long or one too many, and each is spelled as a number."""
    times = Times()
    for time in (None, 0.0, 0.001, SOON, 1e9, float("inf"), 1e-9):
        assert times[time] == times[time] == json.dumps(time)
    assert SOON not in times
    assert 0.001 in times
    for number in range(MOST + 10):
        assert times[number / 3000 + 0.01] == json.dumps(number / 3000 + 0.01)
    assert len(times) == MOST


def test_words_are_bounded() -> None:
    """However many methods clients make up, and however long, little is kept of them, and what comes later is."""
    words = Words()
    rest = ("wiki", 200, 200, "perform", "holds", None)
    for number in range(3 * KINDS):
        assert words[f"M{number}", *rest][0] == f', "method": "M{number}", "path": '
        assert len(words) <= KINDS
    assert (f"M{3 * KINDS - 1}", *rest) in words
    assert words["x" * 1000, *rest][0] == f', "method": "{"x" * 1000}", "path": '
    assert ("x" * 1000, *rest) not in words
