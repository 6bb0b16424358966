"""Response heads as bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.fields import Fields
from proxy.core.message import Response
from proxy.server import heads
from proxy.server.heads import Asked, Frame, Framing

GET = Asked("GET", modern=True, persistent=True)
HEAD = Asked("HEAD", modern=True, persistent=True)
OLD = Asked("GET", modern=False, persistent=True)
FIVE = Fields([("Content-Length", "5")])
NONE = Fields()
DATED = [("Date", "Sat, 21 Nov 2026 12:00:00 GMT")]


@pytest.mark.parametrize(
    ("asked", "response", "streamed", "expected"),
    [
        (GET, Response(200, NONE, b"abc"), False, Frame(Framing.LENGTH, 3)),
        (GET, Response(200, FIVE, b"abc"), False, Frame(Framing.LENGTH, 3)),
        (GET, Response(200, NONE), False, Frame(Framing.LENGTH, 0)),
        (GET, Response(200, FIVE), True, Frame(Framing.LENGTH, 5)),
        (GET, Response(200, NONE), True, Frame(Framing.CHUNKED)),
        (OLD, Response(200, NONE), True, Frame(Framing.CLOSE)),
        (OLD, Response(200, FIVE), True, Frame(Framing.LENGTH, 5)),
        (GET, Response(200, Fields([*FIVE, *FIVE])), True, Frame(Framing.CHUNKED)),
        (GET, Response(200, Fields([("Content-Length", "+5")])), True, Frame(Framing.CHUNKED)),
        (GET, Response(204, FIVE), True, Frame(Framing.NO_CONTENT)),
        (GET, Response(304, FIVE, b"abc"), False, Frame(Framing.NO_CONTENT)),
        (HEAD, Response(200, FIVE), True, Frame(Framing.NO_CONTENT, 5)),
        (HEAD, Response(200, FIVE), False, Frame(Framing.NO_CONTENT, 5)),
        (HEAD, Response(200, NONE, b"abc"), False, Frame(Framing.NO_CONTENT, 3)),
        (HEAD, Response(200, NONE), True, Frame(Framing.NO_CONTENT)),
        (HEAD, Response(204, FIVE), True, Frame(Framing.NO_CONTENT)),
    ],
)
def test_framing(asked: Asked, response: Response, streamed: bool, expected: Frame) -> None:
    """The end of the content is told by its true length, else by chunks, else by closing; never on 204 and 304."""
    assert heads.frame(asked, response, streamed=streamed) == expected


def test_lines_are_written_as_they_are() -> None:
    """Case, order and repeated lines stay, and no line is added but what is missing."""
    fields = Fields([("eTaG", '"x"'), ("Set-Cookie", "a"), ("X", ""), ("set-cookie", "b"), *DATED])
    head = heads.final(Response(200, fields, b"abc"), GET, Frame(Framing.LENGTH, 3), 0)
    assert head == (
        b'HTTP/1.1 200 OK\r\neTaG: "x"\r\nSet-Cookie: a\r\nX: \r\nset-cookie: b\r\n'
        b"Date: Sat, 21 Nov 2026 12:00:00 GMT\r\nContent-Length: 3\r\n\r\n"
    )


def test_a_right_content_length_stays_in_place() -> None:
    """Content-Length keeps its place and case where it is right."""
    fields = Fields([("content-LENGTH", "5"), *DATED])
    head = heads.final(Response(200, fields), GET, Frame(Framing.LENGTH, 5), 0)
    assert head.startswith(b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 5\r\nDate")
    assert head.lower().count(b"content-length") == 1


@pytest.mark.parametrize(
    ("asked", "frame", "line"),
    [
        (GET, Frame(Framing.CHUNKED), b"\r\nTransfer-Encoding: chunked\r\n"),
        (OLD, Frame(Framing.LENGTH, 0), b"\r\nConnection: keep-alive\r\n"),
        (OLD, Frame(Framing.CLOSE), b"\r\nConnection: close\r\n"),
        (Asked("GET", modern=True, persistent=False), Frame(Framing.LENGTH, 0), b"\r\nConnection: close\r\n"),
        (GET, Frame(Framing.NO_CONTENT), b"\r\nDate: Thu, 01 Jan 1970 00:00:09 GMT\r\n"),
    ],
)
def test_lines_that_are_ours(asked: Asked, frame: Frame, line: bytes) -> None:
    """Framing, Connection and a missing Date are written by the proxy."""
    assert line in heads.final(Response(200, NONE), asked, frame, 9)


def test_a_persistent_connection_is_not_announced_to_http_1_1() -> None:
    """Persistence is the default of HTTP/1.1 and needs no field."""
    assert b"connection" not in heads.final(Response(200, NONE), GET, Frame(Framing.LENGTH, 0), 0).lower()


def test_framing_of_another_connection_is_dropped() -> None:
    """A length that is wrong, or that is not to be sent, and a foreign coding never reach the client."""
    fields = Fields([*FIVE, ("Transfer-Encoding", "gzip"), ("Connection", "x"), *DATED])
    head = heads.final(Response(204, fields), GET, Frame(Framing.NO_CONTENT), 0)
    assert head == b"HTTP/1.1 204 No Content\r\nDate: Sat, 21 Nov 2026 12:00:00 GMT\r\n\r\n"


def test_a_status_without_a_phrase() -> None:
    """A status that nobody registered is written with an empty phrase, and the space before it (RFC 9112 §4)."""
    assert heads.serialised(299, NONE) == b"HTTP/1.1 299 \r\n\r\n"


@pytest.mark.parametrize("broken", ["a\rb", "a\nb", "a\r\nb: c", "\r\n\r\n"])
def test_a_line_break_is_refused(broken: str) -> None:
    """No value and no name can end a line early, whatever let it come this far."""
    with pytest.raises(ValueError, match="line break"):
        heads.serialised(200, Fields([("X", broken)]))
    with pytest.raises(ValueError, match="line break"):
        heads.serialised(200, Fields([(broken, "x")]))


@given(st.lists(st.tuples(st.sampled_from(["A", "b", "A"]), st.binary().filter(lambda value: not {10, 13} & {*value}))))
def test_a_character_is_a_byte(lines: list[tuple[str, bytes]]) -> None:
    """Whatever bytes were read as a value are the bytes that are written."""
    fields = Fields((name, value.decode("latin-1")) for name, value in lines)
    expected = b"".join(name.encode() + b": " + value + b"\r\n" for name, value in lines)
    assert heads.serialised(200, fields) == b"HTTP/1.1 200 OK\r\n" + expected + b"\r\n"


def test_a_chunk() -> None:
    """A chunk is its size in hexadecimal, and its bytes, each with a line end (RFC 9112 §7.1)."""
    assert heads.chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"
