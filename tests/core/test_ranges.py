"""Single byte ranges, Content-Range and If-Range (RFC 9110 §14, §13.1.5)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.entity_tag import EntityTag
from proxy.core.minting import Validator
from proxy.core.ranges import ByteRange, Unsatisfiable, if_range_holds, parse

LAW = settings(deadline=None)
MODIFIED = 784111777

lengths = st.integers(0, 40)
numbers = st.integers(0, 50)
ranges = st.from_regex(r"bytes=[0-9]{0,2}-[0-9]{0,2}", fullmatch=True) | st.text(st.sampled_from("bytes=0129-, "))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bytes=0-0", ByteRange(0, 0)),
        ("bytes=0-9", ByteRange(0, 9)),
        ("bytes=2-5", ByteRange(2, 5)),
        ("bytes=2-99", ByteRange(2, 9)),
        ("bytes=9-", ByteRange(9, 9)),
        ("bytes=0-", ByteRange(0, 9)),
        ("bytes=-1", ByteRange(9, 9)),
        ("bytes=-10", ByteRange(0, 9)),
        ("bytes=-99", ByteRange(0, 9)),
        ("Bytes=002-0005", ByteRange(2, 5)),
        (" bytes=2-5\t", ByteRange(2, 5)),
    ],
)
def test_a_range_is_cut_to_the_representation(text: str, expected: ByteRange) -> None:
    """First and last position, an open end and a suffix all come to positions inside ten bytes."""
    assert parse(text, 10) == expected


@pytest.mark.parametrize(
    ("text", "length"), [("bytes=10-", 10), ("bytes=10-20", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-0", 0)]
)
def test_a_range_without_a_byte_is_unsatisfiable(text: str, length: int) -> None:
    """A range that begins behind the end, or a suffix of nothing, cannot be satisfied (RFC 9110 §14.1.2)."""
    assert parse(text, length) == Unsatisfiable()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=5",
        "bytes=5-2",
        "bytes=99-98",
        "bytes=a-b",
        "bytes=-1-2",
        "bytes=0-1,3-4",
        "bytes=0-1,",
        "bytes =0-1",
        "bytes= 0-1",
        "bytes=0 - 1",
        "bytes=+0-1",
        "bytes=\xb20-1",
        "bits=0-1",
        "items=0-1",
        "seconds=-5",
        "bytes=0-" + "9" * 5000,
        "bytes=" + "9" * 5000 + "-",
    ],
)
def test_anything_but_one_plain_byte_range_is_ignored(text: str) -> None:
    """Another unit, several ranges, invalid ranges and absurd numbers leave the whole representation."""
    assert parse(text, 10) is None


def test_a_suffix_of_an_empty_representation_is_ignored() -> None:
    """Where there is no byte, no Content-Range could be written, so the empty whole is the answer."""
    assert parse("bytes=-5", 0) is None


def test_content_range_says_which_part_of_how_much() -> None:
    """A 206 names positions and the complete length, a 416 the complete length alone (RFC 9110 §14.4)."""
    assert ByteRange(42, 1233).content_range(1234) == "bytes 42-1233/1234"
    assert Unsatisfiable().content_range(1234) == "bytes */1234"


@pytest.mark.parametrize(
    ("if_range", "holds"),
    [
        (None, True),
        (EntityTag("a"), True),
        (EntityTag("b"), False),
        (EntityTag("a", weak=True), False),
        (MODIFIED, True),
        (MODIFIED - 1, False),
        (MODIFIED + 1, False),
    ],
)
def test_if_range_asks_for_exactly_this_state(if_range: EntityTag | int | None, *, holds: bool) -> None:
    """Tags compare strongly; a date must equal Last-Modified and may be neither earlier nor later."""
    assert if_range_holds(if_range, Validator(EntityTag("a"), MODIFIED, minted=True)) is holds


@pytest.mark.parametrize("if_range", [EntityTag("a"), EntityTag("a", weak=True), MODIFIED, 0])
def test_if_range_never_holds_against_a_weak_or_undated_state(if_range: EntityTag | int) -> None:
    """A weak current tag satisfies no If-Range, and a representation without a date no date."""
    assert not if_range_holds(if_range, Validator(EntityTag("a", weak=True), None, minted=False))


@LAW
@given(ranges, lengths)
def test_a_range_lies_inside_its_representation(text: str, length: int) -> None:
    """Whatever is asked, what is served begins and ends inside the representation and holds at least one byte."""
    found = parse(text, length)
    if isinstance(found, ByteRange):
        assert 0 <= found.first <= found.last < length
        assert len(found.of(bytes(length))) == found.length


@LAW
@given(numbers, numbers, st.binary(max_size=40))
def test_a_range_is_the_slice_that_it_names(first: int, last: int, content: bytes) -> None:
    """The part served is exactly the bytes from the first to the last position asked for."""
    found = parse(f"bytes={first}-{last}", len(content))
    part = found.of(content) if isinstance(found, ByteRange) else b""
    assert part == content[first : last + 1]


@LAW
@given(st.integers(1, 50), st.binary(min_size=1, max_size=40))
def test_a_suffix_is_the_end_of_the_content(wanted: int, content: bytes) -> None:
    """A suffix range serves the last bytes, all of them when there are fewer."""
    found = parse(f"bytes=-{wanted}", len(content))
    assert isinstance(found, ByteRange)
    assert found.of(content) == content[-wanted:]
