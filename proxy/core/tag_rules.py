"""How the entity tags of a route come about, as its operator has decided.

What lives here: the rules as values, and what they make of the origin server's own tag. What must not: how a tag is
made of a representation (`minting`).
"""

from dataclasses import dataclass, field
from enum import Enum

from proxy.core import entity_tag
from proxy.core.canonical import AsSent, Canonical
from proxy.core.entity_tag import EntityTag
from proxy.core.fields import Fields
from proxy.core.version import Version


class UpstreamTag(Enum):
    """What becomes of an entity tag that the origin server sends."""

    AUTO = "auto"
    """A well-formed strong tag is kept and enforced; a weak or malformed one is replaced by a minted one."""
    KEEP = "keep"
    """Any well-formed tag is kept. A weak one never satisfies If-Match (RFC 9110 §13.1.1)."""
    REPLACE = "replace"
    """None is kept."""


class Aba(Enum):
    """What a tag says of content that has returned to what it was."""

    ALLOW = "allow"
    """The tag returns too."""
    DETECT = "detect"
    """The number of the last write is part of the tag."""


@dataclass(frozen=True, slots=True)
class TagRules:
    """How the tags of a route come about. `version` None: from the content, in the form that `canonical` gives it."""

    canonical: Canonical = field(default_factory=AsSent)
    upstream: UpstreamTag = UpstreamTag.AUTO
    version: Version | None = None
    aba: Aba = Aba.ALLOW
    fingerprint: bytes = field(init=False, repr=False, compare=False)
    """Names these rules; rules that could give another tag have another fingerprint."""

    def __post_init__(self) -> None:
        version = b"" if self.version is None else self.version.fingerprint
        made = (self.upstream.value.encode(), self.aba.value.encode(), version, self.canonical.fingerprint)
        object.__setattr__(self, "fingerprint", b"\n".join(made))

    @property
    def keeps(self) -> UpstreamTag:
        """What becomes of the origin server's tags: who names another source, or counts writes, wants none of them."""
        own = self.version is None and self.aba is Aba.ALLOW
        return self.upstream if own else UpstreamTag.REPLACE

    @property
    def exact(self) -> bool:
        """Tell whether equal tags mean equal bytes, so that byte ranges may be served (RFC 9110 §8.8.1)."""
        return self.canonical.exact and self.version is None


def kept_tag(fields: Fields, rules: TagRules) -> EntityTag | None:
    """Return the origin server's own tag where the rules keep it; repeated ETag lines name none."""
    lines = fields.by_name.get("etag", ())
    policy = rules.keeps if lines else UpstreamTag.REPLACE
    if policy is UpstreamTag.REPLACE or len(lines) != 1:
        return None
    try:
        tag = entity_tag.parse(lines[0])
    except ValueError:
        return None
    return None if tag.weak and policy is UpstreamTag.AUTO else tag
