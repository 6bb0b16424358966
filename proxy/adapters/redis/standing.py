"""How the store stands, in a word for the program and in a line for people.

What lives here: what is said when, and once only. What must not: finding it out, which is `watching`'s business.
"""

from collections.abc import Callable
from enum import Enum
from typing import Final

from redis.exceptions import ResponseError

from proxy.adapters.redis.diagnosing import lasting

SILENCE: Final = frozenset({"timeout", "unreachable"})
"""Two ways in which a store does not answer; they may take turns, and are one to people."""

REFUSALS: Final = 16
"""How many different refusals of a command are said."""


class Standing(Enum):
    """What is known of the store."""

    UNKNOWN = "unknown"
    USABLE = "usable"
    QUARANTINED = "quarantined"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"


class Report:
    """Says how the store stands: to people by `say`, when it changes; to the program by `on_standing`, likewise.

    `instead` is what guarded writes do while the store does not answer.
    """

    def __init__(self, say: Callable[[str], None], on_standing: Callable[[Standing], None]) -> None:
        self._say = say
        self._on_standing = on_standing
        self._said = ""
        self._refusals: set[str] = set()
        self.instead = "are refused"
        self.standing = Standing.UNKNOWN

    def stands(self, standing: Standing, why: str) -> None:
        """Take note of a standing, and say so where it is another one than before, or has another reason."""
        before, self.standing = self.standing, standing
        another = standing is Standing.UNREACHABLE and why not in {*SILENCE, self._said}
        if standing is before and not another:
            return
        self._said = why
        if standing is not before:
            self._on_standing(standing)
        if standing is not Standing.USABLE or before is not Standing.UNKNOWN:
            self._say(self._line(standing, why))

    def refuses(self, fault: ResponseError) -> None:
        """Take note that the store refused a command; say it once where it lasts, since the store may seem well."""
        advice = lasting(fault)
        if advice is not None and advice not in self._refusals and len(self._refusals) < REFUSALS:
            self._refusals.add(advice)
            self._say(f"store refuses what some writes need, and so are they: {advice}")

    def _line(self, standing: Standing, why: str) -> str:
        if standing is Standing.REFUSED:
            return f"store must not be used, guarded writes are refused: {why}"
        if standing is Standing.UNREACHABLE:
            return f"store cannot be used ({why}): guarded writes {self.instead}, reads go on"
        if standing is Standing.QUARANTINED:
            return f"store is new, was restarted or replaced: guarded writes are refused for {why} (see ifmatch vouch)"
        return "store is usable: guarded writes go on"
