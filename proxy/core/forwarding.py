"""What an intermediary does to field lines on their way through, in both directions (RFC 9110 §7.6, RFC 7239).

What lives here: which lines go on, which are dropped, and which we add. Refusing a request for its fields is
`proxy.core.admission`; framing fields are the business of whoever writes the message.
"""

import re
from dataclasses import dataclass

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


def is_token(text: str) -> bool:
    """Tell whether `text` is a token (RFC 9110 §5.6.2), as names of fields and methods are."""
    return _TOKEN.fullmatch(text) is not None


def is_field_line(name: str, value: str) -> bool:
    """Tell whether a line may be sent: its name a token, no control byte but tab in its value (RFC 9110 §5.5)."""
    return is_token(name) and _CONTROL.search(value) is None


def read_as(name: str) -> str:
    """Return a lower-case field name as an application may read it through CGI's variables (RFC 3875 §4.1.18)."""
    return _NOT_ALPHANUMERIC.sub("-", name)


def outbound(fields: Fields, version: tuple[int, int], hop: Hop) -> Fields:
    """Return the fields of a request as they go to the origin server. `version` is that of the received message.

    Raised when the request has come through here before: `errors.LoopDetected`.
    """
    if _passed(fields, hop.pseudonym):
        raise LoopDetected("The request has already passed through this proxy.")
    onward = _forwarded(fields.end_to_end().without(_not_forwarded(fields)), hop)
    return _via(onward, version, hop.pseudonym)


def returning(fields: Fields, pseudonym: str) -> Fields:
    """Return the fields of a response as they go to the client.

    The client side of HTTP libraries is lenient: a line that could not be sent without changing its meaning, or the
    message's, is dropped.
    """
    sound = Fields((name, value) for name, value in fields if is_field_line(name, value))
    return _via(sound.end_to_end(), (1, 1), pseudonym)


def _not_forwarded(fields: Fields) -> set[str]:
    """Return the names of the received lines that are meant for us, or that only we may send."""
    own = {name for name in fields.names() if name.startswith(OWN_PREFIX)}
    return own | METHOD_OVERRIDES | {"expect", FENCING_TOKEN}  # RFC 9110 §10.1.1: we answer an expectation ourselves


def _passed(fields: Fields, pseudonym: str) -> bool:
    """Tell whether Via names us. A comma in a comment may split it: that can only find more, never less."""
    members = (member.split() for member in (fields.get("via") or "").split(","))
    return any(len(member) > 1 and member[1].lower() == pseudonym.lower() for member in members)


def _via(fields: Fields, version: tuple[int, int], pseudonym: str) -> Fields:
    """Add ourselves at the end of Via, on a line of its own: lines of one name are one list (RFC 9110 §5.3)."""
    major, minor = version
    return fields.adding("Via", f"{major}.{minor} {pseudonym}")


def _forwarded(fields: Fields, hop: Hop) -> Fields:
    """Say where the request came from, in both spellings.

    What an untrusted peer claims is dropped. What a trusted one says is kept and continued; a spelling that it did
    not use is not begun, since that would name it as the client.
    """
    customary = {name for name in fields.names() if name.startswith(FORWARDED_PREFIX)}
    if not hop.trusted:
        retargeting = {name for name in fields.names() if read_as(name) in TARGET_OVERRIDES}
        fields = fields.without(customary | retargeting | {FORWARDED, "x-real-ip"})
        customary = set()
    standard = FORWARDED in fields
    if customary or not standard:
        fields = _continue_customary(fields, hop)
    if standard or not customary:
        fields = _continue_standard(fields, hop)
    return fields


def _continue_customary(fields: Fields, hop: Hop) -> Fields:
    """Append the peer to X-Forwarded-For; fill in the others where they are missing."""
    if hop.peer is not None:
        known = fields.get(FOR)
        fields = fields.replacing(FOR, hop.peer if known is None else f"{known}, {hop.peer}")
    for name, value in ((PROTO, hop.scheme), (HOST, fields.get("host")), (PORT, _port(fields, hop.scheme))):
        if value is not None and name not in fields:
            fields = fields.adding(name, value)
    return fields


def _continue_standard(fields: Fields, hop: Hop) -> Fields:
    """Append our element to Forwarded (RFC 7239 §4). A peer without an address is `unknown` (§6.2)."""
    node = "unknown" if hop.peer is None else bracketed(hop.peer)
    host = fields.get("host")
    pairs = [("for", node), ("host", host), ("proto", hop.scheme)]
    element = ";".join(f"{name}={_quoted(value)}" for name, value in pairs if value is not None)
    known = fields.get(FORWARDED)
    return fields.replacing(FORWARDED, element if known is None else f"{known}, {element}")


def _quoted(value: str) -> str:
    """Return a token as it is, anything else as a quoted-string (RFC 9110 §5.6.4)."""
    if is_token(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _port(fields: Fields, scheme: str) -> str | None:
    """Return the port that the client addressed."""
    host = fields.get("host")
    if host is None:
        return None
    port = parse_authority(host).port
    return str(DEFAULT_PORTS[scheme] if port is None else port)
