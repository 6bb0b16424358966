"""HTTP/1.1 as bytes, for the test origin: a head kept exactly as it came, an answer framed in any way a test wants.

What lives here: reading and writing messages. It is lenient where a server must not be, so that whatever a proxy
sends is seen by the test and not by a parser.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from io import BufferedIOBase

BODILESS = frozenset({204, 304})
"""The statuses that never have content (RFC 9110 §6.4.1)."""
SHORTFALL = 64
"""How many bytes more than it sends a truncated answer promises."""


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a request: `raw` is every byte of it; the rest is read from it, one character a byte."""

    raw: bytes
    method: str
    target: str
    version: str
    fields: tuple[tuple[str, str], ...]

    @property
    def path(self) -> str:
        """The target without its query, as spelled."""
        return self.target.partition("?")[0]

    @property
    def keeps_alive(self) -> bool:
        """Tell whether another request may follow."""
        return self.version == "HTTP/1.1" and "close" not in (self.get("connection") or "").lower()

    def get(self, name: str) -> str | None:
        """Return the lines of that name joined with a comma; None when absent."""
        values = [value for line, value in self.fields if line.lower() == name]
        return ", ".join(values) if values else None


@dataclass(frozen=True, slots=True)
class Content:
    """The content of a request, as much as arrived."""

    data: bytes = b""
    chunked: bool = False
    complete: bool = True

    @property
    def digest(self) -> str:
        """SHA-256, in hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()


def read_head(stream: BufferedIOBase) -> Head | None:
    """Return the next head; None at the end of the stream, also in mid-head."""
    lines = []
    while (line := stream.readline()) not in {b"\r\n", b"\n"}:
        if not line.endswith(b"\n"):
            return None
        lines.append(line)
    start, *rest = [kept.decode("latin-1").rstrip("\r\n") for kept in (lines or [b""])]
    method, _, remainder = start.partition(" ")
    target, _, version = remainder.rpartition(" ")
    named = [text.partition(":") for text in rest]
    fields = tuple((name, value.strip(" \t")) for name, _, value in named)
    return Head(b"".join(lines) + line, method, target, version, fields)


def read_content(stream: BufferedIOBase, head: Head) -> Content:
    """Return the content that the head announces."""
    if "chunked" in (head.get("transfer-encoding") or "").lower():
        return _read_chunked(stream)
    length = int(head.get("content-length") or 0)
    data = stream.read(length)
    return Content(data, complete=len(data) == length)


def _read_chunked(stream: BufferedIOBase) -> Content:
    data = bytearray()
    while (size := _chunk_size(stream.readline())) is not None:
        data += stream.read(size)
        if size and stream.readline() != b"\r\n":
            break
        if size == 0:
            return Content(bytes(data), chunked=True, complete=_skip_trailers(stream))
    return Content(bytes(data), chunked=True, complete=False)


def _chunk_size(line: bytes) -> int | None:
    digits = line.partition(b";")[0].strip()
    return int(digits, 16) if line.endswith(b"\n") and digits else None


def _skip_trailers(stream: BufferedIOBase) -> bool:
    while (line := stream.readline()) not in {b"\r\n", b""}:
        pass
    return line == b"\r\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer. `length` None: sent chunked, with the trailers. `interim` is sent before the head."""

    status: int
    fields: tuple[tuple[str, str], ...] = ()
    parts: Iterable[bytes] = ()
    length: int | None = 0
    interim: bytes = b""
    trailers: bytes = b""


def whole(status: int, content: bytes = b"", *fields: tuple[str, str]) -> Answer:
    """Return an answer whose content is at hand."""
    return Answer(status, fields, (content,), len(content))


def written(answer: Answer, *, head_only: bool, truncated: bool) -> Iterator[bytes]:
    """Yield the answer as it goes over the wire, a part at a time; a truncated one promises more than it sends."""
    status = 200 if truncated and answer.status in BODILESS else answer.status
    yield answer.interim + _head(answer, status, truncated=truncated)
    if head_only or status in BODILESS:
        return
    for part in answer.parts:
        if part:
            yield part if answer.length is not None else b"%x\r\n%b\r\n" % (len(part), part)
    if answer.length is None and not truncated:
        yield b"0\r\n" + answer.trailers + b"\r\n"


def _head(answer: Answer, status: int, *, truncated: bool) -> bytes:
    phrase = next((known.phrase for known in HTTPStatus if known == status), "Odd")
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in answer.fields)]
    if answer.length is None:
        lines.append("Transfer-Encoding: chunked")
    elif status not in BODILESS:
        lines.append(f"Content-Length: {answer.length + SHORTFALL * truncated}")
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1")
