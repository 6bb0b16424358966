"""The answers that are made here from a selected representation: 200 with its tag, 206, 304, 416, and a write's answer.

Fields of the origin server's answer stay as they came, except those that name a state: they must name the one that
the proxy enforces (DESIGN section 5, *never mixed*).
"""

from enum import Enum

from proxy.core import coding, ranges
from proxy.core.cors import SHARING_FIELDS
from proxy.core.entity_tag import EntityTag
from proxy.core.fields import Fields
from proxy.core.matching import Match
from proxy.core.message import Request, Response
from proxy.core.minting import Validator
from proxy.core.preconditions import Preconditions
from proxy.core.ranges import ByteRange, Unsatisfiable
from proxy.core.route import Route, TagOnWrite
from proxy.core.tag_rules import TagRules, kept_tag
from proxy.core.target import Target

NOT_MODIFIED_FIELDS = frozenset({"content-location", "date", "etag", "vary", "cache-control", "expires"})
"""What a 304 carries, if the 200 would have carried it (RFC 9110 §15.4.5)."""

_KEPT = NOT_MODIFIED_FIELDS | SHARING_FIELDS
_TAG = frozenset({"etag"})
_TAG_AND_RANGES = frozenset({"etag", "accept-ranges"})

RANGE_UNAWARE = frozenset({"accept-ranges", "content-length", "content-digest", "content-md5", "digest"})
"""Fields of a whole answer that are wrong, or ours to say, on a part of it."""

CREATED, ACCEPTED = 201, 202

NOTHING = Fields()
"""The fields of an answer that has nothing to say."""


class Statement(Enum):
    """What a successful write lets the proxy say about the new state."""

    NOTHING = "nothing"
    IF_VERBATIM = "if-verbatim"
    CURRENT = "current"
    CREATED = "created"
    """The tag of what the answer's Location names."""


def tagged(response: Response, validator: Validator, rules: TagRules) -> Response:
    """Return the whole representation with the tag that is enforced, and with what we do about ranges."""
    exact = rules.exact and not coding.removable(response.fields)
    tag = ("ETag", str(validator.tag))
    if not exact:
        # The tag names a set of byte sequences here; If-Range promises one (RFC 9110 §13.1.5).
        fields = response.fields.edited(_TAG_AND_RANGES, (("Accept-Ranges", "none"), tag))
    elif "accept-ranges" not in response.fields.by_name:
        fields = response.fields.edited(_TAG, (("Accept-Ranges", "bytes"), tag))
    else:
        fields = response.fields.edited(_TAG, (tag,))
    return Response(response.status, fields, response.content)


def untagged(response: Response, rules: TagRules) -> Response:
    """Return the response without a tag that the rules do not keep."""
    if "etag" not in response.fields.by_name or kept_tag(response.fields, rules) is not None:
        return response
    return Response(response.status, response.fields.without(["etag"]), response.content)


def not_modified(whole: Response) -> Response:
    """Return the 304 of a tagged 200, which the same pages may read."""
    return Response(304, Fields([line for line in whole.fields.lines if line[0].lower() in _KEPT]))


def instead_of_problem(whole: Response, target: Target) -> Response:
    """Return the 412 that shows a tagged 200, for a client that prefers it (RFC 8144 §3.2, RFC 7240 §4.2)."""
    vary = whole.fields.get("vary")
    fields = whole.fields.without(["accept-ranges", "cache-control", "expires", "age"])
    for name, value in (
        ("Cache-Control", "no-store"),
        ("Content-Location", target.raw),
        ("Preference-Applied", "return=representation"),
        ("Vary", "Prefer" if vary is None else f"{vary}, Prefer"),
    ):
        fields = fields.replacing(name, value)
    return Response(412, fields, whole.content)


def ranged(request: Request, conditions: Preconditions, whole: Response, validator: Validator) -> Response:
    """Return the part of a tagged 200 that the request asks for; the whole where `Range` does not apply (§14.2).

    A field `Range` that asks for several parts is ignored, as RFC 9110 §14.2 allows.
    """
    asked = request.fields.get("range") if "range" in request.fields.by_name and request.method == "GET" else None
    if asked is None or whole.fields.get("accept-ranges") != "bytes":
        return whole
    if not _range_applies(request, conditions, validator):
        return whole
    part = ranges.parse(asked, len(whole.content))
    if isinstance(part, Unsatisfiable):
        fields = Fields([("Content-Range", part.content_range(len(whole.content))), ("ETag", str(validator.tag))])
        return Response(416, fields)
    return whole if part is None else _partial(whole, part)


def statement(match: Match, method: str, response: Response) -> Statement:
    """Say what may be said about the state after a write that was answered so (RFC 9110 §9.3.4, §15.3.2)."""
    if not response.successful or response.status == ACCEPTED:
        return Statement.NOTHING
    route = match.route
    always = route.etag_on_write is TagOnWrite.ALWAYS
    if always and response.status == CREATED and "location" in response.fields:
        return Statement.CREATED
    if always and _names_target(route, method, response.status):
        return Statement.CURRENT
    if match.reading.inject is not None:  # a GET shows more than was sent, so it was not stored as it was sent
        return Statement.NOTHING
    if route.etag_on_write is TagOnWrite.VERBATIM and method == "PUT" and route.state is None:
        return Statement.IF_VERBATIM
    return Statement.NOTHING


def written(response: Response, tag: EntityTag | None, rules: TagRules) -> Response:
    """Return the answer to a write with `tag`, or with the origin server's tag where the rules keep it."""
    answer = untagged(response, rules)
    if tag is None or "etag" in answer.fields:
        return answer
    return Response(answer.status, answer.fields.adding("ETag", str(tag)), answer.content)


def _names_target(route: Route, method: str, status: int) -> bool:
    """Tell whether the tag in the answer would be read as that of the resource we select after the write."""
    if method == "POST":
        return status != CREATED or route.state is not None
    return method in {"PUT", "PATCH"}


def _range_applies(request: Request, conditions: Preconditions, validator: Validator) -> bool:
    return "if-range" not in request.fields or ranges.if_range_holds(conditions.if_range, validator)


def _partial(whole: Response, part: ByteRange) -> Response:
    fields = whole.fields.without(RANGE_UNAWARE).adding("Accept-Ranges", "bytes")
    fields = fields.adding("Content-Range", part.content_range(len(whole.content)))
    return Response(206, fields, part.of(whole.content))
