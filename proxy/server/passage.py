"""The line of the access log of a read that went the short way (`brief`).

What lives here: its times and facts, so that it is the line that the long way writes (`telemetry.RequestJournal`).
"""

import time
from collections.abc import Callable
from random import getrandbits

from proxy.core import correlation
from proxy.core.minting import Validator
from proxy.core.verdict import WORDS, NotModified, Verdict
from proxy.errors import ClientGone
from proxy.problems import name_of
from proxy.server.masking import Values, filled
from proxy.server.questions import Question
from proxy.telemetry import milliseconds, timestamp


class Passage:
    """What is told of one such read. `arrived` is wall time, `started` is on `monotonic`, both in seconds."""

    __slots__ = (
        "_asked",
        "_current",
        "_length",
        "_monotonic",
        "_over",
        "_question",
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
        self._length = 0

    def heard(self) -> None:
        """Note that the origin server has answered."""
        self._asked = self._monotonic()

    def answered(self, verdict: Verdict, current: Validator, length: int) -> None:
        """Note what it came to, by a content of so many bytes, and that all is over."""
        self._verdict, self._current, self._length = verdict, current, length
        self._over = self._monotonic()

    def left(self) -> None:
        """Note that the client left before it was answered."""
        self._asked = self._over = self._monotonic()

    def line(self) -> dict[str, object]:
        """Return the members of the line, in the order of `telemetry.MEMBERS`."""
        question, values, verdict = self._question, self._values, self._verdict
        unmodified = isinstance(verdict, NotModified)
        return {
            "time": timestamp(self.arrived),
            "id": correlation.sent(filled(question.named, values)) or f"{getrandbits(64):016x}",
            "method": "GET",
            "path": question.path,
            "route": question.glance.match.route.name,
            "status": None if verdict is None else (304 if unmodified else 200),
            "upstream_status": None if verdict is None else 200,
            "verdict": None if verdict is None else WORDS[type(verdict)],
            "reason": _GONE_REASON if verdict is None else verdict.reason.value,
            "if_match": question.if_match,
            "etag": None if self._current is None else str(self._current.tag),
            "duration_ms": milliseconds(self._over - self.started),
            "select_ms": milliseconds(self._asked - self.started),
            "perform_ms": None,
            "wait_ms": None,
            "overhead_ms": milliseconds(self._over - self._asked),
            "bytes_in": 0,
            "bytes_out": 0 if unmodified else self._length,
            "outcome": _GONE_OUTCOME if verdict is None else None,
        }


_GONE = ClientGone("")
_GONE_REASON, _GONE_OUTCOME = name_of(_GONE), _GONE.outcome.value
