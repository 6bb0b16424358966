"""One response as it arrives."""

import pytest

from proxy.adapters.upstream.response import HungUp, IncomingResponse
from proxy.core.fields import Fields

INTERIM = (
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: link2\r\nLink2: b\r\n\r\n"
)
SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\nA: b\r\n\r\n"
CLOSING = b"HTTP/1.1 200 OK\r\n\r\nhello"
WHOLE = [SIZED, CHUNKED, INTERIM + SIZED, INTERIM + CHUNKED]


def fed(*parts: bytes, method: str = "GET") -> IncomingResponse:
    """A response that arrived in these parts."""
    response = IncomingResponse(method)
    for part in parts:
        response.feed(part)
    return response


def content(response: IncomingResponse) -> bytes:
    """The content that has arrived and was not taken."""
    return b"".join(iter(response.take, None))


@pytest.mark.parametrize("wire", WHOLE)
def test_a_response_is_the_same_wherever_it_is_cut(wire: bytes) -> None:
    """Fragments, down to single bytes, change neither head nor content nor end."""
    cuts = [[wire[:cut], wire[cut:]] for cut in range(len(wire) + 1)]
    for parts in [*cuts, [wire[at : at + 1] for at in range(len(wire))]]:
        response = fed(*(part for part in parts if part))
        assert response.head is not None
        assert (response.head.status, content(response)) == (200, b"hello")
        assert (response.complete, response.reusable, response.failure) == (True, True, None)


@pytest.mark.parametrize("wire", WHOLE)
@pytest.mark.parametrize("clean", [True, False])
def test_a_response_cut_short_anywhere_has_failed(wire: bytes, clean: bool) -> None:
    """No prefix of a framed response passes for the whole; only the empty one is a connection that hung up."""
    for cut in range(len(wire)):
        response = fed(*filter(None, [wire[:cut]]))
        response.end(clean=clean)
        assert not response.complete
        assert not response.reusable
        assert isinstance(response.failure, HungUp) is (cut == 0)


def test_content_until_close_is_whole_when_the_close_is_clean() -> None:
    """The origin server's own close ends it, and its connection."""
    response = fed(CLOSING)
    assert not response.complete
    response.end(clean=True)
    assert (response.complete, response.reusable, response.failure) == (True, False, None)
    assert content(response) == b"hello"


def test_content_until_close_is_cut_short_by_a_reset() -> None:
    """A broken connection is no end of content."""
    response = fed(CLOSING)
    response.end(clean=False)
    assert (response.complete, str(response.failure)) == (False, "The origin server's response ended early.")


def test_what_happens_behind_a_complete_response_does_not_undo_it() -> None:
    """An end of the connection after the end of the response is no failure."""
    response = fed(SIZED)
    response.end(clean=False)
    assert (response.complete, response.failure) == (True, None)


def test_interim_responses_are_kept_for_the_listener_but_100() -> None:
    """100 answers an Expect between neighbours; the others go on, without hop-by-hop fields."""
    response = fed(INTERIM)
    assert response.take_interim() == (103, Fields([("Link", "</a>")]))
    assert response.take_interim() is None
    assert response.head is None


@pytest.mark.parametrize(
    ("method", "wire"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
    ],
)
def test_responses_without_content_end_with_their_head(method: str, wire: bytes) -> None:
    """HEAD, 204 and 304 have no content, whatever Content-Length says, and the connection goes on."""
    response = fed(wire, method=method)
    assert (response.complete, response.reusable, content(response)) == (True, True, b"")


@pytest.mark.parametrize(
    ("method", "wire"),
    [
        ("GET", SIZED + b"x"),
        ("GET", CHUNKED + b"\r\n"),
        ("GET", SIZED + SIZED),
        ("HEAD", SIZED),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\nhello"),
        ("GET", b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
        ("GET", b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ],
)
def test_an_unclean_end_spares_the_answer_and_not_the_connection(method: str, wire: bytes) -> None:
    """Bytes behind the end, close, HTTP/1.0: the answer stands, the connection is not used again."""
    response = fed(wire, method=method)
    assert (response.complete, response.reusable, response.failure) == (True, False, None)


def test_the_first_mistake_is_the_one_that_is_told() -> None:
    """What arrives behind a mistake is not looked at."""
    response = fed(b"nonsense", SIZED)
    first = response.failure
    response.end(clean=True)
    assert first is not None
    assert (response.failure, response.head) == (first, None)


def test_content_that_waits_is_counted() -> None:
    """`buffered` is what back-pressure acts on."""
    response = fed(b"HTTP/1.1 200 OK\r\n\r\nhello", b" world")
    assert (response.buffered, response.take(), response.buffered) == (11, b"hello", 6)
