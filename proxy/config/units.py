"""Durations and sizes: how they are written, and the seconds and bytes they mean.

What lives here: two notations. What must not: which keys use them, and what is sensible for a key.
"""

import math
import re
from typing import Final

DURATION: Final = "a duration such as 250ms, 5s or 1m"
SIZE: Final = "a size such as 512B, 64KiB or 8MiB"

DURATION_FORM: Final = re.compile(r"([0-9]{1,8}(?:\.[0-9]{1,3})?)(ms|s|m|h)")
SIZE_FORM: Final = re.compile(r"([0-9]{1,8})(B|KiB|MiB|GiB)")

LONGEST: Final = 24 * 3600.0
"""Seconds. Nothing in a proxy waits for more than a day; a longer duration is a slip of the pen."""

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_BYTES: Final = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_NUMBER: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_DECIMAL_SIZE: Final = re.compile(r"[0-9]+ ?([kKMG])[bB]?")


def duration(text: str) -> float:
    """Return the seconds of `250ms`, `5s`, `1.5m` or `1h`. Raised when it is none of these: `ValueError`.

    >>> duration("250ms")
    0.25
    """
    if _NUMBER.fullmatch(text):
        raise ValueError(f"expected {DURATION}; a bare number has no unit: write {text}s")
    match = DURATION_FORM.fullmatch(text)
    if match is None:
        raise ValueError(f"expected {DURATION}")
    seconds = round(float(match[1]) * _SECONDS[match[2]], 6)
    if seconds > LONGEST:
        raise ValueError(f"expected {DURATION}, and at most 24h")
    return seconds


def some_time(text: str) -> float:
    """Return the seconds of a duration that is not zero. Raised otherwise: `ValueError`."""
    seconds = duration(text)
    if seconds == 0:
        raise ValueError(f"expected {DURATION}, and more than zero")
    return seconds


def within_an_hour(text: str) -> float:
    """Return the seconds of a duration of at most an hour. Raised otherwise: `ValueError`."""
    seconds = duration(text)
    if seconds > _SECONDS["h"]:
        raise ValueError(f"expected {DURATION}, and at most 1h")
    return seconds


def size(text: str) -> int:
    """Return the bytes of `512B`, `64KiB`, `8MiB` or `1GiB`. Raised when it is none of these, or zero: `ValueError`.

    >>> size("64KiB")
    65536
    """
    match = SIZE_FORM.fullmatch(text)
    if match is None:
        raise ValueError(f"expected {SIZE}{_size_hint(text)}")
    count = int(match[1]) * _BYTES[match[2]]
    if count == 0:
        raise ValueError(f"expected {SIZE}, and more than zero")
    return count


def written_duration(seconds: float) -> str:
    """Return the shortest text in seconds that `duration` reads as these; what is finer than 1 ms is rounded up.

    >>> written_duration(35.0)
    '35s'
    """
    milliseconds = math.ceil(round(seconds * 1000, 6))
    return f"{milliseconds / 1000:.3f}".rstrip("0").rstrip(".") + "s"


def _size_hint(text: str) -> str:
    decimal = _DECIMAL_SIZE.fullmatch(text)
    if decimal is not None:
        return f"; units count in 1024: write {decimal[1].upper()}iB"
    if text.isascii() and text.isdigit():
        return f"; a bare number has no unit: write {_with_unit(int(text))}"
    return ""


def _with_unit(count: int) -> str:
    """Return a number of bytes with the largest unit that divides it.

    >>> _with_unit(1048576)
    '1MiB'
    """
    dividing = [unit for unit, factor in _BYTES.items() if count and count % factor == 0]
    unit = dividing[-1] if dividing else "B"
    return f"{count // _BYTES[unit]}{unit}"
