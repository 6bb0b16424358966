"""The journal of a request and its line in the access log."""

import io
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.entity_tag import EntityTag
from proxy.core.verdict import (
    Indeterminate,
    NotModified,
    Perform,
    PreconditionFailed,
    PreconditionRequired,
    Reason,
    Verdict,
)
from proxy.ports import Journal, Step
from proxy.telemetry import MAX_VALUE, MEMBERS, AccessLog, RequestJournal, Sparing, Style


class Clock:
    """A clock that the test winds, in seconds."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += seconds


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Torn(io.StringIO):
    """A stream whose reader has left."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def _journal(clock: Clock | None = None) -> RequestJournal:
    return RequestJournal(clock or Clock(), lambda: 1795262400.25)


def _written(style: Style, **facts: str | int | None) -> str:
    stream = io.StringIO()
    journal = _journal()
    journal.note(**facts)
    AccessLog(stream, style).write(journal.line())
    return stream.getvalue()


def test_a_step_takes_the_time_between_its_ends() -> None:
    """The time of a step is what passes while it is open, over all times that it is entered."""
    clock = Clock()
    journal = _journal(clock)
    clock.passes(1)
    with journal.step(Step.SELECT):
        clock.passes(2)
    clock.passes(4)
    with journal.step(Step.SELECT):
        clock.passes(8)
    assert journal.spent(Step.SELECT) == 10
    assert journal.spent(Step.HOLD) is None


def test_a_step_within_a_step_counts_once() -> None:
    """What an inner step takes is its own, so that the times of all steps add up to no more than the request's."""
    clock = Clock()
    journal = _journal(clock)
    with journal.step(Step.SETTLE):
        clock.passes(1)
        with journal.step(Step.SELECT):
            clock.passes(2)
        clock.passes(4)
    assert journal.spent(Step.SETTLE) == 5
    assert journal.spent(Step.SELECT) == 2
    assert journal.spent(Step.SETTLE, Step.SELECT, Step.HOLD) == 7


def test_the_current_and_the_latest_step() -> None:
    """`current` is the innermost open step, `latest` the last that was entered, open or not."""
    journal = _journal()
    seen: list[tuple[Step | None, Step | None]] = [(journal.current, journal.latest)]
    with journal.step(Step.HOLD):
        with journal.step(Step.SELECT):
            seen.append((journal.current, journal.latest))
        seen.append((journal.current, journal.latest))
    seen.append((journal.current, journal.latest))
    assert seen == [
        (None, None),
        (Step.SELECT, Step.SELECT),
        (Step.HOLD, Step.SELECT),
        (None, Step.SELECT),
    ]


def test_a_step_ends_when_its_body_fails() -> None:
    """An exception leaves no step open behind it."""
    journal = _journal()
    with pytest.raises(KeyError), journal.step(Step.PERFORM):
        raise KeyError
    assert journal.current is None


@pytest.mark.parametrize("step", Step)
def test_forwarded(step: Step) -> None:
    """Only PERFORM and RELAY send the request itself; a selection does not."""
    journal = _journal()
    assert not journal.forwarded
    with journal.step(step):
        pass
    assert journal.forwarded is (step in {Step.PERFORM, Step.RELAY})


def test_the_journal_is_the_ports() -> None:
    """The gateway can be given it."""
    journal: Journal = _journal()
    journal.note(upstream_status=200)


def test_a_line_has_every_member_in_order() -> None:
    """A reader of the log finds the same members in every line; facts of others follow."""
    journal = _journal()
    journal.note(fence=7, status=200)
    assert list(journal.line()) == [*MEMBERS, "fence"]
    assert journal.line()["time"] == "2026-11-21T12:00:00.250Z"
    assert journal.line()["status"] == 200
    assert journal.line()["etag"] is None


def test_overhead_is_what_nobody_was_waited_for() -> None:
    """Overhead leaves out the client, the lock and the origin server, and nothing else."""
    clock = Clock()
    journal = _journal(clock)
    clock.passes(0.001)
    for step in Step:
        with journal.step(step):
            clock.passes(0.010)
    line = journal.line()
    assert line["duration_ms"] == pytest.approx(121)
    assert line["select_ms"] == line["wait_ms"] == pytest.approx(10)
    assert line["perform_ms"] == pytest.approx(20)  # PERFORM and RELAY; a request has one of them
    assert line["overhead_ms"] == pytest.approx(1 + 40)  # REQUIRE, RECALL, EVALUATE, REMEMBER


@pytest.mark.parametrize(
    ("verdict", "name", "reason"),
    [
        (Perform(Reason.HOLDS), "perform", "holds"),
        (NotModified(Reason.UNMODIFIED), "not-modified", "unmodified"),
        (PreconditionFailed(Reason.STALE, EntityTag("x")), "precondition-failed", "stale"),
        (PreconditionRequired(Reason.MISSING, None), "precondition-required", "missing"),
        (Indeterminate(Reason.ABSENT), "indeterminate", "absent"),
    ],
)
def test_a_verdict_is_named(verdict: Verdict, name: str, reason: str) -> None:
    """Every verdict reaches the log by its name, with its reason."""
    journal = _journal()
    journal.judged(verdict)
    assert (journal.line()["verdict"], journal.line()["reason"]) == (name, reason)


@given(st.text() | st.text(alphabet='\n\r\0\x1b\x85\u2028"\\= {}'))
def test_no_value_can_forge_a_line(hostile: str) -> None:
    """Whatever a client sends, its request is one line of visible ASCII, and as JSON the value comes back."""
    for style in Style:
        line = _written(style, path=hostile)
        assert line.endswith("\n")
        assert line[:-1].isascii()
        assert line[:-1].isprintable()
    written = json.loads(_written(Style.JSON, path=hostile))["path"]
    assert written == (hostile if len(hostile) <= MAX_VALUE else hostile[:MAX_VALUE] + "...")


def test_a_long_value_is_cut() -> None:
    """A client cannot make a line as long as it likes."""
    written = json.loads(_written(Style.JSON, if_match="x" * 5000))["if_match"]
    assert written == "x" * MAX_VALUE + "..."


def test_text_is_for_people() -> None:
    """As text, what is null is left out, and what could be misread is quoted."""
    line = _written(Style.TEXT, method="PUT", path="/a b", etag='"x"', status=412)
    assert 'method=PUT path="/a b"' in line
    assert 'status=412 etag="\\"x\\""' in line
    assert "upstream_status" not in line


@pytest.mark.parametrize(
    ("stream", "style", "as_json"),
    [
        (io.StringIO(), None, True),
        (Terminal(), None, False),
        (Terminal(), Style.JSON, True),
        (io.StringIO(), Style.TEXT, False),
    ],
)
def test_the_style_is_chosen(stream: io.StringIO, style: Style | None, as_json: bool) -> None:
    """Text on a terminal and JSON elsewhere, unless somebody chooses."""
    AccessLog(stream, style).write(_journal().line())
    assert stream.getvalue().startswith("{") is as_json


def test_lines_of_one_turn_are_written_together() -> None:
    """Told how to wait, the log holds lines until then, writes all of them in order, and asks to be called once."""
    stream, later = io.StringIO(), list[Callable[[], None]]()
    log = AccessLog(stream, Style.JSON, later.append)
    for _ in range(3):
        log.write(_journal().line())
    assert stream.getvalue() == ""
    (flush,) = later
    flush()
    assert len(stream.getvalue().splitlines()) == 3
    log.write(_journal().line())
    assert len(later) == 2


def _closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("make", [Torn, _closed])
def test_a_log_that_cannot_be_written(make: Callable[[], io.StringIO], caplog: pytest.LogCaptureFixture) -> None:
    """Writing never raises, and complains once."""
    log = AccessLog(make(), Style.JSON)
    log.write(_journal().line())
    log.write(_journal().line())
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_warnings_are_spared(caplog: pytest.LogCaptureFixture) -> None:
    """However many there are, one line an interval is written, and says how many were left out."""
    clock = Clock()
    sparing = Sparing(logging.getLogger("test"), interval=10, monotonic=clock)

    def said() -> list[Any]:
        messages = [record.getMessage() for record in caplog.records]
        caplog.clear()
        return messages

    for _ in range(3):
        sparing.warning("bad")
    assert said() == ["bad"]
    clock.passes(10)
    sparing.warning("bad")
    assert said() == ["bad (2 more since the last such line)"]
    clock.passes(9)
    sparing.warning("bad")
    assert said() == []
    clock.passes(10)
    sparing.warning("worse")
    assert said() == ["worse (1 more since the last such line)"]
