"""What a row of a seed's table is, and how it is judged.

What lives here: the words of a row. The rows themselves stand beside the system that they are about.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.seeds.stage import Stage


class Unplayable(Exception):
    """The row cannot go on: what it needs for its next step was not in an answer. The text says what is missing."""


@dataclass(frozen=True, slots=True)
class Row:
    """One case. `play` does it and returns what came of it, in the words of `expected` where it came out so.

    `alone` says why the row holds without ifmatch as well; it is empty where it must fail then.
    """

    name: str
    case: str
    expected: str
    play: Callable[[Stage], str]
    alone: str = ""

    def got(self, stage: Stage) -> str:
        """Play the row, and return what came of it."""
        try:
            return self.play(stage)
        except Unplayable as missing:
            return str(missing)


@dataclass(frozen=True, slots=True)
class Seed:
    """A system that must work through ifmatch: its API without tags, the configuration, the cases."""

    name: str
    origin: str
    """The module that runs the API."""
    example: str
    """The configuration, in config/examples/."""
    rows: tuple[Row, ...]


Play = Callable[[Stage], str]


class Table:
    """The rows of a system, in the order in which they are written down."""

    def __init__(self) -> None:
        self._rows: list[Row] = []

    def row(self, name: str, case: str, expected: str, *, alone: str = "") -> Callable[[Play], Play]:
        """Take the decorated function as the next row."""

        def take(play: Play) -> Play:
            self._rows.append(Row(name, case, expected, play, alone))
            return play

        return take

    @property
    def rows(self) -> tuple[Row, ...]:
        """Return the rows."""
        return tuple(self._rows)


def either(fact: str, *, holds: bool, otherwise: object) -> str:
    """Return the fact where it holds, else what is there in its place."""
    return fact if holds else f"({otherwise} in place of {fact})"
