"""A world of one resource for hand-stepped writers: an origin server that logs what it applies, and clients.

The gateway, the lock and the store are the real ones. The origin server gives every other actor a chance to go first
before it reads, before it applies and before its answer arrives.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import blake2b

from proxy.adapters.memory import MemoryState
from proxy.core.entity_tag import EntityTag
from proxy.core.fields import Fields
from proxy.core.matching import Routes
from proxy.core.message import Request, Response
from proxy.core.minting import Minter
from proxy.core.route import Route, TagOnWrite, Unmatched
from proxy.core.target import parse
from proxy.core.template import Template
from proxy.errors import ResourceBusy, Unanswered
from proxy.gateway import Answer, Gateway
from proxy.ports import Budget, Content, InterimListener, LastCheck, Purpose, Step, Taker
from tests.support.memories import WatchedLock
from tests.support.stepping import Actor, Stage, pause

PATH = "/thing"
FENCE = "Fencing-Token"
START = b"A"
TYPE = Fields([("Content-Type", "text/plain")])


class SilentJournal:
    """A journal that writes nothing down."""

    @contextmanager
    def step(self, step: Step) -> Iterator[None]:
        yield

    def note(self, **facts: str | int | None) -> None:
        pass

    def heard(self, sharing: Fields) -> None:
        pass


@dataclass(frozen=True)
class Text:
    """Request content held in memory."""

    content: bytes

    @property
    def length(self) -> int:
        return len(self.content)

    @property
    def held(self) -> bytes:
        return self.content

    @property
    def digest(self) -> bytes:
        return blake2b(self.content, digest_size=32).digest()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.content


@dataclass
class ScriptedReply:
    """An answer whose content arrives after a pause."""

    status: int
    content: bytes = b""
    fields: Fields = TYPE

    async def read(self, limit: int) -> bytes | None:
        await pause("content")
        return self.content if len(self.content) <= limit else None

    async def skim(self, taker: Taker) -> None:
        await pause("content")
        await taker(self.content)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.content

    async def aclose(self) -> None:
        pass


@dataclass(frozen=True)
class Applied:
    """One line of the origin server's write log: what it held, what it holds since, who wrote, under which fence."""

    before: bytes
    after: bytes
    writer: str
    fence: int


@dataclass(frozen=True)
class Shown:
    """What a reader was shown, by a 200 or a 304, and all that the origin server held meanwhile."""

    content: bytes
    status: int
    held: list[bytes]


@dataclass
class Origin:
    """Fulfils ports.Upstream. A writer in `unanswered` gets no answer; its write is applied late, by an event."""

    stage: Stage
    unanswered: frozenset[str] = frozenset()
    state: bytes = START
    log: list[Applied] = field(default_factory=list)
    selects: int = 0
    connecting: int = 0

    async def send(
        self,
        request: Request,
        content: Content | None,
        *,
        purpose: Purpose,
        budget: Budget,
        interim: InterimListener | None = None,
        check: LastCheck | None = None,
    ) -> ScriptedReply:
        if purpose is Purpose.SELECT:
            self.selects += 1
            await pause("select")
            return ScriptedReply(200, self.state)
        await self._connect(check)
        assert isinstance(content, Text)
        return await self._perform(request.fields, content.content)

    async def _connect(self, check: LastCheck | None) -> None:
        self.connecting += 1
        try:
            await pause("connect")
            if check is not None:
                await check()
        finally:
            self.connecting -= 1

    async def _perform(self, fields: Fields, content: bytes) -> ScriptedReply:
        line = Applied(b"", content, fields.get("x-writer") or "", int(fields.get(FENCE) or 0))
        if line.writer in self.unanswered:
            self.apply_late(line)
            await pause("nothing arrives")
            detail = "no answer in time"
            raise Unanswered(detail, timed_out=True)
        try:
            await pause("perform")
        except BaseException:
            self.apply_late(line)  # it was on its way when its writer was cancelled
            raise
        self.apply(line)
        return ScriptedReply(204)

    def apply(self, line: Applied) -> None:
        self.log.append(replace(line, before=self.state))
        self.state = line.after

    def apply_late(self, line: Applied) -> None:
        self.stage.event(f"{line.writer} is applied late", lambda: self.apply(line))

    def held_since(self, applied: int) -> list[bytes]:
        """Return every state since so many writes had been applied."""
        return [*(line.before for line in self.log[applied:]), self.state]


GatewayClass = type[Gateway]


@dataclass
class World:
    """A stage with an origin server and a gateway before it. `bases` is the content each writer's tag names."""

    stage: Stage
    origin: Origin
    gateway: Gateway
    route: Route
    minter: Minter
    state: MemoryState
    lock: WatchedLock
    bases: dict[str, bytes] = field(default_factory=dict)
    answers: dict[str, Answer | BaseException] = field(default_factory=dict)
    shown: list[Shown] = field(default_factory=list)

    def tag(self, content: bytes) -> EntityTag:
        """Return the tag of the resource's representation with that content."""
        match = self.gateway.identify(self.request("GET", Fields())).match
        assert match is not None
        return self.minter.mint(match.tag_key, Response(200, TYPE, content), self.route.rules).tag

    def request(self, method: str, fields: Fields) -> Request:
        return Request(method, parse(PATH, "h"), fields)

    def writer(self, name: str, content: bytes, *, base: bytes | None = START) -> None:
        """Add a writer of `content` who read `base`; None: one that names no state."""
        fields = Fields([("X-Writer", name)])
        if base is not None:
            self.bases[name] = base
            fields = fields.adding("If-Match", str(self.tag(base)))
        self.stage.act(name, self._write(name, self.request("PUT", fields), Text(content)))

    def reader(self, name: str, *, base: bytes = START, looks: int = 2) -> None:
        """Add a reader who looks as if for the first time, then asks whether `base` is still current."""
        plain = Fields()
        asking = [plain, *[plain.adding("If-None-Match", str(self.tag(base)))] * (looks - 1)]
        self.stage.act(name, self._read([self.request("GET", fields) for fields in asking], base))

    def cancelling(self, name: str) -> None:
        """Add the event of that writer's cancellation, at any moment before it has ended."""
        actor = next(actor for actor in self.stage.actors if isinstance(actor, Actor) and actor.name == name)
        self.stage.event(f"{name} is cancelled", actor.cancel, lambda: not actor.finished)

    async def _write(self, name: str, request: Request, content: Text) -> None:
        plan = self.gateway.identify(request)
        while True:
            try:
                self.answers[name] = await self.gateway.guard(request, content, plan, SilentJournal())
            except ResourceBusy as busy:
                await self.stage.sleep(busy.retry_after)
                continue
            except BaseException as failure:
                self.answers[name] = failure
                raise
            return

    async def _read(self, requests: list[Request], base: bytes) -> None:
        for request in requests:
            await pause("look")
            applied = len(self.origin.log)
            answer = await self.gateway.observe(request, self.gateway.identify(request), SilentJournal())
            assert answer.response is not None
            content = base if answer.response.status == 304 else answer.response.content
            self.shown.append(Shown(content, answer.response.status, self.origin.held_since(applied)))

    def lost(self) -> list[Applied]:
        """Return the applied writes that overwrote another state than the one they named."""
        return [line for line in self.origin.log if self.bases.get(line.writer, line.before) != line.before]

    def stale(self) -> list[Shown]:
        """Return what was shown to a reader although it was not current at any time of its reading."""
        return [shown for shown in self.shown if shown.content not in shown.held]

    def succeeded(self) -> list[str]:
        """Return the writers that were told of success."""
        return [name for name, answer in self.answers.items() if _success(answer)]


def _success(answer: Answer | BaseException) -> bool:
    return isinstance(answer, Answer) and answer.response is not None and answer.response.successful


def build(
    gateway_class: GatewayClass = Gateway,
    *,
    unanswered: frozenset[str] = frozenset(),
    etag_on_write: TagOnWrite = TagOnWrite.NEVER,
    make_state: Callable[[], MemoryState] = MemoryState,
    trust: float = 0.0,
) -> World:
    """Return a fresh world."""
    stage = Stage()
    origin = Origin(stage, unanswered)
    route = Route("thing", Template.parse(PATH), etag_on_write=etag_on_write, trust=trust, fence=FENCE)
    minter, state = Minter("secret"), make_state()
    lock = WatchedLock(state, clock=stage.loop.time, loop=stage.loop)
    gateway = gateway_class(Routes([route], Unmatched.RELAY), origin, lock, state, minter)
    return World(stage, origin, gateway, route, minter, state, lock)
