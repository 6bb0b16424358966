"""What `probe` sends: the same GET again and again, as the proxy selects, and at most one PUT of what was read.

What lives here: the requests and their answers. What must not: what the answers come to (`comparing`), and words.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from proxy import __version__
from proxy.config import Settings
from proxy.core import forwarding, representation, selecting
from proxy.core.admission import admit
from proxy.core.entity_tag import EntityTag
from proxy.core.fields import Fields
from proxy.core.forwarding import Hop
from proxy.core.matching import UNMATCHED, Match, Routes
from proxy.core.message import Request, Response
from proxy.core.representation import Representation, Selected
from proxy.core.target import Target
from proxy.gateway import Plan
from proxy.gateway.planning import plan
from proxy.ports import Budget, Purpose, Upstream

_METHODS: Final = ("GET", "PUT", "PATCH", "POST", "DELETE")
"""Whose route speaks for a resource: that of the first of these that has one."""

_DESCRIBING: Final = ("Content-Type", "Content-Encoding", "Content-Language")
_OWN: Final = (("Accept", "*/*"), ("User-Agent", f"ifmatch-probe/{__version__}"))

Pause = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and by which route. `match` is that of the default rules where `planned` has none."""

    planned: Plan
    match: Match
    request: Request

    @property
    def selection(self) -> Request:
        """The GET of the state, as the proxy sends it before a write whose tag names no variant."""
        route, state = self.match.route, self.match.state_target
        request = selecting.on_behalf(self.request, route.select)
        return selecting.selection(request, state, revalidate=True, fence_field=route.fence)


class UnreadableError(Exception):
    """The answer with this number, counted from 1, shows no representation."""

    def __init__(self, selected: Selected, number: int) -> None:
        super().__init__(number)
        self.selected = selected
        self.number = number


def fields_of(lines: Sequence[str]) -> Fields:
    """Read `Name: value` lines. Raised when one is no field line: `ValueError`."""
    pairs = []
    for line in lines:
        name, colon, value = line.encode().decode("latin-1").partition(":")
        pair = (name, value.strip(" \t"))
        if not colon or not forwarding.is_field_line(*pair):
            raise ValueError(f"{line!r} is not 'Name: value'")
        pairs.append(pair)
    return Fields(pairs)


def question(settings: Settings, target: str, given: Fields) -> Question:
    """Return what to ask for a request target, with these fields and those that the proxy adds.

    Raised when the proxy would refuse such a request: `errors.Failure`.
    """
    fields = given if "host" in given else Fields([("Host", settings.upstream.authority), *given])
    for name, value in _OWN:
        fields = fields if name in fields else fields.adding(name, value)
    admitted = admit("GET", target, (1, 1), fields)
    scheme = "http" if settings.tls is None else "https"
    hop = Hop(peer=None, scheme=scheme, pseudonym="ifmatch", trusted=True)
    request = Request(_method(settings.routes, admitted), admitted, forwarding.outbound(fields, (1, 1), hop))
    planned = plan(settings.routes, request)
    match = planned.match or Match(UNMATCHED, admitted, UNMATCHED)
    return Question(planned, match, request)


async def answers(
    upstream: Upstream, asked: Question, times: int, pause: float, sleep: Pause = asyncio.sleep
) -> tuple[tuple[Response, ...], ...]:
    """Return two bursts of answers, `times` each, with `pause` seconds between them.

    Raised at the first that is no representation: `UnreadableError`; at the first that does not come: `errors.Failure`.
    """
    first = [await _answer(upstream, asked, number) for number in range(1, times + 1)]
    await sleep(pause)
    second = [await _answer(upstream, asked, number) for number in range(times + 1, 2 * times + 1)]
    return tuple(first), tuple(second)


async def write_back(upstream: Upstream, asked: Question, read: Response, tag: EntityTag) -> Response:
    """PUT the content of an answer where it came from, with a tag in If-Match that is not current. Sent once.

    Raised when no answer comes: `errors.Failure`.
    """
    fields = asked.selection.fields.without({"accept-encoding", "cache-control"})
    described = [(name, read.fields.get(name)) for name in _DESCRIBING]
    lines = [*fields, *((name, value) for name, value in described if value is not None), ("If-Match", str(tag))]
    timeouts, limits = asked.match.route.timeouts, asked.match.route.limits
    reply = await upstream.send(
        Request("PUT", asked.match.state_target, Fields(lines)),
        _Bytes(read.content),
        purpose=Purpose.PERFORM,
        budget=Budget(timeouts.connect, timeouts.perform),
    )
    try:
        await reply.read(limits.content)  # only a whole answer says that it is over
    finally:
        await reply.aclose()
    return Response(reply.status, reply.fields)


class _Bytes:
    """Content held in memory (`ports.Content`)."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    @property
    def length(self) -> int:
        """Bytes."""
        return len(self._content)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content


async def _answer(upstream: Upstream, asked: Question, number: int) -> Response:
    timeouts = asked.match.route.timeouts
    budget = Budget(timeouts.connect, timeouts.select)
    reply = await upstream.send(asked.selection, None, purpose=Purpose.SELECT, budget=budget)
    try:
        promising = representation.comparable(reply.status, reply.fields)
        content = await reply.read(asked.match.reading.limits.mint) if promising else None
    finally:
        await reply.aclose()
    selected = representation.classify(Response(reply.status, reply.fields, content or b""), whole=content is not None)
    if not isinstance(selected, Representation):
        raise UnreadableError(selected, number)
    return selected.response


def _method(routes: Routes, target: Target) -> str:
    """Return the method whose route speaks for the target: a route may be for writes alone."""
    found = {method: routes.match(method, target) for method in _METHODS}
    speaking = (method for method, match in found.items() if match is not None and match.route is not UNMATCHED)
    return next(speaking, "GET")
