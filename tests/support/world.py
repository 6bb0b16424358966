"""A world of one resource for hand-stepped writers: an origin server that logs what it applies, and clients.

The gateway, the lock and the store are the real ones. The origin server gives every other actor a chance to go first
before it reads, before it applies and before its answer arrives.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b

from proxy.adapters.memory import MemoryLock, MemoryState
from proxy.core.entity_tag import EntityTag
from proxy.core.fields import Fields
from proxy.core.message import Request, Response
from proxy.core.minting import Minter
from proxy.core.route import Route, Routes, TagOnWrite, Unmatched
from proxy.core.target import parse
from proxy.core.template import Template
from proxy.errors import ResourceBusy, Unanswered
from proxy.gateway import Answer, Gateway
from proxy.ports import Budget, Content, InterimListener, Purpose, Remembered, Step
from tests.support.stepping import Actor, Stage, pause

PATH = "/thing"
START = b"A"
TYPE = Fields([("Content-Type", "text/plain")])


class SilentJournal:
    """A journal that writes nothing down."""

    @contextmanager
    def step(self, step: Step) -> Iterator[None]:
        yield

    def note(self, **facts: str | int | None) -> None:
        pass


@dataclass(frozen=True)
class Text:
    """Request content held in memory."""

    content: bytes

    @property
    def length(self) -> int:
        return len(self.content)

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

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.content

    async def aclose(self) -> None:
        pass


@dataclass(frozen=True)
class Applied:
    """One line of the origin server's write log: what it held, what it holds since, who wrote."""

    before: bytes
    after: bytes
    writer: str


@dataclass
class Origin:
    """Fulfils ports.Upstream. A writer in `unanswered` gets no answer; its write is applied late, by an event."""

    stage: Stage
    unanswered: frozenset[str] = frozenset()
    state: bytes = START
    log: list[Applied] = field(default_factory=list)
    selects: int = 0

    async def send(
        self,
        request: Request,
        content: Content | None,
        *,
        purpose: Purpose,
        budget: Budget,
        interim: InterimListener | None = None,
    ) -> ScriptedReply:
        if purpose is Purpose.SELECT:
            self.selects += 1
            await pause("select")
            return ScriptedReply(200, self.state)
        assert isinstance(content, Text)
        return await self._perform(request.fields.get("x-writer") or "", content.content)

    async def _perform(self, writer: str, content: bytes) -> ScriptedReply:
        if writer in self.unanswered:
            self.apply_late(writer, content)
            await pause("nothing arrives")
            detail = "no answer in time"
            raise Unanswered(detail, timed_out=True)
        try:
            await pause("perform")
        except BaseException:
            self.apply_late(writer, content)  # it was on its way when its writer was cancelled
            raise
        self.apply(writer, content)
        return ScriptedReply(204)

    def apply(self, writer: str, content: bytes) -> None:
        self.log.append(Applied(self.state, content, writer))
        self.state = content

    def apply_late(self, writer: str, content: bytes) -> None:
        self.stage.event(f"{writer} is applied late", lambda: self.apply(writer, content))


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
    bases: dict[str, bytes] = field(default_factory=dict)
    answers: dict[str, Answer | BaseException] = field(default_factory=dict)

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

    def lost(self) -> list[Applied]:
        """Return the applied writes that overwrote another state than the one they named."""
        return [line for line in self.origin.log if self.bases.get(line.writer, line.before) != line.before]

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
) -> World:
    """Return a fresh world."""
    stage = Stage()
    origin = Origin(stage, unanswered)
    route = Route("thing", Template.parse(PATH), etag_on_write=etag_on_write)
    lock = MemoryLock(clock=stage.loop.time, loop=stage.loop)
    minter, state = Minter("secret"), make_state()
    gateway = gateway_class(Routes([route], Unmatched.RELAY), origin, lock, state, minter)
    return World(stage, origin, gateway, route, minter, state)


class ForgedState(MemoryState):
    """A store that claims, for every resource, that what it is told is current is current."""

    def __init__(self, forged: Remembered) -> None:
        super().__init__()
        self._forged = forged

    async def recall(self, key: str, selector: bytes) -> Remembered | None:
        return self._forged
