"""Reads whose whole head came in one piece: what is known about each before the origin server is asked.

What lives here: bytes of a head to a `Question`, and that it is worked out once for all requests with the same head.
What must not: any decision of its own; a head is read, checked and matched as that of every other request.
"""

import asyncio
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpRequestParser, RawRequestMessage

from proxy.core import admission
from proxy.core.fields import Fields
from proxy.core.message import Request
from proxy.errors import Failure
from proxy.gateway import Gateway, Plan
from proxy.gateway.asking import spoken
from proxy.gateway.glancing import Glance, Passing
from proxy.ports import Scouts
from proxy.server.exchange import AROUND_THE_PATH
from proxy.server.incoming import Incoming, Incomings
from proxy.server.masking import Cut, Values, cut, masked, named
from proxy.server.parsing import LIMITS

KEPT: Final = 1024
"""Heads that are remembered."""

LONGEST: Final = 2048
"""Bytes of a head that may be remembered; a longer one takes the long way."""

MOST_LINES: Final = 40
"""Field lines of a head that may be remembered: each takes some hundred bytes more than its text."""

_PIECE: Final = 2**16  # bytes; there is no content
_BEGIN, _LINE_END, _END = b"GET ", b"\r\n", b"\r\n\r\n"
_ANY_LINE: Final = b"GET / HTTP/1.1\r\n"
# A target of which every parser makes the same; whatever has another takes the long way.
_LINE: Final = re.compile(rb"GET (/[A-Za-z0-9/._~%?&=+:@,;!$'()*-]*) HTTP/1\.1")
_MORE_TO_IT: Final = frozenset({"content-length", "transfer-encoding", "expect", "upgrade"})
"""Fields of requests that are more than a head, in lower case."""


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A read that takes one request and its answer, cut where values were taken out of its head.

    `ready` is how it is sent, `selects` what selects, and `selector` that of this where no value of its head selects.
    `path` and `if_match` are for its line in the log, `fields` those of the request as received, `named` the ones of
    them that name it, `origin` the page's.
    """

    asks: Glance | Passing
    plan: Plan
    ready: Cut
    selects: Cut
    selector: bytes | None
    fields: Fields
    named: Fields
    path: str
    if_match: str | None
    origin: str | None


class Questions:
    """What is asked by heads."""

    def __init__(self, gateway: Gateway, scouts: Scouts, incomings: Incomings) -> None:
        self._gateway = gateway
        self._scouts = scouts
        self._incomings = incomings
        self._known = lru_cache(maxsize=KEPT)(self._made)
        self._block = lru_cache(maxsize=KEPT)(self._read)

    def of(self, head: bytes, peer: str | None, scheme: str) -> tuple[Question, Values] | None:
        """Return what one read from a peer asks, and the values that are its own.

        None where what came in one piece is another request, or part of one, or two.
        """
        if not head.startswith(_BEGIN) or len(head) > 2 * LONGEST or head.find(_END) != len(head) - len(_END):
            return None
        shared, values = masked(head)
        if len(shared) > LONGEST:
            return None
        question = self._known(shared, len(values), peer, scheme, self._gateway.rules)
        return None if question is None else (question, values)

    def _made(self, head: bytes, values: int, peer: str | None, scheme: str, _rules: object) -> Question | None:
        line, _, block = head.partition(_LINE_END)
        asked = _LINE.fullmatch(line)
        incoming = None if asked is None else self._block(block, peer, scheme)
        if asked is None or incoming is None:
            return None
        try:
            return self._asked(asked[1].decode("ascii"), incoming.fields, incoming.onward(), values)
        except Failure:
            return None  # the long way has an answer to that

    def _read(self, block: bytes, peer: str | None, scheme: str) -> Incoming | None:
        """Read the field lines of a head; None where they are those of more than a head."""
        message = _parsed(_ANY_LINE + block)
        if message is None or message.should_close or message.upgrade or len(message.raw_headers) > MOST_LINES:
            return None
        incoming = self._incomings(message.raw_headers, message.version, peer, scheme)
        plain = not incoming.heavy and _MORE_TO_IT.isdisjoint(incoming.fields.by_name)
        return incoming if plain else None

    def _asked(self, raw_target: str, received: Fields, onward: Fields, values: int) -> Question | None:
        request = Request("GET", admission.admit_line("GET", raw_target, onward), onward)
        plan = self._gateway.identify(request)
        asks = self._gateway.passing(request, plan) or self._gateway.glance(request, plan)
        if asks is None:
            return None
        ready = cut(self._scouts.ready(asks.asked), values)
        selects, selector = cut(b"", 0), None
        if isinstance(asks, Glance):
            selects = cut(asks.selects, values)
            selector = None if selects.places else spoken(asks.match, asks.selects)
        path = AROUND_THE_PATH.sub("", raw_target)
        if_match, origin = received.get("if-match"), received.get("origin")
        return Question(asks, plan, ready, selects, selector, received, named(received), path, if_match, origin)


def _parsed(head: bytes) -> RawRequestMessage | None:
    """Read a head as every connection does; None where that finds anything but one request.

    The parser is a new one each time: one that has read of content, or of an end, waits for that.
    """
    loop = asyncio.get_running_loop()
    try:
        messages, upgraded, tail = HttpRequestParser(BaseProtocol(loop), loop, _PIECE, **LIMITS).feed_data(head)
    except Exception:  # noqa: BLE001 - whatever is wrong, the long way meets it again and answers
        return None
    return None if len(messages) != 1 or upgraded or tail else messages[0][0]
