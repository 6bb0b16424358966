"""Every case holds, with the gateway of this process and with the running command, from the same files."""

from collections.abc import Iterator

import pytest

from tests.conformance.case import Case
from tests.conformance.playing import play
from tests.conformance.reading import cases
from tests.conformance.stands import Stand, in_process, running

CASES = cases()

by_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


@pytest.fixture(scope="module")
def here() -> Iterator[Stand]:
    """Return the gateway of this process before origin servers held in memory."""
    with in_process(CASES) as stand:
        yield stand


@pytest.fixture(scope="module")
def command() -> Iterator[Stand]:
    """Return `ifmatch run` before origin servers that listen on a socket."""
    with running(CASES) as stand:
        yield stand


@by_case
def test_the_gateway_keeps_to_it(case: Case, here: Stand) -> None:
    """What the case says is so, by the gateway and its handling in this process."""
    assert play(case, here) == []


@by_case
def test_the_command_keeps_to_it(case: Case, command: Stand) -> None:
    """What the case says is so, by the command over real connections."""
    assert play(case, command) == []
