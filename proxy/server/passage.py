"""The line of the access log of a read that went the short way (`brief`).

What lives here: its times and facts, so that it is the line that the long way writes (`telemetry.RequestJournal`).
"""

import time
from collections.abc import Callable
from random import getrandbits
from typing import Final

from proxy.core import correlation
from proxy.core.message import Response
from proxy.core.minting import Validator
from proxy.core.verdict import WORDS, NotModified, Verdict
from proxy.errors import ClientGone
from proxy.ports import Step
from proxy.problems import name_of
from proxy.server.masking import Values, filled
from proxy.server.questions import Question
from proxy.telemetry import RequestJournal, milliseconds, timestamp


class Passage:
    """What is told of one such read. `arrived` is wall time, `started` is on `monotonic`, both in seconds."""

    __slots__ = (
        "_asked",
        "_current",
        "_monotonic",
        "_over",
        "_question",
        "_seen",
        "_there",
        "_values",
        "_verdict",
        "arrived",
        "started",
    )

    def __init__(
        self,
        question: Question,
        values: Values,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._question = question
        self._values = values
        self._monotonic = monotonic
        self.arrived = wall()
        self.started = self._asked = self._over = monotonic()
        self._verdict: Verdict | None = None
        self._current: Validator | None = None
        self._seen: Response | None = None
        self._there = True

    def heard(self) -> None:
        """Note that the origin server has answered."""
        self._asked = self._monotonic()

    def judged(self, verdict: Verdict, current: Validator) -> None:
        """Note what its preconditions came to, and by which state."""
        self._verdict, self._current = verdict, current

    def answered(self, seen: Response, *, there: bool = True) -> None:
        """Note by what it was answered, if the client was still `there`, and that all is over."""
        self._seen, self._there = seen, there
        self._over = self._monotonic()

    def resume(self, journal: RequestJournal) -> None:
        """Let a journal go on with a read that takes the long way."""
        step = Step.SELECT if self._question.guarded else Step.RELAY
        journal.resume(step, self.arrived, self.started)

    def left(self) -> None:
        """Note that the client left before it was answered."""
        self._asked = self._over = self._monotonic()

    def line(self) -> dict[str, object]:
        """Return the members of the line, in the order of `telemetry.MEMBERS`."""
        members = self._members()
        if not self._there:
            members |= {"bytes_out": 0, "cut_short": _GONE_REASON}
        return members

    def _members(self) -> dict[str, object]:
        question, verdict, seen = self._question, self._verdict, self._seen
        match, guarded = question.plan.match, question.guarded
        unmodified = isinstance(verdict, NotModified)
        asked = milliseconds(self._asked - self.started)
        return {
            "time": timestamp(self.arrived),
            "id": self._name() or getrandbits(64).to_bytes(8).hex(),  # half the cost of a format
            "method": "GET",
            "path": question.path,
            "route": None if match is None else match.route.name,
            "status": None if seen is None else (_NOT_MODIFIED if unmodified else seen.status),
            "upstream_status": None if seen is None else seen.status,
            "verdict": None if verdict is None else WORDS[type(verdict)],
            "reason": _GONE_REASON if seen is None else verdict and verdict.reason.value,
            "if_match": question.form.if_match,
            "etag": self._tag(),
            "duration_ms": milliseconds(self._over - self.started),
            "select_ms": asked if guarded else None,
            "perform_ms": None if guarded else asked,
            "wait_ms": None,
            "overhead_ms": milliseconds(self._over - self._asked),
            "bytes_in": 0,
            "bytes_out": 0 if seen is None or unmodified else len(seen.content),
            "outcome": _GONE_OUTCOME if seen is None else None,
        }

    def _name(self) -> str | None:
        """Return the name that the request came with."""
        named = self._question.form.named
        return correlation.sent(filled(named, self._values)) if named else None

    def _tag(self) -> str | None:
        """Return the tag in the answer."""
        if self._current is not None:
            return str(self._current.tag)
        return None if self._seen is None else self._seen.fields.get("etag")


_NOT_MODIFIED: Final = 304
_GONE = ClientGone("")
_GONE_REASON, _GONE_OUTCOME = name_of(_GONE), _GONE.outcome.value
