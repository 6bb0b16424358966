"""The paths of the test origin that show one thing of HTTP each: /__echo, /__sse, /__big/<n>, /__interim, /__chunked.

What lives here: answers that depend on nothing but the request. They are logged like any other request.
"""

import json
from collections.abc import Iterator
from itertools import count, repeat
from threading import Event

from tests.support.wire import Answer, Content, Head, whole

EVENT_PAUSE = 0.02
"""The pause between two events of /__sse, in seconds."""
BLOCK = b"0123456789abcdef" * 4096


def exhibit(head: Head, content: Content, ended: Event) -> Answer | None:
    """Return the answer where the path is an exhibit. `ended` ends the endless one."""
    match head.path.split("/")[1:]:
        case ["__echo"]:
            return _echo(head, content)
        case ["__sse"]:
            fields = (("Content-Type", "text/event-stream"), ("Cache-Control", "no-store"))
            return Answer(200, fields, _events(ended), length=None)
        case ["__big", size]:
            return Answer(200, (("Content-Type", "application/octet-stream"),), _blocks(int(size)), int(size))
        case ["__interim"]:
            hints = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
            return Answer(200, (("Content-Type", "text/plain"),), (b"after the hints",), 15, interim=hints)
        case ["__chunked"]:
            fields = (("Content-Type", "text/plain"), ("Trailer", "X-Trailer"))
            return Answer(200, fields, (b"one ", b"two ", b"three"), length=None, trailers=b"X-Trailer: four\r\n")
    return None


def _echo(head: Head, content: Content) -> Answer:
    """Return the head as it came, one character a byte, and what its content was."""
    told = {"head": head.raw.decode("latin-1"), "length": len(content.data), "digest": content.digest}
    return whole(200, json.dumps(told | {"chunked": content.chunked}).encode(), ("Content-Type", "application/json"))


def _events(ended: Event) -> Iterator[bytes]:
    for number in count(1):
        yield b"data: %d\n\n" % number
        if ended.wait(EVENT_PAUSE):
            return


def _blocks(size: int) -> Iterator[bytes]:
    yield from repeat(BLOCK, size // len(BLOCK))
    yield BLOCK[: size % len(BLOCK)]
