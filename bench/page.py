"""docs/performance.md, made of what bench/results keeps: `python -m bench.page`.

What lives here: which sections the page has, in which order, and how a result looks. It is a pure function of the
results, so that each measurement can be repeated alone. What must not: a figure.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from bench.result import Bar, Result, Table, keep, kept
from tests.support.child import ROOT

DOCUMENT: Final = ROOT / "docs" / "performance.md"

SECTIONS: Final = {
    "peers": "Next to its peers",
    "storm": "A storm of writers",
    "bodies": "Large content",
    "scale": "Scale",
    "store": "What the store costs",
    "profile": "Where the time goes",
}
"""The sections of the page in their order: the name of the file in bench/results, and the heading."""

HEAD: Final = """# Performance

Written by the measurements in `bench`, each of which says below how it is repeated; nothing here is written by hand.
Figures of another machine are others: what carries over is how one thing compares to another beside it.
"""


def rendered(results: Mapping[str, Result]) -> str:
    """Return the page. Raised when a result has no section: `KeyError`."""
    if unknown := sorted(results.keys() - SECTIONS.keys()):
        raise KeyError(f"no section is called {', '.join(unknown)}; see SECTIONS")
    ordered = {name: results[name] for name in SECTIONS if name in results}
    bars = [bar for result in ordered.values() for bar in result.bars]
    parts = [HEAD, *(["## Goals\n", goals(bars)] if bars else [])]
    parts += [section(name, ordered.get(name)) for name in SECTIONS]
    gaps = [f"- {gap}" for result in ordered.values() for gap in result.gaps]
    parts += ["## What is not measured\n", *(["\n".join(gaps) + "\n"] if gaps else ["Nothing is measured yet.\n"])]
    return "\n".join(parts)


def goals(bars: Iterable[Bar]) -> str:
    """Return the table of what was to be reached and what was."""
    rows = [(bar.measure, bar.goal, bar.reached, "yes" if bar.kept else "**no**") for bar in bars]
    return _grid(("measure", "goal", "reached", "kept"), rows)


def section(name: str, result: Result | None) -> str:
    """Return a section. Raised when there is none of that name: `KeyError`."""
    heading = f"## {SECTIONS[name]}\n"
    if result is None:
        return f"{heading}\nNot measured yet.\n"
    tables = [part for table in result.tables for part in _table(table)]
    return "\n".join([heading, *(f"{paragraph}\n" for paragraph in result.about), *tables, _origin(result)])


def _table(table: Table) -> list[str]:
    title = [f"{table.title}\n"] if table.title else []
    return [*title, _grid(table.columns, table.rows), *([f"{table.note}\n"] if table.note else [])]


def _grid(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def _origin(result: Result) -> str:
    """Return where the figures are from."""
    machine = result.machine
    cores = f"{machine.cores} core{'' if machine.cores == 1 else 's'}"
    taking_part = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    return (
        f"Made by `{result.command}` on {result.day} in {result.minutes:.0f} minutes; {cores} ({machine.processor}), "
        f"{machine.kernel}; {taking_part}.\n"
    )


def publish(results: Mapping[str, Result] | None = None, document: Path = DOCUMENT) -> None:
    """Write the page anew, of these results or of those that are kept."""
    document.write_text(rendered(kept() if results is None else results), "utf-8")


def conclude(results: Mapping[str, Result], *, kept_too: bool) -> None:
    """Print what was measured, and where it is to be kept, keep it and write the page."""
    for name, result in results.items():
        sys.stdout.write(f"{section(name, result)}\n{goals(result.bars)}\n")
        if kept_too:
            keep(name, result)
    if kept_too:
        publish()


def main() -> int:
    """Write the page."""
    publish()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
