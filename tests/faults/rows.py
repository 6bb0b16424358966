"""All rows of the fault matrix, in its order."""

import importlib
import re
from pathlib import Path

from tests.faults.matrix import Row


def rows() -> list[Row]:
    """Return every row of the `rows_*` beside this file, by the number of its fault."""
    modules = sorted(path.stem for path in Path(__file__).parent.glob("rows_*.py"))
    found = [row for module in modules for row in importlib.import_module(f"tests.faults.{module}").ROWS]
    return sorted(found, key=_place)


def _place(row: Row) -> tuple[int, str]:
    number = re.match(r"F(\d+)", row.name)
    return (int(number[1]) if number else 1_000, row.name)
