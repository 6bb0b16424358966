"""`make seeds`: play every row of every system through ifmatch, and print what came of it as tables.

What lives here: the print. It ends with 1 where a row did not come out.
"""

import sys
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from textwrap import wrap

from tests.seeds.rows import Row, Seed
from tests.seeds.stage import staged
from tests.seeds.systems import SEEDS

WIDTHS = (4, 40, 44, 44, 4)
HEAD = ("row", "case", "expected", "got", "pass")


def lines(cells: Sequence[str]) -> Iterable[str]:
    """Yield the lines of one row of a table, its cells wrapped."""
    columns = [wrap(cell, width) or [""] for cell, width in zip(cells, WIDTHS, strict=True)]
    for parts in zip_longest(*columns, fillvalue=""):
        yield "  ".join(part.ljust(width) for part, width in zip(parts, WIDTHS, strict=True)).rstrip()


def say(*printed: str) -> None:
    """Print lines."""
    sys.stdout.writelines(f"{line}\n" for line in printed)
    sys.stdout.flush()


def play(seed: Seed) -> int:
    """Play a system's rows and print its table; return how many came out."""
    say("", f"{seed.name} through config/examples/{seed.example}", "", *lines(HEAD))
    say(*lines(["-" * width for width in WIDTHS]))
    with staged(seed.origin, seed.example, guarded=True) as stage:
        return sum(shown(row, row.got(stage)) for row in seed.rows)


def shown(row: Row, got: str) -> bool:
    """Print a row; tell whether it came out."""
    good = got == row.expected
    say(*lines((row.name, row.case, row.expected, got, "yes" if good else "NO")))
    return good


def main(seeds: Sequence[Seed] = SEEDS) -> int:
    """Play all; return the exit code."""
    good = {seed.name: play(seed) for seed in seeds}
    say("", ", ".join(f"{seed.name} {good[seed.name]}/{len(seed.rows)}" for seed in seeds))
    return 0 if all(good[seed.name] == len(seed.rows) for seed in seeds) else 1


if __name__ == "__main__":
    raise SystemExit(main())
