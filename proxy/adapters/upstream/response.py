"""One response as it arrives: interim heads, the final head, the content, and what went wrong.

What lives here: the state of one response, without I/O; `connection` feeds it and wakes whoever waits for it.
"""

from collections import deque

from proxy.adapters.upstream.content import Decoder, decoder
from proxy.adapters.upstream.head import Head, HeadReader, read_at_once
from proxy.core.fields import Fields
from proxy.errors import Unanswered

_CONTINUE = 100


class HungUp(Unanswered):
    """The connection ended before any byte of the response.

    On a connection that was used before, the usual reason is that the origin server had just given it up, which is
    why a safe request may then be sent once more (RFC 9112 §9.3.1).
    """


class IncomingResponse:
    """A response of which more may be to come. `failure` is set once it cannot be completed any more.

    `began`: a byte of it arrived. `buffered`: bytes of content that nobody took yet. Where an `upgrade` was asked for,
    101 is final, and what follows it is taken for content that ends with the connection.
    """

    def __init__(self, method: str, *, upgrade: bool = False) -> None:
        self.head: Head | None = None
        self.failure: Unanswered | None = None
        self.began = False
        self.buffered = 0
        self._method = method
        self._upgrade = upgrade
        self._reader: HeadReader | None = None
        self._decoder: Decoder | None = None
        self._pieces: deque[bytes] = deque()
        self._interim: deque[tuple[int, Fields]] = deque()

    @property
    def complete(self) -> bool:
        """Tell whether the response arrived whole."""
        return self._decoder is not None and self._decoder.ended

    @property
    def switched(self) -> bool:
        """Tell whether what arrives now is of another protocol."""
        return self.head is not None and self.head.switched

    @property
    def length(self) -> int | None:
        """The length of the content, in bytes, where the head tells it."""
        return None if self._decoder is None else self._decoder.length

    @property
    def reusable(self) -> bool:
        """Tell whether the connection may carry another request, as far as the response goes."""
        if self.head is None or self._decoder is None or self.failure is not None:
            return False
        decoder = self._decoder
        return decoder.ended and not decoder.excess and not decoder.until_close and self.head.persistent

    def feed(self, data: bytes) -> None:
        """Take what arrived. Never raises: a mistake of the origin server's becomes `failure`."""
        self.began = True
        if self.failure is not None:
            return
        try:
            self._read(data)
        except Unanswered as failure:
            self.failure = failure

    def end(self, *, clean: bool) -> None:
        """Note that the connection ended; `clean` when the origin server closed it, not when it broke."""
        if self.complete or self.failure is not None:
            return
        if not self.began:
            self.failure = HungUp("The origin server closed the connection without an answer.")
        elif self._decoder is None:
            self.failure = Unanswered("The origin server closed the connection within the head of its response.")
        elif clean and self._decoder.until_close:
            self._decoder.ended = True
        else:
            self.failure = Unanswered("The origin server's response ended early.")

    def fail(self, failure: Unanswered) -> None:
        """Give the response up, unless it is over already."""
        if not self.complete and self.failure is None:
            self.failure = failure

    def take_whole(self) -> bytes:
        """Return all of the content that nobody took yet."""
        whole = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self.buffered = 0
        return whole

    def take(self) -> bytes | None:
        """Return the next piece of content that has arrived, None when there is none now."""
        if not self._pieces:
            return None
        piece = self._pieces.popleft()
        self.buffered -= len(piece)
        return piece

    def take_interim(self) -> tuple[int, Fields] | None:
        """Return the next interim response that has arrived, None when there is none now."""
        return self._interim.popleft() if self._interim else None

    def _read(self, data: bytes) -> None:
        rest: bytes | None = data
        while rest and self._decoder is None:
            rest = self._read_head(rest)
        if rest and self._decoder is not None:
            for piece in self._decoder.feed(rest):
                self._pieces.append(piece)
                self.buffered += len(piece)

    def _read_head(self, data: bytes) -> bytes | None:
        at_once = read_at_once(data) if self._reader is None and not self._upgrade else None
        if at_once is None:
            self._reader = self._reader or HeadReader(upgrade=self._upgrade)
            rest = self._reader.feed(data)
            head = self._reader.head
        else:
            head, rest = at_once
        if head is None:
            return None
        if not head.interim:
            self._decoder = decoder(self._method, head)
            self.head = head
            return rest
        self._reader = None
        if head.status != _CONTINUE:  # answers an Expect, which is between two neighbours (RFC 9110 §10.1.1)
            self._interim.append((head.status, head.fields.end_to_end()))
        return rest
