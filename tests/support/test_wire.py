"""How the test origin reads and writes messages."""

from io import BytesIO

import pytest

from tests.support.wire import Answer, Content, read_content, read_head, whole, written


def received(message: bytes) -> Content:
    """Return the content of a message."""
    stream = BytesIO(message)
    head = read_head(stream)
    assert head
    return read_content(stream, head)


def test_a_head_is_every_byte_up_to_the_empty_line() -> None:
    """The raw head, and the request line and fields read from it; the stream stands at the content."""
    raw = b"BREW  //a?b c HTTP/1.1\r\nx:1\r\nX : 2 \r\nnonsense\r\n\r\n"
    stream = BytesIO(raw + b"rest")
    head = read_head(stream)
    assert head
    assert (head.raw, stream.read()) == (raw, b"rest")
    assert (head.method, head.target, head.path, head.version) == ("BREW", " //a?b c", " //a", "HTTP/1.1")
    assert head.fields == (("x", "1"), ("X ", "2"), ("nonsense", ""))


@pytest.mark.parametrize("rest", [b"", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost"])
def test_an_unfinished_head_is_none(rest: bytes) -> None:
    """A stream that ends before the empty line holds no request."""
    assert read_head(BytesIO(rest)) is None


@pytest.mark.parametrize(
    ("start", "field", "keeps"),
    [
        (b"GET / HTTP/1.1", b"", True),
        (b"GET / HTTP/1.1", b"Connection: Close\r\n", False),
        (b"GET / HTTP/1.0", b"", False),
        (b"GET /", b"", False),
        (b"", b"", False),
    ],
)
def test_who_keeps_the_connection(start: bytes, field: bytes, keeps: bool) -> None:
    """Only HTTP/1.1 without `close` carries another request."""
    head = read_head(BytesIO(start + b"\r\n" + field + b"\r\n"))
    assert head
    assert head.keeps_alive is keeps


@pytest.mark.parametrize(
    ("message", "content"),
    [
        (b"PUT /a HTTP/1.1\r\n\r\nrest", Content(b"")),
        (b"PUT /a HTTP/1.1\r\nContent-Length: 4\r\n\r\nwholerest", Content(b"whol")),
        (b"PUT /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhalf", Content(b"half", complete=False)),
    ],
)
def test_content_of_a_length(message: bytes, content: Content) -> None:
    """Content-Length bounds the content, and one that is not reached leaves it incomplete."""
    assert received(message) == content


@pytest.mark.parametrize(
    ("chunks", "data", "complete"),
    [
        (b"0\r\n\r\n", b"", True),
        (b"3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\nrest", b"abc0123456789", True),
        (b"4\r\nhalf\r\n", b"half", False),
        (b"5\r\nhalf", b"half", False),
        (b"4\r\nhalf--", b"half", False),
        (b"4\r\nhalf\r\n0\r\n", b"half", False),
        (b"4\r\nhalf\r\n0", b"half", False),
    ],
)
def test_chunked_content(chunks: bytes, data: bytes, complete: bool) -> None:
    """Chunks are joined, extensions and trailers skipped; without the last chunk the content is incomplete."""
    head = b"PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert received(head + chunks) == Content(data, chunked=True, complete=complete)


@pytest.mark.parametrize(
    ("answer", "head_only", "truncated", "expected"),
    [
        (whole(200, b"hi", ("A", "1")), False, False, b"HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 2\r\n\r\nhi"),
        (whole(200, b"hi"), True, False, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"),
        (whole(200, b"hi"), False, True, b"HTTP/1.1 200 OK\r\nContent-Length: 66\r\n\r\nhi"),
        (whole(204), False, False, b"HTTP/1.1 204 No Content\r\n\r\n"),
        (whole(204), False, True, b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n"),
        (whole(799), False, False, b"HTTP/1.1 799 Odd\r\nContent-Length: 0\r\n\r\n"),
        (
            Answer(200, parts=(b"a", b"", b"bc"), length=None),
            False,
            False,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
        ),
        (
            Answer(200, parts=(b"a",), length=None),
            False,
            True,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
        ),
    ],
)
def test_an_answer_goes_out_as_asked(
    answer: Answer,
    head_only: bool,
    truncated: bool,
    expected: bytes,
) -> None:
    """Whole, without content, chunked or cut short: framing is what the test wants it to be."""
    assert b"".join(written(answer, head_only=head_only, truncated=truncated)) == expected
