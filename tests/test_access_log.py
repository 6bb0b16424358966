"""The access log: how a line is spelled, and when it is written."""

import io
import json
import logging
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.access_log import MAX_VALUE, AccessLog, Style
from proxy.telemetry import RequestJournal


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Torn(io.StringIO):
    """A stream whose reader has left."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def _journal() -> RequestJournal:
    return RequestJournal(lambda: 100.0, lambda: 1795262400.25)


def _written(style: Style, **facts: str | int | None) -> str:
    stream = io.StringIO()
    journal = _journal()
    journal.note(**facts)
    AccessLog(stream, style).write(journal.line())
    return stream.getvalue()


@given(st.text() | st.text(alphabet='\n\r\0\x1b\x85\u2028"\\= {}'))
def test_no_value_can_forge_a_line(hostile: str) -> None:
    """Whatever a client sends, its request is one line of visible ASCII, and as JSON the value comes back."""
    for style in Style:
        line = _written(style, path=hostile)
        assert line.endswith("\n")
        assert line[:-1].isascii()
        assert line[:-1].isprintable()
    written = json.loads(_written(Style.JSON, path=hostile))["path"]
    assert written == (hostile if len(hostile) <= MAX_VALUE else hostile[:MAX_VALUE] + "...")


def test_a_long_value_is_cut() -> None:
    """A client cannot make a line as long as it likes."""
    written = json.loads(_written(Style.JSON, if_match="x" * 5000))["if_match"]
    assert written == "x" * MAX_VALUE + "..."


def test_text_is_for_people() -> None:
    """As text, what is null is left out, and what could be misread is quoted."""
    line = _written(Style.TEXT, method="PUT", path="/a b", etag='"x"', status=412)
    assert 'method=PUT path="/a b"' in line
    assert 'status=412 etag="\\"x\\""' in line
    assert "upstream_status" not in line


@pytest.mark.parametrize(
    ("stream", "style", "as_json"),
    [
        (io.StringIO(), None, True),
        (Terminal(), None, False),
        (Terminal(), Style.JSON, True),
        (io.StringIO(), Style.TEXT, False),
    ],
)
def test_the_style_is_chosen(stream: io.StringIO, style: Style | None, as_json: bool) -> None:
    """Text on a terminal and JSON elsewhere, unless somebody chooses."""
    AccessLog(stream, style).write(_journal().line())
    assert stream.getvalue().startswith("{") is as_json


def test_lines_of_one_turn_are_written_together() -> None:
    """Told how to wait, the log holds lines until then, writes all of them in order, and asks to be called once."""
    stream, later = io.StringIO(), list[Callable[[], None]]()
    log = AccessLog(stream, Style.JSON, later.append)
    for _ in range(3):
        log.write(_journal().line())
    assert stream.getvalue() == ""
    (flush,) = later
    flush()
    assert len(stream.getvalue().splitlines()) == 3
    log.write(_journal().line())
    assert len(later) == 2


def _closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("make", [Torn, _closed])
def test_a_log_that_cannot_be_written(make: Callable[[], io.StringIO], caplog: pytest.LogCaptureFixture) -> None:
    """Writing never raises, and complains once."""
    log = AccessLog(make(), Style.JSON)
    log.write(_journal().line())
    log.write(_journal().line())
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
