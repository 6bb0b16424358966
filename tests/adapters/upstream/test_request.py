"""The head of a request as bytes."""

import pytest

from proxy.adapters.upstream.request import serialise
from proxy.core.fields import Fields
from proxy.core.message import Request
from proxy.core.target import Target
from proxy.errors import NotSent
from proxy.ports import Content
from tests.adapters.upstream.origin import Pieces, Text, request

HOST = ("Host", "example.org")


def test_the_head_is_what_the_client_wrote() -> None:
    """Target, order, case, repeated lines, obs-text and odd spacing go out byte for byte."""
    lines = [("aCCEPT", "a"), ("X", "\xe9\xff\t!"), ("Accept", "b"), ("HOST", "o.example"), ("X-Empty", "")]
    sent = serialise(request("GET", "/%7e//A;p=1?", lines), None, "ours.example")
    assert sent == (
        b"GET /%7e//A;p=1? HTTP/1.1\r\naCCEPT: a\r\nX: \xe9\xff\t!\r\nAccept: b\r\nHOST: o.example\r\nX-Empty: \r\n\r\n"
    )


def test_host_comes_first_where_it_is_missing() -> None:
    """HTTP/1.1 asks for Host (RFC 9112 §3.2); the configuration knows it."""
    sent = serialise(request("OPTIONS", "*", [("A", "b")]), None, "o.example:81")
    assert sent == b"OPTIONS * HTTP/1.1\r\nHost: o.example:81\r\nA: b\r\n\r\n"


@pytest.mark.parametrize(
    ("method", "content", "framing"),
    [
        ("PUT", Text(b"hello"), b"Content-Length: 5\r\n"),
        ("DELETE", Text(b"hello"), b"Content-Length: 5\r\n"),
        ("POST", Pieces(length=None), b"Transfer-Encoding: chunked\r\n"),
        ("POST", Pieces(length=7), b"Content-Length: 7\r\n"),
        ("PUT", Text(b""), b"Content-Length: 0\r\n"),
        ("POST", Text(b""), b"Content-Length: 0\r\n"),
        ("PATCH", Text(b""), b"Content-Length: 0\r\n"),
        ("DELETE", Text(b""), b""),
        ("GET", Text(b""), b""),
        ("PUT", None, b""),
        ("GET", None, b""),
    ],
)
def test_framing_is_made_from_the_content(method: str, content: Content | None, framing: bytes) -> None:
    """A known length is announced, an unknown one is chunked, none is left out; what the client said counts nothing."""
    said = [HOST, ("Content-Length", "99"), ("transfer-encoding", "gzip, chunked"), ("A", "b")]
    sent = serialise(request(method, "/", said), content, "ours")
    assert sent == b"%b / HTTP/1.1\r\nHost: example.org\r\nA: b\r\n%b\r\n" % (method.encode(), framing)


def test_hop_by_hop_fields_stay_here() -> None:
    """What is meant for one connection, or named by Connection, does not reach the next (RFC 9110 §7.6.1)."""
    own = [("Connection", "close, X-Own"), ("X-Own", "1"), ("Keep-Alive", "1"), ("TE", "trailers"), ("Upgrade", "h2c")]
    assert serialise(request("GET", "/", [HOST, *own]), None, "") == b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"


@pytest.mark.parametrize(
    "line",
    [
        ("A", "b\r\nC: d"),
        ("A", "b\n"),
        ("A", "\r"),
        ("A", "\0"),
        ("A\r\nB", "c"),
        ("A B", "c"),
        ("", "c"),
        ("A:", "c"),
        ("A", "\u20ac"),
        ("\xc4", "c"),
    ],
)
def test_a_field_that_is_not_one_line_is_refused(line: tuple[str, str]) -> None:
    """Nothing in a field can end its line early or begin another, and the reason does not echo it."""
    with pytest.raises(NotSent) as caught:
        serialise(request("GET", "/", [HOST, line]), None, "")
    assert caught.value.detail == "A field of the request has a byte that cannot be forwarded."


@pytest.mark.parametrize(
    ("method", "raw"),
    [
        ("GET", "/ HTTP/1.0"),
        ("GET", "/\r\nA: b"),
        ("GET", ""),
        ("G T", "/"),
        ("", "/"),
        ("GET", "/\u20ac"),
        ("GET", "/\x7f"),
    ],
)
def test_a_request_line_of_other_than_three_parts_is_refused(method: str, raw: str) -> None:
    """Admission refuses these long before; this is the last door."""
    with pytest.raises(NotSent, match="request line"):
        serialise(Request(method, Target(raw, raw, None), Fields([HOST])), None, "")
