"""Every row of the fault matrix, once, in its short form: three proxies, a real store, a fault, and the checkers."""

import pytest

from tests.faults.matrix import Row, play
from tests.faults.rows import rows
from tests.support.judging import kept

SEED = 1

ROWS = [row for row in rows() if not row.long]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(row: Row) -> None:
    """The promise is kept under this fault; a control is seen to break it."""
    outcome = play(row, SEED)
    if not outcome.good:
        found = [*map(str, outcome.violations), *outcome.findings]
        path = kept(outcome.history, f"{row.name}-{SEED}")
        pytest.fail("\n".join([f"{row.name}: {row.what} ({row.expected}); kept in {path}", *found[:20]]))


def test_no_row_is_missing() -> None:
    """Every number of the matrix, from F0 to F35, has a row that is played here."""
    numbers = {row.name.split("-")[0] for row in ROWS}
    assert {f"F{number}" for number in range(36)} - numbers == set()


def test_rows_have_names_of_their_own() -> None:
    """A row is known by its name, also in the proof."""
    names = [row.name for row in rows()]
    assert sorted(set(names)) == sorted(names)
