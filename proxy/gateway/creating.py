"""What an unsafe request says of other resources than its target: what it created, what it may have changed.

What lives here: Location and Content-Location in the answer to a write, followed within this origin. What must not: the
write itself (`proxy.gateway.writing`).
"""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from proxy.core import link
from proxy.core.entity_tag import EntityTag
from proxy.core.matching import Match
from proxy.core.message import Request, Response
from proxy.core.moment import Moment
from proxy.core.route import Guard, TagOnWrite
from proxy.errors import Failure
from proxy.gateway.skimming import Needs
from proxy.gateway.viewing import Viewing
from proxy.ports import Journal, Lease, LeaseTerms, Step

PATIENCE: Final = 1.0
"""Seconds to wait for the lock of what was created; somebody who holds it already is about to change it."""

CREATED: Final = 201
NAMING: Final = ("Location", "Content-Location")
"""Fields whose resources a successful write may have changed, besides its target (RFC 9111 §4.4)."""
_NAMING: Final = frozenset(map(str.lower, NAMING))


@dataclass(frozen=True, slots=True)
class Creation:
    """An unsafe request that was answered. `sent` is when, at the earliest; `lease` holds its resource, if any does."""

    request: Request
    match: Match
    response: Response
    sent: Moment
    lease: Lease | None = None


class Creating(Viewing):
    """Follow what an answer to a write names."""

    async def follow(self, creation: Creation, journal: Journal) -> EntityTag | None:
        """Return the tag of what was created, where the route says it, and forget what may have changed."""
        if _NAMING.isdisjoint(creation.response.fields.by_name):
            return None
        route = creation.match.route
        says = route.guard is Guard.ENFORCE and route.etag_on_write is TagOnWrite.ALWAYS
        tag = await self.tag_of_created(creation, journal) if says else None
        await self.forget_named(creation)  # not before: it counts as a write
        return tag

    async def tag_of_created(self, creation: Creation, journal: Journal) -> EntityTag | None:
        """Return the tag of what a 201 created, which its Location names; None where it may not be said.

        It is selected under the lock of that resource (I11), and said only if nobody has written there since the
        request was sent. The write is done: whatever fails here takes nothing from its answer.
        """
        match = self._created(creation)
        if match is None:
            return None
        try:
            return await self._selected(creation, match, journal)
        except Failure:
            return None

    async def forget_named(self, creation: Creation) -> None:
        """Forget what is remembered of the resources that the answer names (RFC 9111 §4.4)."""
        if not self._routes.trust_something or not 200 <= creation.response.status < 400:  # noqa: PLR2004 - 2xx and 3xx
            return
        for name in NAMING:
            match = self._named(creation.request, creation.response.fields.get(name))
            if match is not None and match.lock_key != creation.match.lock_key:
                await self._state.forget(match.lock_key)

    def _created(self, creation: Creation) -> Match | None:
        if creation.response.status != CREATED:
            return None
        match = self._named(creation.request, creation.response.fields.get("Location"))
        if match is None or match.route.guard is not Guard.ENFORCE or match.route.state is not None or match.is_view:
            return None
        return match

    def _named(self, request: Request, reference: str | None) -> Match | None:
        """Return the route of a resource of this origin as a reader finds it."""
        if reference is None:
            return None
        own = link.authorities([request.fields.get("host")])
        target = link.follow(reference, request.target, own)
        return None if target is None else self._routes.match("GET", target)

    async def _selected(self, creation: Creation, match: Match, journal: Journal) -> EntityTag | None:
        rules = match.route.lock
        async with AsyncExitStack() as held:
            own = creation.lease if match.lock_key == creation.match.lock_key else None
            terms = LeaseTerms(PATIENCE, rules.read, rules.write, rules.waiters)
            lease = own if own is not None else await held.enter_async_context(self._lock.hold(match.lock_key, terms))
            selection = await self.select(
                creation.request, match, journal, under=lease, step=Step.SETTLE, needs=Needs.TAG
            )
            await selection.aclose()
            # Not before: who wrote while it was selected has left a mark as well.
            alone = own is not None or await self._state.untouched(match.lock_key, creation.sent)
            return selection.validator.tag if alone and selection.validator is not None and lease.lasts else None
