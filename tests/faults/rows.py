"""All rows of the fault matrix, in its order."""

import importlib
import re
from dataclasses import replace
from pathlib import Path

from tests.faults.matrix import Row

VARIANTS = {
    "F7-unfenced",
    "F10-amnesic",
    "F10-held",
    "F10-keep",
    "F10-vouch",
    "F12-del",
    "F14-held",
    "F14-hole",
    "F24-stale",
}
"""Rows that the long form alone plays, since others of the same number are played every time."""


def rows() -> list[Row]:
    """Return every row of the `rows_*` beside this file, by the number of its fault."""
    modules = sorted(path.stem for path in Path(__file__).parent.glob("rows_*.py"))
    found = [row for module in modules for row in importlib.import_module(f"tests.faults.{module}").ROWS]
    return sorted((replace(row, long=row.long or row.name in VARIANTS) for row in found), key=_place)


def _place(row: Row) -> tuple[int, str]:
    number = re.match(r"F(\d+)", row.name)
    return (int(number[1]) if number else 1_000, row.name)
