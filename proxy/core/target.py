"""The request target: what is refused, what is forwarded, and the keys that name its resource (DESIGN I5).

What lives here: the one place where the text of a target is judged or normalised. The lock key and the forwarded
bytes come from the same `Target`, so no spelling can be locked as one resource and reach the origin server as
another. What could be read in two ways is refused; of what remains, `key` is as fine as RFC 3986 allows and
`lock_key` is coarser than any origin server we know of (`proxy.core.coarse`). Nothing here knows a route or a method.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from unicodedata import combining
from urllib.parse import unquote_to_bytes

from proxy.core.address import parse_authority
from proxy.core.coarse import coarse_segment, lock_segment
from proxy.errors import MalformedTarget, Misdirected

_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")

Refusals = Iterable[tuple[re.Pattern[str], str]]

_ANYWHERE: Refusals = (
    (re.compile(r"#"), "The request target has a fragment."),
    (re.compile(r"[\x00-\x1f\x7f]"), "The request target has a control byte."),
    (re.compile(r" "), "The request target has a space."),
)
_IN_PATH: Refusals = (
    # Resolved against a base, "//x/y" has the authority "x" and the path "/y" (RFC 3986 §4.2).
    (re.compile(r"\A//"), "The request target begins with two slashes."),
    (re.compile(r"%(?![0-9A-Fa-f]{2})"), "The request target has a percent sign without two hexadecimal digits."),
    (re.compile(r"%(?:[01][0-9a-f]|7f)", re.IGNORECASE), "The request target has an encoded control byte."),
    (re.compile(r"%2f", re.IGNORECASE), "The request target has an encoded slash."),
    (re.compile(r"\\|%5c", re.IGNORECASE), "The request target has a backslash."),
)
_IN_QUERY: Refusals = ((re.compile(r"%00"), "The request target has an encoded NUL."),)
_IN_DECODED_PATH: Refusals = (
    # What follows is searched in the path decoded once, so that it finds any mix of spellings. "..;" counts: servers
    # that cut parameters off before they resolve dot segments climb on it.
    (re.compile(r"/(?:\.|%2e){1,2}(?:/|;|%3b|\Z)", re.IGNORECASE), "The request target has a dot segment."),
    # "/a/;x/b" is "/a/b" to a server that cuts parameters off, and another resource to one that does not.
    (re.compile(r"/(?:;|%3b)", re.IGNORECASE), "The request target has a path segment of parameters alone."),
    # What a second decoding would turn into "/", "\", "%", "?", "#" or a control byte.
    (
        re.compile(r"%(?:2[35f]|3f|5c|[01][0-9a-f]|7f)", re.IGNORECASE),
        "The request target is encoded twice and decodes to another path.",
    ),
)

_ABSOLUTE = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?]*)(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
# A path with nothing to ask about: no triplet, no empty segment, none that begins with a dot or has parameters.
PLAIN = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+/?")
_SLASHES = re.compile(r"/{2,}")
# What `key` may have to spell otherwise: a triplet, or a character that RFC 3986 §3.3 wants encoded.
_SPELLING = re.compile(r"%[0-9A-Fa-f]{2}|[^A-Za-z0-9\-._~!$&'()*+,;=:@/]")
_MAX_MARKS = 30  # UAX #15, stream-safe text format


@dataclass(frozen=True, slots=True)
class Target:
    """A request target that `parse` accepted.

    `raw` is the origin-form (RFC 9112 §3.2.1) exactly as it is forwarded, or "*". `query` is what follows the first
    "?", None where there is none: an empty query is "".
    """

    raw: str
    path: str
    query: str | None

    def without_query(self) -> "Target":
        """Return the target with its path alone."""
        return Target(self.path, self.path, None)

    @property
    def asterisk(self) -> bool:
        """Tell whether this is the asterisk-form: the server as a whole, no resource (RFC 9112 §3.2.4)."""
        return self.raw == "*"

    @property
    def key(self) -> str:
        """The resource as RFC 3986 §6.2.2 compares it: unreserved decoded, hex in upper case, "//" collapsed.

        Case is kept, the query is left out. A character that should have been encoded is.
        """
        if self.asterisk:
            return self.raw
        if PLAIN.fullmatch(self.path):
            return self.path
        return _SPELLING.sub(_canonical_spelling, _SLASHES.sub("/", self.path))

    @property
    def lock_key(self) -> str:
        """The name under which writers exclude each other: equal whenever an origin server may see one resource."""
        return self.raw if self.asterisk else "/" + "/".join(map(lock_segment, self.coarse_segments))

    @property
    def segments(self) -> tuple[str, ...]:
        """The path segments as spelled, empty ones (of "//" and of a trailing slash) left out; none for "*"."""
        return () if self.asterisk else tuple([segment for segment in self.path.split("/") if segment])

    @property
    def coarse_segments(self) -> tuple[str, ...]:
        """The segments as route literals compare them, one for each of `segments`; `lock_key` is still coarser."""
        return () if self.asterisk else _coarse(self.path)


@lru_cache(maxsize=64)  # a request asks for its own twice
def _coarse(path: str) -> tuple[str, ...]:
    return tuple([coarse_segment(segment) for segment in path.split("/") if segment])


def parse(raw: str, authority: str | None) -> Target:
    """Read a request target as received, one character a byte. `authority` is the value of Host, None without one.

    Raised when it is malformed, or when an origin server could map it to another resource than we would:
    `errors.MalformedTarget`. Raised when an absolute-form names another authority: `errors.Misdirected`.
    """
    if raw == "*":
        return Target(raw, raw, None)
    if PLAIN.fullmatch(raw):
        return Target(raw, raw, None)
    _refuse(raw, _ANYWHERE)
    _require_utf8(raw)
    origin_form = raw if raw.startswith("/") else _origin_form(raw, authority)
    path, mark, query = origin_form.partition("?")
    _refuse_path(path)
    _refuse(query, _IN_QUERY)
    return Target(origin_form, path, query if mark else None)


def _origin_form(raw: str, authority: str | None) -> str:
    """Return the origin-form of an absolute-form that is addressed to `authority` (RFC 9112 §3.2.2)."""
    match = _ABSOLUTE.fullmatch(raw)
    if match is None:
        raise MalformedTarget("The request target is neither a path nor an http or https URI.")
    if "@" in match["authority"]:
        raise MalformedTarget("The request target has userinfo.")
    if not _same_authority(match["authority"], authority, match["scheme"].lower()):
        raise Misdirected("An absolute request target must name the same authority as the Host field.")
    rest = match["rest"]
    return rest if rest.startswith("/") else f"/{rest}"


def _same_authority(named: str, authority: str | None, scheme: str) -> bool:
    try:
        mine = parse_authority(named)
    except ValueError:
        raise MalformedTarget("The authority of the request target is malformed.") from None
    try:
        return authority is not None and mine.names_same(parse_authority(authority), scheme)
    except ValueError:
        return False


def _refuse_path(path: str) -> None:
    _refuse(path, _IN_PATH)
    decoded = unquote_to_bytes(path.encode("latin-1")).decode("latin-1")
    _refuse_piled_marks(_require_utf8(decoded))
    _refuse(decoded, _IN_DECODED_PATH)


def _refuse(text: str, refusals: Refusals) -> None:
    for pattern, detail in refusals:
        if pattern.search(text):
            raise MalformedTarget(detail)


def _refuse_piled_marks(text: str) -> None:
    """Bound what `coarse_segment` costs: normalising takes time in the square of a run of combining marks."""
    run = 0
    for character in "" if text.isascii() else text:
        run = run + 1 if combining(character) else 0
        if run > _MAX_MARKS:
            raise MalformedTarget(f"The request target has more than {_MAX_MARKS} combining marks in a row.")


def _require_utf8(text: str) -> str:
    """Return the characters of a text of bytes."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        raise MalformedTarget("The request target is not valid UTF-8.") from None


def _canonical_spelling(match: re.Match[str]) -> str:
    spelled = match[0]
    byte = int(spelled[1:], 16) if len(spelled) > 1 else ord(spelled)
    character = chr(byte)
    return character if character in _UNRESERVED else f"%{byte:02X}"
