"""What a reader is shown: a resource, or the view of it that a query makes.

What lives here: which selections that takes. What must not: how a selection is made (`asking`), and how the reader is
answered (`reading`).
"""

from dataclasses import replace

from proxy.core.matching import Match
from proxy.core.message import Request
from proxy.core.representation import Representation
from proxy.gateway.asking import asked_of_origin
from proxy.gateway.comparing import Comparing
from proxy.gateway.exchange import Selection, Underway
from proxy.gateway.skimming import Needs
from proxy.ports import Journal, Step


class Viewing(Comparing):
    """Select for who reads. Raised by every coroutine: `errors.Failure`."""

    async def select_to_show(
        self, request: Request, match: Match, journal: Journal, underway: Underway | None = None
    ) -> Selection:
        """Select what a GET or HEAD is answered from; the content where it is part of the answer."""
        if match.is_view:
            return await self.view(request, match, journal)
        needs = Needs.TAG if request.method == "HEAD" else Needs.CONTENT
        return await self.select(request, match, journal, needs=needs, underway=underway)

    async def view(self, request: Request, match: Match, journal: Journal) -> Selection:
        """Select a resource, and then the view of it that the target shows.

        In this order, and past every cache: a view that is older than the state its tag names would let its reader
        overwrite what it never saw; one that is newer has a tag that is current no more.
        """
        whole = await self.select(request, match, journal, needs=Needs.TAG)
        await whole.aclose()
        asked = asked_of_origin(request, match, match.target, revalidate=True)
        with journal.step(Step.SELECT):
            shown = await self.ask(asked, match, journal, Step.SELECT)
        selected, validator = shown.selected, None
        if whole.validator is not None and isinstance(selected, Representation):
            received, routes = selected.response, self._routes
            validator, tagged = await self._craft.tagged(request, match, received, routes, whole=whole.validator)
            selected = Representation(tagged)
        return replace(whole, selected=selected, validator=validator, rest=shown.rest, asked=asked)
