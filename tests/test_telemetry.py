"""The journal of a request and its line in the access log."""

import logging
from typing import Any

import pytest

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
from proxy.telemetry import MEMBERS, RequestJournal, Sparing


class Clock:
    """A clock that the test winds, in seconds."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += seconds


def _journal(clock: Clock | None = None) -> RequestJournal:
    return RequestJournal(clock or Clock(), lambda: 1795262400.25)


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
