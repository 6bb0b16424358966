"""What the answers to a probe come to: one state or several, and the rules under which they are one.

What lives here: judging answers that are in hand. What must not: requests (`sampling`), and the words in which people
are told (`proposing`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import chain, product
from typing import Final

from proxy.core import coding, entity_tag, json_pointer, json_text
from proxy.core.canonical import Canonical, CanonicalJson
from proxy.core.differing import Place, Span, places, spans
from proxy.core.json_pointer import Json, cover, tokens
from proxy.core.json_pointer import parse as parse_pointers
from proxy.core.message import Response
from proxy.core.minting import Minter
from proxy.core.tag_rules import TagRules, UpstreamTag, kept_tag
from proxy.core.version import MemberVersion

Bursts = Sequence[Sequence[Response]]

DECISIVE: Final = ("Content-Type", "Content-Language", "Content-Encoding", "ETag")
"""The fields of an answer that a tag depends on."""


class Reading(Enum):
    """How the contents can be compared."""

    JSON = "json"
    BYTES = "bytes"
    """They are no JSON, and are not called so."""
    CODED = "coded"
    """They have a content coding, which hides what they are."""
    BROKEN = "broken"
    """They are called JSON and cannot be read as such: a duplicate name, NaN, or worse."""


class OwnTag(Enum):
    """What the origin server's own ETag does."""

    NONE = "none"
    MALFORMED = "malformed"
    SOMETIMES = "sometimes"
    """Some answers have one, others not."""
    STEADY = "steady"
    """It is the same in all answers, and so is the content."""
    FOLLOWS = "follows"
    """It changes when the content does."""
    OVERLOOKS = "overlooks"
    """It stays the same while the content changes."""
    RESTLESS = "restless"
    """It changes while the content stays the same."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What answers come to under the rules of their route.

    `tags` is how many tags they have; `kept`: they are the origin server's own. `places` are those that are not ignored
    already, `spans` the differences of what is no JSON. `fields` are decisive ones with several values. `cure` is what
    gives the answers one tag: the rules of the route if they do already, None if no rules do.
    """

    tags: int
    kept: bool
    same_bytes: bool
    reading: Reading
    places: tuple[Place, ...]
    spans: tuple[Span, ...]
    fields: tuple[tuple[str, tuple[str | None, ...]], ...]
    own: OwnTag
    cure: TagRules | None

    @property
    def stable(self) -> bool:
        """Tell whether all answers have one tag."""
        return self.tags == 1


def compare(bursts: Bursts, key: str, rules: TagRules, minter: Minter) -> Comparison:
    """Compare answers of the resource `key`, each a whole representation."""
    answers = tuple(chain.from_iterable(bursts))
    bursts = [[_inside(answer) for answer in burst] for burst in bursts]
    contents = [[answer.content for answer in burst] for burst in bursts]
    reading, documents = _read(bursts)
    differing = _not_ignored(places(documents), rules.canonical) if reading is Reading.JSON else ()

    def tags(tried: TagRules) -> set[str]:
        return {str(minter.mint(key, answer, tried).tag) for answer in answers}

    cures = _candidates(rules, differing, reading)
    return Comparison(
        tags=len(tags(rules)),
        kept=all(kept_tag(answer.fields, rules) is not None for answer in answers),
        same_bytes=len(set(chain.from_iterable(contents))) == 1,
        reading=reading,
        places=differing,
        spans=() if reading is Reading.JSON else spans(contents),
        fields=tuple(_several(answers)),
        own=_own_tag(tuple(chain.from_iterable(bursts))),
        cure=next((tried for tried in cures if len(tags(tried)) == 1), None),
    )


def idle(bursts: Bursts, rules: TagRules) -> list[str]:
    """Return the pointers in the rules that name nothing in any of the answers."""
    reading, documents = _read([[_inside(answer) for answer in burst] for burst in bursts])
    if reading is not Reading.JSON:
        return []
    written = list(rules.canonical.ignore) if isinstance(rules.canonical, CanonicalJson) else []
    if isinstance(rules.version, MemberVersion):
        written.append(rules.version.pointer)
    seen = list(chain.from_iterable(documents))
    return [each for each in written if not any(json_pointer.reaches(document, tokens(each)) for document in seen)]


def _read(bursts: Bursts) -> tuple[Reading, list[list[Json]]]:
    answers = tuple(chain.from_iterable(bursts))
    if any(coding.codings(answer.fields) for answer in answers):
        return Reading.CODED, []
    if not all(json_text.is_json(answer.fields.get("content-type") or "") for answer in answers):
        return Reading.BYTES, []
    try:
        return Reading.JSON, [[json_text.parse(answer.content) for answer in burst] for burst in bursts]
    except (ValueError, RecursionError):
        return Reading.BROKEN, []


def _inside(answer: Response) -> Response:
    """Return an answer without its coding, where that can be taken off: a tag is made of what is inside."""
    content = coding.decoded(answer.content, answer.fields)
    return answer if content is None else Response(answer.status, answer.fields.without(["content-encoding"]), content)


def _not_ignored(found: Iterable[Place], canonical: Canonical) -> tuple[Place, ...]:
    ignored = parse_pointers(canonical.ignore) if isinstance(canonical, CanonicalJson) else {}
    return tuple(place for place in found if not cover(ignored, place.tokens))


def _candidates(rules: TagRules, differing: Sequence[Place], reading: Reading) -> Iterator[TagRules]:
    """Yield rules to try, those that change least first."""
    canonicals = [rules.canonical]
    if reading is Reading.JSON:
        ignored = rules.canonical.ignore if isinstance(rules.canonical, CanonicalJson) else ()
        pointers = tuple(place.pointer for place in differing if place.nameable)
        canonicals += [CanonicalJson(ignored), CanonicalJson(ignored + pointers)]
    for version, upstream, canonical in product(
        dict.fromkeys((rules.version, None)), (rules.upstream, UpstreamTag.REPLACE), canonicals
    ):
        yield replace(rules, version=version, upstream=upstream, canonical=canonical)


def _several(answers: Sequence[Response]) -> Iterator[tuple[str, tuple[str | None, ...]]]:
    for name in DECISIVE:
        values = tuple(answer.fields.get(name) for answer in answers)
        if len(set(values)) > 1:
            yield name, values


def _own_tag(answers: Sequence[Response]) -> OwnTag:
    """Say what the origin server's own tags do, weak or not."""
    lines = [answer.fields.get_all("etag") for answer in answers]
    if not any(lines):
        return OwnTag.NONE
    if not all(lines):
        return OwnTag.SOMETIMES
    if not all(len(line) == 1 and _well_formed(line[0]) for line in lines):
        return OwnTag.MALFORMED
    return _followed([(answer.content, line[0]) for answer, line in zip(answers, lines, strict=True)])


def _well_formed(value: str) -> bool:
    try:
        entity_tag.parse(value)
    except ValueError:
        return False
    return True


def _followed(pairs: Sequence[tuple[bytes, str]]) -> OwnTag:
    contents, tags, both = ({pair[0] for pair in pairs}, {pair[1] for pair in pairs}, set(pairs))
    if len(both) > len(contents):
        return OwnTag.RESTLESS
    if len(both) > len(tags):
        return OwnTag.OVERLOOKS
    return OwnTag.FOLLOWS if len(tags) > 1 else OwnTag.STEADY
