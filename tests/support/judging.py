"""Histories that were kept, and the command that judges them again: `python -m tests.support.judging FILE`.

What lives here: where histories go, and both checkers on what comes back. Their form is `tests.support.jsonl`'s.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.support import linearizability
from tests.support.child import ROOT
from tests.support.histories import History, Told, check
from tests.support.jsonl import BrokenHistory, dump, load

HISTORIES = ROOT / "build" / "histories"
"""Where the histories of runs that broke a promise go; also all others, where that is asked for."""


def kept(history: History, name: str, folder: Path = HISTORIES) -> Path:
    """Write a history down and return where."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.jsonl"
    dump(history, path)
    return path


def judged(history: History) -> list[str]:
    """Return all that C1 and C2 have against it."""
    return [*map(str, check(history)), *map(str, linearizability.check(history))]


def main(arguments: Sequence[str] | None = None) -> int:
    """Say what is found in each file: 0 for nothing in any, 1 for something, 2 for a file that is no history."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.judging", description="Judge histories in files.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    code = 0
    for path in parser.parse_args(arguments).files:
        try:
            history = load(path)
        except (BrokenHistory, OSError) as error:
            sys.stderr.write(f"{error}\n")
            return 2
        found = judged(history)
        told = ", ".join(f"{history.told(told)} {told}" for told in Told)
        sys.stdout.writelines([f"{path}: {told}: {len(found)} found\n", *(f"  {what}\n" for what in found)])
        code = max(code, bool(found))
    return code


if __name__ == "__main__":
    raise SystemExit(main())
