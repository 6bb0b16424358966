"""The access log: one line for each request that is over.

What lives here: how a line is spelled and when it is written. Whatever a client wrote is escaped, so that no request
can forge a line. What must not: what a line tells; that is `telemetry.RequestJournal.line`.
"""

import json
import logging
import re
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Final, TextIO

from proxy.lines import Lines

_log = logging.getLogger(__name__)

Later = Callable[[Callable[[], None]], object]

MAX_VALUE: Final = 512
"""How many characters of a value are written; a longer one ends in three dots."""

_PLAIN: Final = re.compile(r"[!#-\[\]-~]+")  # visible ASCII without the double quote and the backslash


class Style(Enum):
    """How a line of the access log is spelled."""

    JSON = "json"
    TEXT = "text"


class AccessLog:
    """One line a request. Without a `style`: text on a terminal, else JSON.

    `later` calls what it is given before long, as an event loop's `call_soon` does: lines of one turn of the loop are
    then written together. Without it each is written at once.
    """

    def __init__(self, stream: TextIO, style: Style | None = None, later: Later | None = None) -> None:
        self._stream = stream
        chosen = style or (Style.TEXT if stream.isatty() else Style.JSON)
        self._spell = Lines().spell if chosen is Style.JSON else _readable
        self._later = later
        self._held: list[str] = []
        self._broken = False

    def write(self, line: Mapping[str, object]) -> None:
        """Write the line of a request that is over. Never raises: a log that cannot be written changes no answer."""
        text = self._spell(line)
        if len(text) > MAX_VALUE and any(map(_too_long, line.values())):
            text = self._spell({name: _shortened(value) for name, value in line.items()})
        self._held.append(text)
        if self._later is None:
            self.flush()
        elif len(self._held) == 1:
            self._later(self.flush)

    def flush(self) -> None:
        """Write the lines that are held. Never raises, either."""
        held, self._held = self._held, []
        try:
            self._stream.write("\n".join([*held, ""]))
            self._stream.flush()
        except (OSError, ValueError) as fault:  # ValueError: the stream is closed
            self._complain(fault)

    def _complain(self, fault: Exception) -> None:
        if not self._broken:
            self._broken = True
            _log.error("the access log cannot be written (%s); lines are lost", fault)


def _too_long(value: object) -> bool:
    return isinstance(value, str) and len(value) > MAX_VALUE


def _shortened(value: object) -> object:
    return value[:MAX_VALUE] + "..." if isinstance(value, str) and len(value) > MAX_VALUE else value


def _readable(members: Mapping[str, object]) -> str:
    """Spell a line for people: what is null is left out, what is not plain ASCII is quoted and escaped."""
    return " ".join(f"{name}={_spelled(value)}" for name, value in members.items() if value is not None)


def _spelled(value: object) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)
