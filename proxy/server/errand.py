"""Writes that take the short way to the guard: no parser, no task but the write's own, and nobody else who waits.

What lives here: the few steps from a whole request to the guard, and from an answer that is all here to its client.
What must not: the guard, of which there is one, and an answer of any other kind: for that the request is handed over
to `handling` as if it came just now, with its write under way, which is never begun there again.
"""

import logging
import time
from dataclasses import dataclass
from random import getrandbits
from typing import TYPE_CHECKING, Final

from proxy.core import correlation
from proxy.core.message import Response
from proxy.errors import ClientGone, Failure
from proxy.gateway import Answer, Gateway
from proxy.gateway.exchange import matched
from proxy.ports import Step
from proxy.problems import name_of, of_situation
from proxy.server import heads, replying
from proxy.server.draining import Census
from proxy.server.heads import Asked, Framing
from proxy.server.ledger import Ledger
from proxy.server.orders import METHODS, Order, Orders
from proxy.server.presence import BEFORE_THE_WRITE
from proxy.server.receiving import Received
from proxy.server.replying import Asker
from proxy.server.shortcutting import AT_ONCE
from proxy.telemetry import RequestJournal

if TYPE_CHECKING:
    import asyncio

    from proxy.core.route import Route
    from proxy.server.connection import Connection

_log = logging.getLogger(__name__)

_GONE: Final = ClientGone("")
_ASKED: Final = {method: Asked(method, modern=True, persistent=True) for method in METHODS}


@dataclass(frozen=True, slots=True)
class Errands:
    """What all such writes have in common. `pseudonym` is our name in Via."""

    gateway: Gateway
    orders: Orders
    pseudonym: str
    census: Census
    ledger: Ledger

    def take(self, connection: "Connection", message: bytes, /) -> "Errand | None":
        """Begin a write, if that is possible at once; None where the request has to go the long way."""
        order = self.orders.of(message, connection.peer, connection.scheme)
        return None if order is None else Errand(self, connection, message, order)


class Errand(Asker):
    """A write that has begun on the short way. `head` is how it came, its content included; `work` is the write."""

    __slots__ = (
        "_connection",
        "_gone",
        "_heard",
        "_length",
        "_way",
        "fields",
        "head",
        "id",
        "journal",
        "method",
        "route",
        "work",
    )

    def __init__(self, way: Errands, connection: "Connection", head: bytes, order: Order) -> None:
        self._way = way
        self._connection = connection
        self._gone = self._heard = False
        self._length = len(order.content)
        self.head = head
        self.method = order.request.method
        self.fields = order.fields
        self.route: Route | None = matched(order.plan).route
        self.id = correlation.sent(order.fields) or getrandbits(64).to_bytes(8).hex()
        self.journal = RequestJournal()
        self.journal.note(
            id=self.id, method=self.method, path=order.path, if_match=order.if_match, route=self.route.name
        )
        way.census.begin_exchange()
        guarded = way.gateway.guard(order.request, Received.of(order.content), order.plan, self.journal)
        self.work = way.census.write(guarded, connection.loop)
        self.work.add_done_callback(self._over)

    def lengthened(self) -> None:
        """Leave the short way; the write goes on."""
        self._way.census.end_exchange()

    def left(self) -> None:
        """Take it that the client has left: give the write up, unless it may have been forwarded."""
        self._gone = True
        if self._heard:
            self._tell_without_client()
        elif self.journal.latest is None or self.journal.latest in BEFORE_THE_WRITE:
            self.work.cancel()

    def lost(self) -> None:
        """Take it that the client has left before anyone took the write over."""
        self._way.census.begin_exchange()
        self.left()

    def _over(self, work: "asyncio.Task[Answer]") -> None:
        """Answer, or hand over; where that was done before, whoever took the write over learns of its end there."""
        self._heard = True
        if self._gone:
            self._tell_without_client()
        if self._connection.brief is not self:
            return
        try:
            if not work.cancelled() and work.exception() is None and self._answer(work.result()):
                return
        except Exception:  # noqa: BLE001 - the long way has an answer to any fault of ours
            _log.exception("a write could not be answered the short way")
        self._connection.lengthen()

    def _answer(self, answer: Answer) -> bool:
        """Send the answer; tell whether that was possible, be it that the client was no longer there."""
        whole = answer.rest is None and (answer.response is None or len(answer.response.content) <= AT_ONCE)
        if self._way.census.draining or not whole:
            return False
        response, asked = self._noted(answer), _ASKED[self.method]
        with self.journal.step(Step.ANSWER):
            frame = heads.frame(asked, response, streamed=False)
            content = b"" if frame.framing is Framing.NO_CONTENT else response.content
            there = self._connection.answer(heads.final(response, asked, frame, int(time.time())) + content)
        try:
            self._note_sent(len(content) if there else None)
        finally:
            self._end()
        return True

    def _noted(self, answer: Answer) -> Response:
        """Return the response, and note what it is and what it came of."""
        replying.note(self, answer)
        return replying.shared(self, replying.response(self, answer, self._way.pseudonym), answer)

    def _note_sent(self, sent: int | None) -> None:
        """Note how much content was sent; None where there was nobody to send it to."""
        self.journal.note(bytes_in=self._length, bytes_out=sent or 0)
        if sent is None:
            self.journal.note(cut_short=name_of(_GONE))

    def _tell_without_client(self) -> None:
        """Tell of a write that is over and has nobody to be answered, as `handling` does."""
        work, note = self.work, self.journal.note
        fault = _GONE if work.cancelled() else work.exception()
        note(bytes_in=self._length, bytes_out=0)
        if isinstance(fault, Failure):
            note(reason=name_of(fault), outcome=self.outcome(fault).value)
        elif fault is not None:
            _log.error("request %s ended in a fault", self.id, exc_info=fault)
            situation = self.fault
            note(reason=situation.value, outcome=situation.outcome.value, status=of_situation(situation).status)
        else:
            self._let_go(work.result())
        self._end()

    def _let_go(self, answer: Answer) -> None:
        self._noted(answer)
        self._note_sent(None)
        if answer.rest is not None:
            _ = self._way.census.write(answer.rest.aclose(), self._connection.loop)

    def _end(self) -> None:
        self.journal.end()
        self._way.census.end_exchange()
        self._way.ledger.enter(self.journal, self._connection.loop)
