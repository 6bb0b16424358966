"""Received content that is forwarded otherwise than it came.

What lives here: reading it, and content that is held in memory. What must not: what is changed (`core.uninjecting`).
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from proxy.core import uninjecting
from proxy.core.matching import Match
from proxy.core.message import Request
from proxy.gateway.crafting import Craft, digest
from proxy.ports import ReceivedContent


@dataclass(frozen=True, slots=True)
class Rewritten:
    """Content in memory (`ports.ReceivedContent`)."""

    content: bytes

    @property
    def length(self) -> int:
        """Bytes."""
        return len(self.content)

    @property
    def held(self) -> bytes:
        """The bytes."""
        return self.content

    @property
    def digest(self) -> bytes:
        """BLAKE2b-256 of the bytes."""
        return digest(self.content)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.content


async def forwarded(
    request: Request, content: ReceivedContent, match: Match | None, craft: Craft
) -> tuple[Request, ReceivedContent]:
    """Return a request and its content as they are forwarded, where its route drops tags that are sent back.

    Content that is larger than what a tag is minted from is forwarded as it came. Raised: what `content` raises.
    """
    rules = None if match is None or not uninjecting.concerns(request, match) else uninjecting.rules_for(match)
    if match is None or rules is None or content.length > match.route.limits.mint:
        return request, content
    received = b"".join([piece async for piece in content])
    kept = await craft.without_tags(request.fields, rules, received)
    return (request, content) if kept is None else (uninjecting.changed(request), Rewritten(kept))
