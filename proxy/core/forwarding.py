"""What an intermediary does to field lines on their way through, in both directions (RFC 9110 §7.6, RFC 7239).

What lives here: which lines go on, which are dropped, and which we add. Refusing a request for its fields is
`proxy.core.admission`; framing fields are the business of whoever writes the message.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from proxy.core.address import DEFAULT_PORTS, bracketed, parse_authority
from proxy.core.fields import Fields
from proxy.errors import LoopDetected

METHOD_OVERRIDES = frozenset({"x-http-method-override", "x-http-method", "x-method-override"})
"""Fields that make some origin servers act on another method than the one that was guarded."""

TARGET_OVERRIDES = frozenset({"path-info", "script-name", "x-original-url", "x-rewrite-url", "x-script-name"})
"""Fields that make some origin servers act on another target than the one that was guarded, as `read_as` spells them.

gunicorn takes SCRIPT_NAME from a peer on its own machine, which is where a sidecar is.
"""

OWN_PREFIX = "ifmatch-"
"""How the names of our own fields begin."""

FENCING_TOKEN = "fencing-token"  # noqa: S105 - a field name
"""The field that carries a lease's fence; an origin server trusts it, so no client may send it."""

FORWARDED_PREFIX = "x-forwarded-"
"""How the names of the customary forwarding fields begin."""

FOR, PROTO, HOST, PORT = "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port"
FORWARDED = "Forwarded"

_NOT_FORWARDED: Final = METHOD_OVERRIDES | {"expect", FENCING_TOKEN}
"""Fields that end here: we answer an expectation ourselves (RFC 9110 §10.1.1), and make the fence."""
_CLAIMS: Final = frozenset({"forwarded", "x-real-ip"})

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 §5.6.2
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # RFC 9110 §5.5; a tab is white space
_NOT_ALPHANUMERIC = re.compile(r"[^a-z0-9]")


@dataclass(frozen=True, slots=True)
class Hop:
    """Where a request came from. `peer` is an IP address, None on a Unix socket; `scheme` is how it reached us.

    `pseudonym` is our name in Via (RFC 9110 §7.6.3). `trusted` tells that the peer is a proxy whose own forwarding
    fields are to be believed.
    """

    peer: str | None
    scheme: str
    pseudonym: str
    trusted: bool


@lru_cache(maxsize=256)  # the same names come again and again, with other values
def is_token(text: str) -> bool:
    """Tell whether `text` is a token (RFC 9110 §5.6.2), as names of fields and methods are."""
    return _TOKEN.fullmatch(text) is not None


def is_field_line(name: str, value: str) -> bool:
    """Tell whether a line may be sent: its name a token, no control byte but tab in its value (RFC 9110 §5.5)."""
    return is_token(name) and _CONTROL.search(value) is None


def are_field_lines(fields: Fields) -> bool:
    """Tell whether each line may be sent (`is_field_line`)."""
    return all(map(is_token, fields.names())) and _CONTROL.search("".join([value for _, value in fields.lines])) is None


@lru_cache(maxsize=256)
def read_as(name: str) -> str:
    """Return a lower-case field name as an application may read it through CGI's variables (RFC 3875 §4.1.18)."""
    return _NOT_ALPHANUMERIC.sub("-", name)


def outbound(fields: Fields, version: tuple[int, int], hop: Hop) -> Fields:
    """Return the fields of a request as they go to the origin server. `version` is that of the received message.

    Raised when the request has come through here before: `errors.LoopDetected`.
    """
    if _passed(fields, hop.pseudonym):
        raise LoopDetected("The request has already passed through this proxy.")
    dropped = fields.for_one_connection() | _NOT_FORWARDED | set(filter(_is_ours, fields.names()))
    host = None if "host" in dropped else fields.get("host")
    if hop.trusted:
        added = tuple(_continued(fields.edited(dropped), hop))
        dropped |= {name.lower() for name, _ in added}
    else:
        added = _introduction(hop.peer, hop.scheme, host)
        dropped |= set(filter(_is_claim, fields.names()))
    return fields.edited(dropped, (*added, via(version, hop.pseudonym)))


def returning(fields: Fields, pseudonym: str) -> Fields:
    """Return the fields of a response as they go to the client.

    The client side of HTTP libraries is lenient: a line that could not be sent without changing its meaning, or the
    message's, is dropped.
    """
    if not are_field_lines(fields):
        fields = Fields((name, value) for name, value in fields if is_field_line(name, value))
    return fields.edited(fields.for_one_connection(), (via((1, 1), pseudonym),))


@lru_cache(maxsize=16)
def via(version: tuple[int, int], pseudonym: str) -> tuple[str, str]:
    """Return our line of Via; behind the others, since lines of one name are one list (RFC 9110 §5.3, §7.6.3)."""
    return "Via", f"{version[0]}.{version[1]} {pseudonym}"


def _is_ours(name: str) -> bool:
    """Tell whether only we may send a field of this lower-case name, or it is meant for us."""
    return name.startswith(OWN_PREFIX)


@lru_cache(maxsize=256)
def _is_claim(name: str) -> bool:
    """Tell whether a field says where a request came from, or what it is for, so that its sender must be trusted."""
    return name in _CLAIMS or name.startswith(FORWARDED_PREFIX) or read_as(name) in TARGET_OVERRIDES


def _passed(fields: Fields, pseudonym: str) -> bool:
    """Tell whether Via names us. A comma in a comment may split it: that can only find more, never less."""
    if "via" not in fields.by_name:
        return False
    members = (member.split() for member in (fields.get("via") or "").split(","))
    return any(len(member) > 1 and member[1].lower() == pseudonym.lower() for member in members)


@lru_cache(maxsize=256)  # a client asks many times
def _introduction(peer: str | None, scheme: str, host: str | None) -> tuple[tuple[str, str], ...]:
    """Return the lines that say where a request of an untrusted peer came from, in both spellings."""
    customary = ((FOR, peer), *_customary(scheme, host))
    said = tuple((name, value) for name, value in customary if value is not None)
    return (*said, (FORWARDED, _element(peer, scheme, host)))


def _continued(fields: Fields, hop: Hop) -> Iterator[tuple[str, str]]:
    """Yield the lines that continue what a trusted peer said; each takes the place of those of its name.

    A spelling that the peer did not use is not begun, since that would name it as the client.
    """
    host, standard = fields.get("host"), fields.get(FORWARDED)
    customary = any(name.startswith(FORWARDED_PREFIX) for name in fields.names())
    if customary or standard is None:
        if hop.peer is not None:
            known = fields.get(FOR)
            yield FOR, hop.peer if known is None else f"{known}, {hop.peer}"
        missing = ((name, value) for name, value in _customary(hop.scheme, host) if name not in fields)
        yield from ((name, value) for name, value in missing if value is not None)
    if standard is not None or not customary:
        element = _element(hop.peer, hop.scheme, host)
        yield FORWARDED, element if standard is None else f"{standard}, {element}"


def _customary(scheme: str, host: str | None) -> tuple[tuple[str, str | None], ...]:
    """Return how the client addressed us, in the customary spelling; None is what is not known."""
    return (PROTO, scheme), (HOST, host), (PORT, None if host is None else _port(host, scheme))


def _element(peer: str | None, scheme: str, host: str | None) -> str:
    """Return our element of Forwarded (RFC 7239 §4). A peer without an address is `unknown` (§6.2)."""
    node = "unknown" if peer is None else bracketed(peer)
    pairs = [("for", node), ("host", host), ("proto", scheme)]
    return ";".join(f"{name}={_quoted(value)}" for name, value in pairs if value is not None)


def _quoted(value: str) -> str:
    """Return a token as it is, anything else as a quoted-string (RFC 9110 §5.6.4)."""
    if is_token(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _port(host: str, scheme: str) -> str:
    """Return the port that the client addressed."""
    port = parse_authority(host).port
    return str(DEFAULT_PORTS[scheme] if port is None else port)
