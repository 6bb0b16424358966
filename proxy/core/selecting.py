"""The two requests derived from a received one: the GET that selects the current representation, and the write.

Nothing here is sent; the received request stays as it is.
"""

from hashlib import blake2b

from proxy.core.fields import Fields
from proxy.core.message import Request
from proxy.core.preconditions import CONDITIONAL_FIELDS
from proxy.core.target import Target

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

TRACING = frozenset({"baggage", "traceparent", "tracestate", "x-correlation-id", "x-request-id"})
"""Fields that differ from request to request and select nothing."""


def selection(request: Request, target: Target, *, revalidate: bool, fence_field: str | None = None) -> Request:
    """Return the GET of `target` with this client's credentials and selecting fields.

    A strong tag must not change with a content coding's time stamp, so `identity` is asked for. `revalidate` keeps
    caches between us and the origin server from answering with an old state. A fence that the client made up is left
    out, as in `write`.
    """
    dropped = NOT_SELECTING if fence_field is None else NOT_SELECTING | {fence_field}
    fields = request.fields.without(dropped).adding("Accept-Encoding", "identity")
    if revalidate:
        fields = fields.replacing("Cache-Control", "no-cache")
    return Request("GET", target, fields)


def fenced(request: Request, fence_field: str | None, fence: int) -> Request:
    """Return the request with the fence of the lease under which it is made, where the route names a field for it."""
    return request if fence_field is None else request.with_fields(request.fields.replacing(fence_field, str(fence)))


def hurried(request: Request) -> bool:
    """Tell whether the client wants no answer from anybody's memory (RFC 9111 §5.2.1.1, §5.2.1.4)."""
    directives = (request.fields.get("cache-control") or "").lower().replace(" ", "").split(",")
    return not {"no-cache", "max-age=0", "no-store"}.isdisjoint(directives)


def selector(request: Request) -> bytes:
    """Return what must be equal for one selection to speak for another: target, credentials, selecting fields (I2)."""
    digest = blake2b(request.target.raw.encode("latin-1"), digest_size=16)
    for name, value in _selecting(request.fields):
        digest.update(f"\n{name.lower()}: {value}".encode("latin-1"))
    return digest.digest()


def write(request: Request, *, fence_field: str | None = None) -> Request:
    """Return the request as it is forwarded: without the preconditions that were evaluated here (I6).

    Nor with a fence that its client made up, in the field where the origin server looks for one.
    """
    fence = frozenset() if fence_field is None else frozenset({fence_field})
    return request.with_fields(request.fields.without(CONDITIONAL_FIELDS | fence))


def _selecting(fields: Fields) -> Fields:
    """Return the fields of a selection that may change its answer. Whether a cache may answer is not among them."""
    return fields.without(TRACING | {"cache-control"})
