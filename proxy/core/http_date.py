"""HTTP-date: the time stamps of Last-Modified, If-Modified-Since and their kin (RFC 9110 §5.6.7).

What lives here: text to seconds since the epoch and back, in UTC, without a clock and without a locale. What must not:
what a date means for a request (`preconditions`, `ranges`).
"""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LONG_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_DAY_NAME = f"(?:{'|'.join(_DAYS)})"
_LONG_DAY_NAME = f"(?:{'|'.join(_LONG_DAYS)})"
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_DAY = "(?P<day>[0-9]{2})"
_YEAR = "(?P<year>[0-9]{4})"
# 60 is a leap second; it is counted as the first second of the next minute, as POSIX time does.
_TIME = "(?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9]):(?P<second>[0-5][0-9]|60)"

# The three formats of §5.6.7, case-sensitive. The day name must be one but need not fit the date: a date taken for
# invalid is ignored (§13.1.4), and an ignored If-Unmodified-Since lets a write through.
_FORMATS: Final = (
    re.compile(f"{_DAY_NAME}, {_DAY} {_MONTH} {_YEAR} {_TIME} GMT"),  # IMF-fixdate, the only one that is sent
    re.compile(f"{_LONG_DAY_NAME}, {_DAY}-{_MONTH}-(?P<short_year>[0-9]{{2}}) {_TIME} GMT"),  # rfc850-date
    re.compile(f"{_DAY_NAME} {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_TIME} {_YEAR}"),  # asctime-date
)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def parse(text: str) -> int | None:
    """Return the seconds since the epoch that `text` names, None when it is no HTTP-date."""
    value = text.strip(" \t")
    if not value:
        return None
    found = next((match for form in _FORMATS if (match := form.fullmatch(value))), None)
    return None if found is None else _seconds(found.groupdict())


def format(seconds: int) -> str:  # noqa: A001 - read as http_date.format; the builtin is not used here
    """Return `seconds` since the epoch as IMF-fixdate. Raised outside the years 1 to 9999: OverflowError."""
    moment = _EPOCH + timedelta(seconds=seconds)
    # Not %a, %b and %Y: the names follow the locale, and years below 1000 may lose their zeros.
    day, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]
    return f"{day}, {moment.day:02} {month} {moment.year:04} {moment:%H:%M:%S} GMT"


def _seconds(parts: dict[str, str]) -> int | None:
    try:
        day = date(_year(parts), _MONTHS.index(parts["month"]) + 1, int(parts["day"]))
    except ValueError:  # 30 February, or the year 0
        return None
    days = day.toordinal() - _EPOCH.toordinal()
    return ((days * 24 + int(parts["hour"])) * 60 + int(parts["minute"])) * 60 + int(parts["second"])


def _year(parts: dict[str, str]) -> int:
    """Return the year; one of two digits lies between 1970 and 2069.

    A date that seems more than 50 years ahead must be read as past (§5.6.7). With this window none ever seems so, and
    no clock is needed to tell.
    """
    if "short_year" not in parts:
        return int(parts["year"])
    short = int(parts["short_year"])
    return short + (1900 if short >= 70 else 2000)  # noqa: PLR2004 - the epoch's own year
