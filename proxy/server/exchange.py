"""One request as it came in, and what belongs to it until it is answered: its journal, its answerer, its content."""

import re
from random import getrandbits
from typing import TYPE_CHECKING, cast

from aiohttp import web

from proxy.core import correlation
from proxy.core.fields import Fields
from proxy.gateway import Plan
from proxy.gateway.exchange import Underway
from proxy.server.answering import Answerer
from proxy.server.errand import Errand
from proxy.server.incoming import Incoming
from proxy.server.receiving import Arriving
from proxy.server.replying import Asker
from proxy.telemetry import RequestJournal

if TYPE_CHECKING:
    from proxy.core.route import Route
    from proxy.server.connection import Connection

AROUND_THE_PATH = re.compile(r"\A[A-Za-z][A-Za-z0-9+.\-]*://[^/?#]*|[?#].*\Z", re.DOTALL)
"""What of a target is not logged: an authority may hold a password, a query anything."""

_CONTINUE = 100
_HTTP_1_1 = (1, 1)


class Exchange(Asker):
    """A received request. Text is one character a byte, as in `proxy.core`.

    `brief` or `errand` is how it began, where it began on a short way.
    `tunnelled`: bytes that the client sent through a tunnel behind it.
    """

    def __init__(self, request: web.BaseRequest, incoming: Incoming) -> None:
        self.connection = cast("Connection", request.protocol)
        self.connection.answering = False
        begun = self.connection.take_lengthened()
        self.errand = begun if isinstance(begun, Errand) else None
        self.brief = None if isinstance(begun, Errand) else begun
        self.journal = RequestJournal() if self.errand is None else self.errand.journal
        if self.brief is not None:
            self.brief.passage.resume(self.journal)
        self.answerer = Answerer(request, self.connection, parting=incoming.heavy)
        self.method = request.method
        self.version = incoming.version
        self.raw_target = as_received(request.raw_path)
        self.incoming = incoming
        self.fields = incoming.fields
        self.id = self._named() if self.errand is None else self.errand.id
        self.route: Route | None = None if self.errand is None else self.errand.route
        self.tunnelled = 0
        self._stream = request.content
        self.journal.note(
            id=self.id,
            method=self.method,
            path=AROUND_THE_PATH.sub("", self.raw_target),
            if_match=self.fields.get("if-match"),
        )

    def _named(self) -> str:
        return correlation.sent(self.fields) or f"{getrandbits(64):016x}"

    @property
    def framed(self) -> bool:
        """Tell whether the request says anything about content, be it that there are 0 bytes of it."""
        return "content-length" in self.fields.by_name or "transfer-encoding" in self.fields.by_name

    @property
    def expectation(self) -> str | None:
        """What the client expects, in lower case (RFC 9110 §10.1.1); None from HTTP/1.0, where that is ignored."""
        if "expect" not in self.fields.by_name or self.version < _HTTP_1_1:
            return None
        return (self.fields.get("expect") or "").lower()

    def underway(self, plan: Plan) -> Underway | None:
        """Return what was sent of it on the short way, if that is what is to be sent."""
        return None if self.brief is None else self.brief.underway(plan)

    def content(self) -> Arriving:
        """Return the content as it arrives. The framing has been checked by then (`core.admission`)."""
        length = self.fields.get("content-length")
        unframed = 0 if not self.framed else None
        return Arriving(self._stream, unframed if length is None else int(length), self._invite)

    def _invite(self) -> None:
        if self.expectation is not None and self._stream.total_bytes == 0:
            self.answerer.interim(_CONTINUE, Fields())

    def concluded(self) -> None:
        """Note the sizes of both contents, in bytes, and that all is over."""
        self.journal.note(bytes_in=self._stream.total_bytes + self.tunnelled, bytes_out=self.answerer.content_sent)
        self.journal.end()


def as_received(target: str) -> str:
    """Return a target one character a byte: aiohttp decodes it as UTF-8, with surrogates for what is none."""
    return target if target.isascii() else target.encode("utf-8", "surrogateescape").decode("latin-1")
