"""From a failure or a refusal to its response: a problem document (RFC 9457), or a body in the API's own words.

What lives here: the members and fields of such a response. What must not: statuses, types and sentences (`table`), and
the grammar of a body of an API's own (`core.problem_template`).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from proxy.core import proxy_status
from proxy.core.fields import Fields
from proxy.core.message import Response
from proxy.core.problem_template import DOCUMENTS, PROBLEM_JSON, Part, ProblemTemplate, ProblemTemplates
from proxy.core.verdict import PreconditionRequired, Refusal
from proxy.errors import (
    BadFraming,
    ClientGone,
    ContentTooLarge,
    Failure,
    MalformedPrecondition,
    MethodRefused,
    Outcome,
    ReceiveTimeout,
    StoreFailure,
    UpstreamFailure,
)
from proxy.problems.table import TABLE, TYPE_PREFIX, Late, Problem, Situation

ALLOWED_METHODS: Final = "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE"
"""For Allow on 405. Any other method but CONNECT and TRACE is served too; which ones, the origin server knows."""


@dataclass(frozen=True, slots=True)
class Wording:
    """How the refusals of one request are put: the bodies of its route, and the name of the request."""

    templates: ProblemTemplates = DOCUMENTS
    correlation_id: str = ""

    def told(self, template: ProblemTemplate | None, document: Mapping[str, Any]) -> tuple[str, bytes]:
        """Return the media type and the body that say what the members of a problem document say."""
        if template is None:
            return PROBLEM_JSON, json.dumps(document).encode() + b"\n"
        known = {part: str(document.get(part.value, "")) for part in Part}
        return template.content_type, template.fill({**known, Part.CORRELATION_ID: self.correlation_id})


OURS: Final = Wording()
"""Problem documents, for a request that no route has spoken for."""


def of_failure(failure: Failure, outcome: Outcome | None = None, wording: Wording = OURS) -> Response:
    """Return the answer to a failure. `outcome` is for who knows better than the failure what had left."""
    row = _row(failure)
    fields: list[tuple[str, str]] = []
    members: dict[str, object] = {}
    if isinstance(failure, StoreFailure):
        fields.append(("Retry-After", str(failure.retry_after)))
        members["retry_after"] = failure.retry_after
    if isinstance(failure, MethodRefused):
        fields.append(("Allow", ALLOWED_METHODS))
    became = outcome or failure.outcome
    document = _document(row, row.status, row.slug, failure.detail, outcome=became.value, **members)
    template = wording.templates.malformed_precondition if isinstance(failure, MalformedPrecondition) else None
    return _response(row, document, wording.told(template, document), fields)


def of_refusal(verdict: Refusal, missing_status: int, wording: Wording = OURS) -> Response:
    """Return the answer to a refusal, with the current tag on 412.

    `missing_status` takes the place of 428 where the route says so. The ETag field is informational: it names the
    state that the request was compared with.
    """
    row, reason = TABLE[type(verdict), verdict.reason], verdict.reason.value
    if isinstance(verdict, PreconditionRequired):
        document = _document(row, missing_status, reason, row.detail)
        return _response(row, document, wording.told(wording.templates.precondition_required, document))
    tag = {} if verdict.current is None else {"current_etag": str(verdict.current)}
    document = _document(row, row.status, reason, row.detail, **tag)
    fields = [("ETag", current) for current in tag.values()]
    return _response(row, document, wording.told(wording.templates.precondition_failed, document), fields)


def of_situation(situation: Situation) -> Response:
    """Return the problem document of what is neither a failure nor a verdict."""
    row = TABLE[situation]
    document = _document(row, row.status, row.slug, row.detail, outcome=situation.outcome.value)
    return _response(row, document, OURS.told(None, document))


def name_of(failure: Failure) -> str:
    """Return the stable name of a failure, as its document and the log give it."""
    return _row(failure).slug


def closes(failure: Failure) -> bool:
    """Tell whether the connection must close: where its next request would begin is unknown, or too far off."""
    return isinstance(failure, (BadFraming, ReceiveTimeout, ContentTooLarge, ClientGone))


def _row(failure: Failure) -> Problem:
    """Return the row of the failure's class, or of the nearest one that it derives from."""
    late = isinstance(failure, UpstreamFailure) and failure.timed_out
    causes = type(failure).__mro__
    timed = (TABLE.get((cause, Late.TIMED_OUT)) for cause in causes if late)
    plain = (TABLE.get(cause) for cause in causes)
    return next(row for row in (*timed, *plain) if row is not None)


def _document(row: Problem, status: int, reason: str, detail: str, **members: object) -> dict[str, Any]:
    """Return the members of a problem document."""
    return {
        "type": TYPE_PREFIX + row.slug,
        "title": row.title,
        "status": status,
        "detail": detail,
        "outcome": Outcome.NOT_APPLIED.value,
        "reason": reason,
        "remedy": row.remedy,
        **members,
    }


def _response(
    row: Problem, document: Mapping[str, Any], told: tuple[str, bytes], fields: Iterable[tuple[str, str]] = ()
) -> Response:
    """Return the response, never to be stored: RFC 6585 §3 asks that for 428, and no other is of use later."""
    content_type, content = told
    lines = [
        ("Content-Type", content_type),
        ("Cache-Control", "no-store"),
        ("Proxy-Status", proxy_status.of_ours(document["detail"], row.error)),
        *fields,
    ]
    return Response(document["status"], Fields(lines), content)
