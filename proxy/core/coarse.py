"""How coarse a path segment is for locks and route literals: spellings that some origin server takes for one.

What lives here: the spellings that frameworks and databases do not tell apart. Too coarse only makes two writers wait
for each other; too fine lets them write one resource under two locks (invariant I5). What must not: a whole target, or
what is refused of it (`proxy.core.target`).
"""

import re
from decimal import Decimal
from functools import lru_cache
from unicodedata import combining, decimal, normalize
from urllib.parse import unquote_to_bytes

FORMATS = frozenset(
    {"api", "atom", "csv", "geojson", "htm", "html", "json", "jsonld", "msgpack", "rss", "txt", "xhtml", "xml"}
    | {"yaml", "yml"}
)
"""Suffixes by which frameworks let a client choose a format of one resource."""

COARSE = re.compile(r"[a-z]+|[1-9][0-9]*|0")  # what needs none of what follows
COARSE_NAME = re.compile(r"[0-9]*[a-z][0-9a-z]*|[1-9][0-9]*|0")  # nor does this, but locks take 1e2 for a number
_NUMBER = re.compile(r"([+-]?)(\d+)(?:\.0*)?")  # one way to match: a second place for zeros would take quadratic time
_NUMBER_AND_WORDS = re.compile(r"(\d+)[^0-9a-z]")
# A number with an exponent; zeros before that are skipped, and a longer one is that of no key.
_EXPONENT = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+)e[+-]?)0*(\d{1,3})")
_TILDE = re.compile(r"~([2-7][0-9a-f])")
_DATE = re.compile(r"\d{4}-\d{2}(?:-|\Z)")
_UUID = re.compile(r"[0-9a-f]{32}")


@lru_cache(maxsize=256)  # asked once for the route and once for the lock; most segments of a path are those of many
def coarse_segment(segment: str) -> str:
    """Return a raw path segment as writers' locks and route literals compare it.

    Decoded (twice: harmless where the target was accepted), without ";" parameters, case, accents and outer white
    space, in Unicode's compatibility form, without a suffix that names a format, and as one spelling of a number or
    of a UUID. Never empty for a segment that is not.
    """
    if COARSE_NAME.fullmatch(segment):
        return segment
    decoded = unquote_to_bytes(unquote_to_bytes(segment.encode("latin-1")))
    # A name that a second decoding spoils is no UTF-8 any more; all such share the replacement character.
    name = decoded.decode("utf-8", "replace").partition(";")[0]
    return _one_identifier(_without_formats(_folded(name)))


def lock_segment(coarse: str) -> str:
    """Return a coarse segment as locks compare it: of a number and words only the number, but a date as a whole.

    Rails reads `7-title` as 7, by design; Datasette reads `~37` as 7 and `+` as a space; SQLite finds 7 under `7e0`. A
    route literal is not that coarse: "7-title" may be the name of another.
    """
    if COARSE.fullmatch(coarse):
        return coarse
    plain = _plain(coarse) if "~" in coarse or "+" in coarse else coarse
    exponent = _EXPONENT.fullmatch(coarse) or _EXPONENT.fullmatch(plain)
    if exponent is not None:
        return _whole(Decimal(exponent[1] + exponent[2])) or plain
    number = _NUMBER_AND_WORDS.match(plain)
    return plain if number is None or _DATE.match(plain) else number[1]


def _plain(name: str) -> str:
    """Return a coarse segment without the escapes that applications put inside what HTTP calls a segment."""
    unescaped = _TILDE.sub(lambda found: chr(int(found[1], 16)), name).replace("+", " ")
    return _one_identifier(_without_formats(_folded(unescaped)))


def _whole(number: Decimal) -> str | None:
    """Return the digits of a whole number, None for any other."""
    return None if number != number.to_integral_value() else f"{number:f}".partition(".")[0].removeprefix("-0") or "0"


def _folded(name: str) -> str:
    """Return a name as case-insensitive, accent-insensitive collations compare it; the name itself if nothing is left.

    Unicode D146, compatibility caseless matching: folding may bring forth what decomposes again.
    """
    folded = normalize("NFKD", normalize("NFKD", name.casefold()).casefold())
    bare = "".join(character for character in folded if not combining(character)).strip()
    return normalize("NFKC", bare) or name


def _without_formats(name: str) -> str:
    """Cut off suffixes that name a format, as long as something is left."""
    stem, _, suffix = name.rpartition(".")
    while stem and suffix in FORMATS:
        name = stem
        stem, _, suffix = name.rpartition(".")
    return name


def _one_identifier(name: str) -> str:
    """Return the one spelling of a number or of a UUID, which parsers read in many; any other name as it is.

    Python's `int` takes "01", "+1", "1_0" and the digits of any script, and a lenient schema "1.0"; its `UUID` takes
    hyphens anywhere, braces and a URN.
    """
    number = _NUMBER.fullmatch("".join(map(_digit, name.replace("_", ""))))
    if number is not None:
        digits = number[2].lstrip("0")
        return f"{number[1].replace('+', '')}{digits}" if digits else "0"
    bare = name.removeprefix("urn:uuid:").strip("{}").replace("-", "")
    return bare if _UUID.fullmatch(bare) else name


def _digit(character: str) -> str:
    """Return a decimal digit of any script in ASCII, any other character as it is."""
    return str(decimal(character, character))
