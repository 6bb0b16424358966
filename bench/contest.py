"""The contest: what is asked of whom, and the rounds in which all take their turns.

What lives here: the measures and playing them. What the figures come to is for `bench.comparison`.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from secrets import token_hex
from typing import Final

from bench import entrants, proc
from bench.line import WrongAnswer, played, request
from bench.load import play
from bench.spread import percentile
from bench.standing import Standing

CONNECTIONS: Final = 32
KEYS: Final = 512
SAMPLED: Final = 32
"""How many answers are looked at before and after each turn."""
TRIES: Final = 3
SETTLING: Final = 2.0
"""Seconds before a turn is played again: whoever could not reach its store tries that meanwhile."""
WARMED: Final = 1
"""Seconds of a first turn that does not count: what compiles as it goes, and what is allocated once, is done then."""

STRAIGHT: Final = "the origin server itself"


@dataclass(frozen=True, slots=True)
class Known:
    """What a client knows of a resource: its path, the tag that it was shown if any, the content."""

    path: str
    tag: str | None
    content: bytes


@dataclass(frozen=True, slots=True)
class Measure:
    """What is measured: a heading, who takes part, how a client asks, and the status that is the right answer.

    `times`: how often each resource is asked for by a request of its own before they come again.
    """

    title: str
    contestants: Sequence[str]
    asks: Callable[[str, Known], bytes]
    status: int
    times: int = 1


@dataclass(frozen=True, slots=True)
class Sample:
    """A turn: answers a second, and CPU time in µs an answer, of the contestant and of its store."""

    rate: float
    cpu: float
    store: float


@dataclass(frozen=True, slots=True)
class Delay:
    """How long an answer takes on one connection, in µs."""

    middle: float
    slow: float


@dataclass
class Figures:
    """All that was measured, by measure and contestant, a figure a round; memory (bytes) by contestant.

    `repeated` says what was wrong with turns that were played again.
    """

    samples: dict[tuple[str, str], list[Sample]] = field(default_factory=dict)
    delays: dict[tuple[str, str], list[Delay]] = field(default_factory=dict)
    idle: dict[str, int] = field(default_factory=dict)
    after: dict[str, int] = field(default_factory=dict)
    repeated: list[str] = field(default_factory=list)


def _read(url: str, known: Known) -> bytes:
    return request(url, "GET", known.path)


def _by_someone(url: str, known: Known) -> bytes:
    """Ask as one of many clients, who all say who they are and name each request: no two of their heads are equal."""
    trace, who = token_hex(24), f"Bearer {token_hex(20)}"
    named = f"00-{trace[:32]}-{trace[32:]}-01"
    return request(url, "GET", known.path, Authorization=who, User_Agent="bench/1", traceparent=named)


def _revisit(url: str, known: Known) -> bytes:
    return request(url, "GET", known.path, If_None_Match=known.tag or "")


def _write(url: str, known: Known) -> bytes:
    named = {} if known.tag is None else {"If-Match": known.tag}
    return request(url, "PUT", known.path, known.content, **named)


_GUARDED: Final = (entrants.LUA, entrants.FASTIFY, entrants.MEMORY, entrants.REDIS)

READ: Final = Measure("guarded GET", (entrants.NGINX, *_GUARDED), _read, 200)
MANY: Final = Measure(
    "guarded GET, many clients", (entrants.LUA, entrants.FASTIFY, entrants.MEMORY), _by_someone, 200, 16
)
REVISIT: Final = Measure("conditional GET (304)", _GUARDED, _revisit, 304)
WRITE: Final = Measure(
    "guarded PUT",
    (entrants.NGINX, *_GUARDED, entrants.MEMORY_TAG, entrants.REDIS_TAG, *entrants.AFRESH),
    _write,
    204,
)
PASSED: Final = Measure("GET passed on", (entrants.NGINX, entrants.RELAY, entrants.OFF), _read, 200)

MEASURES: Final = (READ, MANY, REVISIT, WRITE, PASSED)
DELAYED: Final = (READ, WRITE)
"""Those that are played on one connection, too, and straight to the origin server."""


def learn(url: str, paths: Sequence[str], *, guarded: bool) -> list[Known]:
    """Read each through a contestant. Raised when it has tags and should not, or the reverse: `WrongAnswer`."""
    answers = played(url, [request(url, "GET", path) for path in paths], READ.status)
    known = [Known(path, heard.field("ETag"), heard.content) for path, heard in zip(paths, answers, strict=True)]
    if any((each.tag is not None) != guarded for each in known):
        raise WrongAnswer(f"tags {'are missing' if guarded else 'are there'}: {answers[0].head!r}")
    return known


def prepared(standings: Mapping[str, Standing], measures: Iterable[Measure]) -> dict[tuple[str, str], list[bytes]]:
    """Return the requests that each contestant gets in each measure, made of what it has shown itself."""
    urls = {name: standing.url for name, standing in standings.items()}
    paths = [f"/documents/{number}" for number in range(KEYS)]
    known = {name: learn(url, paths, guarded=name not in (*entrants.UNGUARDED, STRAIGHT)) for name, url in urls.items()}
    return {
        (measure.title, name): [measure.asks(urls[name], each) for _ in range(measure.times) for each in known[name]]
        for measure in measures
        for name in (*measure.contestants, STRAIGHT)
    }


def turn(standing: Standing, requests: Sequence[bytes], status: int, seconds: int) -> Sample:
    """Let one play for so many seconds. Raised when it answers otherwise than it must: `WrongAnswer`."""
    sampled = played(standing.url, requests[:SAMPLED], status)
    size = sum(heard.size for heard in sampled) / len(sampled)
    before = spent(standing)
    done = play(standing.url, requests, seconds, CONNECTIONS, size)
    own, stores = (1e6 * (after - then) / done.requests for after, then in zip(spent(standing), before, strict=True))
    played(standing.url, requests[:SAMPLED], status)  # what was current then still is
    return Sample(done.rate, own, stores)


def settled(play_once: Callable[[], Sample], repeated: list[str]) -> Sample:
    """Return what a turn came to; one with wrong answers is noted and played again, and the third ends it all.

    A machine on which others are busy may keep a store from answering for a while. Raised then: `WrongAnswer`.
    """
    for _ in range(TRIES - 1):
        try:
            return play_once()
        except WrongAnswer as wrong:
            repeated.append(str(wrong))
            time.sleep(SETTLING)
    return play_once()


def spent(standing: Standing) -> tuple[float, float]:
    """Return the CPU time, in seconds, of a contestant and of its store."""
    return proc.used(standing.pid).cpu, 0.0 if standing.store is None else proc.used(standing.store).cpu


def delay(url: str, requests: Sequence[bytes], status: int, times: int) -> Delay:
    """Play requests one after the other on one connection; the first tenth of that many does not count."""
    taken = [requests[number % len(requests)] for number in range(times + times // 10)]
    answers = played(url, taken, status)[times // 10 :]
    seconds = [heard.seconds for heard in answers]
    return Delay(1e6 * percentile(seconds, 50), 1e6 * percentile(seconds, 99))


def compete(
    standings: Mapping[str, Standing], rounds: int, seconds: int, times: int, tell: Callable[[str], object]
) -> Figures:
    """Play all rounds: in each, each measure, and in each of those every contestant; tell what is played."""
    figures = Figures()
    ours = {name: standing for name, standing in standings.items() if name != STRAIGHT}
    figures.idle = {name: proc.used(standing.pid).resident for name, standing in ours.items()}
    requests = prepared(standings, MEASURES)
    for measure in MEASURES:
        for name in measure.contestants:
            played_by = partial(turn, standings[name], requests[measure.title, name], measure.status)
            settled(partial(played_by, WARMED), figures.repeated)
    for number in range(rounds):
        tell(f"round {number + 1} of {rounds}")
        for measure in MEASURES:
            for name in measure.contestants:
                played_by = partial(turn, standings[name], requests[measure.title, name], measure.status)
                sample = settled(partial(played_by, seconds), figures.repeated)
                figures.samples.setdefault((measure.title, name), []).append(sample)
                tell(f"{measure.title:24} {name:44} {sample.rate:10,.0f}/s {sample.cpu:8.1f} µs")
        for measure in DELAYED:
            for name in (STRAIGHT, *measure.contestants):
                found = delay(standings[name].url, requests[measure.title, name], measure.status, times)
                figures.delays.setdefault((measure.title, name), []).append(found)
    figures.after = {name: proc.used(standing.pid).resident for name, standing in ours.items()}
    return figures
