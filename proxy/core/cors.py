"""Cross-origin sharing: which answers a browser lets a page of another origin read (https://fetch.spec.whatwg.org).

What lives here: the fields of that protocol, on requests that go on, on answers that pass, and on answers of ours. What
must not: who is allowed (the route says so, or the origin server), and anything about entity tags but the field's name.

A page can use optimistic concurrency only if it may read ETag and may send If-Match. An origin server that has neither
allows neither, so both are added for it here (`Sharing.AUTO`), or the whole protocol is done here (`AllowedOrigins`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from proxy.core.address import DEFAULT_PORTS, Authority, parse_authority
from proxy.core.fields import Fields
from proxy.core.message import Request, Response
from proxy.core.preconditions import CONDITIONAL_FIELDS

ANYONE: Final = "*"

_PREFIX: Final = "access-control-"
ALLOW_ORIGIN: Final = "Access-Control-Allow-Origin"
ALLOW_CREDENTIALS: Final = "Access-Control-Allow-Credentials"
ALLOW_METHODS: Final = "Access-Control-Allow-Methods"
ALLOW_HEADERS: Final = "Access-Control-Allow-Headers"
EXPOSE_HEADERS: Final = "Access-Control-Expose-Headers"
MAX_AGE: Final = "Access-Control-Max-Age"
REQUEST_METHOD: Final = "Access-Control-Request-Method"
REQUEST_HEADERS: Final = "Access-Control-Request-Headers"

_ALLOW_ORIGIN: Final = ALLOW_ORIGIN.lower()

SHARING_FIELDS: Final = frozenset({ALLOW_ORIGIN.lower(), ALLOW_CREDENTIALS.lower(), EXPOSE_HEADERS.lower()})
"""The fields of an answer that decide whether a page may read it, in lower case. Vary goes with them."""

REMEMBERED_FOR: Final = 600
"""Seconds for which a browser need not ask again what we allow; most keep no answer for longer than two hours."""

NOTHING: Final = Fields()

_ORIGIN: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*)://(?P<authority>[^/?#]*)(?P<rest>.*)", re.DOTALL)


class Sharing(Enum):
    """What is done about pages of other origins, where a route names none of them."""

    AUTO = "auto"
    """Where the origin server shares, it shares ETag too, and lets conditional fields be sent."""
    OFF = "off"


@dataclass(frozen=True, slots=True)
class AllowedOrigins:
    """Pages of these origins may read and write, whatever the origin server says. `ANYONE` stands alone."""

    origins: tuple[str, ...]

    @property
    def anyone(self) -> bool:
        """Tell whether it is the pages of any origin, then without credentials."""
        return ANYONE in self.origins


Cors = Sharing | AllowedOrigins


def parse_origin(text: str) -> str:
    """Return an origin as browsers write it into Origin. Raised when it is none: `ValueError`."""
    if text == ANYONE:
        return ANYONE
    match = _ORIGIN.fullmatch(text)
    if match is None or not text.isascii():
        raise ValueError("expected scheme://host[:port], such as https://app.example, or * alone")
    if match["rest"] or "@" in match["authority"]:
        raise ValueError("an origin is scheme://host[:port] and no more; leave out path, query and user")
    if "*" in match["authority"]:
        raise ValueError("an origin is compared as a whole; write out each host, or * alone")
    authority, scheme = parse_authority(match["authority"]), match["scheme"].lower()
    port = None if authority.port == DEFAULT_PORTS.get(scheme) else authority.port
    return f"{scheme}://{Authority(authority.host, port)}"


def asked_method(method: str, fields: Fields) -> str | None:
    """Return the method that a preflight asks for; None where the request is no preflight."""
    if method != "OPTIONS":
        return None
    asked = fields.get_all(REQUEST_METHOD)
    return asked[0] if "origin" in fields and len(asked) == 1 else None


def relayed(cors: Cors, request: Request) -> Request:
    """Return a preflight as the origin server is asked: for no field of which it need not know.

    Some frameworks answer 400 to a name that they do not know. Any other request stays as it is.
    """
    preflight = asked_method(request.method, request.fields) is not None
    if cors is not Sharing.AUTO or not preflight or not _conditional(request.fields):
        return request
    kept = [name for name in _names(request.fields, REQUEST_HEADERS) if name.lower() not in CONDITIONAL_FIELDS]
    fields = request.fields.without([REQUEST_HEADERS])
    return request.with_fields(fields.adding(REQUEST_HEADERS, ",".join(kept)) if kept else fields)


def answered(cors: Cors, method: str, fields: Fields) -> Response | None:
    """Return the answer to a preflight that the route answers by itself; None where it does not.

    A page that is not allowed gets an answer that allows nothing; the browser tells it the rest.
    """
    asked = asked_method(method, fields) if isinstance(cors, AllowedOrigins) else None
    if asked is None or not isinstance(cors, AllowedOrigins):
        return None
    lines = [("Vary", f"Origin, {REQUEST_METHOD}, {REQUEST_HEADERS}")]
    if _admits(cors, fields):
        lines += [*_admission(cors, fields), (ALLOW_METHODS, asked), (MAX_AGE, str(REMEMBERED_FOR))]
        names = fields.get(REQUEST_HEADERS)
        lines += [] if names is None else [(ALLOW_HEADERS, names)]
    return Response(204, Fields(lines))


def said(answer: Fields) -> Fields:
    """Return what an answer of the origin server's says about who may read it, for an answer of ours in its place."""
    if _ALLOW_ORIGIN not in answer.by_name:
        return NOTHING
    kept = [line for line in answer if line[0].lower() in SHARING_FIELDS]
    varies = "origin" in {name.lower() for name in _names(answer, "vary")}
    return Fields([*kept, ("Vary", "Origin")] if varies else kept)


def shared(cors: Cors, method: str, asked: Fields, answer: Fields, heard: Fields = NOTHING) -> Fields:
    """Return the fields of an answer to a request with the fields `asked`, so that the right pages can read it.

    `heard`: what the origin server has said in an answer (`said`) that this one of ours stands for.
    """
    if cors is Sharing.OFF:
        return answer
    if isinstance(cors, AllowedOrigins):
        return answer if asked_method(method, asked) is not None else _replaced(cors, asked, answer)
    answer = Fields([*answer, *heard]) if heard else answer
    if _ALLOW_ORIGIN not in answer.by_name:
        return answer
    if asked_method(method, asked) is not None:
        return _listing(answer, ALLOW_HEADERS, _conditional(asked))
    return _exposing(answer)


def _replaced(cors: AllowedOrigins, asked: Fields, answer: Fields) -> Fields:
    """Return an answer with what the route says in place of what the origin server says.

    What the origin server would have other fields exposed for is kept: it is no permission by itself.
    """
    theirs = {name for name in answer.names() if name.startswith(_PREFIX) and name != EXPOSE_HEADERS.lower()}
    kept = answer.without(theirs)
    if not cors.anyone and ANYONE not in _names(kept, "Vary"):
        kept = _listing(kept, "Vary", ["Origin"])
    if not _admits(cors, asked):
        return kept.without([EXPOSE_HEADERS])
    return _exposing(Fields([*kept, *_admission(cors, asked)]))


def _admits(cors: AllowedOrigins, asked: Fields) -> bool:
    return cors.anyone or asked.get("origin") in cors.origins


def _admission(cors: AllowedOrigins, asked: Fields) -> list[tuple[str, str]]:
    """Return the lines that let the page that asked read the answer. Anyone is never allowed credentials."""
    if cors.anyone:
        return [(ALLOW_ORIGIN, ANYONE)]
    return [(ALLOW_ORIGIN, asked.get("origin") or ""), (ALLOW_CREDENTIALS, "true")]


def _exposing(answer: Fields) -> Fields:
    """Name ETag among the fields that a page may read. `*` names it only where no credentials were sent."""
    if "etag" not in answer:
        return answer
    everything = ANYONE in _names(answer, EXPOSE_HEADERS) and answer.get(ALLOW_CREDENTIALS) != "true"
    return answer if everything else _listing(answer, EXPOSE_HEADERS, ["ETag"])


def _listing(answer: Fields, name: str, members: Iterable[str]) -> Fields:
    """Return the fields with these members in a list, in a line of its own for those that are not in it yet."""
    listed = {member.lower() for member in _names(answer, name)}
    missing = [member for member in members if member.lower() not in listed]
    if not missing:
        return answer
    return answer.replacing(name, ", ".join([*_names(answer, name), *missing]))


def _conditional(asked: Fields) -> list[str]:
    """Return the conditional fields that a preflight asks for, as it spells them."""
    return [name for name in _names(asked, REQUEST_HEADERS) if name.lower() in CONDITIONAL_FIELDS]


def _names(fields: Fields, name: str) -> list[str]:
    """Return the members of a list of names."""
    return [member.strip() for member in (fields.get(name) or "").split(",") if member.strip()]
