"""Where the content of a request ends: the one reading of its framing fields that is taken (RFC 9112 §6).

What lives here: refusals of every message whose end two parties on the path could see in two places. Framing of what
we send is made by whoever writes it.
"""

import re

from proxy.core.fields import Fields
from proxy.errors import BadFraming

_LENGTH = re.compile(r"[0-9]{1,18}")  # beyond any content, within any integer: longer ones overflow or fail to parse
_CHUNKED = re.compile(r"chunked", re.IGNORECASE | re.ASCII)


def check_framing(version: tuple[int, int], fields: Fields) -> None:
    """Leave one way to tell where the content ends (RFC 9112 §6.3). The RFC allows more; attackers use it.

    Raised when there are two, or none: `errors.BadFraming`.
    """
    lengths, codings = fields.by_name.get("content-length", ()), fields.by_name.get("transfer-encoding", ())
    if lengths and codings:
        raise BadFraming("The request has both Content-Length and Transfer-Encoding.")
    if lengths and (len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0])):
        raise BadFraming("Content-Length is not one decimal number.")
    if codings and version < (1, 1):
        raise BadFraming("HTTP/1.0 has no Transfer-Encoding.")
    if codings and (len(codings) > 1 or not _CHUNKED.fullmatch(codings[0])):
        raise BadFraming("Transfer-Encoding is not exactly chunked.")
    if "upgrade" in fields.by_name and has_content(fields):
        # CVE-2026-69243: behind an upgrade, a parser may take the content for the next protocol.
        raise BadFraming("A request that asks for an upgrade must have no content.")


def has_content(fields: Fields) -> bool:
    """Tell whether framing that passed `check_framing` announces content; a length of 0 announces none."""
    length = fields.by_name.get("content-length", ("",))[0]
    return "transfer-encoding" in fields.by_name or length.strip("0") != ""
