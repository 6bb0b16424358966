"""Answers of the short way as bytes, put together from parts that many of them share.

What lives here: the parts, in front of the tag and behind it, and how they are come by: an answer is spelled as every
other is, with a mark in the place of its tag, and cut there. What must not: what an answer says.
"""

import time
from collections import OrderedDict
from dataclasses import replace
from typing import Final

from proxy.core import cors, forwarding
from proxy.core.entity_tag import EntityTag
from proxy.core.message import Response
from proxy.core.minting import Validator
from proxy.core.verdict import NotModified, Verdict
from proxy.gateway import Gateway
from proxy.server import heads
from proxy.server.heads import Asked
from proxy.server.questions import Question

KEPT: Final = 512
"""Answers whose parts are remembered: those of one second often differ in their tag and content alone."""

_MARK: Final = EntityTag("ifmatch:the-tag-goes-here")
_CUT: Final = str(_MARK).encode()
_ASKED: Final = Asked("GET", modern=True, persistent=True)


class Spelling:
    """Spells answers. `pseudonym` is our name in Via."""

    def __init__(self, gateway: Gateway, pseudonym: str) -> None:
        self._gateway = gateway
        self._pseudonym = pseudonym
        self._known: OrderedDict[object, tuple[list[bytes], object]] = OrderedDict()

    def message(self, question: Question, seen: Response, verdict: Verdict, current: Validator) -> bytes:
        """Return the answer to a read from what the origin server showed, a 200, and what was made of that."""
        match = question.glance.match
        key = (id(seen.fields), id(match.route), id(match.reading), question.origin, type(verdict))
        known = self._known.get(key)
        parts = self._cut(key, question, seen, verdict) if known is None else known[0]
        if parts is None:
            return self._spelled(question, seen, verdict, current)
        content = b"" if isinstance(verdict, NotModified) else seen.content
        return b"".join((parts[0], str(current.tag).encode("latin-1"), parts[1], content))

    def _cut(self, key: object, question: Question, seen: Response, verdict: Verdict) -> list[bytes] | None:
        """Return what stands in front of the tag and behind it; None where that is not the same for others."""
        head = self._spelled(question, replace(seen, content=b""), verdict, Validator(_MARK, None, minted=True))
        parts = head.split(_CUT)
        if len(parts) != 2 or "date" not in seen.fields.by_name:  # noqa: PLR2004 - around one tag
            return None
        match = question.glance.match
        self._known[key] = parts, (seen.fields, match.route, match.reading)  # kept, so that their ids are nobody else's
        if len(self._known) > KEPT:
            self._known.popitem(last=False)
        return parts

    def _spelled(self, question: Question, seen: Response, verdict: Verdict, current: Validator) -> bytes:
        """Spell an answer as `handling` does."""
        glance = question.glance
        response = self._gateway.shown(glance, seen, verdict, current)
        returned = forwarding.returning(response.fields, self._pseudonym)
        fields = cors.shared(glance.match.route.cors, "GET", question.fields, returned)
        framed = heads.frame(_ASKED, response, streamed=True)
        head = heads.final(Response(response.status, fields), _ASKED, framed, int(time.time()))
        return head + response.content
