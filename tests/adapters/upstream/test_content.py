"""Where the content of a response ends."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.adapters.upstream.content import MAX_OVERHEAD, Chunked, Decoder, Sized, UntilClose, decoder
from proxy.adapters.upstream.head import Head
from proxy.core.fields import Fields
from proxy.errors import Unanswered

CHUNKED = ("Transfer-Encoding", "Chunked")
FIVE = ("Content-Length", "5")


@pytest.mark.parametrize(
    ("method", "status", "lines", "kind", "length"),
    [
        ("GET", 200, [FIVE], Sized, 5),
        ("GET", 200, [CHUNKED], Chunked, None),
        ("GET", 200, [], UntilClose, None),
        ("HEAD", 200, [FIVE], Sized, 0),
        ("HEAD", 200, [CHUNKED], Sized, 0),
        ("HEAD", 200, [], Sized, 0),
        ("GET", 204, [FIVE], Sized, 0),
        ("GET", 304, [FIVE], Sized, 0),
        ("DELETE", 412, [FIVE], Sized, 5),
    ],
)
def test_the_end_follows_method_status_and_framing(
    method: str, status: int, lines: list[tuple[str, str]], kind: type[Decoder], length: int | None
) -> None:
    """The order of RFC 9112 §6.3: no content, chunked, a length, else the end of the connection."""
    reader = decoder(method, Head(status, "1.1", Fields(lines)))
    assert (type(reader), reader.length, reader.ended) == (kind, length, length == 0)


@pytest.mark.parametrize(
    ("version", "codings"),
    [
        ("1.1", ["gzip, chunked"]),
        ("1.1", ["chunked, gzip"]),
        ("1.1", ["identity"]),
        ("1.1", ["chunked", "chunked"]),
        ("1.1", [""]),
        ("1.0", ["chunked"]),
    ],
)
def test_no_transfer_coding_but_chunked_is_read(version: str, codings: list[str]) -> None:
    """What could be framed in two ways is no answer (RFC 9112 §6.1)."""
    fields = Fields(("Transfer-Encoding", coding) for coding in codings)
    with pytest.raises(Unanswered, match="transfer coding"):
        decoder("GET", Head(200, version, fields))


@pytest.mark.parametrize("cut", range(8))
def test_sized_content_ends_at_its_length(cut: int) -> None:
    """Bytes behind the end are noticed and never become content."""
    reader = Sized(5)
    pieces = reader.feed(b"hello++"[:cut]) + reader.feed(b"hello++"[cut:])
    assert (b"".join(pieces), reader.ended, reader.excess) == (b"hello", True, True)


def test_sized_content_is_not_over_before_its_end() -> None:
    """Four bytes of five are not all."""
    reader = Sized(5)
    assert (reader.feed(b"hell"), reader.ended, reader.excess) == ([b"hell"], False, False)
    assert (reader.feed(b"o"), reader.ended, reader.excess) == ([b"o"], True, False)


def test_content_until_close_never_ends_by_itself() -> None:
    """Every byte belongs to it."""
    reader = UntilClose()
    assert (reader.feed(b"HTTP/1.1 200 OK\r\n\r\n"), reader.ended) == ([b"HTTP/1.1 200 OK\r\n\r\n"], False)


def chunked(pieces: list[bytes], trailer: bytes = b"") -> bytes:
    """Content as it goes over the wire in the chunked coding."""
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n" + trailer + b"\r\n"


@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=5),
    st.sampled_from([b"", b"Digest: a\r\n", b"A:\r\nB: 0\r\n"]),
    st.lists(st.integers(0, 300), max_size=6),
)
def test_chunks_yield_their_content_however_they_are_cut(pieces: list[bytes], trailer: bytes, cuts: list[int]) -> None:
    """Content is what was chunked; trailer fields are not in it; the exact end is no excess."""
    wire = chunked(pieces, trailer)
    bounds = sorted({0, len(wire), *(min(cut, len(wire)) for cut in cuts)})
    reader = Chunked()
    read = [piece for start, end in pairwise(bounds) for piece in reader.feed(wire[start:end])]
    assert (b"".join(read), reader.ended, reader.excess) == (b"".join(pieces), True, False)


ANOTHER = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ntheirs"


@pytest.mark.parametrize(
    "excess", [b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"H", b"HTTP/1.1 200 OK\r\n\r\n", b"\0", ANOTHER]
)
@pytest.mark.parametrize("trailer", [b"", b"A: b\r\n"])
@pytest.mark.parametrize("apart", [False, True])
def test_bytes_behind_the_last_chunk_are_noticed(excess: bytes, trailer: bytes, apart: bool) -> None:
    """Even a lone CR behind the end is excess, in the same read or in the next."""
    wire = chunked([b"hello"], trailer)
    reader = Chunked()
    read = reader.feed(wire) + reader.feed(excess) if apart else reader.feed(wire + excess)
    assert (b"".join(read), reader.ended, reader.excess) == (b"hello", True, True)


@pytest.mark.parametrize(
    "wire",
    [
        b"5\nhello\n",
        b"0x5\r\n",
        b"-1\r\n",
        b"5 \r\n",
        b"g\r\n",
        b"5\r\nhelloo\r\n",
        b"5\r\nhello0\r\n",
        b"fffffffffffffffff\r\n",
        b"5;a=\nb\r\n",
        b"0\r\nContent-Length: 5\r\n\r\n",
        b"0\r\nno colon\r\n\r\n",
    ],
)
def test_a_bad_chunk_is_refused(wire: bytes) -> None:
    """None of the leniences of llhttp is on."""
    with pytest.raises(Unanswered, match="breaks the chunked coding"):
        Chunked().feed(wire)


@pytest.mark.parametrize("start", [b"5;", b"0\r\nA: "])
def test_framing_without_content_is_bounded(start: bytes) -> None:
    """Endless extensions or trailer fields are given up."""
    reader = Chunked()
    reader.feed(start)
    reader.feed(b"a" * (MAX_OVERHEAD - len(start)))
    with pytest.raises(Unanswered, match="chunk framing"):
        reader.feed(b"a")


def test_many_small_chunks_are_not_mistaken_for_framing() -> None:
    """The bound counts from the last byte of content."""
    reader = Chunked()
    read = [piece for _ in range(MAX_OVERHEAD // 2) for piece in reader.feed(b"1\r\na\r\n")]
    assert len(read) == MAX_OVERHEAD // 2
