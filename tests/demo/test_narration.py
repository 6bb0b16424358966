"""How the play looks."""

import io

import pytest

from proxy.demo.narration import Narrator


class Terminal(io.StringIO):
    """An audience with a screen."""

    def isatty(self) -> bool:
        """Say that it is a terminal."""
        return True


def told(out: io.StringIO) -> str:
    """Return what a refusal, a success and a failure look like on `out`."""
    narrator = Narrator(out)
    narrator.heading("One")
    narrator.request("Bob", "PUT /wiki/home", '"a"')
    narrator.answer(412, '"b"', "Stale")
    narrator.answer(204, None, None)
    narrator.answer(599, None, None)
    narrator.failure("it did")
    return out.getvalue()


PLAIN = """
One
    Bob > PUT /wiki/home   If-Match: "a"
        < 412 Precondition Failed   ETag: "b"   "Stale"
        < 204 No Content
        < 599
failed: it did
"""
COLOURED = """
\033[1mOne\033[0m
    Bob > PUT /wiki/home   If-Match: "a"
        < \033[33m412 Precondition Failed\033[0m   ETag: "b"   "Stale"
        < \033[32m204 No Content\033[0m
        < \033[31m599\033[0m
\033[31mfailed: it did\033[0m
"""


@pytest.mark.parametrize(
    ("out", "no_color", "expected"),
    [(io.StringIO(), "", PLAIN), (Terminal(), "", COLOURED), (Terminal(), "1", PLAIN)],
    ids=["file", "terminal", "terminal without colour"],
)
def test_colour_is_for_terminals_that_want_it(
    monkeypatch: pytest.MonkeyPatch, out: io.StringIO, no_color: str, expected: str
) -> None:
    """The lines are the same everywhere; colour is added on a terminal only, and not where NO_COLOR is set."""
    monkeypatch.setenv("NO_COLOR", no_color)
    assert told(out) == expected
