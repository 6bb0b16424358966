"""Heads without what names a request across systems."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.fields import Fields
from proxy.server.masking import MARK, filled, masked, named, unmasked

NAMES = (b"X-Request-Id", b"x-correlation-id", b"TRACEPARENT", b"tracestate", b"Baggage")


def head(*lines: bytes) -> bytes:
    """Return a head with these lines between two others."""
    return b"\r\n".join([b"GET / HTTP/1.1", b"Host: x", *lines, b"A: b", b"", b""])


@pytest.mark.parametrize("name", NAMES)
def test_what_names_a_request_is_taken_out(name: bytes) -> None:
    """Each of those fields loses its value, and keeps its name as it is spelled and its place."""
    assert masked(head(name + b": a/b=c")) == (head(name + b": " + MARK), [(name, b"a/b=c")])


def test_all_values_are_taken_out_in_their_order() -> None:
    """Lines that follow each other, and repeated ones, lose their values one by one."""
    lines = (b"traceparent: 1", b"X-Request-Id: 2", b"C: 3", b"x-request-id: 4")
    shared, values = masked(head(*lines))
    assert shared.count(MARK) == 3
    assert [value for _, value in values] == [b"1", b"2", b"4"]


@pytest.mark.parametrize(
    "line",
    [
        b"X-Request-Id:a",
        b"X-Request-Id:  a",
        b"X-Request-Id: a ",
        b"X-Request-Id:\ta",
        b"X-Request-Id: a b",
        b"X-Request-Id: ",
        b"X-Request-Id : a",
        b"X-Request-Id: \xff",
        b"X-Request-Id: a\x00",
        b"X-Request-Id: " + b"a" * 513,
        b" X-Request-Id: a",
        b"My-X-Request-Id: a",
        b"X-Request-Id-2: a",
        b"A: X-Request-Id: a",
        b"X-Request-Id: a\nB: c",
    ],
)
def test_a_value_that_a_parser_would_change_stays(line: bytes) -> None:
    """What has white space around it, other bytes than visible ASCII, or no end is left as it is, and so are others."""
    assert masked(head(line)) == (head(line), [])


def test_the_longest_value() -> None:
    """A value of 512 bytes is taken out."""
    assert masked(head(b"baggage: " + b"a" * 512)) == (head(b"baggage: " + MARK), [(b"baggage", b"a" * 512)])


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
            st.binary(max_size=6) | st.integers(510, 514).map(b"a".__mul__) | st.just(MARK),
        ),
        max_size=6,
    )
)
def test_what_was_taken_out_can_be_put_back(lines: list[tuple[bytes, bytes, bytes]]) -> None:
    """Cut at its marks, with its values between, a head is what it was, to the byte."""
    sent = head(*(b"".join(line) for line in lines))
    shared, values = masked(sent)
    parts = shared.split(MARK) if values else [shared]
    assert len(parts) == len(values) + 1
    assert unmasked(parts, values) == sent


def test_a_value_too_few() -> None:
    """Values and places that do not match raise, and put nothing in a wrong place."""
    with pytest.raises(ValueError, match="argument"):
        unmasked([b"a", b"b", b"c"], [(b"X", b"1")])


def test_the_names_of_a_request() -> None:
    """Those fields are found in any spelling; where there are none, there is nothing to fill."""
    lines = [("Host", "x"), ("X-REQUEST-ID", "a"), ("baggage", "b")]
    assert named(Fields(lines)).lines == tuple(lines[1:])
    assert len(named(Fields(lines[:1]))) == 0


def test_values_in_place_of_marks() -> None:
    """Each mark gets its own value, in order; a line that kept its value keeps it."""
    mark = MARK.decode()
    lines = Fields([("x-request-id", mark), ("X-Request-Id", "kept"), ("baggage", mark)])
    values = [(b"x-request-id", b"1"), (b"baggage", b"2")]
    assert filled(lines, values).lines == (("x-request-id", "1"), ("X-Request-Id", "kept"), ("baggage", "2"))
