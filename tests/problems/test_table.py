"""The rows for what this proxy answers by itself."""

import inspect

from proxy import errors
from proxy.errors import Failure, Outcome
from proxy.problems import TABLE, Situation

FAILURES = [
    kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Failure) and kind is not Failure
]


def test_every_failure_has_its_own_row() -> None:
    """No failure is answered by the row of a more general one, unless that is what it is."""
    assert [kind for kind in FAILURES if kind not in TABLE] == [errors.ClientFailure]


def test_every_situation_has_its_row_and_its_outcome() -> None:
    """Only a fault behind the point of no return is of unknown outcome."""
    assert [each for each in Situation if each not in TABLE] == []
    unknown = [each for each in Situation if each.outcome is Outcome.UNKNOWN]
    assert unknown == [Situation.FAULT_AFTER_SENDING]
