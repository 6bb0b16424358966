"""An upstream that answers from a script, and what a gateway needs around it. For tests of one gateway step."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from proxy.adapters.memory import MemoryState
from proxy.core.entity_tag import EntityTag
from proxy.core.fields import Fields
from proxy.core.matching import Routes
from proxy.core.message import Request, Response
from proxy.core.minting import Minter
from proxy.core.route import Route, Unmatched
from proxy.core.target import parse
from proxy.core.template import Template
from proxy.errors import Failure
from proxy.gateway import Answer, Gateway
from proxy.ports import Budget, Content, InterimListener, LastCheck, Purpose, Taker, Workshop
from tests.support.memories import WatchedLock
from tests.support.world import SilentJournal, Text

TEXT = (("Content-Type", "text/plain"),)


@dataclass
class Canned:
    """An answer held in memory. `breaks`: its content ends with that failure."""

    status: int = 200
    content: bytes = b""
    lines: tuple[tuple[str, str], ...] = TEXT
    breaks: Failure | None = None
    closed: int = 0

    @property
    def fields(self) -> Fields:
        return Fields(self.lines)

    async def read(self, limit: int) -> bytes | None:
        if self.breaks is not None:
            raise self.breaks
        return self.content if len(self.content) <= limit else None

    async def skim(self, taker: Taker) -> None:
        if self.breaks is not None:
            raise self.breaks
        await taker(self.content)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.content

    async def aclose(self) -> None:
        self.closed += 1


@dataclass(frozen=True)
class Sent:
    """One request that reached the upstream."""

    request: Request
    purpose: Purpose
    content: bytes | None


Script = Callable[[Request, Purpose], Canned | Failure]


@dataclass
class ScriptedUpstream:
    """Fulfils ports.Upstream: asks the script what to answer, and keeps what it was sent."""

    script: Script
    sent: list[Sent] = field(default_factory=list)

    async def send(
        self,
        request: Request,
        content: Content | None,
        *,
        purpose: Purpose,
        budget: Budget,
        interim: InterimListener | None = None,
        check: LastCheck | None = None,
    ) -> Canned:
        if check is not None:
            await check()
        body = None if content is None else b"".join([chunk async for chunk in content])
        self.sent.append(Sent(request, purpose, body))
        await asyncio.sleep(0)  # a network lets everybody else go first
        answer = self.script(request, purpose)
        if isinstance(answer, Failure):
            raise answer
        return answer

    def performed(self) -> list[Sent]:
        """Return the guarded writes that were sent."""
        return [sent for sent in self.sent if sent.purpose is Purpose.PERFORM]

    def selects(self) -> list[Sent]:
        """Return the selections that were sent."""
        return [sent for sent in self.sent if sent.purpose is Purpose.SELECT]


def answering(select: Canned | Failure, perform: Canned | Failure | None = None) -> Script:
    """Answer every selection with the one and everything else with the other."""
    other = Canned(204) if perform is None else perform
    return lambda _, purpose: select if purpose is Purpose.SELECT else other


class Rig:
    """A gateway with one route, `/wiki/{id}` unless told otherwise, before a scripted upstream."""

    def __init__(
        self,
        script: Script,
        route: Route | None = None,
        unmatched: Unmatched = Unmatched.RELAY,
        state: MemoryState | None = None,
        *,
        workshop: Workshop | None = None,
    ) -> None:
        self.route = route or Route("wiki", Template.parse("/wiki/{id}"))
        self.upstream = ScriptedUpstream(script)
        self.state = MemoryState() if state is None else state
        self.lock = WatchedLock(self.state)
        self.minter = Minter("secret")
        routes = Routes([self.route], unmatched)
        self.gateway = Gateway(routes, self.upstream, self.lock, self.state, self.minter, workshop)

    def tag(self, content: bytes, *, path: str = "/wiki/1", lines: tuple[tuple[str, str], ...] = TEXT) -> str:
        """Return the tag that this gateway mints of that content."""
        return str(self.minted(content, path=path, lines=lines))

    def minted(self, content: bytes, *, path: str = "/wiki/1", lines: tuple[tuple[str, str], ...] = TEXT) -> EntityTag:
        """Return it as a value."""
        match = self.gateway.identify(request("GET", path)).match
        assert match is not None
        return self.minter.mint(match.tag_key, Response(200, Fields(lines), content), self.route.rules).tag

    async def get(self, path: str = "/wiki/1", *lines: tuple[str, str], method: str = "GET") -> Answer:
        """Observe."""
        asked = request(method, path, *lines)
        return await self.gateway.observe(asked, self.gateway.identify(asked), SilentJournal())

    async def write(
        self, method: str, *lines: tuple[str, str], path: str = "/wiki/1", content: bytes = b"new"
    ) -> Answer:
        """Guard."""
        asked = request(method, path, *lines)
        return await self.gateway.guard(asked, Text(content), self.gateway.identify(asked), SilentJournal())

    async def relay(self, method: str, *lines: tuple[str, str], path: str = "/wiki/1") -> Answer:
        """Pass on."""
        asked = request(method, path, *lines)
        return await self.gateway.relay(asked, None, self.gateway.identify(asked), SilentJournal())


def request(method: str, path: str, *lines: tuple[str, str]) -> Request:
    """Return a request as it comes out of admission."""
    return Request(method, parse(path, "h"), Fields(lines))
