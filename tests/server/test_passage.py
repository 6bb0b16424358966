"""The line of the access log of a read that went the short way."""

import re
from dataclasses import dataclass

import pytest

from proxy.core.entity_tag import EntityTag
from proxy.core.fields import Fields
from proxy.core.message import Response
from proxy.core.minting import Validator
from proxy.core.verdict import NotModified, Perform, Reason
from proxy.ports import Step
from proxy.server.masking import Values
from proxy.server.passage import Passage
from proxy.server.questions import Question
from proxy.telemetry import MEMBERS, RequestJournal
from tests.server.sides import side
from tests.server.test_brief import get
from tests.server.test_questions import PEER, asking

WHEN = 1_704_067_200.5
SEEN = Response(200, Fields([("ETag", '"o"')]), b"one")
TAG = Validator(EntityTag("t"), None, minted=True)


@dataclass
class Watch:
    """A clock that is moved by hand, in seconds."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


async def asked(*lines: bytes, target: bytes = b"/wiki/1") -> tuple[Question, Values]:
    """Return what a head asks."""
    async with side() as here:
        found = asking(here).of(get(*lines, target=target), PEER, "http")
        assert found is not None
        return found


async def test_a_read_that_was_answered() -> None:
    """A line has all members, in their order: who asked for what, what it came to, and where the time went."""
    clock = Watch()
    passage = Passage(*await asked(b"X-Request-Id: a", b'If-Match: "t"', target=b"/wiki/1?q"), clock, lambda: WHEN)
    clock.now += 0.25
    passage.heard()
    clock.now += 0.125
    passage.judged(Perform(Reason.HOLDS), TAG)
    passage.answered(SEEN)
    clock.now += 1.0
    assert list(passage.line()) == list(MEMBERS)
    assert passage.line() == {
        **dict.fromkeys(MEMBERS),
        "time": "2024-01-01T00:00:00.500Z",
        "id": "a",
        "method": "GET",
        "path": "/wiki/1",
        "route": "wiki",
        "status": 200,
        "upstream_status": 200,
        "verdict": "perform",
        "reason": "holds",
        "if_match": '"t"',
        "etag": '"t"',
        "duration_ms": 375.0,
        "select_ms": 250.0,
        "overhead_ms": 125.0,
        "bytes_in": 0,
        "bytes_out": 3,
    }


async def test_a_read_that_was_not_modified() -> None:
    """A 304 has no content, whatever the origin server sent."""
    passage = Passage(*await asked())
    passage.heard()
    passage.judged(NotModified(Reason.UNMODIFIED), TAG)
    passage.answered(SEEN)
    line = passage.line()
    assert (line["status"], line["upstream_status"], line["bytes_out"]) == (304, 200, 0)


async def test_a_read_that_was_passed_on() -> None:
    """Where nothing is guarded there is no verdict, the time is that of the relay, and the tag the origin server's."""
    clock = Watch()
    passage = Passage(*await asked(target=b"/else"), clock)
    clock.now += 0.5
    passage.heard()
    passage.answered(Response(404, SEEN.fields, b"no"))
    line = passage.line()
    assert (line["route"], line["verdict"], line["reason"], line["outcome"]) == (None, None, None, None)
    assert (line["select_ms"], line["perform_ms"], line["etag"]) == (None, 500.0, '"o"')
    assert (line["status"], line["upstream_status"], line["bytes_out"]) == (404, 404, 2)


async def test_a_client_that_left() -> None:
    """Of a read whose client left it is said so, and nothing of an answer."""
    clock = Watch()
    passage = Passage(*await asked(), clock)
    clock.now += 0.5
    passage.left()
    line = passage.line()
    assert (line["reason"], line["outcome"]) == ("client-gone", "not-applied")
    assert (line["status"], line["upstream_status"], line["verdict"], line["etag"]) == (None, None, None, None)
    assert (line["duration_ms"], line["select_ms"], line["overhead_ms"], line["bytes_out"]) == (500.0, 500.0, 0.0, 0)


async def test_a_client_that_left_as_it_was_answered() -> None:
    """Of an answer that nobody was there for any more all is said, and that nothing of it was sent."""
    passage = Passage(*await asked())
    passage.judged(Perform(Reason.HOLDS), TAG)
    passage.answered(SEEN, there=False)
    line = passage.line()
    assert list(line) == [*MEMBERS, "cut_short"]
    assert (line["status"], line["upstream_status"], line["bytes_out"]) == (200, 200, 0)
    assert (line["cut_short"], line["outcome"]) == ("client-gone", None)


async def test_a_read_without_a_name() -> None:
    """A read whose client gave it no name, or no sound one, gets one of 16 hexadecimal digits, its own."""
    names = set()
    for lines in ((), (), (b"X-Request-Id: <",), (b"X-Request-Id: a", b"X-Request-Id: b")):
        passage = Passage(*await asked(*lines))
        passage.left()
        names.add(passage.line()["id"])
    assert len(names) == 4
    assert all(re.fullmatch("[0-9a-f]{16}", str(name)) for name in names)


@pytest.mark.parametrize(("target", "member"), [(b"/wiki/1", "select_ms"), (b"/else", "perform_ms")])
async def test_a_journal_that_goes_on(target: bytes, member: str) -> None:
    """The journal of a read that takes the long way has the time it came, and counts the time since as it was spent."""
    clock = Watch()
    passage = Passage(*await asked(target=target), clock, lambda: WHEN)
    clock.now += 0.5
    journal = RequestJournal(clock, lambda: WHEN + 60)
    passage.resume(journal)
    with journal.step(Step.SELECT if member == "select_ms" else Step.RELAY):
        clock.now += 0.25
    clock.now += 0.125
    journal.end()
    line = journal.line()
    assert (line["time"], line["duration_ms"]) == ("2024-01-01T00:00:00.500Z", 875.0)
    assert (line[member], line["overhead_ms"]) == (750.0, 125.0)
