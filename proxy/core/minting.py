"""From a representation to its validator: the origin server's own entity tag where the rules keep it, else our own.

What lives here: which tag speaks for a 200 answer to GET, and the digest it is made of. What must not: how two tags are
compared (`entity_tag`), which bytes of the content count (`canonical`), and whether an answer may be minted from at
all; the caller has checked that it is complete and 200.
"""

from base64 import urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from hashlib import blake2b
from typing import Final

from proxy.core import http_date, state, tag_text, variant
from proxy.core.entity_tag import EntityTag
from proxy.core.fields import Fields
from proxy.core.hashing import Pause, feed, feed_parts, go_on
from proxy.core.json_pointer import Json
from proxy.core.latest import Latest, told
from proxy.core.message import Response
from proxy.core.state import Around
from proxy.core.tag_rules import TagRules, kept_tag
from proxy.core.tag_text import DIGEST_SIZE, MARK_SIZE, VIEW, decoded
from proxy.core.variant import Variant

PUBLIC_SECRET: Final = "ifmatch public tag key"  # noqa: S105 - the key of those who set none, known to everyone
"""Stands in for an empty secret: whoever knows a content can then compute its tag, and the reverse by guessing."""

REMEMBERED: Final = 1024
"""States whose validators are known again, by a digest of their content."""

_SHOWN: Final = 27
"""Characters of a view's digest and its mark behind the tag of the whole."""
_KEY_SIZE: Final = 64
_PERSON_KEY: Final = b"ifmatch key 1"
_PERSON_TAG: Final = b"ifmatch tag 2"
_PERSON_MARK: Final = b"ifmatch mark 1"


class Provenance(Enum):
    """Where an entity tag comes from, as far as the tag itself shows."""

    RESOURCE = "resource"
    """Minted with this secret for this resource."""
    ELSEWHERE = "elsewhere"
    """Minted with this secret for another resource."""
    UNKNOWN = "unknown"
    """Not minted with this secret."""


@dataclass(frozen=True, slots=True)
class Validator:
    """What names the state of a representation (RFC 9110 §8.8).

    `modified` is the Last-Modified time in seconds since the epoch, None when absent or invalid. `minted` tells our tag
    from the origin server's.
    """

    tag: EntityTag
    modified: int | None
    minted: bool


@dataclass(frozen=True, slots=True)
class Begun:
    """A validator in the making. `update` takes the content, in pieces of any size; `end` is called once, after all."""

    update: Callable[[bytes], object]
    end: Callable[[], Validator]


class Minter:
    """Mints tags with one secret. Replicas that share it mint the same tag for the same content.

    A tag is a digest of the state and two marks of 4 bytes that prove, without any memory, that this secret made it,
    and that it did so for this resource; behind a dot, the variant where there are others. The marks explain a refusal,
    and let nobody but us name a variant; no permit rests on them. A view's tag has a third, without which it does not
    stand for the whole. Between pieces of long content it calls `pause`; not where another process mints with it.
    """

    __slots__ = ("_digesting", "_key", "_latest", "_marking", "_pause", "_seen")

    def __init__(self, secret: str, pause: Pause = go_on) -> None:
        # A key of BLAKE2b holds at most 64 bytes; hashing first lets a secret have any length.
        spelled = (secret or PUBLIC_SECRET).encode("utf-8", "surrogatepass")
        self._begin(blake2b(spelled, digest_size=_KEY_SIZE, person=_PERSON_KEY).digest(), pause)

    def _begin(self, key: bytes, pause: Pause) -> None:
        self._key = key
        self._pause = pause
        self._digesting = blake2b(digest_size=DIGEST_SIZE, key=self._key, person=_PERSON_TAG)
        self._marking = blake2b(digest_size=MARK_SIZE, key=self._key, person=_PERSON_MARK)
        self._seen: OrderedDict[object, Validator] = OrderedDict()
        self._latest: Latest[Validator] = Latest()

    def __reduce__(self) -> tuple[Callable[[bytes], "Minter"], tuple[bytes]]:
        """Let another process of ours mint the same tags: a digest that was begun cannot be sent there, its key can."""
        return _of_key, (self._key,)

    def mint(
        self, key: str, response: Response, rules: TagRules, writes: int | None = None, *, document: Json = None
    ) -> Validator:
        """Return the validator of a complete 200 answer to GET for the resource `key`.

        `writes` is the number of its last write, where `rules.aba` counts them. `document` is its content as
        `json_text.parse` has it, where that was done before.
        """
        modified = _modified(response.fields)
        kept = kept_tag(response.fields, rules)
        if kept is not None:
            return Validator(kept, modified, minted=False)
        if writes is not None or document is not None or rules.version is not None:
            return self._minted(self._digest(state.parts(key, response, rules, writes, document)), key, response.fields)
        known = self._latest.of(key, response, rules.fingerprint)
        if known is None:
            around = state.around(key, response, rules, None)
            known = self._read(key, response, rules) if around is None else self._hashed(key, response, around)
            self._latest.keep(key, response, rules.fingerprint, known)
        return known

    def _hashed(self, key: str, response: Response, around: Around) -> Validator:
        """Return the validator of content that counts as it was sent: to know it again would take as long."""
        return self._minted(self._digest(around.parts(response.content)), key, response.fields)

    def _read(self, key: str, response: Response, rules: TagRules) -> Validator:
        """Return the validator of content that has to be read, though not twice: a writer's state was just read."""
        sum_ = self._digesting.copy()
        feed(sum_, response.content, self._pause)
        seen = (key, rules.fingerprint, sum_.digest(), *told(response.fields))
        known = self._seen.get(seen)
        if known is None:
            digest = self._digest(state.parts(key, response, rules, None))
            known = self._seen[seen] = self._minted(digest, key, response.fields)
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)  # in one step: threads of the workshop are here, too
        return known

    def begin(self, key: str, head: Response, length: int, rules: TagRules, writes: int | None = None) -> Begun | None:
        """Begin to do as `mint` does with a head and the `length` bytes of content that are to come, to keep none.

        None where a tag can be made only of all the content at once.
        """
        if kept_tag(head.fields, rules) is not None or state.told(head.fields, rules):
            return Begun(len, partial(self.mint, key, head, rules, writes))
        around = state.around(key, head, rules, writes)
        if around is None:
            return None
        digest = self._digesting.copy()
        feed_parts(digest, around.before, self._pause)
        digest.update((len(around.lead) + length).to_bytes(8, "big"))
        digest.update(around.lead)
        return Begun(
            partial(feed, digest, pause=self._pause), partial(self._ended, digest, around.after, key, head.fields)
        )

    def view(self, whole: Validator, response: Response, rules: TagRules) -> Validator:
        """Return the validator of a view of a resource: its tag begins as that of the whole, whose state it names."""
        modified = _modified(response.fields)
        digest = self._digest(state.parts(VIEW, response, rules, None))
        shown = urlsafe_b64encode(digest + self._view_mark(digest, whole.tag)).decode().rstrip("=")
        return Validator(EntityTag(f"{whole.tag.opaque}{VIEW}{shown}", whole.tag.weak), modified, minted=True)

    def of_whole(self, tag: EntityTag) -> EntityTag | None:
        """Return the tag of the whole resource that the tag of a view begins with; None for a tag of no view.

        A tag of the origin server's may hold anything, so the view is marked as ours.
        """
        opaque, _, shown = tag.opaque.rpartition(VIEW)
        read = decoded(f"{shown}=") if len(shown) == _SHOWN else None
        whole = EntityTag(opaque, tag.weak)
        if read is None or read[DIGEST_SIZE:] != self._view_mark(read[:DIGEST_SIZE], whole):
            return None
        return whole

    def is_ours(self, tag: EntityTag) -> bool:
        """Tell whether a tag was made here; by chance one in 2**32 others looks so."""
        return self.provenance("", tag) is not Provenance.UNKNOWN or self.of_whole(tag) is not None

    def provenance(self, key: str, tag: EntityTag) -> Provenance:
        """Say whether a tag was minted here, and for the resource `key`; by chance one in 2**32 others looks so."""
        read = tag_text.read(tag)
        if read is None or read.general != self._mark(read.marked, b""):
            return Provenance.UNKNOWN
        own = read.particular == self._mark(read.marked, key.encode())
        return Provenance.RESOURCE if own else Provenance.ELSEWHERE

    def variant(self, key: str, tag: EntityTag) -> Variant | None:
        """Return the variant of the resource `key` that a tag names; None where it names none, or is none of ours."""
        read = tag_text.read(tag)
        if read is None or not read.variant or self.provenance(key, tag) is not Provenance.RESOURCE:
            return None
        return variant.parse(read.variant)

    def derived(self, purpose: bytes) -> bytes:
        """Return a key for something else that replicas must share: 32 bytes that tell nothing of the secret."""
        return blake2b(purpose, digest_size=32, key=self._key, person=b"ifmatch derived").digest()

    def _ended(self, digest: blake2b, after: Iterable[bytes], key: str, fields: Fields) -> Validator:
        feed_parts(digest, after, self._pause)
        return self._minted(digest.digest(), key, fields)

    def _minted(self, digest: bytes, key: str, fields: Fields) -> Validator:
        modified, chosen = _modified(fields), variant.of(fields)
        return Validator(self._tag(digest, key, "" if chosen is None else str(chosen)), modified, minted=True)

    def _tag(self, digest: bytes, key: str, named: str) -> EntityTag:
        marked = digest + named.encode()
        return tag_text.spelled(digest, self._mark(marked, b""), self._mark(marked, key.encode()), named)

    def _mark(self, marked: bytes, key: bytes) -> bytes:
        mark = self._marking.copy()
        mark.update(marked + key)
        return mark.digest()

    def _view_mark(self, digest: bytes, whole: EntityTag) -> bytes:
        return self._mark(VIEW.encode() + digest, whole.opaque.encode())

    def _digest(self, parts: Iterable[bytes]) -> bytes:
        digest = self._digesting.copy()
        feed_parts(digest, parts, self._pause)
        return digest.digest()


def _of_key(key: bytes) -> Minter:
    minter = Minter.__new__(Minter)
    minter._begin(key, go_on)  # noqa: SLF001 - the other half of the constructor
    return minter


def _modified(fields: Fields) -> int | None:
    """Return the time of Last-Modified, None where it is absent or invalid."""
    return http_date.parse(fields.get("last-modified") or "") if "last-modified" in fields.by_name else None
