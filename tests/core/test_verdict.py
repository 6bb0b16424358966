"""Verdicts are values, and their reasons are a stable vocabulary."""

from dataclasses import FrozenInstanceError
from typing import get_args

import pytest

from proxy.core.entity_tag import EntityTag
from proxy.core.verdict import (
    AlreadyApplied,
    Indeterminate,
    NotModified,
    Perform,
    PreconditionFailed,
    PreconditionRequired,
    Reason,
    Refusal,
    Verdict,
)

TAG = EntityTag("a")
EVERY: list[Verdict] = [
    Perform(Reason.HOLDS),
    NotModified(Reason.UNMODIFIED),
    PreconditionFailed(Reason.STALE, TAG),
    PreconditionRequired(Reason.MISSING, TAG),
    Indeterminate(Reason.ABSENT),
    AlreadyApplied(Reason.APPLIED),
]


def test_the_names_of_the_reasons_are_stable() -> None:
    """Logs, metrics and problem documents of one version are read with those of the next."""
    assert {reason.value for reason in Reason} == {
        "no-conditions",
        "holds",
        "stale",
        "another-resource",
        "never-minted",
        "weak",
        "absent",
        "exists",
        "modified",
        "unmodified",
        "missing",
        "unverifiable",
        "applied",
    }


def test_there_are_six_verdicts() -> None:
    """Whoever handles these six has handled every verdict."""
    assert set(get_args(Verdict)) == {type(verdict) for verdict in EVERY}


def test_a_refusal_is_one_of_the_two_that_carry_the_current_tag() -> None:
    """Only what never lets a request through counts as a refusal, and each refusal can tell the current tag."""
    refusals = {type(verdict) for verdict in EVERY if isinstance(verdict, Refusal)}
    assert refusals == {PreconditionFailed, PreconditionRequired}
    assert refusals == {type(verdict) for verdict in EVERY if hasattr(verdict, "current")}


@pytest.mark.parametrize("verdict", EVERY)
def test_a_verdict_is_a_value(verdict: Verdict) -> None:
    """A verdict equals its copy, can be a key, and cannot be changed once reached."""
    fields = {name: getattr(verdict, name) for name in type(verdict).__match_args__}
    assert type(verdict)(**fields) == verdict
    assert len({verdict, type(verdict)(**fields)}) == 1
    with pytest.raises(FrozenInstanceError):
        verdict.reason = Reason.HOLDS  # type: ignore[misc]


def test_verdicts_of_different_kinds_differ() -> None:
    """The same reason in two verdicts is not the same verdict."""
    alike: list[Verdict] = [
        Perform(Reason.ABSENT),
        NotModified(Reason.ABSENT),
        PreconditionFailed(Reason.ABSENT, None),
        PreconditionRequired(Reason.ABSENT, None),
        Indeterminate(Reason.ABSENT),
    ]
    assert len(set(alike)) == len(alike)
