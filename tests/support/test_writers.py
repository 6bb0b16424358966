"""A client of a history takes from an answer what it says, and no more."""

import json

import pytest

from tests.support.clients import Heard
from tests.support.histories import Told
from tests.support.writers import content_of, understood, value_of

PROBLEM = {"content-type": "application/problem+json"}


@pytest.mark.parametrize(
    ("heard", "told"),
    [
        (Heard(204, {}, b""), Told.OK),
        (Heard(412, PROBLEM, json.dumps({"outcome": "not-applied"}).encode()), Told.REFUSED),
        (Heard(502, PROBLEM, json.dumps({"outcome": "not-applied"}).encode()), Told.REFUSED),
        (Heard(504, PROBLEM, json.dumps({"outcome": "unknown"}).encode()), Told.UNKNOWN),
        (Heard(401, {"proxy-status": "the request was not forwarded"}, b""), Told.REFUSED),
        (Heard(500, {"content-type": "text/plain"}, b""), Told.UNKNOWN),
        (Heard(404, {}, b"the origin server's own"), Told.UNKNOWN),
    ],
)
def test_what_an_answer_tells(heard: Heard, told: Told) -> None:
    """Success is 2xx, refused is what says that it was not applied, and all else is unknown."""
    assert understood(heard) is told


@pytest.mark.parametrize("size", [0, 100])
def test_a_content_names_its_value(size: int) -> None:
    """Whatever its length, and whatever the log kept of it."""
    assert value_of(content_of("3:17", size)) == "3:17"
    assert len(content_of("3:17", size)) == max(4, size)
