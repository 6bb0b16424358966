"""Large content through the running proxy: its memory stays where it was, whichever way the content goes.

What is measured is the most memory that the process ever had (VmHWM), which the kernel counts: no moment is missed.
"""

import os
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.child import Child, python
from tests.support.ending import ended
from tests.support.processes import ADDRESS, ProxyHandle, running_proxy

MIB = 1024 * 1024
SIZE = 96 * MIB
ROOM = 24 * MIB
"""What the process may take for it, in bytes: a fourth of what passes."""

CONFIG = """
upstream: {upstream}
routes:
  - path: /file/{{n}}
    guard: "off"
  - path: /bytes/{{n}}
    limits: {{content: 1GiB}}
  - path: /state/{{n}}
    limits: {{content: 1GiB, mint: 1GiB}}
  - path: /json/{{n}}
    etag: {{canonical: json}}
"""


@dataclass(frozen=True)
class Place:
    """The proxy before an origin server for large content."""

    proxy: ProxyHandle

    @property
    def most(self) -> int:
        """The most bytes of memory that the proxy ever had."""
        status = Path(f"/proc/{self.proxy.child.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024

    def answer(self, line: str, *fields: str, sending: int = 0) -> tuple[bytes, int]:
        """Send a request with so many bytes of content; return the head of its answer, and how much content it had."""
        address = urlsplit(self.proxy.url)
        lines = [f"{line} HTTP/1.1", "Host: h", "Connection: close", *fields]
        if sending:
            lines += [f"Content-Length: {sending}", "Content-Type: application/octet-stream"]
        with socket.create_connection((address.hostname, address.port or 0), 60) as client:
            client.sendall("\r\n".join([*lines, "", ""]).encode())
            for _ in range(sending // MIB):
                client.sendall(bytes(MIB))
            received, count, room = bytearray(), 0, bytearray(MIB)
            while taken := client.recv_into(room):
                received += room[: max(0, min(taken, 4096 - len(received)))]
                count += taken
        head = bytes(received).partition(b"\r\n\r\n")[0]
        return head, count - len(head) - 4

    def tag(self, path: str) -> str:
        """Return the tag that a HEAD shows."""
        head, _ = self.answer(f"HEAD {path}")
        return next(line[6:].decode() for line in head.split(b"\r\n") if line.lower().startswith(b"etag: "))


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    """Run the origin server."""
    child = Child(python("-m", "bench.bodies.origin"))
    yield child.line(f"listening on {ADDRESS}")[1]
    assert child.stop() == 0


@pytest.fixture
def place(upstream: str) -> Iterator[Place]:
    """Run a proxy that has done a little of everything, so that what that takes is not counted."""
    with running_proxy(config=CONFIG.format(upstream=upstream)) as proxy:
        place = Place(proxy)
        for line in ("GET /file/9", "GET /bytes/9", f"PUT /bytes/9?{place.tag('/state/9')}"):
            place.answer(line, sending=2 * MIB if line.startswith("PUT") else 0)
        yield place


def test_down(place: Place) -> None:
    """What is not guarded, and what is larger than a tag is minted from, passes as it comes."""
    before = place.most
    for path in ("file", "bytes"):
        head, received = place.answer(f"GET /{path}/{SIZE}")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert received == SIZE
    assert place.most - before < ROOM


def test_up(place: Place) -> None:
    """What is not guarded passes as it comes; what is guarded waits on disk until all of it is there."""
    before = place.most
    for line in ("POST /file/1", "PUT /bytes/1"):
        head, _ = place.answer(line, sending=SIZE)
        assert head.startswith(b"HTTP/1.1 204 ")
    assert place.most - before < ROOM


def test_a_large_state_is_compared(place: Place) -> None:
    """A write whose tag has to be compared with a large state, and one after which it is looked at again."""
    before = place.most
    path = f"/state/{SIZE}"
    current = place.tag(path)
    assert place.answer(f"PUT {path}", f"If-Match: {current}", sending=MIB)[0].startswith(b"HTTP/1.1 204 ")
    assert place.answer(f"PUT {path}", 'If-Match: "x"', sending=MIB)[0].startswith(b"HTTP/1.1 412 ")
    head, _ = place.answer(f"PUT {path}", sending=SIZE)
    assert f"ETag: {current}".encode() in head  # zeros were sent, and zeros are shown
    assert place.most - before < ROOM


def test_the_measure_measures(place: Place) -> None:
    """A tag has to be known before content goes out behind it: a GET below `limits.mint` holds all of that, once."""
    before = place.most
    assert place.answer(f"GET /state/{SIZE}")[1] == SIZE
    assert 0.9 * SIZE < place.most - before < 1.5 * SIZE


@pytest.mark.parametrize("killed", [False, True], ids=["told to end", "killed"])
def test_large_documents_are_read_in_another_process(upstream: str, *, killed: bool) -> None:
    """It is started when one comes, and ends with the proxy, whichever way that ends."""
    with running_proxy(config=CONFIG.format(upstream=upstream)) as proxy:
        assert _children(proxy.child.pid) == []
        head, _ = Place(proxy).answer("GET /json/1000000")
        assert b"\r\nETag: " in head
        (child,) = _children(proxy.child.pid)
        assert b"proxy.adapters.workshop.hand" in Path(f"/proc/{child}/cmdline").read_bytes()
        if killed:
            proxy.child.kill()
    assert ended(int(child))


def test_a_hand_that_was_killed_is_replaced(place: Place) -> None:
    """The next document gets its tag all the same, the one it had before."""
    tag = place.tag("/json/1000000")
    (first,) = _children(place.proxy.child.pid)
    os.kill(int(first), signal.SIGKILL)
    assert place.tag("/json/1000000") == tag
    (second,) = _children(place.proxy.child.pid)
    assert second != first


def _children(pid: int) -> list[str]:
    """Return the processes that were started by any of its threads."""
    return [child for each in Path(f"/proc/{pid}/task").glob("*/children") for child in each.read_text().split()]
