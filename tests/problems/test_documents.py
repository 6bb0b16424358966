"""From failures and refusals to responses."""

import inspect
import json
import re
from typing import Any

import pytest

from proxy import errors, problems
from proxy.core.entity_tag import EntityTag
from proxy.core.fields import Fields
from proxy.core.forwarding import is_field_line
from proxy.core.message import Response
from proxy.core.problem_template import DOCUMENTS, ProblemTemplate, ProblemTemplates
from proxy.core.verdict import PreconditionFailed, PreconditionRequired, Reason, Refusal
from proxy.errors import Failure, Outcome, UpstreamFailure
from proxy.problems import Situation, Wording

TAG = EntityTag("now")
FAILURES = [
    kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Failure) and kind is not Failure
]
REFUSALS: list[Refusal] = [
    PreconditionFailed(Reason.STALE, TAG),
    PreconditionFailed(Reason.ANOTHER_RESOURCE, TAG),
    PreconditionFailed(Reason.NEVER_MINTED, TAG),
    PreconditionFailed(Reason.WEAK, TAG),
    PreconditionFailed(Reason.ABSENT, None),
    PreconditionFailed(Reason.EXISTS, TAG),
    PreconditionFailed(Reason.MODIFIED, TAG),
    PreconditionRequired(Reason.MISSING, TAG),
]
EVERY: list[Response] = [
    *(problems.of_failure(kind("What happened.")) for kind in FAILURES),
    *(problems.of_refusal(refusal, 428) for refusal in REFUSALS),
    *(problems.of_situation(situation) for situation in Situation),
]


def _members(response: Response) -> dict[str, Any]:
    document = json.loads(response.content)
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize(
    ("failure", "status", "slug"),
    [
        (errors.MalformedRequest("x"), 400, "malformed-request"),
        (errors.MalformedTarget("x"), 400, "malformed-target"),
        (errors.MalformedPrecondition("x"), 400, "malformed-precondition"),
        (errors.BadFraming("x"), 400, "bad-framing"),
        (errors.MethodRefused("x"), 405, "method-refused"),
        (errors.Misdirected("x"), 421, "misdirected"),
        (errors.ContentTooLarge("x"), 413, "content-too-large"),
        (errors.ReceiveTimeout("x"), 408, "receive-timeout"),
        (errors.LoopDetected("x"), 508, "loop-detected"),
        (errors.NotSent("x"), 502, "upstream-unreachable"),
        (errors.NotSent("x", timed_out=True), 504, "upstream-unreachable"),
        (errors.Unanswered("x"), 502, "upstream-unanswered"),
        (errors.Unanswered("x", timed_out=True), 504, "upstream-unanswered"),
        (errors.Unverifiable("x"), 502, "unverifiable"),
        (errors.OutcomeUnknown("x"), 502, "outcome-unknown"),
        (errors.OutcomeUnknown("x", timed_out=True), 504, "outcome-unknown"),
        (errors.ResourceBusy("x"), 503, "resource-busy"),
        (errors.LeaseLost("x"), 503, "lease-lost"),
        (errors.Quarantined("x"), 503, "quarantined"),
        (errors.ShuttingDown("x"), 503, "shutting-down"),
        (errors.StoreFailure("x"), 503, "store-unavailable"),
        (Failure("x"), 500, "internal-error"),
    ],
)
def test_a_failure_has_a_status_and_a_stable_type(failure: Failure, status: int, slug: str) -> None:
    """Each failure is answered with its status and type, and carries its own sentence."""
    response = problems.of_failure(failure)
    document = _members(response)
    assert response.status == document["status"] == status
    assert document["type"] == f"urn:ifmatch:problem:{slug}"
    assert document["reason"] == problems.name_of(failure) == slug
    assert document["detail"] == "x"


@pytest.mark.parametrize("response", EVERY, ids=lambda response: str(_members(response)["type"]))
def test_every_document_is_whole(response: Response) -> None:
    """Every document has all members, says what to do, may not be stored, and its fields can be written."""
    document = _members(response)
    assert list(document)[:7] == ["type", "title", "status", "detail", "outcome", "reason", "remedy"]
    assert document["status"] == response.status
    assert all(document[name] for name in ("title", "detail", "remedy", "reason"))
    assert re.fullmatch(r"urn:ifmatch:problem:[a-z-]+", document["type"])
    assert response.fields.get("content-type") == "application/problem+json"
    assert response.fields.get("cache-control") == "no-store"
    assert all(is_field_line(name, value) and value.isascii() for name, value in response.fields)


def test_one_type_has_one_title() -> None:
    """A client may take the title for the type's, whatever the status."""
    titles = {(_members(response)["type"], _members(response)["title"]) for response in EVERY}
    assert len(titles) == len({kind for kind, _ in titles})


@pytest.mark.parametrize("kind", FAILURES)
def test_only_an_unknown_outcome_is_called_unknown(kind: type[Failure]) -> None:
    """A refusal says that nothing was applied; only a write that left unanswered says that nobody knows (G3)."""
    expected = "unknown" if kind is errors.OutcomeUnknown else "not-applied"
    assert _members(problems.of_failure(kind("x")))["outcome"] == expected


def test_a_fault_says_whether_something_had_left() -> None:
    """An unforeseen exception is answered honestly about the outcome."""
    assert _members(problems.of_situation(Situation.FAULT))["outcome"] == Outcome.NOT_APPLIED.value
    assert _members(problems.of_situation(Situation.FAULT_AFTER_SENDING))["outcome"] == Outcome.UNKNOWN.value


def test_405_says_what_is_allowed() -> None:
    """RFC 9110 §15.5.6: a 405 has Allow, and CONNECT and TRACE are not in it."""
    allowed = problems.of_failure(errors.MethodRefused("x")).fields.get("allow") or ""
    assert "PUT" in allowed
    assert not {"CONNECT", "TRACE"} & set(allowed.split(", "))


def test_503_says_when_to_come_back() -> None:
    """The time of a store failure stands in Retry-After and in the document, and nowhere else."""
    response = problems.of_failure(errors.ResourceBusy("x", retry_after=7))
    assert response.fields.get("retry-after") == "7"
    assert _members(response)["retry_after"] == 7
    assert "retry-after" not in problems.of_failure(errors.NotSent("x")).fields


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.reason.value)
def test_a_refusal_names_its_reason(refusal: Refusal) -> None:
    """The reason of the verdict reaches the client, and nothing was applied."""
    document = _members(problems.of_refusal(refusal, 428))
    assert document["reason"] == refusal.reason.value
    assert document["outcome"] == "not-applied"


def test_each_reason_to_refuse_a_tag_has_its_own_sentence() -> None:
    """A stale tag, one of another resource and one never given out ask for different things to be looked at."""
    reasons = (Reason.STALE, Reason.ANOTHER_RESOURCE, Reason.NEVER_MINTED, Reason.WEAK)
    documents = [_members(problems.of_refusal(PreconditionFailed(reason, TAG), 428)) for reason in reasons]
    assert {document["type"] for document in documents} == {"urn:ifmatch:problem:precondition-failed"}
    assert len({document["detail"] for document in documents}) == len(reasons)


@pytest.mark.parametrize("kind", [errors.StoreFailure, errors.Quarantined, errors.LeaseLost])
def test_a_store_that_cannot_be_used_is_not_the_clients_fault(kind: type[errors.StoreFailure]) -> None:
    """503 with the time to come back, and nothing was forwarded: the same request may simply be sent again."""
    response = problems.of_failure(kind("x", retry_after=35))
    assert (response.status, response.fields.get("retry-after")) == (503, "35")
    assert _members(response)["outcome"] == "not-applied"


def test_412_names_the_current_tag() -> None:
    """The tag that the request was compared with stands in the document and in ETag."""
    response = problems.of_refusal(PreconditionFailed(Reason.STALE, EntityTag('x\\y"'.replace('"', "'"))), 428)
    assert response.status == 412
    assert _members(response)["current_etag"] == response.fields.get("etag") == '"x\\y\'"'


@pytest.mark.parametrize(
    "refusal", [PreconditionFailed(Reason.ABSENT, None), PreconditionRequired(Reason.MISSING, TAG)]
)
def test_no_tag_where_there_is_none_to_use(refusal: Refusal) -> None:
    """Nothing current has no tag; and 428 gives none away, so that nobody writes without having read."""
    response = problems.of_refusal(refusal, 428)
    assert "etag" not in response.fields
    assert "current_etag" not in _members(response)


@pytest.mark.parametrize("status", [428, 400, 403])
def test_the_status_of_a_missing_precondition_is_the_routes(status: int) -> None:
    """A route chooses the status of a missing precondition, but not its type; 412 is not touched by it."""
    response = problems.of_refusal(PreconditionRequired(Reason.MISSING, None), status)
    assert response.status == _members(response)["status"] == status
    assert _members(response)["type"] == "urn:ifmatch:problem:precondition-required"
    assert problems.of_refusal(PreconditionFailed(Reason.STALE, None), status).status == 412


@pytest.mark.parametrize("kind", FAILURES)
def test_which_failures_close_the_connection(kind: type[Failure]) -> None:
    """A connection goes on unless where its next request begins is unknown or too far off."""
    closing = {errors.BadFraming, errors.ReceiveTimeout, errors.ContentTooLarge, errors.ClientGone}
    assert problems.closes(kind("x")) is (kind in closing)


def test_a_failure_of_a_new_kind_is_answered_like_its_parent() -> None:
    """A class that the table does not know takes the row of the nearest one that it derives from."""

    class Slow(errors.Unanswered):
        pass

    class Odd(errors.Unverifiable):
        pass

    assert problems.of_failure(Slow("x", timed_out=True)).status == 504
    assert problems.name_of(Slow("x")) == "upstream-unanswered"
    assert problems.of_failure(Odd("x", timed_out=True)).status == 502
    assert issubclass(Odd, UpstreamFailure)


EVERY_PART = {part: f"{{{part}}}" for part in ("detail", "current_etag", "correlation_id", "reason", "status")}
OWN = ProblemTemplate.parse(EVERY_PART, "application/json")
PLAIN = ProblemTemplate.parse("no: {detail}", "text/plain")


@pytest.mark.parametrize(
    ("refusal", "templates", "status", "tag", "etag"),
    [
        (REFUSALS[0], ProblemTemplates(precondition_failed=OWN), 412, str(TAG), str(TAG)),
        (PreconditionFailed(Reason.ABSENT, None), ProblemTemplates(precondition_failed=OWN), 412, "", None),
        (REFUSALS[-1], ProblemTemplates(precondition_required=OWN), 400, "", None),
    ],
)
def test_a_refusal_in_the_words_of_an_api(
    refusal: Refusal, templates: ProblemTemplates, status: int, tag: str, etag: str | None
) -> None:
    """Its body takes the place of the document; status, tag and the fields of a refusal stay what they are."""
    ours = problems.of_refusal(refusal, 400)
    response = problems.of_refusal(refusal, 400, Wording(templates, "id-7"))
    document = _members(ours)
    assert _members(response) == {
        "detail": document["detail"],
        "current_etag": tag,
        "correlation_id": "id-7",
        "reason": refusal.reason.value,
        "status": str(status),
    }
    assert response.status == status
    assert response.fields == Fields([("Content-Type", "application/json"), *ours.fields.lines[1:]])
    assert (response.fields.get("cache-control"), response.fields.get("etag")) == ("no-store", etag)
    assert "proxy-status" in response.fields


def test_a_precondition_that_cannot_be_read_in_the_words_of_an_api() -> None:
    """The sentence says what is wrong with it; no other failure is put in those words."""
    wording = Wording(ProblemTemplates(malformed_precondition=PLAIN))
    response = problems.of_failure(errors.MalformedPrecondition("If-Match."), None, wording)
    assert (response.status, response.content) == (400, b"no: If-Match.")
    assert response.fields.get("content-type") == "text/plain"
    assert problems.of_failure(errors.MalformedRequest("x"), None, wording) == problems.of_failure(
        errors.MalformedRequest("x")
    )


def test_each_body_is_for_its_own_refusal() -> None:
    """What a route has no words for is told by a problem document."""
    ours = problems.of_refusal(REFUSALS[0], 428)
    assert problems.of_refusal(REFUSALS[0], 428, Wording(ProblemTemplates(None, OWN, OWN), "id")) == ours
    assert problems.of_refusal(REFUSALS[0], 428, Wording(DOCUMENTS, "id")) == ours
