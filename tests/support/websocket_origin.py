"""An origin server that speaks WebSocket, and a client, both with plain sockets and frames of their own.

What lives here: a server whose paths behave in different ways, for tests with processes. What is expected of a proxy
between the two is the test's.
"""

import socket
import socketserver
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Self
from urllib.parse import urlsplit

from tests.support.threading_server import serving, url_of
from tests.support.websocket import CLOSE, frame, handshake, proof, read_frame

PATIENCE = 30.0
PING, PONG = 9, 10
_RESET = struct.pack("ii", 1, 0)
REFUSAL = b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nno"
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nplain"


class Handler(socketserver.StreamRequestHandler):
    """One connection: any number of requests, of which one may turn it into a WebSocket."""

    server: "WebSocketOrigin"

    def handle(self) -> None:
        """Answer requests; echo frames behind an offer, until the client closes."""
        try:
            while head := self._head():
                self.server.requests.append(head)
                path = head.split(" ", 2)[1]
                if "\r\nupgrade: websocket\r\n" not in head.lower():
                    self.wfile.write(REFUSAL if path.startswith("/ws") else PLAIN)
                elif path == "/ws/refused":
                    self.wfile.write(REFUSAL)
                elif path == "/ws/plain":
                    self.wfile.write(PLAIN)
                else:
                    return self._speak(head, path)
        except OSError:
            pass  # how the client left
        finally:
            self.server.ended.set()

    def _head(self) -> str:
        lines = []
        while line := self.rfile.readline():
            lines.append(line.decode("latin-1"))
            if line == b"\r\n":
                return "".join(lines)
        return ""

    def _speak(self, head: str, path: str) -> None:
        key = next(line.split(": ")[1] for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key"))
        accept = proof("another" if path == "/ws/unproven" else key)
        lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
        self.wfile.write("\r\n".join([*lines, f"Sec-WebSocket-Accept: {accept}", "", ""]).encode())
        while True:
            opcode, content = read_frame(self._exactly)
            if content == b"die":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                self.connection.close()
                return
            self.wfile.write(frame(content, PONG if opcode == PING else opcode))
            if opcode == CLOSE:
                return

    def _exactly(self, size: int) -> bytes:
        whole = self.rfile.read(size)
        if len(whole) < size:
            raise ConnectionError
        return whole


class WebSocketOrigin(socketserver.ThreadingTCPServer):
    """/ws… accepts, and echoes; /ws/refused, /ws/plain and /ws/unproven do not; anything else is no WebSocket.

    `requests` are the heads of all requests; `ended` is set when a connection is over.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[str] = []
        self.ended = Event()

    @property
    def url(self) -> str:
        """Where it is."""
        return url_of(self)


@contextmanager
def websocket_origin() -> Iterator[WebSocketOrigin]:
    """Run the origin server in threads."""
    with serving(WebSocketOrigin()) as server:
        yield server


class WebSocket:
    """A client. `head` is the answer to its offer; behind a 101 frames are sent and received."""

    def __init__(self, url: str, target: str, *lines: str, behind: bytes = b"") -> None:
        address = urlsplit(url)
        self.socket = socket.create_connection((address.hostname, address.port), PATIENCE)
        self.stream = self.socket.makefile("rb")
        self.socket.sendall(handshake(target, *lines, authority=address.netloc) + behind)
        head = []
        while (line := self.stream.readline()) != b"\r\n":
            assert line, "the connection ended within the head"
            head.append(line.decode("latin-1").rstrip("\r\n"))
        self.head = head
        self.status = int(head[0].split(" ")[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()
        self.socket.close()

    def send(self, content: bytes, opcode: int = 2) -> None:
        """Send a frame."""
        self.socket.sendall(frame(content, opcode, b"\x01\x02\x03\x04"))

    def receive(self) -> tuple[int, bytes]:
        """Receive a frame; return its opcode and content."""
        return read_frame(self.stream.read)

    def reset(self) -> None:
        """Leave without a word."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.stream.close()
        self.socket.close()
