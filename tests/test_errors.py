"""Failures: who caused each, what became of the request, and what it tells the client."""

import inspect

import pytest

from proxy import errors
from proxy.errors import ConfigurationError, Failure, Outcome, Source

FAILURES = [failure for _, failure in inspect.getmembers(errors, inspect.isclass) if issubclass(failure, Failure)]

CLIENT = {
    *("ClientFailure", "MalformedRequest", "MalformedTarget", "MalformedPrecondition", "BadFraming", "MethodRefused"),
    *("Misdirected", "ContentTooLarge", "ReceiveTimeout", "ClientGone", "LoopDetected"),
}
UPSTREAM = {"UpstreamFailure", "NotSent", "Unanswered", "Unverifiable", "OutcomeUnknown"}
STORE = {"StoreFailure", "ResourceBusy", "LeaseLost", "Quarantined"}
SELF = {"Failure", "ShuttingDown"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [(Source.CLIENT, CLIENT), (Source.UPSTREAM, UPSTREAM), (Source.STORE, STORE), (Source.SELF, SELF)],
)
def test_every_failure_has_the_source_that_caused_it(source: Source, expected: set[str]) -> None:
    """A failure is blamed on the client, the origin server, the store or ourselves, and on nobody else."""
    assert {failure.__name__ for failure in FAILURES if failure.source is source} == expected


@pytest.mark.parametrize("failure", FAILURES)
def test_only_outcome_unknown_leaves_the_outcome_open(failure: type[Failure]) -> None:
    """Every other failure means that nothing was applied (G3)."""
    unknown = failure is errors.OutcomeUnknown
    assert failure.outcome is (Outcome.UNKNOWN if unknown else Outcome.NOT_APPLIED)


@pytest.mark.parametrize("failure", FAILURES)
def test_every_failure_carries_its_detail(failure: type[Failure]) -> None:
    """The sentence for the client is the detail and the text of the exception."""
    raised = failure("Nothing was sent.")
    assert (raised.detail, str(raised)) == ("Nothing was sent.", "Nothing was sent.")


def test_malformed_requests_are_one_kind() -> None:
    """Whoever answers 400 need only catch `MalformedRequest`."""
    for failure in (errors.MalformedTarget, errors.MalformedPrecondition, errors.BadFraming):
        assert issubclass(failure, errors.MalformedRequest)


def test_a_timeout_of_the_origin_server_is_told_from_its_other_failures() -> None:
    """`timed_out` is False unless said otherwise; it decides between 502 and 504."""
    assert not errors.Unanswered("No answer.").timed_out
    assert errors.OutcomeUnknown("No answer in time.", timed_out=True).timed_out


def test_a_store_failure_says_when_to_come_back() -> None:
    """Retry-After is one second unless the failure knows better."""
    assert errors.LeaseLost("The lease lapsed.").retry_after == 1
    assert errors.ResourceBusy("Others wait.", retry_after=7).retry_after == 7


def test_a_configuration_error_lists_every_mistake() -> None:
    """No mistake is hidden behind the first one."""
    raised = ConfigurationError(["ifmatch.yaml:1:1: a: wrong", "ifmatch.yaml:2:1: b: wrong"])
    assert str(raised).splitlines() == raised.problems == ["ifmatch.yaml:1:1: a: wrong", "ifmatch.yaml:2:1: b: wrong"]


def test_a_configuration_error_ends_no_request() -> None:
    """A mistake in the configuration is never turned into an answer to a client."""
    assert not issubclass(ConfigurationError, Failure)
