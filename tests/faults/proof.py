"""The long form of the fault matrix: `make soak SEEDS=3 WRITES=50000` plays it and writes docs/proof.md.

What lives here: many seeds of every row, counted, and the table. Nothing in that document is written by hand.
"""

import argparse
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.matrix import Outcome, Row, play
from tests.faults.rows import rows
from tests.support.histories import Fault, History, Told, Violation, check
from tests.support.judging import HISTORIES, kept
from tests.support.soak import play as play_memory
from tests.support.soak import varied

DOCUMENT = Path(__file__).parents[2] / "docs" / "proof.md"
AT_ONCE = 3
PROMISE = (Fault.LOST, Fault.LIE, Fault.TWICE)
COLUMNS = (
    "row",
    "fault",
    "runs",
    "writes",
    "ok",
    "refused",
    "unknown",
    "lost",
    "lies",
    "double",
    "other",
    "recovery",
    "verdict",
)

HEAD = """# Proof

Made by `make soak SEEDS={seeds} WRITES={writes}`, which plays every row of the fault matrix with real processes: three
proxies, an origin server that logs what it applies, and a real store. Nothing here is written by hand.

{when}; Python {python}, redis-server {redis}, {machine}. Seeds {first} to {last}; {minutes:.0f} minutes.

A *lost* update, a *lie* (an answer that is not what became of the write) or a *double* forward breaks the promise.
*other*: any other violation that the checkers know (`tests/support/histories.py`, `tests/support/linearizability.py`).
*recovery*: the longest time in seconds from the end of the fault until every resource was written again; a store that
was lost is in quarantine for 6 s here, or 16 s where it is replicated. *unknown* outcomes are those that a client was
told of, or that no answer came to. A *control* has a part of the guard taken out, and must be *caught*. A *window* is
what [guarantees.md](guarantees.md) says is not guaranteed: what is lost there is counted, and nothing else may be.

"""


@dataclass
class Line:
    """What one row came to over all seeds. `broken` are runs that did not come out as they must."""

    name: str
    what: str
    control: bool = False
    window: bool = False
    runs: int = 0
    told: dict[Told, int] = field(default_factory=lambda: dict.fromkeys(Told, 0))
    faults: dict[Fault, int] = field(default_factory=lambda: dict.fromkeys(Fault, 0))
    findings: int = 0
    recovery: float = 0.0
    broken: list[str] = field(default_factory=list)

    def add(self, history: History, violations: Sequence[Violation], findings: Sequence[str], recovery: float) -> None:
        """Count a run."""
        self.runs += 1
        self.findings += len(findings)
        self.recovery = max(self.recovery, recovery)
        for told in Told:
            self.told[told] += history.told(told)
        for violation in violations:
            self.faults[violation.fault] += 1

    @property
    def verdict(self) -> str:
        """What it comes to, in a word."""
        if self.control:
            return "not caught" if self.broken else "caught"
        if self.broken:
            return "broken"
        return "window" if self.window else "kept"

    def cells(self) -> list[str]:
        """Return the line of the table."""
        other = self.findings + sum(count for fault, count in self.faults.items() if fault not in PROMISE)
        counts = [self.runs, sum(self.told.values()), *self.told.values()]
        counts += [*(self.faults[fault] for fault in PROMISE), other]
        return [self.name, self.what, *map(str, counts), f"{self.recovery:.1f}", self.verdict]


def prove(matrix: Sequence[Row], seeds: Sequence[int], writes: int, folder: Path | None = None) -> Iterator[Line]:
    """Play these rows under every seed, about `writes` writes a seed in all; yield each line as it is done.

    Histories are kept where they show what must not be, and all of them where there is a `folder` for them.
    """
    share = max(100, writes // (len(matrix) + 1))
    yield _memory(seeds, share)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(lambda row: _line(row, seeds, share, folder), matrix)


def _line(row: Row, seeds: Sequence[int], writes: int, folder: Path | None) -> Line:
    line = Line(row.name, row.what, row.control, bool(row.allowed))
    for seed in seeds:
        try:
            outcome = play(row, seed, max(writes, row.writes))
        except Exception as fault:  # noqa: BLE001 - a row that cannot be played is a result, too
            line.runs += 1
            line.broken.append(f"seed {seed}: {fault}")
            continue
        line.add(outcome.history, outcome.violations, outcome.findings, outcome.recovery)
        if folder is not None or not outcome.good:
            kept(outcome.history, f"{row.name}-{seed}", folder or HISTORIES)
        if not outcome.good:
            line.broken.append(f"seed {seed}: {_first(outcome)}")
    return line


def _memory(seeds: Sequence[int], writes: int) -> Line:
    """Return the line of one process that shares its locks with nobody, under random faults."""
    line = Line("memory", "one process, store memory://, random faults of origin, link and process")
    for seed in seeds:
        history = play_memory(varied(seed, writes))
        violations = check(history)
        line.add(history, violations, [], 0.0)
        line.broken += [f"seed {seed}: {violation}" for violation in violations[:1]]
    return line


def _first(outcome: Outcome) -> str:
    return next(iter([*map(str, outcome.violations), *outcome.findings]), "the control was not caught")


def document(lines: Sequence[Line], head: str) -> str:
    """Return the document."""
    table = [COLUMNS, ("---",) * len(COLUMNS), *(line.cells() for line in lines)]
    text = [" | ".join(cells) for cells in table]
    promised = [line for line in lines if not line.control and not line.window]
    total = Line("**all**", "but controls and windows", runs=sum(line.runs for line in promised))
    for line in promised:
        total.findings += line.findings
        total.recovery = max(total.recovery, line.recovery)
        total.broken += line.broken
        total.told = {told: total.told[told] + line.told[told] for told in Told}
        total.faults = {fault: total.faults[fault] + line.faults[fault] for fault in Fault}
    text.append(" | ".join(total.cells()))
    broken = [f"- {line.name}: {what}" for line in lines for what in line.broken]
    return head + "\n".join(f"| {line} |" for line in text) + "\n" + "\n".join(["", *broken, ""] if broken else [])


def _redis_version() -> str:
    program = shutil.which("redis-server")
    if program is None:
        return "missing"
    said = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout
    return said.partition("v=")[2].partition(" ")[0]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return what is asked for; `matrix` are the rows."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.proof", description="Look for a broken promise.")
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--writes", type=int, default=5_000, help="writes a seed, over all rows")
    parser.add_argument("--rows", nargs="+", metavar="ROW", help="play these only, and leave the document as it is")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep every history there, as JSONL")
    options = parser.parse_args(arguments)
    options.matrix = [row for row in rows() if row.name in (options.rows or [row.name])]
    if unknown := set(options.rows or ()).difference(row.name for row in options.matrix):
        parser.error(f"no such rows: {', '.join(sorted(unknown))}")
    return options


def _head(options: argparse.Namespace, seconds: float) -> str:
    return HEAD.format(
        seeds=options.seeds,
        writes=options.writes,
        when=datetime.now(UTC).date().isoformat(),
        python=platform.python_version(),
        redis=_redis_version(),
        machine=f"{os.cpu_count()} processors, {platform.machine()}",
        first=options.first,
        last=options.first + options.seeds - 1,
        minutes=seconds / 60,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Play, write the document, and say 0 when the promise was kept and every control was caught."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and not without having stopped what was started
    seeds = range(options.first, options.first + options.seeds)
    began = time.monotonic()
    lines: list[Line] = []
    for line in prove(options.matrix, seeds, options.writes, options.keep):
        lines.append(line)
        cells = [line.name.ljust(16), *(cell.rjust(7) for cell in line.cells()[2:])]
        sys.stdout.writelines(["  ".join(cells) + "\n", *(f"  {what}\n" for what in line.broken)])
        sys.stdout.flush()
    if not options.rows:
        DOCUMENT.write_text(document(lines, _head(options, time.monotonic() - began)), "utf-8")
    return 1 if any(line.broken for line in lines) else 0


if __name__ == "__main__":
    raise SystemExit(main())
