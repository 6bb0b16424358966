"""The fields of a request as they came in and as they go on, made once for all requests with the same lines."""

from itertools import chain

import pytest

from proxy.core import admission, forwarding
from proxy.core.fields import Fields
from proxy.core.forwarding import Hop
from proxy.errors import BadFraming, LoopDetected, MalformedRequest
from proxy.server.incoming import KEPT, Identity, Incoming, Incomings, RawLines, remembering

HTTP = (1, 1)
LINES: RawLines = ((b"Host", b"h"), (b"X-Name", b"caf\xc3\xa9"))


def reads() -> Incomings:
    """Return what reads fields, for a server that trusts one peer."""
    return remembering(Identity("ifmatch", lambda peer: peer == "192.0.2.1"))


def test_a_character_is_a_byte() -> None:
    """Names and values are kept as they came, in order and case."""
    assert reads()(LINES, HTTP, None, "http").fields == Fields([("Host", "h"), ("X-Name", "caf\xc3\xa9")])


def test_the_same_lines_are_read_once() -> None:
    """Equal lines from one peer are one object, which has checked and edited them once."""
    read = reads()
    first = read(LINES, HTTP, "192.0.2.9", "http")
    again = read((*LINES[:1], *LINES[1:]), HTTP, "192.0.2.9", "http")
    assert again is first
    assert again.onward() is first.onward()


@pytest.mark.parametrize(
    ("lines", "version", "peer", "scheme"),
    [
        ((*LINES, (b"A", b"")), HTTP, "192.0.2.9", "http"),
        (((b"host", b"h"), LINES[1]), HTTP, "192.0.2.9", "http"),
        (LINES, (1, 0), "192.0.2.9", "http"),
        (LINES, HTTP, "192.0.2.8", "http"),
        (LINES, HTTP, "192.0.2.9", "https"),
    ],
)
def test_anything_else_is_another_request(lines: RawLines, version: tuple[int, int], peer: str, scheme: str) -> None:
    """Whatever goes into the fields that go on tells requests apart: lines, version, peer, scheme."""
    read = reads()
    first, other = read(LINES, HTTP, "192.0.2.9", "http"), read(lines, version, peer, scheme)
    assert other.onward() != first.onward()


def test_trust_is_in_the_peer() -> None:
    """What a trusted peer says of where a request came from goes on; what another says does not."""
    lines = (*LINES, (b"X-Forwarded-For", b"203.0.113.5"))
    read = reads()
    assert read(lines, HTTP, "192.0.2.1", "http").onward().get("x-forwarded-for") == "203.0.113.5, 192.0.2.1"
    assert read(lines, HTTP, "192.0.2.9", "http").onward().get("x-forwarded-for") == "192.0.2.9"


@pytest.mark.parametrize(
    ("line", "failure"),
    [
        ((b"Content-Length", b"1, 2"), BadFraming),
        ((b"If_Match", b"*"), MalformedRequest),
        ((b"Via", b"1.1 ifmatch"), LoopDetected),
    ],
)
def test_a_refusal_is_not_forgotten(line: tuple[bytes, bytes], failure: type[Exception]) -> None:
    """Lines that are refused are refused every time they come."""
    read = reads()
    for _ in range(3):
        with pytest.raises(failure):
            read((*LINES, line), HTTP, None, "http").onward()


def test_no_more_than_so_many_are_kept() -> None:
    """A client with ever other lines makes nobody keep them all; the first ones are read anew."""
    read = reads()
    first = read(LINES, HTTP, None, "http")
    for number in range(KEPT):
        read((*LINES, (b"X", str(number).encode())), HTTP, None, "http")
    assert read(LINES, HTTP, None, "http") is not first


AROUND: RawLines = (
    (b"Connection", b"X-Hop"),
    (b"Host", b"h"),
    (b"X-Hop", b"1"),
    (b"X-Forwarded-For", b"203.0.113.5"),
    (b"Accept", b"*/*"),
)


def spelled(lines: RawLines) -> Fields:
    """Return lines as text."""
    return Fields([(name.decode("latin-1"), value.decode("latin-1")) for name, value in lines])


@pytest.mark.parametrize("name", [b"If-Match", b"if-none-match"])
@pytest.mark.parametrize("at", range(len(AROUND) + 1))
@pytest.mark.parametrize("peer", ["192.0.2.1", "192.0.2.9"])
def test_a_line_that_varies_stands_where_it_stood(name: bytes, at: int, peer: str) -> None:
    """The fields are those of a request that is read by itself, in order, wherever the line stands among them."""
    read = reads()
    for value in (b'"a"', b'"b"'):
        lines = (*AROUND[:at], (name, value), *AROUND[at:])
        incoming, alone = read(lines, HTTP, peer, "http"), spelled(lines)
        admission.admit_fields(HTTP, alone)
        onward = forwarding.outbound(alone, HTTP, Hop(peer, "http", "ifmatch", peer == "192.0.2.1"))
        for fields, expected in ((incoming.fields, alone), (incoming.onward(), onward)):
            assert (fields.lines, fields.by_name, fields.text) == (expected.lines, expected.by_name, expected.text)


def test_what_does_not_vary_is_made_once() -> None:
    """What is made of the fields without the line is made once for all requests that differ in it alone."""
    read = reads()
    first, second = (read((*LINES, (b"If-Match", tag)), HTTP, None, "http") for tag in (b'"a"', b'"b"'))
    dropped = {"if-match", "x-name"}
    assert first.onward().edited(dropped) is second.onward().edited(dropped)


@pytest.mark.parametrize("names", [(b"If-Match", b"If-Match"), (b"If-Match", b"IF-MATCH"), (b"IF-MATCH", b"If-Match")])
def test_a_line_that_is_repeated_is_one_list(names: tuple[bytes, bytes]) -> None:
    """No line of a list is lost, however its name is spelled."""
    lines = (*LINES, *zip(names, (b'"a"', b'"b"'), strict=True))
    for fields in (reads()(lines, HTTP, None, "http").fields, reads()(lines, HTTP, None, "http").onward()):
        assert fields.get("if-match") == '"a", "b"'


@pytest.mark.parametrize(
    ("lines", "failure"),
    [
        ((*LINES, (b"If-Match", b"\x00")), BadFraming),
        ((*LINES, (b"If-Match", b'"a"'), (b"Content-Length", b"1, 2")), BadFraming),
        ((*LINES, (b"If-Match", b'"a"'), (b"Via", b"1.1 ifmatch")), LoopDetected),
        ((*LINES, (b"If-Match", b'"a"'), (b"Connection", b"if-match")), MalformedRequest),
        ((*LINES, (b"If-Match", b'"a"'), *chain.from_iterable([((b"X", b""),)] * 98)), MalformedRequest),
    ],
)
def test_what_varies_hides_no_refusal(lines: RawLines, failure: type[Exception]) -> None:
    """Whatever is wrong with a head is refused, in the line that varies or in the others, and every time."""
    read = reads()
    for _ in range(2):
        with pytest.raises(failure):
            read(lines, HTTP, None, "http").onward()


@pytest.mark.parametrize("at", range(len(AROUND) + 1))
@pytest.mark.parametrize("peer", ["192.0.2.1", "192.0.2.9"])
def test_where_another_line_belongs(at: int, peer: str) -> None:
    """Where a line would go on that stands among the others is the same, whether one of these varies or not."""
    lines = (*AROUND[:at], (b"If-None-Match", b'"a"'), *AROUND[at:])
    hop = Hop(peer, "http", "ifmatch", peer == "192.0.2.1")
    varied, alone = reads()(lines, HTTP, peer, "http"), Incoming(spelled(lines), HTTP, hop, heavy=False)
    places = range(len(lines) + 1)
    assert [varied.place(place) for place in places] == [alone.place(place) for place in places]
