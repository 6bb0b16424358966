"""The two stands on which cases are played: the gateway in this process, and the command as a process of its own.

What lives here: starting and stopping them, each with one proxy that has the routes of all cases. What must not: what a
case asks or expects.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import yaml

from proxy.adapters.memory import MemoryLock, MemoryState
from proxy.config import ConfigurationError, Settings, load
from proxy.core.address import TcpAddress
from proxy.core.fields import Fields
from proxy.core.matching import Routes
from proxy.core.message import Request
from proxy.core.minting import Minter
from proxy.errors import Unanswered
from proxy.gateway import Gateway
from proxy.ports import Budget, Content, InterimListener, LastCheck, Purpose, Taker
from proxy.server import Server
from tests.conformance.case import Case
from tests.conformance.origin import Origins, Said
from tests.conformance.reading import BadFile
from tests.support.processes import PROXY, running_proxy
from tests.support.wire import Answer, Head, read_content, read_head, whole, written

PATIENCE = 30.0
"""Seconds after which a stand that does not start or end fails."""


@dataclass(frozen=True)
class Stand:
    """A proxy, by its authority, and the origin servers behind it."""

    authority: str
    origins: Origins


def configuration(played: Sequence[Case], upstream: str) -> str:
    """Return a configuration file with the routes of all cases; what none of them names is relayed."""
    routes = [route for case in played for route in case.routes()]
    return yaml.safe_dump({"upstream": upstream, "routes": _listed(routes)}, sort_keys=False)


def settings(played: Sequence[Case]) -> Settings:
    """Return what the configuration comes to. Raised when a case has a route with a mistake: `BadFile`, naming it."""
    with TemporaryDirectory(prefix="ifmatch-") as folder:
        path = Path(folder, "ifmatch.yaml")
        path.write_text(configuration(played, "http://127.0.0.1:9000"), "utf-8")
        try:
            return load(str(path), flags={}, environ={})
        except ConfigurationError as failure:
            owners = [case.id for case in played for _ in case.routes()]
            told = (
                re.sub(r"^.*?routes\[(\d+)\]", lambda found: owners[int(found[1])], line) for line in failure.problems
            )
            raise BadFile("\n".join(told)) from failure


def _listed(value: Any) -> Any:
    """Return a value with lists in the place of tuples, as PyYAML's safe writer wants it."""
    if isinstance(value, dict):
        return {key: _listed(member) for key, member in value.items()}
    return [_listed(item) for item in value] if isinstance(value, (list, tuple)) else value


# In this process ------------------------------------------------------------------------------------------------------


@dataclass
class HeldReply:
    """Fulfils `ports.Reply` with an answer that is all there, or that breaks off."""

    said: Said
    bare: bool

    @property
    def status(self) -> int:
        return self.said.status

    @property
    def fields(self) -> Fields:
        length = () if self.said.status == 204 else (("Content-Length", str(len(self.said.content))),)
        return Fields([*self.said.fields, *length])

    async def read(self, limit: int) -> bytes | None:
        if len(self.said.content) > limit:
            return None
        return b"".join([piece async for piece in self])

    async def skim(self, taker: Taker) -> None:
        async for piece in self:
            await taker(piece)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self.said.failure == "truncated":
            raise Unanswered("the content breaks off")
        yield b"" if self.bare else self.said.content

    async def aclose(self) -> None:
        pass


@dataclass(frozen=True)
class HeldUpstream:
    """Fulfils `ports.Upstream` with the origin servers themselves. One that is late is so at once."""

    origins: Origins

    async def send(
        self,
        request: Request,
        content: Content | None,
        *,
        purpose: Purpose,
        budget: Budget,
        interim: InterimListener | None = None,
        check: LastCheck | None = None,
    ) -> HeldReply:
        if check is not None:
            await check()
        body = b"" if content is None else b"".join([piece async for piece in content])
        said = self.origins.answer(request.method, request.target.raw, request.fields.lines, body)
        if said.failure in {"timeout", "dropped"}:
            raise Unanswered("no answer came", timed_out=said.failure == "timeout")
        return HeldReply(said, request.method == "HEAD")


@contextmanager
def in_process(played: Sequence[Case]) -> Iterator[Stand]:
    """Serve the cases with a gateway of this process, on a loop of its own thread."""
    origins = Origins(played)
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    try:
        server = Server(_gateway(settings(played).routes, origins))
        starting = asyncio.run_coroutine_threadsafe(server.start(TcpAddress("127.0.0.1", 0)), loop)
        address = starting.result(PATIENCE)
        assert isinstance(address, TcpAddress)
        try:
            yield Stand(f"{address.host}:{address.port}", origins)
        finally:
            asyncio.run_coroutine_threadsafe(server.drain(PATIENCE), loop).result(2 * PATIENCE)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _gateway(routes: Routes, origins: Origins) -> Gateway:
    state = MemoryState()
    return Gateway(routes, HeldUpstream(origins), MemoryLock(state), state, Minter(""))


# As a process of its own ----------------------------------------------------------------------------------------------


class _Server(ThreadingTCPServer):
    daemon_threads = True  # a request that is never answered does not keep the tests
    request_queue_size = 128

    def __init__(self, origins: Origins) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.origins = origins


class _Connection(StreamRequestHandler):
    server: _Server
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with suppress(ConnectionError):  # a proxy may give up
            while (head := read_head(self.rfile)) and self._exchange(head) and head.keeps_alive:
                pass

    def _exchange(self, head: Head) -> bool:
        """Serve one request; return whether the connection can carry another."""
        content = read_content(self.rfile, head)
        said = self.server.origins.answer(head.method, head.target, head.fields, content.data)
        if said.failure == "timeout":
            self.rfile.read(1)  # ends when the proxy has given up
        if said.failure in {"timeout", "dropped"}:
            return False
        answer: Answer = whole(said.status, said.content, *said.fields)
        truncated = said.failure == "truncated"
        for part in written(answer, head_only=head.method == "HEAD", truncated=truncated):
            self.wfile.write(part)
        return not truncated


@contextmanager
def running(played: Sequence[Case], program: Sequence[str] = PROXY) -> Iterator[Stand]:
    """Serve the cases with the command `run` of a program, before origin servers that listen in this process."""
    origins = Origins(played)
    settings(played)  # the command would say which route is wrong, and not whose it is
    with _Server(origins) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            host, port = server.server_address[:2]
            config = configuration(played, f"http://{host!s}:{port}")
            with running_proxy(config=config, program=program) as proxy:
                yield Stand(proxy.url.removeprefix("http://"), origins)
        finally:
            server.shutdown()
            thread.join()
