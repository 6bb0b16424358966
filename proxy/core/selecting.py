"""The two requests derived from a received one: the GET that selects the current representation, and the write.

Nothing here is sent; the received request stays as it is.
"""

from collections.abc import Set as AbstractSet
from hashlib import blake2b

from proxy.core.fields import Fields
from proxy.core.forwarding import FORWARDED_PREFIX
from proxy.core.message import Request
from proxy.core.preconditions import CONDITIONAL_FIELDS
from proxy.core.route import SelectRules
from proxy.core.target import Target
from proxy.core.variant import Variant

CONTENT_FIELDS = frozenset(
    {
        "content-type",
        "content-length",
        "content-encoding",
        "content-language",
        "content-location",
        "content-disposition",
        "content-range",
        "content-md5",
        "content-digest",  # RFC 9530
        "repr-digest",
        "digest",  # RFC 3230, obsolete and still sent
    }
)
"""Fields that describe the request content, which a GET has not."""

NOT_SELECTING = (
    CONDITIONAL_FIELDS | CONTENT_FIELDS | {"accept-encoding", "expect", "idempotency-key", "prefer", "range"}
)
"""Fields of a request that a selection on its behalf does not carry."""

NOT_REVALIDATING = NOT_SELECTING | {"cache-control"}
"""Those that one does not carry which no cache may answer, as none under a lease."""

TRACING = frozenset({"baggage", "traceparent", "tracestate", "x-correlation-id", "x-request-id"})
"""Fields that differ from request to request and select nothing."""

_UNSELECTING = TRACING | {"cache-control"}

_UNCODED = (("Accept-Encoding", "identity"),)
_UNCODED_AND_FRESH = (*_UNCODED, ("Cache-Control", "no-cache"))

EVERYTHING = SelectRules()
"""All fields select."""

CREDENTIALS = frozenset({"authorization", "cookie"})
"""Fields that say who asks: a selection on a writer's behalf always carries them."""

_ALWAYS = CREDENTIALS | frozenset({"accept", "accept-language", "forwarded", "host", "origin", "user-agent", "via"})
"""Fields that go along with a selection whatever a route lists: an origin server may refuse a request without them."""
_NEVER = frozenset({"cache-control", "forwarded", "user-agent", "via", "x-forwarded-for"})
"""Those of them that select nothing unless the route lists them: how a request came here, and by what program."""


def selection(request: Request, target: Target, *, revalidate: bool, fence_field: str | None = None) -> Request:
    """Return the GET of `target` with this client's credentials and selecting fields.

    A strong tag must not change with a content coding's time stamp, so `identity` is asked for. `revalidate` keeps
    caches between us and the origin server from answering with an old state. A fence that the client made up is left
    out, as in `write`.
    """
    dropped = NOT_REVALIDATING if revalidate else NOT_SELECTING
    if fence_field is not None:
        dropped |= {fence_field.lower()}
    return Request("GET", target, request.fields.edited(dropped, _UNCODED_AND_FRESH if revalidate else _UNCODED))


def on_behalf(request: Request, rules: SelectRules) -> Request:
    """Return a write with those fields alone that select, as its selection is made from it."""
    if rules.fields is None and rules.accept is None:
        return request
    fields = request.fields if rules.fields is None else _chosen(request.fields, rules.fields)
    return request.with_fields(fields if rules.accept is None else fields.replacing("Accept", rules.accept))


def of_variant(request: Request, variant: Variant) -> Request:
    """Return a request that accepts that variant and no other."""
    return request.with_fields(variant.asked_in(request.fields))


def prefers_representation(request: Request) -> bool:
    """Tell whether the client would have the current representation in a refusal (RFC 8144 §3.2, RFC 7240 §2).

    Of a preference that is stated more than once the first counts.
    """
    if "prefer" not in request.fields.by_name:
        return False
    preferences = (
        _unquoted(each.partition(";")[0]) for each in (request.fields.get("prefer") or "").lower().split(",")
    )
    returned = next((each for each in preferences if each.partition("=")[0] == "return"), None)
    return returned == "return=representation"


def fenced(request: Request, fence_field: str | None, fence: int) -> Request:
    """Return the request with the fence of the lease under which it is made, where the route names a field for it."""
    return request if fence_field is None else request.with_fields(request.fields.replacing(fence_field, str(fence)))


def hurried(request: Request) -> bool:
    """Tell whether the client wants no answer from anybody's memory (RFC 9111 §5.2.1.1, §5.2.1.4)."""
    directives = (request.fields.get("cache-control") or "").lower().replace(" ", "").split(",")
    return not {"no-cache", "max-age=0", "no-store"}.isdisjoint(directives)


def selector(request: Request, rules: SelectRules = EVERYTHING) -> bytes:
    """Return what must be equal for one selection to speak for another: target, credentials, selecting fields (I2)."""
    return digest(selects(request, rules))


def selects(request: Request, rules: SelectRules = EVERYTHING) -> bytes:
    """Return what a selector stands for."""
    return f"{request.target.raw}\r\n{_selecting(request.fields, rules).text}".encode("latin-1")


def digest(selecting: bytes) -> bytes:
    """Return the selector of what selects."""
    return blake2b(selecting, digest_size=16).digest()


def write(
    request: Request, *, fence_field: str | None = None, conditions: AbstractSet[str] = CONDITIONAL_FIELDS
) -> Request:
    """Return the request as it is forwarded: without the preconditions that were evaluated here (I6).

    Nor with a fence that its client made up, in the field where the origin server looks for one.
    """
    dropped = conditions if fence_field is None else conditions | {fence_field.lower()}
    return request.with_fields(request.fields.edited(dropped))


def _selecting(fields: Fields, rules: SelectRules) -> Fields:
    """Return the fields of a selection that may change its answer. Whether a cache may answer is not among them."""
    if rules.fields is not None:
        return _chosen(fields, rules.fields).without(_NEVER - rules.fields)
    return fields.edited(_UNSELECTING)


def _chosen(fields: Fields, names: frozenset[str]) -> Fields:
    """Return the lines of these names, and those that go along whatever selects."""
    kept = names | _ALWAYS
    return Fields(line for line in fields if line[0].lower() in kept or line[0].lower().startswith(FORWARDED_PREFIX))


def _unquoted(preference: str) -> str:
    return preference.replace('"', "").replace(" ", "").replace("\t", "")
