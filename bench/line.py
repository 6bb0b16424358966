"""One connection on which requests are played that were written beforehand, and timed.

What lives here: sending bytes and finding the end of an answer. wrk plays many at once; this sees each answer.
"""

import re
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

PATIENCE: Final = 60.0
"""Seconds after which an answer is given up."""
AT_ONCE: Final = 65_536

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED: Final = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
_EMPTY: Final = {204, 304}


class WrongAnswer(AssertionError):
    """An answer is not what is measured."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer: its head, its content, and how long it took in seconds, from the first byte sent to the last read."""

    status: int
    head: bytes
    content: bytes
    seconds: float

    @property
    def size(self) -> int:
        """Bytes on the wire."""
        return len(self.head) + len(self.content)

    def field(self, name: str) -> str | None:
        """Return a field's value, None where it is not there."""
        found = re.search(rf"^{re.escape(name)}: *(.*?)\r?$", self.head.decode("latin-1"), re.IGNORECASE | re.MULTILINE)
        return found[1] if found else None


def request(url: str, method: str, path: str, content: bytes | None = None, **fields: str) -> bytes:
    """Return a request as it is sent. An underscore in a field's name stands for a hyphen."""
    framing = {} if content is None else {"Content-Type": "application/json", "Content-Length": str(len(content))}
    lines = {"Host": urlsplit(url).netloc, **framing, **{name.replace("_", "-"): fields[name] for name in fields}}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + (content or b"")


class Line:
    """The connection. Made for answers with a length, or without content."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected

    def send(self, some: bytes) -> None:
        """Send bytes, and wait for nothing."""
        self._socket.sendall(some)

    def ask(self, played: bytes) -> Heard:
        """Send a request and return the answer. Raised when there is no such answer: `WrongAnswer`."""
        began = time.perf_counter()
        self._socket.sendall(played)
        said = b""
        while (end := said.find(b"\r\n\r\n")) < 0:
            said += self._more()
        head, content = said[: end + 4], said[end + 4 :]
        status = int(head[9:12])
        while len(content) < length(status, head):
            content += self._more()
        return Heard(status, head, content, time.perf_counter() - began)

    def _more(self) -> bytes:
        if not (received := self._socket.recv(AT_ONCE)):
            raise WrongAnswer("the connection was closed in the middle of an answer")
        return received


def length(status: int, head: bytes) -> int:
    """Return how long the content is. Raised when the head does not say: `WrongAnswer`."""
    if status in _EMPTY:
        return 0
    found = _LENGTH.search(head)
    if found is None or _CHUNKED.search(head):
        raise WrongAnswer(f"an answer without a length: {head!r}")
    return int(found[1])


@contextmanager
def connected(url: str) -> Iterator[Line]:
    """Connect."""
    address = urlsplit(url)
    with closing(socket.create_connection((address.hostname, address.port), PATIENCE)) as opened:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield Line(opened)


def played(url: str, requests: Sequence[bytes], status: int) -> list[Heard]:
    """Play requests one after the other. Raised when one is answered otherwise than it must be: `WrongAnswer`."""
    with connected(url) as line:
        answers = [line.ask(each) for each in requests]
    for asked, heard in zip(requests, answers, strict=True):
        if heard.status != status:
            raise WrongAnswer(f"{heard.status} instead of {status}: {asked[:200]!r} was answered {heard.head!r}")
    return answers
