"""What an answer to a selection shows: read whole, or hashed as it arrives where nobody will look at its content.

What lives here: which of the two, and the second. A state as large as the route mints from is then compared in the
memory of a piece. What must not: how a tag is made (`core.minting`), what is done with what was shown.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from hashlib import blake2b
from typing import Final

from proxy.core import injection
from proxy.core.effort import LARGE, Effort
from proxy.core.fields import Fields
from proxy.core.matching import Match
from proxy.core.message import Response
from proxy.core.minting import Begun, Minter, Validator
from proxy.core.representation import Representation, Selected, classify, comparable
from proxy.ports import DIGEST_SIZE, Reply, Workshop

PART: Final = 1024 * 1024
"""Bytes of content that are hashed in one go."""

_LONGEST_NUMBER: Final = 18  # digits


class Needs(Enum):
    """What a selection is made for."""

    CONTENT = "content"
    DIGEST = "digest"
    """Its tag, and whether its content is what was sent."""
    TAG = "tag"


@dataclass(frozen=True, slots=True)
class Shown:
    """What was shown. `rest` is content that was not read.

    `validator` is set where content was hashed and not kept; then `selected` has none, and `digest` is BLAKE2b-256 of
    it, where that was asked for.
    """

    selected: Selected
    rest: Reply | None = None
    validator: Validator | None = None
    digest: bytes | None = None


async def shown(  # noqa: PLR0913, PLR0917 - each decides what has to be kept
    reply: Reply, match: Match, needs: Needs, writes: int | None, minter: Minter, workshop: Workshop | None
) -> Shown:
    """Read the content where the head promises a representation; close the reply where all of it was read."""
    head = Response(reply.status, reply.fields)
    if not comparable(reply.status, reply.fields):
        return Shown(classify(head, whole=False), reply)
    begun = None if needs is Needs.CONTENT else _begun(head, match, writes, minter)
    if begun is not None:
        skimming = Skimming(workshop, begun, blake2b(digest_size=DIGEST_SIZE) if needs is Needs.DIGEST else None)
        await reply.skim(skimming.take)
        await reply.aclose()
        return Shown(Representation(head), None, await skimming.validator(), skimming.digest)
    content = await reply.read(match.reading.limits.mint)
    if content is None:
        return Shown(classify(head, whole=False), reply)
    await reply.aclose()
    return Shown(classify(Response(reply.status, reply.fields, content), whole=True))


def _begun(head: Response, match: Match, writes: int | None, minter: Minter) -> Begun | None:
    """Begin a tag of content that need not be kept; None where it does, or is soon read."""
    by, length = match.reading, announced(head.fields)
    if length is None or not LARGE <= length <= by.limits.mint:
        return None
    if by.inject is not None and injection.readable(head.fields):
        return None
    return minter.begin(match.tag_key, head, length, by.rules, writes)


def announced(fields: Fields) -> int | None:
    """Return how long content is, in bytes, where its head says so."""
    said = fields.get_all("content-length")
    known = len(said) == 1 and said[0].isdecimal() and len(said[0]) <= _LONGEST_NUMBER
    return int(said[0]) if known else None


@dataclass(slots=True)
class Skimming:
    """Content passing by: at most `PART` bytes and a piece of it are held. `whole` is the second digest, if any."""

    workshop: Workshop | None
    begun: Begun
    whole: blake2b | None
    _held: list[bytes] = field(default_factory=list)
    _size: int = 0

    async def take(self, piece: bytes) -> None:
        """Take the next piece."""
        self._held.append(piece)
        self._size += len(piece)
        if self._size >= PART:
            await self._hash()

    async def validator(self) -> Validator:
        """Return the validator of all that was taken; no more is."""
        await self._hash()
        return self.begun.end()

    @property
    def digest(self) -> bytes | None:
        """The second digest of all that was taken, once the validator is there."""
        return None if self.whole is None else self.whole.digest()

    async def _hash(self) -> None:
        content = b"".join(self._held)
        self._held.clear()
        self._size = 0
        updates = [self.begun.update] if self.whole is None else [self.begun.update, self.whole.update]
        if self.workshop is None or len(content) < LARGE:
            _updated(updates, content)
        else:
            await self.workshop.do(partial(_updated, updates), content, Effort.COMPILED)


def _updated(updates: list[Callable[[bytes], object]], content: bytes) -> None:
    for update in updates:
        update(content)
