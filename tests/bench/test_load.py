"""What wrk says is read, and figures of answers that were not meant are refused."""

import pytest

from bench.line import WrongAnswer
from bench.load import SCRIPT, Played, checked, parsed, written

SAID = """Running 1s test @ http://127.0.0.1:1
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.23ms   {0.1}
Requests/sec:   2000.00
{"requests": 4000, "microseconds": 2000000, "bytes": 800000, "refused": 3, "failed": 2}
"""
PLAYED = Played(requests=100, seconds=2, size=20_000, refused=0, failed=0)


def test_what_wrk_says() -> None:
    """The line of the script stands in the midst of its own."""
    assert parsed(SAID) == Played(4000, 2.0, 800_000, 3, 2)
    assert parsed(SAID).rate == 2000


def test_the_script_says_what_is_read() -> None:
    """Both know the same names."""
    script = SCRIPT.read_text("utf-8")
    assert all(f'"{name}": %d' in script for name in ("requests", "microseconds", "bytes", "refused", "failed"))


def test_silence() -> None:
    """It is no zero."""
    with pytest.raises(ValueError, match="unable to connect"):
        parsed("unable to connect to 127.0.0.1:1\n")


@pytest.mark.parametrize("size", [200.0, 201.5, 196.0])
def test_good_answers(size: float) -> None:
    """A few bytes more or less are a date, or an answer cut off at the end."""
    assert checked(PLAYED, size) is PLAYED


@pytest.mark.parametrize(
    ("played", "size"),
    [
        (Played(100, 2, 20_000, 1, 0), 200),
        (Played(100, 2, 20_000, 0, 1), 200),
        (Played(0, 2, 0, 0, 0), 200),
        (PLAYED, 180),
        (PLAYED, 2_200),
    ],
)
def test_wrong_answers(played: Played, size: float) -> None:
    """Refused, failed, none at all, or others than were sampled: a 304 is not a 200."""
    with pytest.raises(WrongAnswer):
        checked(played, size)


def test_the_file_of_requests() -> None:
    """Each with its length, so that it may hold any byte."""
    assert written([b"GET / HTTP/1.1\r\n\r\n", b"\n7\n"]) == b"18\nGET / HTTP/1.1\r\n\r\n3\n\n7\n"
