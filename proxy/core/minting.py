"""From a representation to its validator: the origin server's own entity tag where the rules keep it, else our own.

What lives here: which tag speaks for a 200 answer to GET, and the digest it is made of. What must not: how two tags are
compared (`entity_tag`), which bytes of the content count (`canonical`), and whether an answer may be minted from at
all; the caller has checked that it is complete and 200.
"""

import json
import re
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from hashlib import blake2b
from typing import Final

from proxy.core import entity_tag, http_date
from proxy.core.canonical import AsSent, Canonical
from proxy.core.entity_tag import EntityTag
from proxy.core.fields import Fields
from proxy.core.message import Response

PUBLIC_SECRET: Final = "ifmatch public tag key"  # noqa: S105 - the key of those who set none, known to everyone
"""Stands in for an empty secret: whoever knows a content can then compute its tag, and the reverse by guessing."""

_DIGEST_SIZE: Final = 16
_MARK_SIZE: Final = 4
_KEY_SIZE: Final = 64
_PERSON_KEY: Final = b"ifmatch key 1"
_PERSON_TAG: Final = b"ifmatch tag 2"
_PERSON_MARK: Final = b"ifmatch mark 1"

# parameter = ";" OWS [ token "=" ( token / quoted-string ) ] OWS, RFC 9110 §5.6.6, and a little more
_PARAMETER: Final = re.compile(
    r""";[ \t]*(?:(?P<name>[^\s;="]+)=(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<token>[^\s;"]*)))?[ \t]*""", re.DOTALL
)
_QUOTED_PAIR: Final = re.compile(r"\\(.)", re.DOTALL)


class UpstreamTag(Enum):
    """What becomes of an entity tag that the origin server sends."""

    AUTO = "auto"
    """A well-formed strong tag is kept and enforced; a weak or malformed one is replaced by a minted one."""
    KEEP = "keep"
    """Any well-formed tag is kept. A weak one never satisfies If-Match (RFC 9110 §13.1.1)."""
    REPLACE = "replace"
    """None is kept."""


class Provenance(Enum):
    """Where an entity tag comes from, as far as the tag itself shows."""

    RESOURCE = "resource"
    """Minted with this secret for this resource."""
    ELSEWHERE = "elsewhere"
    """Minted with this secret for another resource."""
    UNKNOWN = "unknown"
    """Not minted with this secret."""


@dataclass(frozen=True, slots=True)
class TagRules:
    """How the tags of a route come about."""

    canonical: Canonical = field(default_factory=AsSent)
    upstream: UpstreamTag = UpstreamTag.AUTO


@dataclass(frozen=True, slots=True)
class Validator:
    """What names the state of a representation (RFC 9110 §8.8).

    `modified` is the Last-Modified time in seconds since the epoch, None when absent or invalid. `minted` tells our tag
    from the origin server's.
    """

    tag: EntityTag
    modified: int | None
    minted: bool


class Minter:
    """Mints tags with one secret. Replicas that share it mint the same tag for the same content.

    A tag is a digest of the state and two marks of 4 bytes that prove, without any memory, that this secret made it,
    and that it did so for this resource. They explain a refusal; no decision rests on them.
    """

    __slots__ = ("_key",)

    def __init__(self, secret: str) -> None:
        # A key of BLAKE2b holds at most 64 bytes; hashing first lets a secret have any length.
        spelled = (secret or PUBLIC_SECRET).encode("utf-8", "surrogatepass")
        self._key = blake2b(spelled, digest_size=_KEY_SIZE, person=_PERSON_KEY).digest()

    def mint(self, key: str, response: Response, rules: TagRules) -> Validator:
        """Return the validator of a complete 200 answer to GET for the resource `key`."""
        modified = http_date.parse(response.fields.get("last-modified") or "")
        kept = kept_tag(response.fields, rules.upstream)
        if kept is not None:
            return Validator(kept, modified, minted=False)
        return Validator(self._minted(key, response, rules.canonical), modified, minted=True)

    def provenance(self, key: str, tag: EntityTag) -> Provenance:
        """Say whether a tag was minted here, and for the resource `key`; by chance one in 2**32 others looks so."""
        try:
            spelled = b64decode(tag.opaque, b"-_", validate=True)
        except ValueError:
            return Provenance.UNKNOWN
        digest, marks = spelled[:_DIGEST_SIZE], spelled[_DIGEST_SIZE:]
        if not marks or marks[:_MARK_SIZE] != self._mark(digest, b""):
            return Provenance.UNKNOWN
        return Provenance.RESOURCE if marks == self._marks(digest, key) else Provenance.ELSEWHERE

    def derived(self, purpose: bytes) -> bytes:
        """Return a key for something else that replicas must share: 32 bytes that tell nothing of the secret."""
        return blake2b(purpose, digest_size=32, key=self._key, person=b"ifmatch derived").digest()

    def _marks(self, digest: bytes, key: str) -> bytes:
        return self._mark(digest, b"") + self._mark(digest, key.encode())

    def _mark(self, digest: bytes, key: bytes) -> bytes:
        return blake2b(digest + key, digest_size=_MARK_SIZE, key=self._key, person=_PERSON_MARK).digest()

    def _minted(self, key: str, response: Response, canonical: Canonical) -> EntityTag:
        media_type = response.fields.get("content-type") or ""
        coding = _content_coding(response.fields)
        # Coded content is not the media type's own bytes (§8.4), so no rule of the media type applies to it.
        form = canonical.form(response.content, "" if coding else media_type)
        parts = (
            canonical.fingerprint,
            key.encode(),
            form,
            _normalised_media_type(media_type).encode(),
            _normalised_list(response.fields.get("content-language")).encode(),
            coding.encode(),  # different codings need different strong tags: RFC 9110 §8.8.3.3
        )
        digest = self._digest(parts)
        return EntityTag(urlsafe_b64encode(digest + self._marks(digest, key)).decode())

    def _digest(self, parts: Iterable[bytes]) -> bytes:
        digest = blake2b(digest_size=_DIGEST_SIZE, key=self._key, person=_PERSON_TAG)
        for part in parts:
            digest.update(len(part).to_bytes(8, "big"))  # without lengths, "ab" + "c" would equal "a" + "bc"
            digest.update(part)
        return digest.digest()


def kept_tag(fields: Fields, policy: UpstreamTag) -> EntityTag | None:
    """Return the origin server's own tag where the policy keeps it; repeated ETag lines name none."""
    lines = fields.get_all("etag")
    if policy is UpstreamTag.REPLACE or len(lines) != 1:
        return None
    try:
        tag = entity_tag.parse(lines[0])
    except ValueError:
        return None
    return None if tag.weak and policy is UpstreamTag.AUTO else tag


def _content_coding(fields: Fields) -> str:
    """Return the content codings in lower case, empty when there are none; `identity` is none (RFC 9110 §8.4.1)."""
    codings = _normalised_list(fields.get("content-encoding")).split(",")
    return ",".join(coding for coding in codings if coding != "identity")


def _normalised_list(value: str | None) -> str:
    """Return a comma-separated list in lower case, without optional white space and empty elements (§5.6.1)."""
    elements = (element.strip(" \t").lower() for element in (value or "").split(","))
    return ",".join(element for element in elements if element)


def _normalised_media_type(value: str) -> str:
    """Return a media type such that equivalent spellings are equal (RFC 9110 §8.3.1), as sent where it is malformed.

    Type, subtype, parameter names and `charset` ignore case; quoting, white space and the order of parameters do not
    count.
    """
    essence, semicolon, rest = value.partition(";")
    written, position = semicolon + rest, 0
    parameters: list[str] = []
    while position < len(written):
        found = _PARAMETER.match(written, position)
        if found is None:
            return value
        parameters.append(_normalised_parameter(found))
        position = found.end()
    return ";".join([essence.strip(" \t").lower(), *sorted(filter(None, parameters))])


def _normalised_parameter(found: re.Match[str]) -> str:
    """Return a parameter with its value quoted, so that a ";" in it does not look like the next; empty for none."""
    if found["name"] is None:
        return ""
    name = found["name"].lower()
    value = found["token"] if found["quoted"] is None else _QUOTED_PAIR.sub(r"\1", found["quoted"])
    return f"{name}={json.dumps(value.lower() if name == 'charset' else value)}"
