"""The content of a response: where it ends (RFC 9112 §6.3), and its bytes without their framing.

What lives here: one decoder for each way a response can end. A content coding (gzip) is none of them and stays.
"""

from typing import Protocol

from httptools import HttpParserError, HttpResponseParser

from proxy.adapters.upstream.head import Head
from proxy.errors import Unanswered

MAX_OVERHEAD = 64 * 1024
"""The most bytes in a row that may arrive without content in a chunked response: extensions, trailer fields."""

_WITHOUT_CONTENT = frozenset({204, 304})
_CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
_LONGEST_NUMBER = 18  # digits; a longer length is longer than any content


class Decoder(Protocol):
    """Content as it arrives. `ended`: it is complete. `excess`: bytes came behind its end. `length`: None if unknown.

    `until_close` tells whether the end of the connection is its end.
    """

    ended: bool
    excess: bool
    length: int | None
    until_close: bool

    def feed(self, data: bytes) -> list[bytes]:
        """Return the content in `data`. Raised when it breaks the framing: `errors.Unanswered`."""
        ...


def decoder(method: str, head: Head) -> Decoder:
    """Return what reads the content behind a final head (RFC 9112 §6.3), in the order of that section.

    Raised when the framing is ambiguous or unknown: `errors.Unanswered`. Content-Length together with
    Transfer-Encoding, or twice, has already been refused by llhttp.
    """
    if head.switched:
        return UntilClose()
    coding = head.fields.get("transfer-encoding") if "transfer-encoding" in head.fields.by_name else None
    if coding is not None and (coding.lower() != "chunked" or head.version == "1.0"):  # RFC 9112 §6.1
        raise Unanswered("The origin server's response has a transfer coding that was not asked for.")
    if method == "HEAD" or head.status in _WITHOUT_CONTENT:
        return Sized(0)
    if coding is not None:
        return Chunked()
    length = head.fields.get("content-length")
    if length is not None and len(length) > _LONGEST_NUMBER:
        raise Unanswered("The origin server's response announces an impossible length.")
    return UntilClose() if length is None else Sized(int(length))


class Sized:
    """Content of a known length, in bytes; 0 where there is none."""

    until_close = False

    def __init__(self, length: int) -> None:
        self.length: int | None = length
        self.ended = length == 0
        self.excess = False
        self._missing = length

    def feed(self, data: bytes) -> list[bytes]:
        """Return as much of `data` as is still missing."""
        piece = data[: self._missing]
        self.excess = self.excess or len(data) > len(piece)
        self._missing -= len(piece)
        self.ended = self._missing == 0
        return [piece] if piece else []


class UntilClose:
    """Content that ends with the connection."""

    until_close = True

    def __init__(self) -> None:
        self.length: int | None = None
        self.ended = False
        self.excess = False

    def feed(self, data: bytes) -> list[bytes]:
        """Return `data`."""
        return [data]


class _Events:
    """What llhttp reports of chunked content. Trailer fields are dropped (RFC 9112 §7.1.2)."""

    __slots__ = ("ended", "messages", "pieces")

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.messages = 0
        self.ended = False

    def on_message_begin(self) -> None:
        self.messages += 1

    def on_body(self, piece: bytes) -> None:
        if not self.ended:  # llhttp reads on: the content of another answer in the same read is none of this one
            self.pieces.append(piece)

    def on_message_complete(self) -> None:
        self.ended = True


class Chunked:
    """Content in the chunked transfer coding (RFC 9112 §7.1)."""

    until_close = False

    def __init__(self) -> None:
        self.length: int | None = None
        self.ended = False
        self.excess = False
        self._events = _Events()
        self._parser = HttpResponseParser(self._events)
        self._parser.feed_data(_CHUNKED_HEAD)
        self._overhead = 0
        self._tail = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the content of the chunks in `data`."""
        if self.ended:
            self.excess = True
            return []
        self._parse(data)
        pieces, self._events.pieces = self._events.pieces, []
        self._bound(data, pieces)
        return pieces

    def _parse(self, data: bytes) -> None:
        self._tail = (self._tail + data)[-5:]
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            if not self._events.ended:
                raise Unanswered("The origin server's response breaks the chunked coding.") from error
            self.excess = True
        self.ended = self._events.ended
        if self.ended:
            self.excess = self.excess or self._events.messages > 1 or not self._tail_is_end()

    def _tail_is_end(self) -> bool:
        """Tell whether nothing follows the end. llhttp skips empty lines there, and the end itself is the first one."""
        return self._tail.endswith(b"\r\n\r\n") and not self._tail.startswith(b"\n")

    def _bound(self, data: bytes, pieces: list[bytes]) -> None:
        """Count bytes without content: llhttp itself reads extensions and trailer fields of any length."""
        self._overhead = 0 if pieces else self._overhead + len(data)
        if self._overhead > MAX_OVERHEAD:
            raise Unanswered(f"The origin server's response has over {MAX_OVERHEAD} bytes of chunk framing in a row.")
