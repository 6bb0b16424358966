"""Refusing who waited by what others have seen meanwhile: a storm of writers costs as much as a few (I2).

What lives here: which selection speaks for a request, and what it refuses. What must not: how selections come to be
known, in this process (`proxy.gateway.sharing`) and among replicas (`ports.StateStore`). Nothing here permits a write.
"""

from proxy.core import cors, selecting
from proxy.core.representation import Opaque
from proxy.core.verdict import Perform, PreconditionFailed, PreconditionRequired, Verdict
from proxy.gateway.declining import Declining
from proxy.gateway.exchange import Answer, Selection, Write
from proxy.gateway.sharing import Seen, Sight
from proxy.ports import Lease, Remembered


class Overtaken(Exception):
    """A request that waits need not wait any longer: what was seen since it arrived refuses it."""

    def __init__(self, verdict: Verdict, seen: Seen) -> None:
        super().__init__(verdict)
        self.verdict = verdict
        self.seen = seen


class Reconsidering(Declining):
    """Refuse by a selection that began after the request arrived. Raised by every coroutine: `errors.Failure`."""

    def overtaken(self, write: Write) -> bool:
        """Look, when the turn of a request has come that waited, at what others of this process have seen.

        Tell whether that would refuse it but for having begun before it arrived: then many of its kind may be coming,
        and one selection refuses all that it waits for. Raised when it is refused: `Overtaken`; it needs neither the
        resource nor the store then.
        """
        sights = self._sights(write)
        refusal = self._refusal(write, sights[-1].seen) if sights else None
        if refusal is not None and all(sight.follows(write) for sight in sights):
            raise Overtaken(refusal, sights[-1].seen)
        return refusal is not None

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
        if known is None or not known.began.after(write.arrived) or known.began.after(self._state.now()):
            return None  # one from the future was written before the store's clock went back
        self._sharing.tell(write.match.lock_key, self.selector(write.asks, write.match), known)
        refusal = None if self.elsewhere(write.match, write.conditions, known) else self._refusal(write, known)
        return None if refusal is None else Answer(refusal, None)

    def _sights(self, write: Write) -> list[Sight]:
        """Return what was seen last of what `select_compared` would ask for; nothing where some of it was not."""
        own = self._sharing.latest(write, self.selector(write.asks, write.match))
        other = None if own is None else self.elsewhere(write.match, write.conditions, own.seen)
        if own is None or other is None:
            return [] if own is None else [own]
        asks = selecting.of_variant(write.asks, other)
        variant = self._sharing.latest(write, self.selector(asks, write.match))
        return [] if variant is None else [own, variant]

    def _refusal(self, write: Write, seen: Seen) -> Verdict | None:
        """Return what keeps a write from being performed in the state that was seen, where that is enough to say so."""
        method, match, conditions = write.request.method, write.match, write.conditions
        if isinstance(seen, Selection):
            verdict = self.judge(method, match, conditions, seen)
            return None if isinstance(verdict, Perform) or isinstance(seen.selected, Opaque) else verdict
        if not write.shown_at_once:
            return None
        verdict = self.judge_by(method, match, conditions, seen.current)
        return verdict if isinstance(verdict, (PreconditionFailed, PreconditionRequired)) else None
