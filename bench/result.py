"""What a measurement came to, as it is kept: one JSON file in bench/results for each section of docs/performance.md.

What lives here: the values, and how they stand in a file. What must not: how they are measured, or shown.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bench.machine import Machine

RESULTS: Final = Path(__file__).with_name("results")


@dataclass(frozen=True, slots=True)
class Bar:
    """What was to be reached and what was, both as a reader sees them: `at least 1.2 x`, `1.45 x`."""

    measure: str
    goal: str
    reached: str
    kept: bool


@dataclass(frozen=True, slots=True)
class Table:
    """Figures, as text. `title` is the sentence above, `note` the paragraph below, if any; both are Markdown."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """All that a section says.

    `command` made it on `day` (as in ISO 8601) and took so many `minutes`. `versions` are those of what took part.
    `about` are paragraphs (Markdown) before the tables, on how it was measured; `gaps` is what was not measured.
    """

    command: str
    day: str
    minutes: float
    machine: Machine
    versions: Mapping[str, str]
    about: Sequence[str] = ()
    tables: Sequence[Table] = ()
    bars: Sequence[Bar] = ()
    gaps: Sequence[str] = field(default=())


def today() -> str:
    """Return the date."""
    return datetime.now(UTC).date().isoformat()


def written(result: Result) -> str:
    """Return the text of the file."""
    return json.dumps(asdict(result), indent=1, ensure_ascii=False) + "\n"


def read(text: str) -> Result:
    """Return the result in the text of a file. Raised when it does not hold one: `TypeError`, `ValueError`."""
    kept: dict[str, Any] = json.loads(text)
    machine = Machine(**kept.pop("machine"))
    tables = [Table(**table) for table in kept.pop("tables")]
    bars = [Bar(**bar) for bar in kept.pop("bars")]
    return Result(machine=machine, tables=tables, bars=bars, **kept)


def keep(section: str, result: Result, folder: Path = RESULTS) -> None:
    """Write the file of a section."""
    folder.mkdir(exist_ok=True)
    (folder / f"{section}.json").write_text(written(result), "utf-8")


def kept(folder: Path = RESULTS) -> dict[str, Result]:
    """Return the results that there are, by the names of their sections."""
    return {path.stem: read(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))}
