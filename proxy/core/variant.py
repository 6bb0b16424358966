"""Variants: which of several representations of a resource an entity tag names (RFC 9110 §12, §8.8.3.3).

What lives here: what an answer shows about the choice that was made, and its spelling inside a tag, so that the same
representation can be selected again for a writer who accepts something else, without any memory. What must not: tags
and digests (`minting`), and the requests that ask for a variant (`selecting`).
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from proxy.core import media_type
from proxy.core.fields import Fields

LONGEST: Final = 200
"""Characters that a variant may take in a tag. A longer one is not named: the writer's own fields select then."""

# All but "@", which divides, and what a tag or a list of tags may not hold; "?" is for views.
_PLAIN: Final = "/;=!#$&'*+-.^_`|~:()"
_LANGUAGE: Final = re.compile(r"[A-Za-z0-9]{1,8}(?:-[A-Za-z0-9]{1,8})*")


@dataclass(frozen=True, slots=True)
class Variant:
    """What was chosen, as Accept and Accept-Language ask for it; None for what was no choice, or cannot be told."""

    media_type: str | None = None
    language: str | None = None

    def __str__(self) -> str:
        written = quote(self.media_type or "", safe=_PLAIN)
        return written if self.language is None else f"{written}@{self.language}"

    def asked_in(self, fields: Fields) -> Fields:
        """Return the fields of a request with those replaced that select this variant."""
        if self.media_type is not None:
            fields = fields.replacing("Accept", self.media_type)
        return fields if self.language is None else fields.replacing("Accept-Language", self.language)


def of(fields: Fields) -> Variant | None:
    """Return the variant that an answer is, as far as its Vary says that there are others; None where there are none.

    `Vary: *`, and fields other than Accept and Accept-Language, choose by what a tag cannot repeat.
    """
    if "vary" not in fields.by_name:
        return None
    varying = fields.elements("vary")
    chosen = Variant(
        media_type.acceptable(fields.get("content-type") or "") if "accept" in varying else None,
        _language(fields) if "accept-language" in varying else None,
    )
    return None if chosen == Variant() or len(str(chosen)) > LONGEST else chosen


def parse(text: str) -> Variant | None:
    """Read what `str` wrote; None where it is nothing of that kind."""
    written, at, language = text.partition("@")
    accepted = media_type.acceptable(unquote(written, "latin-1")) if written else None
    if not text or (at and _LANGUAGE.fullmatch(language) is None):
        return None
    variant = Variant(accepted, language if at else None)
    return variant if str(variant) == text else None


def _language(fields: Fields) -> str | None:
    """Return the language of an answer in one language."""
    value = (fields.get("content-language") or "").strip(" \t").lower()
    return value if _LANGUAGE.fullmatch(value) else None
