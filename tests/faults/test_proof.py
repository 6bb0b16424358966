"""The document of the long form says what was played and what came of it, and hides nothing."""

import re

import pytest

from tests.faults.proof import COLUMNS, Line, document, main
from tests.support.histories import Fault, History, Operation, Told, Violation

LOST = Violation(Fault.LOST, "1:1", "named a, overwrote b on /k")


def line(name: str, *violations: Violation, broken: bool = False, control: bool = False, window: bool = False) -> Line:
    """Return the line of a row that was played once, with one write."""
    operation = Operation("1:1", "/k", "b", True, "a", Told.OK, 0.0, 1.0)  # noqa: FBT003 - a table
    made = Line(name, f"what {name} is", control, window)
    made.add(History(operations=[operation]), violations, [], 2.5)
    if broken:
        made.broken.append("seed 1: lost update")
    return made


def cells(row: str) -> dict[str, str]:
    """Return the cells of a line of the table, by their columns."""
    return dict(zip(COLUMNS, [cell.strip() for cell in row.strip("| ").split("|")], strict=True))


def table(text: str) -> dict[str, dict[str, str]]:
    """Return the lines of the table by the names of their rows."""
    lines = [cells(row) for row in re.findall(r"^\|.*\|$", text, re.MULTILINE)]
    return {row["row"]: row for row in lines}


def test_each_row_has_its_line() -> None:
    """What was told and found, how long it took, and a verdict."""
    text = document([line("F0"), line("F1", LOST, control=True), line("F7", LOST, window=True)], "# Head\n\n")
    assert text.startswith("# Head\n\n| row")
    told = table(text)
    assert told["F0"] | {"verdict": "kept"} == told["F0"]
    assert (told["F0"]["fault"], told["F0"]["ok"], told["F0"]["recovery"]) == ("what F0 is", "1", "2.5")
    assert (told["F1"]["lost"], told["F1"]["verdict"]) == ("1", "caught")
    assert (told["F7"]["lost"], told["F7"]["verdict"]) == ("1", "window")


def test_the_sum_is_that_of_the_promise() -> None:
    """Losses that are wanted, or documented, do not count; those that are neither do."""
    rows = [line("F1", LOST, control=True), line("F7", LOST, window=True)]
    assert table(document([line("F0"), *rows], ""))["**all**"]["lost"] == "0"
    assert table(document([line("F0", LOST, broken=True), *rows], ""))["**all**"]["lost"] == "1"


@pytest.mark.parametrize(
    ("kind", "verdict"), [({}, "broken"), ({"control": True}, "not caught"), ({"window": True}, "broken")]
)
def test_a_run_that_went_wrong_is_told(kind: dict[str, bool], verdict: str) -> None:
    """By the verdict of its row, by that of all, and below the table with its seed."""
    text = document([line("F0"), line("F9", broken=True, **kind)], "")
    assert table(text)["F9"]["verdict"] == verdict
    assert table(text)["**all**"]["verdict"] == ("kept" if kind else "broken")
    assert "\n- F9: seed 1: lost update\n" in text


def test_a_row_that_does_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    """It is said so, and nothing is played."""
    with pytest.raises(SystemExit) as ended:
        main(["--rows", "F0", "F99"])
    assert ended.value.code == 2
    assert "no such rows: F99" in capsys.readouterr().err
