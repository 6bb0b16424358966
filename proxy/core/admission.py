"""What a request head must be before anything else looks at it: every check that needs no route.

What lives here: refusals, so that no two parties on the path can read one message in two ways (RFC 9112 §11.2) and
no field that we act on can hide. Nothing here changes a field; that is `proxy.core.forwarding`.
"""

import re
from functools import lru_cache

from proxy.core.address import parse_authority
from proxy.core.fields import HOP_BY_HOP, Fields
from proxy.core.forwarding import (
    FENCING_TOKEN,
    FORWARDED_PREFIX,
    METHOD_OVERRIDES,
    OWN_PREFIX,
    are_field_lines,
    is_token,
    read_as,
)
from proxy.core.framing import check_framing
from proxy.core.target import Target, parse
from proxy.errors import BadFraming, MalformedRequest, MalformedTarget, MethodRefused

MAX_FIELD_LINES = 100
"""How many field lines a request may have."""

REFUSED_METHODS = frozenset({"CONNECT", "TRACE"})
"""CONNECT asks for a tunnel, TRACE for an echo of credentials (RFC 9110 §9.3.6, §9.3.8)."""

_ACTED_ON = (
    METHOD_OVERRIDES
    | HOP_BY_HOP
    | {
        FENCING_TOKEN,
        "accept",
        "authorization",  # part of what a selection is made with
        "cache-control",
        "cookie",
        "etag",
        "expect",
        "forwarded",
        "host",
        "last-modified",
        "prefer",
        "proxy-authorization",
        "range",
        "via",
        "x-real-ip",
    }
)
_ACTED_ON_PREFIXES = ("accept-", "content-", "if-", FORWARDED_PREFIX, OWN_PREFIX)

_LOWER_CASE = re.compile(r"[a-z]")


def admit(method: str, raw_target: str, version: tuple[int, int], fields: Fields) -> Target:
    """Check a request head as received and return its target. Raised: what its two halves raise."""
    admit_fields(version, fields)
    return admit_line(method, raw_target, fields)


def admit_fields(version: tuple[int, int], fields: Fields) -> None:
    """Check all of a head but its request line, before anything else.

    Raised: `errors.BadFraming` when the end of the message is in doubt (always before any other failure, so that a
    connection kept open is one whose next byte is known); `errors.MalformedRequest` for the rest.
    """
    check_framing(version, fields)
    _check_lines(fields)
    _check_version(version)
    _check_size(fields)
    _check_host(version, fields)
    _check_look_alikes(fields)
    _check_connection(fields)


def admit_line(method: str, raw_target: str, fields: Fields) -> Target:
    """Check a method and a target, of a head whose fields were admitted, and return the target.

    Raised: `errors.MethodRefused`; `errors.Misdirected`; `errors.MalformedTarget`; `errors.MalformedRequest`.
    """
    _check_method(method)
    target = _target(method, raw_target, fields.by_name.get("host", (None,))[0])
    _check_content_range(method, fields)
    return target


def acted_on(name: str) -> bool:
    """Tell whether a field, by its lower-case name, means something to us or to the framing of messages."""
    return name in _ACTED_ON or name.startswith(_ACTED_ON_PREFIXES)


def _check_size(fields: Fields) -> None:
    if len(fields) > MAX_FIELD_LINES:
        raise MalformedRequest(f"The request has more than {MAX_FIELD_LINES} field lines.")


def _check_version(version: tuple[int, int]) -> None:
    if version[0] != 1:
        raise MalformedRequest("Only HTTP/1.0 and HTTP/1.1 are spoken here.")


def _check_lines(fields: Fields) -> None:
    if not are_field_lines(fields):
        # It may be read as a framing field, as "Transfer-Encoding :" has been (RFC 9112 §5.1).
        raise BadFraming("A field line has a name that is not a token, or a control byte in its value.")


@lru_cache(maxsize=64)
def _check_method(method: str) -> None:
    """Methods are case-sensitive (RFC 9110 §9.1), but an origin server may read `put` as PUT."""
    if not is_token(method) or _LOWER_CASE.search(method):
        raise MalformedRequest("The method is not a token without lower-case letters.")
    if method in REFUSED_METHODS:
        raise MethodRefused(f"{method} is not served here.")


def _check_host(version: tuple[int, int], fields: Fields) -> None:
    """Check that there is one Host; HTTP/1.0 may have none (RFC 9112 §3.2)."""
    hosts = fields.by_name.get("host", ())
    if len(hosts) > 1 or (not hosts and version >= (1, 1)):
        raise MalformedRequest("A request must have exactly one Host field line.")
    try:
        if hosts:
            parse_authority(hosts[0])
    except ValueError:
        raise MalformedRequest("Host is not a host and an optional port.") from None


def _target(method: str, raw_target: str, authority: str | None) -> Target:
    target = parse(raw_target, authority)
    if method == "OPTIONS" and target.raw == "/" and not raw_target.endswith("/"):
        return parse("*", authority)  # RFC 9112 §3.2.4: OPTIONS on an absolute URI without a path asks for "*"
    if target.asterisk and method != "OPTIONS":
        raise MalformedTarget("The asterisk-form is for OPTIONS only.")
    return target


def _check_look_alikes(fields: Fields) -> None:
    """Refuse If_Match: through CGI's variables it reaches an application as If-Match."""
    if any(map(_looks_alike, fields.names())):
        raise MalformedRequest(
            "A field name is that of a field which this proxy acts on, but for the characters between its words."
        )


@lru_cache(maxsize=256)  # the same names come again and again
def _looks_alike(name: str) -> bool:
    return read_as(name) != name and acted_on(read_as(name))


def _check_connection(fields: Fields) -> None:
    """Refuse to let Connection remove what is for the far end (RFC 9110 §7.6.1): it would hide it behind us."""
    if "connection" not in fields.by_name:
        return
    if any(acted_on(option) and option not in HOP_BY_HOP for option in fields.connection_options()):
        raise MalformedRequest("Connection names a field that is not for one connection only.")


def _check_content_range(method: str, fields: Fields) -> None:
    """RFC 9110 §14.5: a server that knows no partial PUT would store the part as the whole."""
    if method == "PUT" and "content-range" in fields.by_name:
        raise MalformedRequest("Content-Range on PUT is not supported.")
