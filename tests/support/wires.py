"""Answers as bytes: every way in which one may end, and every way in which one may be wrong.

What lives here: two tables, each row with what it is. What is made of a row is the test's.
"""

from dataclasses import dataclass

OK = b"HTTP/1.1 200 OK\r\n"


@dataclass(frozen=True)
class Good:
    """A whole answer to `method`. `head`: bytes up to the end of the final head.

    `interim` are the statuses told before it. `lasts`: its connection may be used again. `until_close`: the end of the
    connection is the end of the content.
    """

    wire: bytes
    content: bytes = b"hello"
    status: int = 200
    method: str = "GET"
    interim: tuple[int, ...] = ()
    lasts: bool = True
    until_close: bool = False

    @property
    def head(self) -> int:
        return self.wire.index(b"\r\n\r\n", self.wire.index(b"HTTP/1.%d %d" % (self.minor, self.status))) + 4

    @property
    def minor(self) -> int:
        return 0 if b"HTTP/1.0 " in self.wire else 1


_SIZED = OK + b"Content-Length: 5\r\n\r\nhello"
_CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

GOOD = {
    "sized": Good(_SIZED),
    "sized, nothing": Good(OK + b"Content-Length: 0\r\n\r\n", b""),
    "sized, leading zeros": Good(OK + b"content-length: 0005\r\n\r\nhello"),
    "sized, close": Good(OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello", lasts=False),
    "sized, HTTP/1.0": Good(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", lasts=False),
    "sized, HTTP/1.0, kept": Good(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello"),
    "an error": Good(b"HTTP/1.1 500 \r\nContent-Length: 5\r\n\r\nhello", status=500),
    "a status of its own": Good(b"HTTP/1.1 799 Own\r\nContent-Length: 5\r\n\r\nhello", status=799),
    "chunked": Good(_CHUNKED + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"),
    "chunked, nothing": Good(_CHUNKED + b"0\r\n\r\n", b""),
    "chunked, extensions": Good(_CHUNKED + b'2;a\r\nhe\r\n03;a=b;c="d"\r\nllo\r\n0;e\r\n\r\n'),
    "chunked, trailer fields": Good(_CHUNKED + b"5\r\nhello\r\n0\r\nDigest: a\r\nX: \r\n\r\n"),
    "chunked, hexadecimal": Good(
        _CHUNKED + b"A\r\n0123456789\r\nb\r\n0123456789a\r\n0\r\n\r\n", b"01234567890123456789a"
    ),
    "chunked, close": Good(
        OK + b"Connection: close\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", lasts=False
    ),
    "until close": Good(OK + b"\r\nhello", lasts=False, until_close=True),
    "until close, HTTP/1.0": Good(b"HTTP/1.0 200 OK\r\nA: b\r\n\r\nhello", lasts=False, until_close=True),
    "204": Good(b"HTTP/1.1 204 No Content\r\n\r\n", b"", 204),
    "204, a length": Good(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", b"", 204),
    "304": Good(b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n', b"", 304),
    "304, a length": Good(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", b"", 304),
    "HEAD": Good(OK + b"\r\n", b"", method="HEAD"),
    "HEAD, a length": Good(OK + b"Content-Length: 5\r\n\r\n", b"", method="HEAD"),
    "HEAD, chunked": Good(_CHUNKED, b"", method="HEAD"),
    "100, sized": Good(b"HTTP/1.1 100 Continue\r\n\r\n" + _SIZED),
    "103, chunked": Good(
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + _CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", interim=(103,)
    ),
    "several 1xx, 204": Good(
        b"HTTP/1.1 102 A\r\n\r\nHTTP/1.1 100 B\r\n\r\nHTTP/1.1 103 C\r\nA: b\r\n\r\nHTTP/1.1 199 D\r\n\r\n"
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"",
        204,
        interim=(102, 103, 199),
    ),
    "1xx, until close": Good(
        b"HTTP/1.1 103 A\r\n\r\n" + OK + b"\r\nhello", interim=(103,), lasts=False, until_close=True
    ),
}

_HEAD, _CODING, _CHUNKS = "not valid HTTP/1.1", "transfer coding", "chunked coding"


@dataclass(frozen=True)
class Bad:
    """What is no answer, and a word of the reason. `late`: its head is in order, and its content is not."""

    wire: bytes
    reason: str = _HEAD
    late: bool = False


def _heads(**lines: bytes) -> dict[str, Bad]:
    """Heads of one bad line, each with content that would suit it."""
    return {name.replace("_", " "): Bad(OK + line + b"\r\n\r\nhello") for name, line in lines.items()}


def _starts(**starts: bytes) -> dict[str, Bad]:
    """What is not even the start of an answer."""
    return {name.replace("_", " "): Bad(start) for name, start in starts.items()}


def _chunks(**chunks: bytes) -> dict[str, Bad]:
    """Chunks of which one is wrong."""
    return {name.replace("_", " "): Bad(_CHUNKED + wire, _CHUNKS, late=True) for name, wire in chunks.items()}


BAD = {
    **_heads(
        obs_fold=b"A: b\r\n c",
        a_fold_in_the_first_line=b" A: b",
        a_bare_CR=b"A: b\rContent-Length: 5",
        a_bare_CR_at_the_end=b"A: b\r",
        a_bare_LF=b"A: b\nContent-Length: 5",
        a_NUL_in_a_value=b"A: b\0c",
        a_NUL_in_a_name=b"A\0: b",
        a_control_byte=b"A: \x01",
        a_space_before_the_colon=b"Content-Length : 5",
        no_colon=b"Content-Length 5",
        no_name=b": 5",
        a_length_and_a_coding=b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        a_coding_and_a_length=b"Transfer-Encoding: chunked\r\nContent-Length: 5",
        two_lengths=b"Content-Length: 5\r\nContent-Length: 6",
        a_length_twice=b"Content-Length: 5\r\nContent-Length: 5",
        a_list_of_lengths=b"Content-Length: 5, 5",
        a_length_below_zero=b"Content-Length: -5",
        a_length_with_a_sign=b"Content-Length: +5",
        a_length_in_hexadecimal=b"Content-Length: 0x5",
        a_length_with_letters=b"Content-Length: 5a",
        a_length_with_a_space=b"Content-Length: 5 5",
        a_length_with_a_point=b"Content-Length: 5.0",
        a_length_beyond_64_bits=b"Content-Length: 18446744073709551617",
    ),
    "no length in its field": Bad(OK + b"Content-Length: \r\n\r\nhello"),
    "a length beyond any content": Bad(OK + b"Content-Length: 1234567890123456789\r\n\r\nhello", "impossible length"),
    "gzip": Bad(OK + b"Transfer-Encoding: gzip\r\n\r\nhello", _CODING),
    "gzip, chunked": Bad(OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", _CODING),
    "chunked, gzip": Bad(OK + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", _CODING),
    "chunked twice": Bad(OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", _CODING),
    "identity": Bad(OK + b"Transfer-Encoding: identity\r\n\r\nhello", _CODING),
    "a coding in quotes": Bad(OK + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n', _CODING),
    "chunked, HTTP/1.0": Bad(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", _CODING),
    **_starts(
        nonsense=b"nonsense\r\n\r\n",
        a_document=b"<!doctype html><title>No</title>",
        two_digits=b"HTTP/1.1 20 OK\r\n\r\n",
        four_digits=b"HTTP/1.1 2000 OK\r\n\r\n",
        letters=b"HTTP/1.1 abc OK\r\n\r\n",
        no_status=b"HTTP/1.1\r\n\r\n",
        a_status_below_100=b"HTTP/1.1 099 OK\r\n\r\n",
        no_space=b"HTTP/1.1200 OK\r\n\r\n",
        two_spaces=b"HTTP/1.1  200 OK\r\n\r\n",
        lower_case=b"http/1.1 200 OK\r\n\r\n",
        a_line_that_ends_with_LF=b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        an_empty_line_first=b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        a_space_first=b" HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        HTTP_0_9=b"HTTP/0.9 200 OK\r\n\r\n",
        HTTP_2_0=b"HTTP/2.0 200 OK\r\n\r\n",
        RTSP=b"RTSP/1.1 200 OK\r\n\r\n",
        the_preface_of_HTTP_2=b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        a_frame_of_HTTP_2=b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64",
        an_alert_of_TLS=b"\x15\x03\x01\x00\x02\x02\x16",
        a_request=b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        SSH=b"SSH-2.0-server\r\n",
        NULs=bytes(64),
    ),
    "a long head": Bad(OK + b"A: " + b"a" * 66_000 + b"\r\n\r\n", "longer than 65536 bytes"),
    "many lines": Bad(OK + b"A: b\r\n" * 201 + b"\r\n", "more than 200 field lines"),
    "a long head of 1xx": Bad(b"HTTP/1.1 103 A\r\nA: " + b"a" * 66_000 + b"\r\n\r\n", "longer than 65536 bytes"),
    "a long phrase": Bad(b"HTTP/1.1 200 " + b"O" * 66_000 + b"\r\n\r\n", "longer than 65536 bytes"),
    "101": Bad(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", "nobody asked for"),
    "103, 101": Bad(b"HTTP/1.1 103 A\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n", "nobody asked for"),
    "100, nonsense": Bad(b"HTTP/1.1 100 Continue\r\n\r\nnonsense\r\n\r\n"),
    **_chunks(
        a_size_below_zero=b"-5\r\nhello\r\n0\r\n\r\n",
        a_size_with_a_sign=b"+5\r\nhello\r\n0\r\n\r\n",
        a_size_with_a_prefix=b"0x5\r\nhello\r\n0\r\n\r\n",
        a_size_with_a_space=b"5 \r\nhello\r\n0\r\n\r\n",
        a_size_of_letters=b"size\r\nhello\r\n0\r\n\r\n",
        no_size=b"\r\nhello\r\n0\r\n\r\n",
        a_size_beyond_64_bits=b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        a_size_line_that_ends_with_LF=b"5\nhello\r\n0\r\n\r\n",
        a_chunk_that_ends_with_LF=b"5\r\nhello\n0\r\n\r\n",
        a_chunk_that_is_longer=b"5\r\nhello!\r\n0\r\n\r\n",
        a_chunk_that_is_shorter=b"5\r\nhell\r\n0\r\n\r\n",
        an_extension_with_LF=b"5;a=\nb\r\nhello\r\n0\r\n\r\n",
        an_extension_with_CR=b"5;a=\rb\r\nhello\r\n0\r\n\r\n",
        an_extension_with_NUL=b"5;a=\0\r\nhello\r\n0\r\n\r\n",
        a_trailer_without_a_colon=b"5\r\nhello\r\n0\r\nno\r\n\r\n",
        a_trailer_with_NUL=b"5\r\nhello\r\n0\r\nA: \0\r\n\r\n",
        a_trailer_with_LF=b"5\r\nhello\r\n0\r\nA: b\nC: d\r\n\r\n",
        a_trailer_that_is_folded=b"5\r\nhello\r\n0\r\nA: b\r\n c\r\n\r\n",
        a_trailer_that_frames=b"5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n",
    ),
    "a long extension": Bad(_CHUNKED + b"5;" + b"a" * 600_000 + b"\r\nhello\r\n0\r\n\r\n", "chunk framing", late=True),
    "long trailers": Bad(_CHUNKED + b"0\r\n" + b"A: b\r\n" * 100_000 + b"\r\n", "chunk framing", late=True),
    "an endless size": Bad(_CHUNKED + b"0" * 70_000, "chunk framing", late=True),
}
