"""Heads without the values that differ from one to the next."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.fields import Fields
from proxy.core.selecting import TRACING
from proxy.server.masking import MARK, MOST, TAKEN, Cut, cut, filled, masked, named

NAMES = (
    *(b"X-Request-Id", b"x-correlation-id", b"TRACEPARENT", b"tracestate", b"Baggage", b"Authorization", b"cookie"),
    *(b"Referer", b"USER-AGENT", b"X-Forwarded-For"),
)


def mark(place: int) -> bytes:
    """Return the mark of the value at a place."""
    return MARK + b"abcdefghijklmnopqrstuvwxyz"[place : place + 1]


def head(*lines: bytes) -> bytes:
    """Return a head with these lines between two others."""
    return b"\r\n".join([b"GET / HTTP/1.1", b"Host: x", *lines, b"A: b", b"", b""])


def test_all_that_is_taken_is_tested() -> None:
    """These are the fields, and what names a request is among them."""
    assert {name.decode().lower() for name in NAMES} == TAKEN
    assert TRACING < TAKEN


@pytest.mark.parametrize("name", NAMES)
def test_what_decides_nothing_is_taken_out(name: bytes) -> None:
    """Each of those fields loses its value, and keeps its name as it is spelled and its place."""
    assert masked(head(name + b': a; b="c"')) == (head(name + b": " + mark(0)), [(name, b'a; b="c"')])


def test_all_values_are_taken_out_in_their_order() -> None:
    """Lines that follow each other, and repeated ones, lose their values one by one."""
    lines = (b"traceparent: 1", b"X-Request-Id: 2", b"C: 3", b"x-request-id: 4")
    shared, values = masked(head(*lines))
    assert shared == head(b"traceparent: " + mark(0), b"X-Request-Id: " + mark(1), b"C: 3", b"x-request-id: " + mark(2))
    assert [value for _, value in values] == [b"1", b"2", b"4"]


def test_too_many_values() -> None:
    """As many values as there are letters are taken out; of more, none."""
    sent = head(*[b"Cookie: a"] * MOST)
    assert len(masked(sent)[1]) == MOST
    sent = head(*[b"Cookie: a"] * (MOST + 1))
    assert masked(sent) == (sent, [])


@pytest.mark.parametrize(
    "line",
    [
        b"X-Request-Id:a",
        b"X-Request-Id:  a",
        b"X-Request-Id: a ",
        b"X-Request-Id:\ta",
        b"X-Request-Id: ",
        b"X-Request-Id : a",
        b"X-Request-Id: \xff",
        b"X-Request-Id: a\x00",
        b"X-Request-Id: " + b"a" * 1025,
        b" X-Request-Id: a",
        b"My-X-Request-Id: a",
        b"X-Request-Id-2: a",
        b"A: X-Request-Id: a",
        b"X-Request-Id: a\nB: c",
    ],
)
def test_a_value_that_a_parser_would_change_stays(line: bytes) -> None:
    """What has white space around it, other bytes than printable ASCII, or no end is left as it is; so are others."""
    assert masked(head(line)) == (head(line), [])


def test_the_longest_value() -> None:
    """A value of 1024 bytes is taken out."""
    assert masked(head(b"baggage: " + b"a" * 1024)) == (head(b"baggage: " + mark(0)), [(b"baggage", b"a" * 1024)])


@pytest.mark.parametrize("line", [b"X-Request-Id: " + MARK, b"B: x" + MARK + b"y"])
def test_a_mark_that_was_sent(line: bytes) -> None:
    """From a head that has the mark in it nothing is taken out, so that a mark always stands for a value."""
    sent = head(b"X-Request-Id: a", line)
    assert masked(sent) == (sent, [])


@given(
    st.lists(
        st.tuples(
            st.sampled_from([*NAMES, b"B"]),
            st.sampled_from([b": ", b":", b":  "]),
            st.binary(max_size=6) | st.integers(1022, 1026).map(b"a".__mul__) | st.just(MARK),
        ),
        max_size=6,
    )
)
def test_what_was_taken_out_can_be_put_back(lines: list[tuple[bytes, bytes, bytes]]) -> None:
    """Cut at its marks, with its values between, a head is what it was, to the byte."""
    sent = head(*(b"".join(line) for line in lines))
    shared, values = masked(sent)
    parts = cut(shared, len(values))
    assert parts.places == tuple(range(len(values)))
    assert parts.filled(values) == sent


def test_a_part_of_a_head() -> None:
    """Of a text that has other lines of it, or in another order, each mark gets the value that it stands for."""
    values = [(b"Cookie", b"1"), (b"Referer", b"2"), (b"baggage", b"3")]
    text = cut(b"x" + mark(2) + b"y" + mark(0), 3)
    assert text == Cut((b"x", b"y", b""), (2, 0))
    assert text.filled(values) == b"x3y1"


def test_what_looks_like_a_mark() -> None:
    """In a text of a head from which nothing was taken it is none."""
    assert cut(b"x" + mark(0), 0).filled([]) == b"x" + mark(0)


def test_a_value_too_few() -> None:
    """A mark without a value raises, and puts nothing in a wrong place."""
    with pytest.raises(IndexError):
        cut(mark(0) + mark(1), 2).filled([(b"Cookie", b"1")])


def test_the_names_of_a_request() -> None:
    """Fields that name a request in the log are found in any spelling; without them nothing is to be filled."""
    lines = [("Host", "x"), ("X-REQUEST-ID", "a"), ("x-correlation-id", "b"), ("traceparent", "d"), ("Cookie", "c")]
    assert named(Fields(lines)).lines == tuple(lines[1:3])
    assert len(named(Fields([lines[0], *lines[3:]]))) == 0


def test_values_in_place_of_marks() -> None:
    """Each mark gets its own value; a line that kept its value keeps it."""
    lines = Fields([("x-request-id", mark(1).decode()), ("X-Request-Id", "kept"), ("baggage", mark(2).decode())])
    values = [(b"Cookie", b"0"), (b"x-request-id", b"1"), (b"baggage", b"2")]
    assert filled(lines, values).lines == (("x-request-id", "1"), ("X-Request-Id", "kept"), ("baggage", "2"))
    assert filled(lines, []) == lines
