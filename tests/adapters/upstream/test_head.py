"""The head of a response."""

import pytest

from proxy.adapters.upstream.head import MAX_FIELDS, MAX_HEAD, Head, HeadReader
from proxy.core.fields import Fields
from proxy.errors import Unanswered

HEAD = b'HTTP/1.1 200 OK\r\nETag: "a"\r\nX-empty:\r\nx-OBS:  \xe9 b\t \xff \t\r\nSet-Cookie: a\r\nset-cookie: b\r\n\r\n'
READ = Head(
    200,
    "1.1",
    Fields([("ETag", '"a"'), ("X-empty", ""), ("x-OBS", "\xe9 b\t \xff"), ("Set-Cookie", "a"), ("set-cookie", "b")]),
)


@pytest.mark.parametrize("cut", range(len(HEAD) + 1))
def test_a_head_is_read_wherever_it_is_cut(cut: int) -> None:
    """Case, order, repeated lines, obs-text and empty values survive, however the head is fragmented."""
    reader = HeadReader()
    first, second = HEAD[:cut], HEAD[cut:] + b"rest"
    rest = reader.feed(first)
    if rest is None:
        rest = reader.feed(second)
    else:
        rest += second
    assert (reader.head, rest) == (READ, b"rest")


def test_a_head_is_read_byte_by_byte() -> None:
    """No byte of the head needs another one next to it."""
    reader = HeadReader()
    rests = [reader.feed(HEAD[at : at + 1]) for at in range(len(HEAD))]
    assert rests == [None] * (len(HEAD) - 1) + [b""]
    assert reader.head == READ


MALFORMED = {
    "another protocol": b"SSH-2.0-server\r\n",
    "a document without a head": b"<!doctype html>",
    "another protocol that llhttp reads": b"RTSP/1.1 200 OK\r\n\r\n",
    "HTTP/0.9": b"HTTP/0.9 200 OK\r\n\r\n",
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\n\r\n",
    "a request": b"GET / HTTP/1.1\r\n\r\n",
    "two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "a status below 100": b"HTTP/1.1 099 OK\r\n\r\n",
    "four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "an empty line first": b"\r\nHTTP/1.1 200 OK\r\n\r\n",
    "only empty lines": b"\r\n\r\n",
    "obs-fold": b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
    "a first line that is folded": b"HTTP/1.1 200 OK\r\n A: b\r\n\r\n",
    "a space before the colon": b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
    "a line without a colon": b"HTTP/1.1 200 OK\r\nA\r\n\r\n",
    "a field without a name": b"HTTP/1.1 200 OK\r\n: b\r\n\r\n",
    "a bare LF": b"HTTP/1.1 200 OK\nA: b\n\n",
    "a bare CR": b"HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",
    "a NUL": b"HTTP/1.1 200 OK\r\nA: \0\r\n\r\n",
    "a control byte": b"HTTP/1.1 200 OK\r\nA: \x01\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "a list of lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n",
    "no number": b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n",
    "a length beyond 64 bits": b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n",
    "length and coding": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "coding and length": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
}


@pytest.mark.parametrize("head", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_head_is_refused_without_echo(head: bytes) -> None:
    """What is not a head of HTTP/1.0 or 1.1 is refused, and the reason does not depend on its bytes."""
    with pytest.raises(Unanswered) as caught:
        HeadReader().feed(head)
    assert caught.value.detail == "The head of the origin server's response is not valid HTTP/1.1."


def test_garbage_is_refused_before_a_line_is_complete() -> None:
    """Whoever speaks another protocol is told at once, not when the time is over."""
    reader = HeadReader()
    assert reader.feed(b"HTT") is None
    with pytest.raises(Unanswered):
        reader.feed(b"X")


@pytest.mark.parametrize("lines", [b"", b"Connection: upgrade\r\nUpgrade: websocket\r\n"])
def test_a_switch_of_protocols_is_refused(lines: bytes) -> None:
    """Nobody asked for 101, so it is no answer, whichever fields come with it."""
    with pytest.raises(Unanswered, match="switched to another protocol"):
        HeadReader().feed(b"HTTP/1.1 101 Switching\r\n" + lines + b"\r\n")


def test_the_longest_head_is_read_and_one_byte_more_is_not() -> None:
    """The limit on the head is exact."""
    around = len(b"HTTP/1.1 200 OK\r\nA: \r\n\r\n")
    longest = b"HTTP/1.1 200 OK\r\nA: " + b"a" * (MAX_HEAD - around) + b"\r\n\r\n"
    assert HeadReader().feed(longest) == b""
    with pytest.raises(Unanswered, match="longer than 65536 bytes"):
        HeadReader().feed(longest.replace(b"A: ", b"A: a"))


def test_a_head_without_end_is_refused_at_the_limit() -> None:
    """An endless head is given up although its end never comes."""
    reader = HeadReader()
    start = b"HTTP/1.1 200 OK\r\nA: "
    assert reader.feed(start + b"a" * (MAX_HEAD - len(start))) is None
    with pytest.raises(Unanswered, match="longer than 65536 bytes"):
        reader.feed(b"a")


def test_the_number_of_fields_is_limited() -> None:
    """As many field lines as the limit are read, one more is not."""
    head = b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * MAX_FIELDS
    assert HeadReader().feed(head + b"\r\n") == b""
    with pytest.raises(Unanswered, match="more than 200 field lines"):
        HeadReader().feed(head + b"A: b\r\n\r\n")


@pytest.mark.parametrize(
    ("version", "connection", "persistent"),
    [
        ("1.1", None, True),
        ("1.1", "close", False),
        ("1.1", "Keep-Alive, CLOSE", False),
        ("1.1", "upgrade", True),
        ("1.0", None, False),
        ("1.0", "Keep-Alive", True),
        ("1.0", "keep-alive, close", False),
    ],
)
def test_persistence_follows_version_and_connection_options(
    version: str,
    connection: str | None,
    persistent: bool,
) -> None:
    """RFC 9112 §9.3: close ends it, 1.1 keeps it, 1.0 keeps it only when told."""
    fields = Fields() if connection is None else Fields([("Connection", connection)])
    assert Head(200, version, fields).persistent is persistent


@pytest.mark.parametrize(("status", "interim"), [(100, True), (103, True), (199, True), (200, False), (999, False)])
def test_statuses_below_200_are_interim(status: int, interim: bool) -> None:
    """A final response follows 1xx and nothing else (RFC 9110 §15.2)."""
    assert Head(status, "1.1", Fields()).interim is interim
