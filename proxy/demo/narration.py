"""How the play is told: plain lines, with colour only on a terminal.

What lives here: layout. No request is made here, and nothing is judged.
"""

import os
from http import HTTPStatus
from typing import TextIO

PHRASES = {int(status): status.phrase for status in HTTPStatus}
BOLD, GREEN, YELLOW, RED, PLAIN = "\033[1m", "\033[32m", "\033[33m", "\033[31m", "\033[0m"


def colour_of(status: int) -> str:
    """Return green for a request that was done, yellow for one refused by its precondition, red for the rest."""
    if status == HTTPStatus.PRECONDITION_FAILED:
        return YELLOW
    return GREEN if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES else RED


class Narrator:
    """Writes lines to `out`, each at once, so that the play can be followed while it runs.

    Colour is used on a terminal only, and not where NO_COLOR is set (no-color.org).
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._coloured = out.isatty() and not os.environ.get("NO_COLOR")

    def line(self, text: str = "") -> None:
        """Write one line as it is."""
        print(text, file=self._out, flush=True)

    def heading(self, text: str) -> None:
        """Open a scene."""
        self.line()
        self.line(self._painted(BOLD, text))

    def say(self, text: str) -> None:
        """Tell what has just been seen."""
        self.line(f"  {text}")

    def request(self, who: str, request: str, if_match: str | None) -> None:
        """Show a request line and its precondition."""
        self.line(f"  {who:>5} > {request}" + (f"   If-Match: {if_match}" if if_match else ""))

    def answer(self, status: int, tag: str | None, title: str | None) -> None:
        """Show a status, the entity tag and the title of a problem, where there are such."""
        told = [self._painted(colour_of(status), f"{status} {PHRASES.get(status, '')}".rstrip())]
        told += [f"ETag: {tag}"] if tag else []
        told += [f'"{title}"'] if title else []
        self.line("        < " + "   ".join(told))

    def failure(self, text: str) -> None:
        """Name the step that was not answered as it must be."""
        self.line(self._painted(RED, f"failed: {text}"))

    def _painted(self, colour: str, text: str) -> str:
        return f"{colour}{text}{PLAIN}" if self._coloured else text
