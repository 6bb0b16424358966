"""Durations and sizes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config import units


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("5s", 5.0), ("1.5s", 1.5), ("1m", 60.0), ("0.5h", 1800.0), ("24h", 86400.0), ("0s", 0.0)],
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    """Each unit means what its name says."""
    assert units.duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("20", "a bare number has no unit: write 20s"),
        ("1.5", "write 1.5s"),
        ("25h", "at most 24h"),
        ("", "a duration such as"),
        ("5 s", "a duration such as"),
        ("5S", "a duration such as"),
        ("1m30s", "a duration such as"),
        ("-1s", "a duration such as"),
        ("1e3s", "a duration such as"),
        ("5sec", "a duration such as"),
        ("5s\n", "a duration such as"),
        ("\u0665s", "a duration such as"),
    ],
)
def test_another_duration_is_refused(text: str, hint: str) -> None:
    """What is no duration of ours is refused with a sentence that says what is."""
    with pytest.raises(ValueError, match=re.escape(hint)):
        units.duration(text)


def test_some_time_is_more_than_none() -> None:
    """A time-out of zero would refuse every request; it is refused itself."""
    assert units.some_time("1ms") == 0.001
    with pytest.raises(ValueError, match="more than zero"):
        units.some_time("0s")


def test_an_hour_is_the_most_and_nothing_is_enough() -> None:
    """What lies between is any duration."""
    assert [units.within_an_hour(text) for text in ("0s", "1.5s", "60m")] == [0, 1.5, 3600]
    with pytest.raises(ValueError, match="at most 1h"):
        units.within_an_hour("3601s")


@pytest.mark.parametrize(("text", "count"), [("1B", 1), ("64KiB", 65536), ("8MiB", 8388608), ("1GiB", 1073741824)])
def test_a_size_is_a_number_and_a_unit(text: str, count: int) -> None:
    """Units count in steps of 1024."""
    assert units.size(text) == count


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("1048576", "write 1MiB"),
        ("65536", "write 64KiB"),
        ("1000", "write 1000B"),
        ("0", "write 0B"),
        ("8MB", "units count in 1024: write MiB"),
        ("8k", "units count in 1024: write KiB"),
        ("0MiB", "more than zero"),
        ("1.5MiB", "a size such as"),
        ("8mib", "a size such as"),
        ("", "a size such as"),
        ("\u0665", "a size such as"),
    ],
)
def test_another_size_is_refused(text: str, hint: str) -> None:
    """What is no size of ours is refused with a sentence that says what to write."""
    with pytest.raises(ValueError, match=re.escape(hint)):
        units.size(text)


@given(st.integers(min_value=0, max_value=86_400_000))
def test_a_written_duration_is_read_back(milliseconds: int) -> None:
    """For whole milliseconds, duration is the inverse of written_duration: advice in a message can be followed."""
    seconds = milliseconds / 1000
    assert units.duration(units.written_duration(seconds)) == pytest.approx(seconds, abs=1e-9)


@given(st.floats(min_value=0, max_value=86_000))
def test_a_written_duration_is_never_too_short(seconds: float) -> None:
    """What is finer than a millisecond is rounded up, since it is told as the least that is allowed."""
    assert units.duration(units.written_duration(seconds)) >= seconds - 1e-6
