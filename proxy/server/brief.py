"""Reads that are answered the short way: no task, no coroutine, and nobody who waits.

What lives here: the few steps from a head to an answer that was there at once, and the way back: whatever gets between
hands the request over to `handling` as if it came just now, with its selection under way. What must not: what is
answered, which `proxy.gateway.glancing` says, and how a head is spelled (`heads`).
"""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.core.message import Response
from proxy.gateway import Gateway, Plan
from proxy.gateway.exchange import Underway, matched
from proxy.ports import Scout, Scouts
from proxy.server.draining import Census
from proxy.server.ledger import Ledger
from proxy.server.masking import Values
from proxy.server.passage import Passage
from proxy.server.questions import Question, Questions
from proxy.server.shortcutting import AT_ONCE
from proxy.server.spelling import Spelling

if TYPE_CHECKING:
    from proxy.server.connection import Connection

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shortcut:
    """What all such reads have in common."""

    gateway: Gateway
    scouts: Scouts
    questions: Questions
    spelling: Spelling
    census: Census
    ledger: Ledger

    def take(self, connection: "Connection", head: bytes, /) -> "Brief | None":
        """Send what a read asks, if that is possible at once; None where the request has to go the long way."""
        known = None if self.census.draining else self.questions.of(head, connection.peer, connection.scheme)
        if known is None:
            return None
        brief = Brief(self, connection, head, *known)
        return brief if brief.set_out() else None


class Brief:
    """A read on the short way. `head` is how it came; `passage` is what is told of it."""

    __slots__ = ("_began", "_connection", "_question", "_scout", "_values", "_way", "head", "passage")

    def __init__(
        self, way: Shortcut, connection: "Connection", head: bytes, question: Question, values: Values
    ) -> None:
        self._way = way
        self._connection = connection
        self._question = question
        self._scout: Scout | None = None
        self._began = way.gateway.began()
        self.head = head
        self._values = values
        self.passage = Passage(question, values)

    def set_out(self) -> bool:
        """Send the selection; tell whether it was possible."""
        question = self._question
        self._scout = self._way.scouts.set_out(question.ready(self._values), question.form.budget, self._heard)
        if self._scout is None:
            return False
        self._way.census.begin_exchange()
        return True

    def lengthened(self) -> None:
        """Leave the short way; the selection goes on."""
        self._way.census.end_exchange()

    def underway(self, plan: Plan) -> Underway | None:
        """Return the selection for who awaits it. Where the rules have changed since it is given up: None."""
        if self._scout is not None and plan == self._question.plan:
            return Underway(self._began, self._scout.landed)
        self.abandon()
        return None

    def abandon(self) -> None:
        """Give the selection up, if nobody awaits it."""
        if self._scout is not None:
            self._scout.abandon()

    def lost(self) -> None:
        """Take it that the client has left before anyone awaited the selection."""
        self.abandon()

    def left(self) -> None:
        """Take it that the client has left."""
        self.abandon()
        self.passage.left()
        self._end()

    def _heard(self) -> None:
        """Answer, or hand over; where that was done before, whoever goes on with the selection learns of it there."""
        if self._connection.brief is not self:
            return
        seen = None if self._scout is None else self._scout.seen
        self.passage.heard()
        try:
            if seen is not None and self._answer(seen):
                return
        except Exception:  # noqa: BLE001 - the long way has an answer to any fault of ours
            _log.exception("a read could not be answered the short way")
        self._connection.lengthen()

    def _answer(self, seen: Response) -> bool:
        """Answer by what was seen; tell whether that was possible, be it that the client was no longer there."""
        if self._way.census.draining or len(seen.content) > AT_ONCE:
            return False
        message = self._message(seen)
        if message is None:
            return False
        there = self._connection.answer(message)
        try:
            if self._scout is not None:
                self._scout.done()
            self.passage.answered(seen, there=there)
        finally:
            self._end()
        return True

    def _message(self, seen: Response) -> bytes | None:
        """Return the answer by what was seen; None where it takes more than that."""
        question, conditions = self._question, self._question.form.conditions
        if conditions is None:
            return self._way.spelling.passed(seen)
        match, selector = matched(question.plan), question.selected_by(self._values)
        glimpsed = self._way.gateway.glimpsed(match, conditions, selector, self._began, seen)
        if glimpsed is None:
            return None
        self.passage.judged(*glimpsed)
        return self._way.spelling.message(question, seen, *glimpsed)

    def _end(self) -> None:
        self._scout = None
        self._way.census.end_exchange()
        self._way.ledger.enter(self.passage, self._connection.loop)
