"""How what was not done is told."""

import pytest

from proxy.core.entity_tag import EntityTag
from proxy.core.verdict import Indeterminate, Perform, PreconditionFailed, PreconditionRequired, Reason, Verdict
from proxy.errors import Failure, MalformedPrecondition, Unverifiable
from proxy.reporting import facts, value


@pytest.mark.parametrize(
    ("would", "written"),
    [
        (Perform(Reason.HOLDS), "perform;reason=holds"),
        (PreconditionFailed(Reason.STALE, EntityTag("a")), "precondition-failed;reason=stale;status=412"),
        (PreconditionRequired(Reason.MISSING, None), "precondition-required;reason=missing;status=403"),
        (Indeterminate(Reason.UNVERIFIABLE), "indeterminate;reason=unverifiable"),
        (MalformedPrecondition("x"), "failed;reason=malformed-precondition;status=400"),
        (Unverifiable("x"), "failed;reason=unverifiable;status=502"),
    ],
)
def test_the_field_says_verdict_reason_and_status(would: Verdict | Failure, written: str) -> None:
    """As an item of RFC 9651; the status is the one that the route would give."""
    assert value(would, 403) == written


def test_the_log_tells_it_from_what_was_done() -> None:
    """By a member of its own."""
    assert facts(Perform(Reason.HOLDS)) == {"verdict": "perform", "reason": "holds", "report": "yes"}
