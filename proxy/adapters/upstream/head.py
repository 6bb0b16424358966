"""The head of a response: status and fields, read by llhttp in its strict mode (RFC 9112 §2-5).

What lives here: the bytes up to the empty line, and the limits on them. What follows the head is the room `content`.
"""

from dataclasses import dataclass
from functools import lru_cache

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from proxy.core.fields import Fields
from proxy.core.upgrading import SWITCHED
from proxy.errors import Unanswered

MAX_HEAD = 64 * 1024
"""The longest head that is read, in bytes, its empty line included."""
MAX_FIELDS = 200
"""The most field lines that are read."""

_INVALID = "The head of the origin server's response is not valid HTTP/1.1."
_END = b"\r\n\r\n"  # strict llhttp takes no bare LF, so the first of these is the end of the head
KEPT = 512
"""Heads that are remembered: answers of one second often differ in their content alone."""
_LONGEST_KEPT = 2048
_LOWEST_STATUS = 100
_LOWEST_FINAL_STATUS = 200


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a response. `version` is "1.0" or "1.1"; `fields` are as received, hop-by-hop ones included."""

    status: int
    version: str
    fields: Fields

    @property
    def interim(self) -> bool:
        """Tell whether a final response is still to come (RFC 9110 §15.2)."""
        return self.status < _LOWEST_FINAL_STATUS and not self.switched

    @property
    def switched(self) -> bool:
        """Tell whether another protocol is spoken behind it. Only who asked for that is shown such a head."""
        return self.status == SWITCHED

    @property
    def persistent(self) -> bool:
        """Tell whether the origin server keeps the connection open (RFC 9112 §9.3)."""
        if "connection" not in self.fields.by_name:
            return self.version == "1.1"
        options = self.fields.connection_options()
        return "close" not in options and (self.version == "1.1" or "keep-alive" in options)


class _Lines:
    """What llhttp reports of a head. An object of its own, so that reader and parser form no reference cycle."""

    __slots__ = ("complete", "fields")

    def __init__(self) -> None:
        self.fields: list[tuple[str, str]] = []
        self.complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        # llhttp keeps the white space behind a value, which is not part of it (RFC 9112 §5).
        self.fields.append((name.decode("latin-1"), value.strip(b" \t").decode("latin-1")))

    def on_headers_complete(self) -> None:
        self.complete = True


def read_at_once(data: bytes) -> tuple[Head, bytes] | None:
    """Return a head that has arrived whole, and what follows it; None where more of it may be to come.

    Raised when it is not a head of HTTP/1.0 or 1.1 or exceeds a limit: `errors.Unanswered`.
    """
    end = head_length(data)
    return None if end is None else (_known(data[:end]), data[end:])


def head_length(data: bytes) -> int | None:
    """Return the length of the head that data begins with, in bytes; None where more of it may be to come."""
    end = data.find(_END, 0, _LONGEST_KEPT)
    return None if end < 0 else end + len(_END)


@lru_cache(maxsize=KEPT)
def _known(raw: bytes) -> Head:
    reader = HeadReader()
    reader.feed(raw)
    if reader.head is None:
        raise Unanswered(_INVALID)
    return reader.head


class HeadReader:
    """Reads one head from bytes as they arrive. `head` is None until it is complete. `upgrade`: it may be 101."""

    __slots__ = ("_lines", "_parser", "_raw", "_upgrade", "head")

    def __init__(self, *, upgrade: bool = False) -> None:
        self.head: Head | None = None
        self._upgrade = upgrade
        self._lines = _Lines()
        self._parser = HttpResponseParser(self._lines)
        self._raw = bytearray()

    def feed(self, data: bytes) -> bytes | None:
        """Read on; return what follows the head once it is complete, None before.

        Raised when it is not a head of HTTP/1.0 or 1.1 or exceeds a limit: `errors.Unanswered`.
        """
        before = len(self._raw)
        self._raw += data
        end = self._raw.find(_END, max(0, before - len(_END) + 1))
        length = len(self._raw) if end < 0 else end + len(_END)
        if length > MAX_HEAD:
            raise Unanswered(f"The head of the origin server's response is longer than {MAX_HEAD} bytes.")
        self._parse(data[: length - before])
        if end < 0:
            return None
        self.head = self._finished()
        return data[length - before :]

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            if not (self._lines.complete and self._parser.get_status_code() == SWITCHED):
                raise Unanswered(_INVALID) from error
            # llhttp stops behind such a head, with one or the other; `_finished` judges it.

    def _finished(self) -> Head:
        status = self._parser.get_status_code()
        # llhttp also reads RTSP, ICE, HTTP/0.9 and HTTP/2.0, and skips empty lines before the status line.
        if not (self._raw.startswith(b"HTTP/1.") and status >= _LOWEST_STATUS):
            raise Unanswered(_INVALID)
        if len(self._lines.fields) > MAX_FIELDS:
            raise Unanswered(f"The origin server's response has more than {MAX_FIELDS} field lines.")
        if status == SWITCHED and not self._upgrade:
            raise Unanswered("The origin server switched to another protocol, which nobody asked for.")
        return Head(status, self._parser.get_http_version(), Fields(self._lines.fields))
