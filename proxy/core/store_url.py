"""The URL of a store in parts: scheme, userinfo, hosts, path and parameters (RFC 3986 §3).

What lives here: where one part ends and the next begins, and percent-encoding. What must not: what a part means to a
store (`store_address`). A message never repeats what was read, since it may hold a password.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final
from urllib.parse import unquote

ESCAPES: Final = "in a user name or password, / ? # @ and % are written %2F %3F %23 %40 and %25"

SOCKET: Final = "unix"
"""The one scheme that needs no `//`, and whose path may hold an @."""

_URL: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*):(?://(?P<authority>[^/?#]*))?(?P<path>[^?#]*)"
    r"(?:\?(?P<query>[^#]*))?(?P<fragment>#.*)?"
)
_UNWRITABLE: Final = re.compile("[\x00-\x20\x7f\ud800-\udfff]")  # none of them stands in a URI (RFC 3986 §2)
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")

_SAME: Final = {"valkey": "redis", "valkeys": "rediss"}
"""Schemes of others for what we speak to."""


@dataclass(frozen=True, slots=True, repr=False)
class StoreUrl:
    """A URL in parts. The scheme is in lower case, the parameters are decoded, the others are as written."""

    scheme: str
    userinfo: str
    hosts: str
    path: str
    parameters: Mapping[str, str]


def split(text: str, schemes: Collection[str]) -> StoreUrl:
    """Return the parts of a URL. Raised when it has none of these schemes, or is no URL: `ValueError`."""
    if _UNWRITABLE.search(text):
        raise ValueError("expected a URL; white space and control characters are written as %20 and the like")
    match = _URL.fullmatch(text)
    scheme = "" if match is None else match["scheme"].lower()
    if match is None or scheme not in schemes or (match["authority"] is None and scheme != SOCKET):
        raise ValueError(f"expected {listed([f'{known}://' for known in schemes])}{_meant(scheme, schemes)}")
    if match["fragment"] is not None:
        raise ValueError(f"expected no fragment (#); {ESCAPES}")
    if "@" in match["path"] and scheme != SOCKET:
        raise ValueError(f"expected no @ behind the hosts; {ESCAPES}")
    userinfo, _, hosts = (match["authority"] or "").rpartition("@")
    if "@" in userinfo:
        raise ValueError(f"expected at most one @; {ESCAPES}")
    return StoreUrl(scheme, userinfo, hosts, match["path"], _parameters(match["query"] or ""))


def decoded(text: str) -> str:
    """Return a part without percent-encoding (RFC 3986 §2.1). Raised when it is encoded wrongly: `ValueError`.

    >>> decoded("a%2Fb+c")
    'a/b+c'
    """
    if _BAD_ESCAPE.search(text):
        raise ValueError(f"expected two hexadecimal digits behind each %; {ESCAPES}")
    try:
        meant = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("expected what is percent-encoded to be UTF-8") from None
    if "\0" in meant:
        raise ValueError("expected no NUL (%00)")
    return meant


def listed(names: Collection[str]) -> str:
    """Return names as one says them.

    >>> listed(["a", "b", "c"])
    'a, b or c'
    """
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last


def close_to(name: str, known: Collection[str]) -> str | None:
    """Return the one of these names that was probably meant. It is the known one that may be repeated."""
    return next(iter(get_close_matches(name.lower().replace("-", "_"), known, n=1)), None)


def _parameters(query: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for pair in filter(None, query.split("&")):
        name, _, value = pair.partition("=")
        if name in found:
            raise ValueError("expected each parameter once")
        found[name] = decoded(value)
    return found


def _meant(scheme: str, schemes: Collection[str]) -> str:
    """Return the scheme that was probably meant; none where only the slashes are missing."""
    meant = None if scheme in schemes else _SAME.get(scheme) or close_to(scheme, schemes)
    return "" if meant is None else f"; did you mean {meant}://?"
