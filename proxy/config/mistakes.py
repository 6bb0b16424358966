"""What is wrong with a configuration: where it stands, and the line that is written about it.

What lives here: mistakes as values and their text form `file:line:column: path: message`. What must not: how a mistake
is found.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

KeyPath = tuple[str | int, ...]
"""Keys and list indices from the top of the configuration: `("routes", 0, "path")`."""

LONGEST_QUOTE: Final = 60
"""Characters of the user's own text that a message repeats."""

_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_NOT_SHOWN: Final = re.compile(r"([a-z0-9+]+)://.*[@?].*", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a file. Both count from 1; a column counts characters."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing to mend.

    `position` None means: where the value at `path` stands. `rests_on` are the values that the mistake was concluded
    from; when one of them is itself a mistake, this one is not worth telling yet.
    """

    path: KeyPath
    message: str
    position: Position | None = None
    rests_on: tuple[KeyPath, ...] = ()

    def rests_on_any(self, doubtful: Iterable[KeyPath]) -> bool:
        """Tell whether a value that this was concluded from is among `doubtful` or inside one of them."""
        return any(path[: len(doubt)] == doubt for doubt in doubtful for path in self.rests_on)


@dataclass(frozen=True, slots=True)
class Located:
    """A mistake and where it stands: in the file, or in the source that `origin` names (an option, a variable)."""

    mistake: Mistake
    origin: str
    position: Position | None

    def __str__(self) -> str:
        place = "" if self.position is None else f":{self.position.line}:{self.position.column}"
        return f"{self.origin}{place}: {written_path(self.mistake.path)}: {self.mistake.message}"


def in_order(found: Iterable[Located]) -> list[Located]:
    """Return mistakes of the file by position, then the others as found."""
    end = Position(2**31, 0)
    return sorted(found, key=lambda located: located.position or end)


def written_path(path: KeyPath) -> str:
    """Return `routes[0].timeouts.select`; a key of unusual spelling is quoted, the whole configuration is `(file)`.

    >>> written_path(("routes", 0, "odd key"))
    'routes[0]."odd key"'
    """
    parts = [f"[{part}]" if isinstance(part, int) else f".{_written_key(part)}" for part in path]
    return "".join(parts).removeprefix(".") or "(file)"


def quoted(text: str) -> str:
    """Return the user's own text on one line, cut when long. What may hold a password is shown by its scheme alone."""
    hidden = _NOT_SHOWN.fullmatch(text)
    if hidden is not None:
        return f'"{hidden[1]}://..." (not shown in full)'
    shown = text if len(text) <= LONGEST_QUOTE else f"{text[: LONGEST_QUOTE - 3]}..."
    return json.dumps(shown, ensure_ascii=not shown.isprintable())


def _written_key(key: str) -> str:
    return key if _PLAIN_KEY.fullmatch(key) else quoted(key)
