"""Links: the target that a URI reference in a representation leads to, if it leads to this origin (RFC 3986 §5).

What lives here: from a text to a target. What must not: what that target is for a route.
"""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urljoin, urlsplit

from proxy.core import target as request_target
from proxy.core.address import DEFAULT_PORTS, Authority, parse_authority
from proxy.core.target import Target
from proxy.errors import Failure

# What a URI reference without a fragment is made of (RFC 3986 §2). A fragment names a part, a brace a template.
_REFERENCE: Final = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+")
_ABSOLUTE_PATH: Final = re.compile(r"/(?!/)(?!.*/\.).*")
_HERE: Final = "^"  # stands for our own authority; no reference can spell it


def authorities(texts: Iterable[str | None]) -> tuple[Authority, ...]:
    """Return the authorities that are named, without those that are none."""
    return tuple(authority for text in texts if text is not None and (authority := _authority(text)) is not None)


def follow(reference: str, base: Target, own: Iterable[Authority]) -> Target | None:
    """Return the target of a reference found in the representation of `base`; None where it leads elsewhere or nowhere.

    A URI with an authority leads here when that is one of our `own`, whether by http or by https: a proxy in front of
    us may end TLS.
    """
    if _REFERENCE.fullmatch(reference) is None:
        return None
    try:
        return request_target.parse(_origin_form(reference, base, own), None)
    except (ValueError, Failure):
        return None


def _origin_form(reference: str, base: Target, own: Iterable[Authority]) -> str:
    """Return the path and query. Raised where they are not ours: `ValueError`."""
    if _ABSOLUTE_PATH.fullmatch(reference):
        return reference
    parts = urlsplit(urljoin(f"http://{_HERE}{base.raw}", reference))
    if parts.scheme not in DEFAULT_PORTS:
        raise ValueError("neither http nor https")
    if parts.netloc != _HERE and not _names_one(parts.netloc, parts.scheme, own):
        raise ValueError("another origin")
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.path or '/'}{query}"


def _names_one(netloc: str, scheme: str, own: Iterable[Authority]) -> bool:
    named = parse_authority(netloc)
    return any(named.names_same(authority, scheme) for authority in own)


def _authority(text: str) -> Authority | None:
    try:
        return parse_authority(text)
    except ValueError:
        return None
