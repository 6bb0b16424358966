"""Who is told of requests that are over, and when."""

import asyncio
from collections.abc import Mapping

import pytest

from proxy.server.ledger import Ledger
from proxy.telemetry import RequestJournal


def over(name: str) -> RequestJournal:
    """Return the journal of a request that is over."""
    journal = RequestJournal()
    journal.note(id=name)
    journal.end()
    return journal


async def test_requests_of_one_turn_are_told_of_together() -> None:
    """Nobody is told before the turn of the loop is over; then every witness is told of each, in order, once."""
    told: list[tuple[str, object]] = []

    def witness(name: str, line: Mapping[str, object]) -> None:
        told.append((name, line["id"]))

    ledger = Ledger([lambda line: witness("log", line), lambda line: witness("counts", line)])
    loop = asyncio.get_running_loop()
    ledger.enter(over("1"), loop)
    ledger.enter(over("2"), loop)
    assert told == []
    await asyncio.sleep(0)
    assert told == [("log", "1"), ("counts", "1"), ("log", "2"), ("counts", "2")]
    ledger.enter(over("3"), loop)
    await asyncio.sleep(0)
    assert told[4:] == [("log", "3"), ("counts", "3")]


async def test_waiting_to_be_told_takes_no_time_of_the_request() -> None:
    """What a line tells was so when its request ended, however late the witness hears of it."""
    now = 100.0
    journal = RequestJournal(lambda: now)
    now += 1.0
    journal.end()
    now += 5.0
    lines: list[Mapping[str, object]] = []
    Ledger([lines.append]).enter(journal, asyncio.get_running_loop())
    await asyncio.sleep(0)
    assert lines[0]["duration_ms"] == 1000.0


async def test_a_request_that_cannot_be_told_of(caplog: pytest.LogCaptureFixture) -> None:
    """A fault in telling of one request is logged, and keeps nobody from hearing of the others of its turn."""

    class Untellable:
        def line(self) -> Mapping[str, object]:
            raise ValueError("no line")

    told: list[object] = []
    ledger = Ledger([lambda line: told.append(line["id"])])
    loop = asyncio.get_running_loop()
    for each in (over("1"), Untellable(), over("2")):
        ledger.enter(each, loop)
    await asyncio.sleep(0)
    assert told == ["1", "2"]
    assert [record.message for record in caplog.records] == ["a request could not be told of"]
