"""How a write is answered that is not performed.

What lives here: refusals, the origin server's own answer in their place, and writes that are done already. What must
not: whether a write is performed (`proxy.gateway.writing`).
"""

from proxy.core import media_type, presenting
from proxy.core.fields import Fields
from proxy.core.message import Response
from proxy.core.presenting import Statement
from proxy.core.representation import Absent, Opaque, Representation
from proxy.core.verdict import AlreadyApplied, Indeterminate, PreconditionFailed, Reason, Verdict
from proxy.gateway.asking import remembered, speaks_for
from proxy.gateway.exchange import Answer, Selection, Write
from proxy.gateway.reading import Reading, comparable

DESCRIBING = ("content-language", "content-disposition")
"""Fields of a PUT, besides the media type, that are stored with its content."""


class Declining(Reading):
    """Answer what is not performed. Raised by every coroutine: `errors.Failure`."""

    async def decline(self, write: Write, verdict: Verdict, selection: Selection) -> Answer:
        """Answer a write that is not performed: a refusal, or the origin server's own answer to the selection (I7)."""
        selected = selection.selected
        if not isinstance(selected, Opaque):
            await self._remember(write, selection)
        elif not selected.why.relayed:
            await selection.aclose()
            comparable(selection)
        return await self.declined(write, verdict, selection)

    async def declined(self, write: Write, verdict: Verdict, selection: Selection) -> Answer:
        """Answer it by a selection that others know of, as far as they may."""
        if await self._is_done(write, verdict, selection):
            await selection.aclose()
            return Answer(AlreadyApplied(Reason.APPLIED), await self._done(write, selection))
        if not isinstance(verdict, Indeterminate):
            await selection.aclose()
            return self.refuse(write, verdict, selection)
        head = selection.selected.response
        response = presenting.untagged(head, write.match.reading.rules)
        note = f"the selection was answered {head.status}; the request was not forwarded"
        return Answer(verdict, response, selection.rest, note=note)

    def refuse(self, write: Write, verdict: Verdict, selection: Selection) -> Answer:
        """Refuse, showing the current representation to a client that prefers it (RFC 8144 §3.2).

        It was selected with this client's own credentials, so it tells nothing that a GET would not.
        """
        current = selection.validator
        if current is None or not isinstance(verdict, PreconditionFailed) or not write.wants_representation:
            return Answer(verdict, None)
        whole = presenting.tagged(selection.selected.response, current, write.match.reading.rules)
        shown = presenting.instead_of_problem(whole, write.match.state_target)
        return Answer(verdict, shown, note=f"{verdict.reason.value}; the request was not forwarded")

    async def _remember(self, write: Write, selection: Selection) -> None:
        try:
            selector = speaks_for(write.match, selection.asked)
            await self._state.remember(write.match.lock_key, selector, remembered(write.match, selection))
        except BaseException:  # cancelled: nobody is left to close it
            await selection.aclose()
            raise

    async def is_verbatim(self, write: Write, selection: Selection) -> bool:
        """Tell whether a representation has the content that was sent, byte for byte (RFC 9110 §9.3.4)."""
        known = selection.digest
        return write.content.digest == (known or await self._craft.digest(selection.selected.response.content))

    async def _is_done(self, write: Write, verdict: Verdict, selection: Selection) -> bool:
        """Tell whether the state is already what the write would make it (RFC 9110 §13.1.1), where the route asks that.

        Where the state is that of another resource, nothing is known of the one that is written.
        """
        route = write.match.route
        if not route.already_applied or route.state is not None or write.conditions.if_match is None:
            return False
        selected = selection.selected
        if write.request.method == "DELETE":
            return isinstance(selected, Absent) and verdict.reason is Reason.ABSENT
        if write.request.method != "PUT" or not isinstance(selected, Representation):
            return False
        return verdict.reason is Reason.STALE and await self._says_the_same(write, selected.response)

    async def _says_the_same(self, write: Write, shown: Response) -> bool:
        sent, current = write.request.fields, shown.fields
        kind, kind_shown = (media_type.normalised(each.get("content-type") or "") for each in (sent, current))
        if kind != kind_shown or not _described_alike(sent, current):
            return False
        route = write.match.reading
        stored = await self._craft.stored(shown, route.inject)
        if write.content.digest == await self._craft.digest(stored):
            return True
        if route.rules.exact or write.content.length > route.limits.mint:
            return False
        content = b"".join([piece async for piece in write.content])
        return await self._craft.alike(route.rules.canonical, kind, content, stored)

    async def _done(self, write: Write, selection: Selection) -> Response:
        """Return what a client is told whose write was done before: 204, with the tag where it is told after it."""
        done, validator = Response(204, presenting.NOTHING), selection.validator
        says = presenting.statement(write.match, write.request.method, done)
        verbatim = says is Statement.IF_VERBATIM and await self.is_verbatim(write, selection)
        if validator is None or not (verbatim or says is Statement.CURRENT):
            return done
        return Response(204, done.fields.adding("ETag", str(validator.tag)))


def _described_alike(sent: Fields, shown: Fields) -> bool:
    """Tell whether content is stored as what its sender says it is; coded content is not looked into."""
    coded = "content-encoding" in sent or "content-encoding" in shown
    return not coded and all(name not in sent or sent.elements(name) == shown.elements(name) for name in DESCRIBING)
