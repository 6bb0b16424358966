"""A client for large content: blocking, with as little work as can be, since it shares its core with the origin server.

What lives here: asking and counting. What must not: what the figures mean.
"""

import argparse
import socket
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

MIB: Final = 1024 * 1024
PATIENCE: Final = 60.0
"""Seconds to wait for the next bytes."""


@dataclass(frozen=True, slots=True)
class Moved:
    """One exchange: its status, the bytes of content that came or went, the seconds that took."""

    status: int
    size: int
    seconds: float


class Client:
    """One connection to a server."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._connection = socket.create_connection((address.hostname, address.port or 0), PATIENCE)
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._room = bytearray(MIB)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def ask(self, method: str, path: str, *fields: str, sending: int = 0) -> Moved:
        """Send a request with so many bytes of content and read its whole answer.

        Raised when the answer is cut short: `ConnectionError`.
        """
        length = [f"Content-Length: {sending}", "Content-Type: application/octet-stream"] if sending else []
        head = "\r\n".join([f"{method} {path} HTTP/1.1", "Host: bench", *length, *fields, "", ""])
        started = time.perf_counter()
        self._connection.sendall(head.encode())
        for _ in range(sending // MIB):
            self._connection.sendall(self._room)
        status, received = self._answer()
        return Moved(status, sending or received, time.perf_counter() - started)

    def _answer(self) -> tuple[int, int]:
        received = bytearray()
        while b"\r\n\r\n" not in received:
            received += self._room[: self._more(len(self._room))]
        head, _, content = bytes(received).partition(b"\r\n\r\n")
        length = content_length(head)
        missing = length - len(content)
        while missing > 0:
            missing -= self._more(min(missing, len(self._room)))
        return int(head.split(b" ", 2)[1]), length

    def _more(self, most: int) -> int:
        taken = self._connection.recv_into(self._room, most)
        if not taken:
            raise ConnectionError("the answer was cut short")
        return taken


def content_length(head: bytes) -> int:
    """Return what a head says, 0 where it says nothing."""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def latencies(url: str, path: str, seconds: float) -> list[float]:
    """Ask for something small again and again, and return how long each answer took."""
    with closing(Client(url)) as client:
        for _ in range(50):
            client.ask("GET", path)
        found, end = [], time.perf_counter() + seconds
        while time.perf_counter() < end:
            found.append(client.ask("GET", path).seconds)
            time.sleep(0.001)  # a client that asks now and then, and meets whatever goes on
        return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Ask for something large again and again, until this process is ended."""
    parser = argparse.ArgumentParser(prog="python -m bench.bodies.client", description=main.__doc__)
    parser.add_argument("url")
    parser.add_argument("path")
    given = parser.parse_args(arguments)
    client = Client(given.url)
    client.ask("GET", given.path)
    print("asking", flush=True)
    while True:
        client.ask("GET", given.path)


if __name__ == "__main__":
    main()
