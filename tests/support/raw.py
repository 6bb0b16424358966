"""A client that writes bytes as they are, and reads what comes back, for tests of what a parser would hide.

What lives here: one connection, and the answers on it. What is sent and what is expected is the test's.
"""

import json
import select
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

PATIENCE = 30.0
"""Seconds after which a test that waits for what never comes fails."""

_WITHOUT_CONTENT = frozenset({100, 204, 304})


@dataclass(frozen=True, slots=True)
class Answer:
    """A response. Names of fields are in lower case; of repeated lines the last one is kept."""

    status: int
    fields: dict[str, str]
    content: bytes

    @property
    def problem(self) -> dict[str, Any]:
        """The problem document."""
        assert self.fields["content-type"] == "application/problem+json"
        document = json.loads(self.content)
        assert isinstance(document, dict)
        return document


class RawClient:
    """One connection; leaving the context closes it."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._socket = socket.create_connection((address.hostname, address.port or 80), PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._socket.close()

    def fileno(self) -> int:
        """Return the descriptor, for `answered`."""
        return self._socket.fileno()

    def send(self, message: bytes) -> None:
        """Send bytes, as many as are taken: an answer may be on its way before the end, and the connection closed."""
        with suppress(ConnectionError):
            self._socket.sendall(message)

    def end(self) -> None:
        """Shut the sending side (half-close), if the connection is still there."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Leave at once, in a way that the other side learns of."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._stream.close()
        self._socket.close()

    def answer(self, method: str = "GET") -> Answer:
        """Read one response, interim ones too, to a request with this method."""
        status_line = self._line()
        lines = iter(self._line, "")
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        status = int(status_line.split(" ")[1])
        bare = method == "HEAD" or status in _WITHOUT_CONTENT
        return Answer(status, fields, b"" if bare else self._stream.read(int(fields["content-length"])))

    def rest(self) -> bytes:
        """Return what comes until the other side ends the connection, orderly or not."""
        try:
            return self._stream.read()
        except ConnectionResetError:
            return b""

    def _line(self) -> str:
        line = self._stream.readline()
        assert line.endswith(b"\r\n"), f"the connection ended within a head: {line!r}"
        return line[:-2].decode("latin-1")


def answered(*clients: RawClient, within: float = 0.0) -> list[RawClient]:
    """Return those that have something to read; wait for the first one, for so many seconds at most.

    Not by `select`, which takes no descriptor above 1,023: the rows of the fault matrix have thousands together.
    """
    polled = select.poll()
    by_number = {client.fileno(): client for client in clients}
    for number in by_number:
        polled.register(number, select.POLLIN)
    return [by_number[number] for number, _ in polled.poll(within * 1_000)]


def first_to_answer(clients: Sequence[RawClient]) -> RawClient:
    """Wait until one of these clients has something to read, and return it."""
    found = answered(*clients, within=PATIENCE)
    assert found, "nobody was answered"
    return found[0]
