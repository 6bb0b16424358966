"""The values that pass between gateway and server."""

import pytest

from proxy.core.moment import SOMETIME
from proxy.core.preconditions import Preconditions
from proxy.errors import Unanswered
from proxy.gateway.exchange import Kind, Plan, Write, matched, unknown
from tests.support.scripted import Canned, Rig, answering, request
from tests.support.world import SilentJournal, Text


@pytest.mark.parametrize(
    ("line", "depends", "exclusive"),
    [
        (None, False, False),
        (("If-Match", '"a"'), True, True),
        (("If-Match", "*"), True, False),
        (("If-None-Match", "*"), True, True),
        (("If-None-Match", '"a"'), True, False),
        (("If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"), True, False),
        (("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"), False, False),
    ],
)
def test_what_a_write_asks_of_the_state(
    line: tuple[str, str] | None,
    depends: bool,
    exclusive: bool,
) -> None:
    """Only a write that names one state, or none, is refused by the success of another."""
    rig = Rig(answering(Canned()))
    asked = request("PUT", "/wiki/1", *([line] if line else []))
    conditions = Preconditions.parse(asked.fields)
    write = Write(asked, asked, Text(b""), matched(rig.gateway.identify(asked)), conditions, SOMETIME, SilentJournal())
    assert (write.depends_on_state, write.exclusive) == (depends, exclusive)


def test_a_plan_without_a_route_cannot_be_observed() -> None:
    """A mistake of the server's is an error, not a guess."""
    with pytest.raises(ValueError, match="needs a route"):
        matched(Plan(Kind.OBSERVE, None))


def test_an_unknown_outcome_keeps_what_happened() -> None:
    """The sentence and whether time ran out survive the translation."""
    failure = unknown(Unanswered("late", timed_out=True))
    assert (failure.detail, failure.timed_out) == ("late", True)
