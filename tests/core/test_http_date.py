"""The three formats of HTTP-date (RFC 9110 §5.6.7)."""

import re
from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.core import http_date

MOMENT = 784111777
FIRST = int(datetime(1, 1, 1, tzinfo=UTC).timestamp())
LAST = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())
LAW = settings(deadline=None)

seconds = st.integers(FIRST, LAST)


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        " \tSun, 06 Nov 1994 08:49:37 GMT ",
    ],
)
def test_the_three_formats_name_the_same_moment(text: str) -> None:
    """A recipient accepts all three formats of the standard's own example, and whitespace around them."""
    assert http_date.parse(text) == MOMENT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Wed, 31 Dec 1969 23:59:59 GMT", -1),
        ("Tue, 29 Feb 2000 00:00:00 GMT", 951782400),
        ("Sat, 31 Dec 2016 23:59:60 GMT", 1483228800),
        ("Wed Nov 16 08:49:37 1994", MOMENT + 10 * 86400),
        ("Mon, 06 Nov 1994 08:49:37 GMT", MOMENT),
    ],
)
def test_the_edges_of_the_calendar(text: str, expected: int) -> None:
    """Leap days, leap seconds, times before the epoch and a day name that does not fit are all read."""
    assert http_date.parse(text) == expected


@pytest.mark.parametrize(
    ("year", "century"), [("70", 1900), ("94", 1900), ("99", 1900), ("00", 2000), ("26", 2000), ("69", 2000)]
)
def test_a_year_of_two_digits_is_never_far_ahead(year: str, century: int) -> None:
    """A two-digit year lies between 1970 and 2069, so that no date seems more than 50 years ahead."""
    expected = datetime(century + int(year), 11, 6, 8, 49, 37, tzinfo=UTC)
    assert http_date.parse(f"Sunday, 06-Nov-{year} 08:49:37 GMT") == int(expected.timestamp())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "784111777",
        "1994-11-06T08:49:37Z",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37 gmt",
        "sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun,  06 Nov 1994 08:49:37 GMT",
        "06 Nov 1994 08:49:37 GMT",
        "Sunday, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 29 Feb 1900 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, \xb26 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
    ],
)
def test_anything_else_is_no_date(text: str) -> None:
    """A value outside the grammar or the calendar is invalid, however close it comes."""
    assert http_date.parse(text) is None


@LAW
@given(seconds)
@example(FIRST)
@example(LAST)
def test_what_is_written_is_read_back(moment: int) -> None:
    """parse(format(seconds)) is the number itself, over all years of four digits."""
    assert http_date.parse(http_date.format(moment)) == moment


@LAW
@given(seconds)
def test_imf_fixdate_has_one_shape(moment: int) -> None:
    """What is written is always 29 characters of IMF-fixdate."""
    shape = r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT"
    assert re.fullmatch(shape, http_date.format(moment), re.ASCII)


@LAW
@given(st.integers(0, 4102444800))
def test_the_standard_library_agrees(moment: int) -> None:
    """What is written is what email.utils writes, and it reads it as the same moment."""
    assert http_date.format(moment) == formatdate(moment, usegmt=True)
    assert parsedate_to_datetime(http_date.format(moment)).timestamp() == moment


@pytest.mark.parametrize("moment", [FIRST - 1, LAST + 1, 10**30])
def test_no_year_of_other_than_four_digits_is_written(moment: int) -> None:
    """A moment that IMF-fixdate cannot express raises instead of being written wrongly."""
    with pytest.raises(OverflowError):
        http_date.format(moment)
