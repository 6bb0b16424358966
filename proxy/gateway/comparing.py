"""Which state a write is compared with, where the origin server has several representations of a resource.

What lives here: a writer's own selection, and that of the variant which its tag names. What must not: how a selection
is made (`proxy.gateway.asking`), and what comes of the comparison.
"""

from proxy.core import selecting
from proxy.core import variant as variants
from proxy.core.matching import Match
from proxy.core.message import Request
from proxy.core.minting import Validator
from proxy.core.preconditions import Preconditions
from proxy.core.representation import Representation
from proxy.core.variant import Variant
from proxy.gateway.asking import NOT_ACCEPTABLE, Asking
from proxy.gateway.exchange import Selection
from proxy.gateway.skimming import Needs
from proxy.ports import Journal, Lease, Remembered


class Comparing(Asking):
    """Find what to compare with. Raised by every coroutine: `errors.Failure`."""

    async def select_compared(  # noqa: PLR0913 - whose it is, what for, and under which lease
        self,
        asks: Request,
        match: Match,
        conditions: Preconditions,
        journal: Journal,
        *,
        under: Lease | None = None,
        needs: Needs = Needs.TAG,
    ) -> Selection:
        """Select what a write is compared with: what its own fields select, or else the variant that its tag names.

        Its own come first: what they select may depend on more of them than a tag can name.
        """
        selection = await self.select(asks, match, journal, under=under, needs=needs)
        other = self.elsewhere(match, conditions, selection)
        if other is None:
            return selection
        await selection.aclose()
        return await self.select(selecting.of_variant(asks, other), match, journal, under=under, needs=needs)

    def elsewhere(self, match: Match, conditions: Preconditions, seen: Selection | Remembered) -> Variant | None:
        """Return the variant to compare with in the place of what was seen; None where that will do."""
        if _names(conditions, seen.current if isinstance(seen, Remembered) else seen.validator):
            return None
        if isinstance(seen, Remembered):
            shown = None if seen.current is None else self._minter.variant(match.tag_key, seen.current.tag)
            return None if seen.current is None else self.other_variant(match, conditions, shown)
        head, shows = seen.selected.response, isinstance(seen.selected, Representation)
        if not (shows or head.status == NOT_ACCEPTABLE):
            return None
        return self.other_variant(match, conditions, variants.of(head.fields) if shows else None)

    def other_variant(self, match: Match, conditions: Preconditions, shown: Variant | None) -> Variant | None:
        """Return the variant that the first such tag in If-Match names, where it is another than the one `shown`."""
        listed = conditions.if_match if isinstance(conditions.if_match, tuple) else ()
        named = (self._minter.variant(match.tag_key, tag) for tag in listed)
        variant = next((each for each in named if each is not None), None)
        return None if variant == shown else variant

    def is_of_this_variant(self, match: Match, conditions: Preconditions, current: Validator | None) -> bool:
        """Tell whether If-Match can be compared with a state, as far as its tags name variants."""
        if current is None:
            return True
        return self.other_variant(match, conditions, self._minter.variant(match.tag_key, current.tag)) is None


def _names(conditions: Preconditions, current: Validator | None) -> bool:
    """Tell whether a tag in If-Match is that of a state."""
    listed = conditions.if_match if isinstance(conditions.if_match, tuple) else ()
    return current is not None and any(tag.strong_match(current.tag) for tag in listed)
