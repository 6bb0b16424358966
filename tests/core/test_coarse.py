"""Spellings that some origin server takes for one resource share a coarse segment."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.core import coarse
from proxy.core.coarse import FORMATS, coarse_segment, lock_segment

UUID = "6fa459ea-ee8a-3ca4-894e-db77e160355e"


def spelled(text: str) -> str:
    """Return text as it stands in a target: UTF-8, one character a byte."""
    return text.encode().decode("latin-1")


@pytest.mark.parametrize(
    ("one", "others"),
    [
        ("1", ["01", "+1", "%201", "1%20", "%31", "0_1", "1.0", "1.", "\uff11", "\u0661", "1.json", "1.api", "1;v=2"]),
        ("10", ["1_0", "010", "+1_0"]),
        ("0", ["00", "+0", "-0", "0.0"]),
        ("-1", ["-01", "%2D1"]),
        (UUID, [UUID.upper(), UUID.replace("-", ""), f"{{{UUID}}}", f"urn:uuid:{UUID}", f"%7B{UUID}%7D"]),
        (
            "page",
            ["Page", "PAGE", "page;a=b", "page%20", "%70age", "%2570age", "page.json", "page.XML", "page.html.json"],
        ),
        ("caf\u00e9", ["cafe\u0301", "CAF\u00c9", "caf%C3%A9", "cafe"]),
        ("stra\u00dfe", ["STRASSE", "strasse"]),
    ],
)
def test_spellings_of_one(one: str, others: list[str]) -> None:
    """Each of these reaches one row in some framework or database."""
    assert {coarse_segment(spelled(other)) for other in others} == {coarse_segment(spelled(one))}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "2"),
        ("1", "10"),
        ("1", "-1"),
        ("1", "1.5"),
        ("1", "a1"),
        ("v1.2", "v1.3"),
        ("page", "pages"),
        ("photo.jpg", "photo.png"),
        (UUID, UUID.replace("6fa", "6fb")),
        ("a-b", "ab"),
        ("a_b", "ab"),
        ("1e3", "1000"),
    ],
)
def test_what_stays_apart(one: str, other: str) -> None:
    """Coarse is not careless: writers of plainly different resources do not wait for each other."""
    assert coarse_segment(one) != coarse_segment(other)


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_a_suffix_alone_is_a_name(suffix: str) -> None:
    """Where nothing would be left, nothing is cut off."""
    assert coarse_segment(f".{suffix}") == f".{suffix}"
    assert coarse_segment(f"a.{suffix}") == "a"


@pytest.mark.parametrize("segment", ["%20", "%CC%81", "_", "+", "-", ".", "{}", "urn:uuid:"])
def test_something_is_always_left(segment: str) -> None:
    """A segment that is there does not vanish, which would merge it with its parent."""
    assert coarse_segment(segment)


@pytest.mark.parametrize("tail", ["x", ".0x", "_x"])
def test_a_segment_costs_time_in_proportion_to_its_length(tail: str) -> None:
    """A name of very many zeros is read in a moment; in the square of their number, this would not end."""
    name = "0" * 300_000 + tail
    assert coarse_segment(name) == name


@pytest.mark.parametrize(
    ("segment", "locked"),
    [("7-title", "7"), ("7", "7"), ("7_x", "7"), ("7.5", "7"), ("7abc", "7abc"), ("2026-11-21", "2026-11-21")],
)
def test_locks_take_a_number_and_words_for_the_number(segment: str, locked: str) -> None:
    """Rails finds `7-title` under 7; days of a year are not one resource, and neither are hashes that begin alike."""
    assert lock_segment(coarse_segment(segment)) == locked


@pytest.mark.parametrize(
    ("one", "others"),
    [
        ("1", ["1e0", "1E+0", "10e-1", ".1e1", "1.e0", "+1e00000", "01.0e-0", "~31", "~2B1", "1+", "~201", "~31e0"]),
        ("1200", ["1.2e3", "12e2", "~31~32~30~30"]),
        ("0", ["0e5", "-0e0", "-0"]),
        ("a b", ["a+b", "a~20b", "A~20B", "~61+b", "a%20b"]),
        ("a.b", ["a~2eb", "a~2Eb"]),
    ],
)
def test_locks_know_the_escapes_and_numbers_of_databases(one: str, others: list[str]) -> None:
    """SQLite finds the row 1 under each of these numbers, and Datasette reads its escapes wherever they stand."""
    assert {lock_segment(coarse_segment(other)) for other in others} == {lock_segment(coarse_segment(one))}


@pytest.mark.parametrize(
    ("one", "other"), [("~dean", "~bean"), ("1e1", "1"), ("12e-1", "1"), ("~31", "~32"), ("a+", "b")]
)
def test_locks_are_not_careless_either(one: str, other: str) -> None:
    """Homes of users and other numbers stay apart."""
    assert lock_segment(coarse_segment(one)) != lock_segment(coarse_segment(other))


@pytest.mark.parametrize(
    "name", ["1" * 300_000 + "e-9", "." + "0" * 300_000 + "e1x", "1e" + "0" * 300_000, "~30" * 100_000]
)
def test_a_lock_costs_time_in_proportion_to_its_length(name: str) -> None:
    """Very long numbers and very many escapes are read in a moment."""
    assert lock_segment(coarse_segment(name))


@given(st.integers(), st.integers(0, 5))
def test_a_number_has_one_spelling(number: int, zeros: int) -> None:
    """Leading zeros never tell two numbers apart."""
    sign, digits = ("-", str(-number)) if number < 0 else ("", str(number))
    assert coarse_segment(f"{sign}{'0' * zeros}{digits}") == str(number)


@given(st.text(min_size=1, max_size=8).filter(lambda text: not set(text) & set("/;%?#\\")))
def test_case_never_counts(text: str) -> None:
    """What two cases of a name fold to is the same."""
    try:
        name = spelled(text)
    except UnicodeEncodeError:
        return
    assert coarse_segment(name) == coarse_segment(spelled(text.casefold()))


@given(st.from_regex(coarse.COARSE, fullmatch=True))
def test_a_plain_segment_is_coarse_already(segment: str) -> None:
    """The short way for a word or a number leads to what the long way comes to."""
    with pytest.MonkeyPatch.context() as patched:
        for short in ("COARSE", "COARSE_NAME"):
            patched.setattr(coarse, short, re.compile("(?!)"))
        assert coarse.coarse_segment.__wrapped__(segment) == segment
        assert coarse.lock_segment(segment) == segment


@given(st.from_regex(coarse.COARSE_NAME, fullmatch=True))
@example("0123456789abcdef0123456789abcdef")
@example("1e2")
def test_a_name_of_letters_and_digits_is_coarse_already(segment: str) -> None:
    """So does the short way for these, though a lock may still take one for a number."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(coarse, "COARSE_NAME", re.compile("(?!)"))
        assert coarse.coarse_segment.__wrapped__(segment) == segment
