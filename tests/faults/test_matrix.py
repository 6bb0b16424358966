"""Every row of the fault matrix, once, in its short form: three proxies, a real store, a fault, and the checkers.

Rows mostly wait, for leases and quarantines to lapse, so a few are played at a time.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.faults.matrix import Outcome, Row, play
from tests.faults.rows import rows
from tests.support.judging import kept

SEED = 1
AT_ONCE = 2

ROWS = [row for row in rows() if not row.long]


@pytest.fixture(scope="session")
def played(request: pytest.FixtureRequest) -> Iterator[dict[str, "Future[Outcome]"]]:
    """Play the rows that are asked for; a test waits for its own."""
    asked = [item.callspec.params.get("row") for item in request.session.items if hasattr(item, "callspec")]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {row.name: pool.submit(play, row, SEED) for row in asked if isinstance(row, Row)}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(row: Row, played: dict[str, "Future[Outcome]"]) -> None:
    """The promise is kept under this fault; a control is seen to break it."""
    outcome = played[row.name].result()
    if not outcome.good:
        found = [*map(str, outcome.violations), *outcome.findings]
        path = kept(outcome.history, f"{row.name}-{SEED}")
        pytest.fail("\n".join([f"{row.name}: {row.what} ({row.expected}); kept in {path}", *found[:20]]))


def test_no_row_is_missing() -> None:
    """Every number of the matrix, from F0 to F35, has a row."""
    numbers = {row.name.split("-")[0] for row in rows()}
    assert {f"F{number}" for number in range(36)} - numbers == set()


def test_rows_have_names_of_their_own() -> None:
    """A row is known by its name, also in the proof."""
    names = [row.name for row in rows()]
    assert sorted(set(names)) == sorted(names)
