"""An origin server for large content: as little work as possible, so that what stands in front of it is measured.

A thread a connection, blocking sockets. `/bytes/N` is N bytes, `/json/N` a JSON document of about so many, `/list/N` a
list of N items, `/small` 2 KB of JSON. What is written is read and dropped, and answered with 204.
"""

import argparse
import json
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

PART: Final = bytes(1024 * 1024)
ITEMS: Final = 100
"""Numbers in each row of a document."""


@lru_cache
def document(size: int) -> bytes:
    """Return a JSON document of about `size` bytes: rows of short strings and numbers."""
    row = {"name": "a row of the document", "price": 12.5, "count": 3, "tags": ["red", "green"], "open": True}
    count = max(1, size // (len(json.dumps(row)) + 14))
    return json.dumps({"rows": [{"id": number, **row} for number in range(count)]}).encode()


@lru_cache
def listing(items: int) -> bytes:
    """Return a list of items with a text in each, each with a link to itself."""
    listed = [
        {"id": number, "price": number / 8, "text": "x" * 100, "_links": {"self": {"href": f"/items/{number}"}}}
        for number in range(items)
    ]
    return json.dumps({"items": listed}).encode()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m bench.bodies.origin", description=__doc__)
    parser.parse_args(arguments)
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(f"listening on http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    threading.Thread(target=_accept, args=(listening,), daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.pause()


def _accept(listening: socket.socket) -> None:
    while True:
        connection, _ = listening.accept()
        threading.Thread(target=_serve, args=(connection,), daemon=True).start()


def _serve(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    room = bytearray(len(PART))
    try:
        with connection:
            while _answered(connection, room):
                pass
    except ConnectionError:
        pass


def _answered(connection: socket.socket, room: bytearray) -> bool:
    """Answer one request; tell whether there was one."""
    head = bytearray()
    while b"\r\n\r\n" not in head:
        data = connection.recv(65536)
        if not data:
            return False
        head += data
    text, _, content = bytes(head).partition(b"\r\n\r\n")
    method, target, _ = text.split(b"\r\n", 1)[0].decode().split(" ")
    _drop(connection, text.lower(), content, room)
    if method in {"PUT", "POST", "PATCH"}:
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
    else:
        _show(connection, target)
    return b"\r\nconnection: close" not in text.lower()


def _drop(connection: socket.socket, head: bytes, content: bytes, room: bytearray) -> None:
    """Read a request's content to its end."""
    if b"\r\ntransfer-encoding:" in head:
        last = content[-5:]
        while not last.endswith(b"0\r\n\r\n"):
            count = connection.recv_into(room)
            last = (last + bytes(room[max(0, count - 5) : count]))[-5:]
    elif b"\r\ncontent-length:" in head:
        missing = int(head.split(b"\r\ncontent-length:", 1)[1].split(b"\r\n", 1)[0]) - len(content)
        while missing > 0:
            missing -= connection.recv_into(room, min(missing, len(room)))


def _show(connection: socket.socket, target: str) -> None:
    kind, _, number = target[1:].partition("/")
    size = int(number or 0)
    if kind in {"bytes", "file", "state"}:
        connection.sendall(_head("application/octet-stream", size))
        for _ in range(size // len(PART)):
            connection.sendall(PART)
        connection.sendall(PART[: size % len(PART)])
        return
    content = listing(size) if kind == "list" else document(size if kind == "json" else 2_000)
    connection.sendall(_head("application/json", len(content)) + content)


def _head(kind: str, length: int) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n".encode()


if __name__ == "__main__":
    main()
