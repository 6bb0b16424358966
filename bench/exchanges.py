"""The exchanges of a guarded write and nothing else: `python -m bench.exchanges UPSTREAM [HOST ...]` says where it is.

Before a PUT it asks for what is there, on a connection that is kept. Then it sends the PUT as it came, on a fresh one
to each HOST in turn, and passes the answer on as it came; so it does with all else. What lives here: bytes in and out,
on the event loop of ifmatch. What must not: a tag, a lock, a parser. It shows what is left when a guard takes no time.
"""

import asyncio
import re
import sys
from collections.abc import Callable, Sequence
from functools import partial
from itertools import cycle
from typing import Final, cast
from urllib.parse import urlsplit

from proxy.cli import looping

_END: Final = b"\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)

Tell = Callable[[bytes], None]
"""Takes an answer; where it is empty, there will be none."""
Then = Callable[["Line", bytes], None]
"""Takes an answer and the connection that it came on."""


def whole(said: bytes) -> bool:
    """Tell whether a message is there to its end. One that names no length ends with its head."""
    end = said.find(_END)
    if end < 0:
        return False
    named = _LENGTH.search(said, 0, end)
    return len(said) >= end + len(_END) + (int(named[1]) if named else 0)


class Line(asyncio.Protocol):
    """A connection to the origin server. It takes one question after the other."""

    def __init__(self) -> None:
        self._then: Then | None = None
        self._said = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Tell an answer once it is whole."""
        self._said += data
        if whole(self._said):
            self._end(self._said)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the name is the protocol's
        """Tell that there will be no answer."""
        self._end(b"")

    def ask(self, question: bytes, then: Then) -> None:
        """Send a question."""
        self._said, self._then = b"", then
        self.transport.write(question)

    def _end(self, answer: bytes) -> None:
        then, self._then = self._then, None
        if then is not None:
            then(self, answer)


class Origin:
    """The origin server, and the connections to it that are kept."""

    def __init__(self, url: str, hosts: Sequence[str]) -> None:
        address = urlsplit(url)
        self.authority = address.netloc.encode()
        self._host, self._port = address.hostname or "", address.port or 80
        self._hosts = cycle(hosts or [self._host])
        self._loop = asyncio.get_running_loop()
        self._kept: list[Line] = []
        self._opening: set[asyncio.Task[None]] = set()

    def ask(self, question: bytes, tell: Tell) -> None:
        """Ask on a connection that is kept; on a new one where all are taken."""
        while self._kept:
            line = self._kept.pop()
            if not line.transport.is_closing():
                line.ask(question, partial(self._keep, tell))
                return
        self._open(self._host, question, partial(self._keep, tell))

    def ask_afresh(self, question: bytes, tell: Tell) -> None:
        """Ask on a connection of its own."""
        self._open(next(self._hosts), question, partial(self._leave, tell))

    def _open(self, host: str, question: bytes, then: Then) -> None:
        task = self._loop.create_task(self._opened(host, question, then))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _opened(self, host: str, question: bytes, then: Then) -> None:
        line = Line()
        try:
            await self._loop.create_connection(lambda: line, host, self._port)
        except OSError:
            then(line, b"")
        else:
            line.ask(question, then)

    def _keep(self, tell: Tell, line: Line, answer: bytes) -> None:
        if answer:
            self._kept.append(line)
        tell(answer)

    def _leave(self, tell: Tell, line: Line, answer: bytes) -> None:
        if answer:
            line.transport.abort()
        tell(answer)


class Client(asyncio.Protocol):
    """A connection of a client, which sends its next request when it has its answer."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._said = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Pass a request on once it is whole; ask before a PUT for what is there."""
        self._said += data
        if not whole(self._said):
            return
        request, self._said = self._said, b""
        method, target, _ = request.split(b" ", 2)
        if method == b"PUT":
            selection = b"GET %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (target, self._origin.authority)
            self._origin.ask(selection, partial(self._write, request))
        else:
            self._origin.ask(request, self._answer)

    def _write(self, request: bytes, shown: bytes) -> None:
        if shown:
            self._origin.ask_afresh(request, self._answer)
        else:
            self._answer(shown)

    def _answer(self, answer: bytes) -> None:
        if self._transport.is_closing():
            return
        if answer:
            self._transport.write(answer)
        else:
            self._transport.close()


async def serve(upstream: str, hosts: Sequence[str]) -> None:
    """Listen on a free port of the loopback interface, for ever."""
    made = partial(Client, Origin(upstream, hosts))
    server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
    looping.settle_down()
    print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    looping.run(serve(sys.argv[1], sys.argv[2:]))
