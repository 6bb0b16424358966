"""Refusing who waited by what others have seen meanwhile: a storm of writers costs as much as a few (I2).

What lives here: which selection speaks for a request, and what it refuses. What must not: how selections come to be
known, in this process (`proxy.gateway.sharing`) and among replicas (`ports.StateStore`). Nothing here permits a write.
"""

from proxy.core import cors, selecting
from proxy.core.verdict import PreconditionFailed, PreconditionRequired, Refusal
from proxy.gateway.declining import Declining
from proxy.gateway.exchange import Answer, Write
from proxy.gateway.sharing import Seen
from proxy.ports import Lease, Remembered


class Overtaken(Exception):
    """A request that waits need not wait any longer: what was seen since it arrived refuses it."""

    def __init__(self, verdict: Refusal, seen: Seen) -> None:
        super().__init__(verdict)
        self.verdict = verdict
        self.seen = seen


class Reconsidering(Declining):
    """Refuse by a selection that began after the request arrived. Raised by every coroutine: `errors.Failure`."""

    def overtaken(self, write: Write) -> None:
        """Look, when its turn has come, at what others of this process have seen since a request arrived.

        Raised when that refuses it: `Overtaken`. Then it needs neither the resource nor the store.
        """
        seen = self._seen_for(write)
        if seen is not None:
            refusal = self._refusal(write, seen)
            if refusal is not None:
                raise Overtaken(refusal, seen)

    async def refuse_overtaken(self, write: Write, overtaken: Overtaken) -> Answer:
        """Answer a request that was overtaken as if it had selected what was seen."""
        seen = overtaken.seen
        write.journal.heard(cors.said(seen.fields if isinstance(seen, Remembered) else seen.selected.response.fields))
        if isinstance(seen, Remembered):
            return Answer(overtaken.verdict, None)
        return await self.declined(write, overtaken.verdict, seen)

    async def reconsider(self, write: Write, lease: Lease) -> Answer | None:
        """Refuse by what the fleet remembers, and tell those who wait here as well.

        Who held the resource meanwhile may have left something; nobody else can have.
        """
        if not lease.waited or not write.shown_at_once:
            return None
        known = await self.recall(write.asks, write.match, write.journal)
        if known is None or not known.began.after(write.arrived):
            return None
        self._sharing.tell(write.match.lock_key, self.selector(write.asks, write.match), known)
        refusal = None if self.elsewhere(write.match, write.conditions, known) else self._refusal(write, known)
        return None if refusal is None else Answer(refusal, None)

    def _seen_for(self, write: Write) -> Seen | None:
        """Return what would be compared with, if it has been seen: as `select_compared` finds it."""
        own = self._sharing.seen_for(write, self.selector(write.asks, write.match))
        if own is None:
            return None
        other = self.elsewhere(write.match, write.conditions, own)
        if other is None:
            return own
        return self._sharing.seen_for(write, self.selector(selecting.of_variant(write.asks, other), write.match))

    def _refusal(self, write: Write, seen: Seen) -> Refusal | None:
        method, match, conditions = write.request.method, write.match, write.conditions
        if not isinstance(seen, Remembered):
            verdict = self.judge(method, match, conditions, seen)
        elif write.shown_at_once:
            verdict = self.judge_by(method, match, conditions, seen.current)
        else:
            return None
        return verdict if isinstance(verdict, (PreconditionFailed, PreconditionRequired)) else None
