"""What would have been answered where a route only reports (`guard: report`): as a response field, and for the log.

What lives here: words for a verdict or a failure that nobody acted on. What must not: the verdict.
"""

from typing import Final

from proxy import problems
from proxy.core.verdict import WORDS, PreconditionFailed, PreconditionRequired, Verdict
from proxy.errors import Failure

FIELD: Final = "Ifmatch-Verdict"
"""The response field that tells it."""


def facts(would: Verdict | Failure) -> dict[str, str]:
    """Return the members of the request's line in the log."""
    if isinstance(would, Failure):
        return {"verdict": "failed", "reason": problems.name_of(would), "report": "yes"}
    return {"verdict": WORDS[type(would)], "reason": would.reason.value, "report": "yes"}


def value(would: Verdict | Failure, missing_status: int) -> str:
    """Return the value of the field: `precondition-failed;reason=stale;status=412` (RFC 9651, an item)."""
    said = facts(would)
    status = _status(would, missing_status)
    written = f"{said['verdict']};reason={said['reason']}"
    return written if status is None else f"{written};status={status}"


def _status(would: Verdict | Failure, missing_status: int) -> int | None:
    """Return the status of the refusal; None where there would have been none of ours."""
    if isinstance(would, Failure):
        return problems.of_failure(would).status
    if isinstance(would, (PreconditionFailed, PreconditionRequired)):
        return problems.of_refusal(would, missing_status).status
    return None
