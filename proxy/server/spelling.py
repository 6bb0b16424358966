"""Answers of the short way as bytes, put together from parts that many of them share.

What lives here: the parts, in front of the tag and behind it, and how they are come by: an answer is spelled as every
other is, with a mark in the place of its tag, and cut there. What must not: what an answer says.
"""

import time
from collections import OrderedDict
from typing import Final

from proxy.core import cors, forwarding, proxy_status
from proxy.core.cors import NOTHING, Cors, Sharing
from proxy.core.entity_tag import EntityTag
from proxy.core.fields import Fields
from proxy.core.message import Response
from proxy.core.minting import Validator
from proxy.core.verdict import NotModified, Verdict
from proxy.gateway import Gateway
from proxy.gateway.exchange import matched
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
        # The numbers in a key are ids; what has them is kept with the parts, so that they are nobody else's.
        self._known: OrderedDict[object, tuple[list[bytes], object]] = OrderedDict()

    def passed(self, seen: Response) -> bytes:
        """Return an answer that is passed on as it is."""
        key = (id(seen.fields), seen.status)
        known = self._known.get(key)
        if known is not None:
            return known[0][0] + seen.content
        head = self._headed(Response(seen.status, seen.fields), proxy_status.of_theirs(seen, None))
        self._keep(key, [head], seen.fields, seen)
        return head + seen.content

    def message(self, question: Question, seen: Response, verdict: Verdict, current: Validator) -> bytes:
        """Return the answer to a read from what the origin server showed, a 200, and what was made of that."""
        match = matched(question.plan)
        key = (id(seen.fields), id(match.route), id(match.reading), question.form.origin, type(verdict))
        known = self._known.get(key)
        parts = self._cut(key, question, seen, verdict) if known is None else known[0]
        content = b"" if isinstance(verdict, NotModified) else seen.content
        if len(parts) != 2:  # noqa: PLR2004 - around one tag
            return self._spelled(question, seen, verdict, current) + content
        return b"".join((parts[0], str(current.tag).encode("latin-1"), parts[1], content))

    def _cut(self, key: object, question: Question, seen: Response, verdict: Verdict) -> list[bytes]:
        """Return the parts of a head around its tag."""
        marked = Validator(_MARK, None, minted=True)
        parts = self._spelled(question, seen, verdict, marked).split(_CUT)
        match = matched(question.plan)
        self._keep(key, parts, (seen.fields, match.route, match.reading), seen)
        return parts

    def _keep(self, key: object, parts: list[bytes], named: object, seen: Response) -> None:
        """Keep the parts for other answers, unless there is a time in them."""
        if "date" not in seen.fields.by_name:
            return
        self._known[key] = parts, named
        if len(self._known) > KEPT:
            self._known.popitem(last=False)

    def _spelled(self, question: Question, seen: Response, verdict: Verdict, current: Validator) -> bytes:
        """Spell the head of an answer as `handling` does."""
        match = matched(question.plan)
        response = self._gateway.shown(match, Response(seen.status, seen.fields), verdict, current)
        return self._headed(response, response.fields, match.route.cors, question.form.fields)

    def _headed(
        self, response: Response, fields: Fields, sharing: Cors = Sharing.OFF, asked: Fields = NOTHING
    ) -> bytes:
        returned = cors.shared(sharing, "GET", asked, forwarding.returning(fields, self._pseudonym))
        framed = heads.frame(_ASKED, response, streamed=True)
        return heads.final(Response(response.status, returned), _ASKED, framed, int(time.time()))
