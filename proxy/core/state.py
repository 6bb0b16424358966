"""All that a minted tag stands for: the parts of a state, in their order.

What lives here: which parts there are, with all of the content at hand and with none of it. What must not: the digest
of them, and the tag (`minting`); the form of content (`canonical`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from proxy.core import coding, media_type
from proxy.core.fields import Fields
from proxy.core.json_pointer import Json
from proxy.core.message import Response
from proxy.core.tag_rules import TagRules
from proxy.core.version import FieldVersion, MemberVersion


@dataclass(frozen=True, slots=True)
class Around:
    """The parts around the form of content, and what stands in that form before the content as sent."""

    before: tuple[bytes, ...]
    lead: bytes
    after: tuple[bytes, ...]

    def parts(self, content: bytes) -> Iterable[bytes]:
        """Return all parts, with all of the content."""
        return (*self.before, self.lead + content if self.lead else content, *self.after)


def parts(key: str, response: Response, rules: TagRules, writes: int | None, document: Json = None) -> Iterable[bytes]:
    """Return all of them, for a representation with its content."""
    described = _described(response)
    inside = coding.decoded(response.content, response.fields)
    plain = response if inside is None else replace(response, content=inside)
    # What is still coded is not the media type's own bytes (§8.4), so no rule of the media type applies to it.
    kind = "" if inside is None and described[-1] else response.fields.get("content-type") or ""
    version = None if rules.version is None else rules.version.of(plain, kind)
    form = rules.canonical.form(plain.content, kind, document) if version is None else version
    return (rules.canonical.fingerprint, key.encode(), form, *_behind(rules, version, described, writes))


def around(key: str, head: Response, rules: TagRules, writes: int | None) -> Around | None:
    """Return what stands around content that counts as it is sent; None where it has to be read, or may not count."""
    described = _described(head)
    kind = "" if described[-1] else head.fields.get("content-type") or ""
    lead = rules.canonical.lead(kind)
    if lead is None or coding.removable(head.fields) or isinstance(rules.version, MemberVersion):
        return None
    if told(head.fields, rules):
        return None
    return Around((rules.canonical.fingerprint, key.encode()), lead, _behind(rules, None, described, writes))


def told(fields: Fields, rules: TagRules) -> bool:
    """Tell whether a field of the head names the state, whatever the content."""
    return isinstance(rules.version, FieldVersion) and bool(fields.get(rules.version.name))


def _behind(
    rules: TagRules, version: bytes | None, described: Iterable[bytes], writes: int | None
) -> tuple[bytes, ...]:
    """Return what of a state stands behind the form."""
    by_version = () if rules.version is None else (rules.version.fingerprint, b"" if version is None else b"found")
    counted = () if writes is None else (str(writes).encode(),)
    return (*by_version, *described, *counted)


def _described(response: Response) -> tuple[bytes, bytes, bytes]:
    """Return what tells representations with the same content apart: media type, language and coding."""
    fields = response.fields
    return (
        media_type.normalised(fields.get("content-type") or "").encode(),
        b"" if "content-language" not in fields.by_name else ",".join(fields.elements("content-language")).encode(),
        coding.codings(fields).encode(),  # other codings need other strong tags: RFC 9110 §8.8.3.3
    )
