"""The request log of the test origin, and waiting for what stands in it.

What lives here: what is known about each request, how far it came, and the gate at which a held one waits. A test
waits for a stage and not for a time.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from threading import Condition
from typing import Any

from tests.support.wire import Content, Head

LONGEST_WAIT = 30.0
"""How long to wait for what must happen, in seconds; past it a test fails."""


class Stage(StrEnum):
    """How far a request came."""

    ARRIVED = "arrived"
    """Its head is there."""
    RECEIVED = "received"
    """Its content is there."""
    ABORTED = "aborted"
    """Its content ended early."""
    HELD = "held"
    """It waits at the gate."""
    APPLIED = "applied"
    DROPPED = "dropped"
    ANSWERED = "answered"


@dataclass(slots=True)
class Record:
    """A request. Text has one character a byte; `digest` is the content's SHA-256; `status` is what was answered."""

    number: int
    connection: int
    method: str
    target: str
    head: str
    fields: tuple[tuple[str, str], ...]
    stages: list[Stage] = field(default_factory=list)
    length: int = 0
    digest: str = ""
    chunked: bool = False
    status: int | None = None

    def get(self, name: str) -> str | None:
        """Return the lines of that field joined with a comma; None when absent."""
        values = [value for line, value in self.fields if line.lower() == name.lower()]
        return ", ".join(values) if values else None


class Ledger:
    """The request log, safe to use from many threads."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._records: list[Record] = []
        self._releases = 0

    def as_json(self) -> list[dict[str, Any]]:
        """Return the log as it is now."""
        with self._changed:
            return [asdict(record) for record in self._records]

    def open(self, head: Head, connection: int) -> Record:
        """Write down a request whose head is there."""
        with self._changed:
            raw = head.raw.decode("latin-1")
            record = Record(len(self._records) + 1, connection, head.method, head.target, raw, head.fields)
            self._records.append(record)
            self._mark(record, Stage.ARRIVED)
        return record

    def receive(self, record: Record, content: Content) -> None:
        """Write down the content."""
        with self._changed:
            record.length, record.digest, record.chunked = len(content.data), content.digest, content.chunked
            self._mark(record, Stage.RECEIVED if content.complete else Stage.ABORTED)

    def mark(self, record: Record, stage: Stage, status: int | None = None) -> None:
        """Write down how far a request came, and what it is about to be answered."""
        with self._changed:
            record.status = status
            self._mark(record, stage)

    def hold(self, record: Record) -> None:
        """Wait until released."""
        with self._changed:
            releases = self._releases
            self._mark(record, Stage.HELD)
            self._changed.wait_for(lambda: self._releases > releases)

    def release(self) -> None:
        """Let go all who wait now."""
        with self._changed:
            self._releases += 1
            self._changed.notify_all()

    def wait(self, satisfied: Callable[[Record], bool], count: int) -> bool:
        """Wait until that many records satisfy; False when it takes too long."""
        with self._changed:
            return self._changed.wait_for(lambda: sum(map(satisfied, self._records)) >= count, LONGEST_WAIT)

    def _mark(self, record: Record, stage: Stage) -> None:
        record.stages.append(stage)
        self._changed.notify_all()
