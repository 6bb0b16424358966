"""One connection: every answer is seen, and one that is not what is measured is refused."""

import pytest

from bench.line import WrongAnswer, connected, length, played, request
from tests.support.processes import running_origin


def test_a_request() -> None:
    """It is written as it is sent."""
    assert request("http://127.0.0.1:80", "PUT", "/a", b"{}", If_Match='"x"') == (
        b"PUT /a HTTP/1.1\r\nHost: 127.0.0.1:80\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
        b'If-Match: "x"\r\n\r\n{}'
    )


@pytest.mark.parametrize(
    ("status", "head", "expected"),
    [
        (200, b"HTTP/1.1 200 OK\r\ncontent-length:  12\r\n\r\n", 12),
        (204, b"HTTP/1.1 204 No Content\r\n\r\n", 0),
        (304, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 12\r\n\r\n", 0),
    ],
)
def test_a_length(status: int, head: bytes, expected: int) -> None:
    """As RFC 9112, section 6.3 has it."""
    assert length(status, head) == expected


@pytest.mark.parametrize("field", [b"", b"Transfer-Encoding: chunked\r\n", b"X-Content-Length: 3\r\n"])
def test_no_length(field: bytes) -> None:
    """Then this is the wrong tool, and says so."""
    with pytest.raises(WrongAnswer, match="without a length"):
        length(200, b"HTTP/1.1 200 OK\r\n" + field + b"\r\n")


def test_answers() -> None:
    """In turn, on one connection, with their fields and bytes; large ones too."""
    with running_origin() as origin:
        origin.knobs(etag="strong")
        origin.seed("/a", b"x" * 300_000)
        requests = [request(origin.url, "GET", "/a"), request(origin.url, "GET", "/a")]
        first, second = played(origin.url, requests, 200)
        assert {record.connection for record in origin.log()} == {origin.log()[0].connection}
    assert first.content == second.content == b"x" * 300_000
    assert first.size == len(first.head) + 300_000
    assert first.seconds > 0
    assert (first.field("etag") or "").startswith('"')
    assert first.field("no-such-field") is None


def test_a_wrong_status() -> None:
    """One of many is enough."""
    with running_origin() as origin:
        origin.seed("/a", b"x")
        requests = [request(origin.url, "GET", path) for path in ("/a", "/b", "/a")]
        with pytest.raises(WrongAnswer, match=r"404 instead of 200.*GET /b"):
            played(origin.url, requests, 200)


def test_a_closed_connection() -> None:
    """Half an answer is none."""
    with running_origin() as origin:
        origin.knobs(GET={"drop_before_apply": True})
        with connected(origin.url) as line, pytest.raises(WrongAnswer, match="closed"):
            line.ask(request(origin.url, "GET", "/a"))
