"""What is made of content: at once where that is soon done, else in the workshop while others are served.

What lives here: the choice, one function a kind of work. What must not: the work itself, which is the core's.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from typing import TypeVar

from proxy.core import canonical, effort, injection, tagging, uninjecting
from proxy.core.canonical import Canonical
from proxy.core.effort import Effort
from proxy.core.fields import Fields
from proxy.core.injection import Injection
from proxy.core.matching import Match, Routes
from proxy.core.message import Request, Response
from proxy.core.minting import Minter, Validator
from proxy.gateway import skimming
from proxy.gateway.skimming import Needs, Shown
from proxy.ports import DIGEST_SIZE, Reply, Workshop

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Craft:
    """Does what is to be done with content. `workshop` None: all of it at once."""

    minter: Minter
    workshop: Workshop | None

    async def shown(self, reply: Reply, match: Match, needs: Needs, writes: int | None) -> Shown:
        """Return what a selection showed; see `skimming.shown`."""
        return await skimming.shown(reply, match, needs, writes, self.minter, self.workshop)

    async def tagged(  # noqa: PLR0913 - as that
        self,
        request: Request,
        match: Match,
        response: Response,
        routes: Routes,
        *,
        writes: int | None = None,
        whole: Validator | None = None,
    ) -> tuple[Validator, Response]:
        """Return what `core.tagging.tagged` does."""
        needed = Effort.SHORT if self.workshop is None else effort.of_tagging(match.reading, response)
        if self.workshop is None or needed is Effort.SHORT:
            return tagging.tagged(request, match, response, routes, self.minter, writes=writes, whole=whole)
        head = replace(response, content=b"")
        work = partial(
            tagging.tagged_content,
            request=request,
            match=match,
            head=head,
            routes=routes,
            minter=self.minter,
            writes=writes,
            whole=whole,
        )
        validator, changed = await self.workshop.do(work, response.content, needed)
        return validator, response if changed is None else changed

    async def without_tags(self, fields: Fields, rules: Injection, content: bytes) -> bytes | None:
        """Return what `core.uninjecting.without_tags` does."""
        needed = effort.of_reading(len(content), searches=bool(rules.items))
        return await self._done(partial(uninjecting.without_tags, fields, rules), content, needed)

    async def stored(self, response: Response, rules: Injection | None) -> bytes:
        """Return the content of a representation as the origin server has it, without the tags that are put in here."""
        if rules is None or not injection.readable(response.fields):
            return response.content
        kept = await self.without_tags(response.fields, rules, response.content)
        return response.content if kept is None else kept

    async def alike(self, rules: Canonical, kind: str, one: bytes, other: bytes) -> bool:
        """Tell whether two contents of one media type are one state."""
        needed = effort.of_reading(len(one) + len(other), searches=False)
        return await self._done(partial(canonical.alike, rules, kind, one), other, needed)

    async def digest(self, content: bytes) -> bytes:
        """Return the digest as request content has it (`ports.ReceivedContent`)."""
        return await self._done(digest, content, effort.of_digest(len(content)))

    async def _done(self, work: Callable[[bytes], T], content: bytes, needed: Effort) -> T:
        if self.workshop is None or needed is Effort.SHORT:
            return work(content)
        return await self.workshop.do(work, content, needed)


def digest(content: bytes) -> bytes:
    """Return BLAKE2b-256."""
    return blake2b(content, digest_size=DIGEST_SIZE).digest()
