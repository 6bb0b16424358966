"""ifmatch beside its peers: `make bench` measures all of them in turn, and writes two sections of docs/performance.md.

What lives here: the order of events. It ends with 1 when ifmatch has lost a write, with 2 when something is missing.
"""

import argparse
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bench import comparison, entrants
from bench.contest import CONNECTIONS, KEYS, STRAIGHT, Figures, compete
from bench.cores import Cores, take_load
from bench.entrants import Start, running
from bench.losing import LATENCY, WRITERS, Losses, contend
from bench.machine import Missing, here, program, versions
from bench.page import conclude
from bench.result import Result, today
from bench.standing import installed, modules, running_origin
from bench.storm import Storm, rage
from tests.support.processes import running_origin as running_slow_origin

CONTENDERS = (entrants.NGINX, entrants.LUA, entrants.FASTIFY, *entrants.OURS)
STORMED = (entrants.LUA, entrants.FASTIFY, entrants.MEMORY, entrants.MEMORY_TAG, entrants.REDIS)

PROGRAMS = ("python", "uvloop", "aiohttp", "httptools", "hiredis", "redis", "redis-server", "nginx", "node", "wrk")

GAPS = (
    "TLS, HTTP/2, networks: all connections are plain HTTP/1.1 over loopback.",
    "Answers beside 200, 204 and 304 under load; large lists of tags; representations that vary.",
    "More than one replica or worker in the contest with the peers.",
)

ABOUT = """\
The origin server is an nginx that answers a GET of any of {keys} keys with 2 KiB of JSON without a tag, and a PUT with
204. Requests are written beforehand and played by wrk on {connections} connections. {cores} The redis-server of those
that have one belongs to the load. All have one worker. ifmatch writes its access log, to /dev/null; the others have
none.

In each of {rounds} rounds everybody has a turn of {seconds} s in each measure, one after the other, and is compared
with the others of that round. Answers are sampled before and after each turn. A turn in which one is not what it must
be is played again, which is told below the figures; after three such turns there are no figures.

nginx + Lua and Fastify mint tags from content, and compare before a write with what the origin server shows then;
`bench/nginx/guard.lua` and `bench/fastify/guard.cjs` are all of it. Neither answers a write with a tag, so ifmatch is
measured with `etag_on_write: never`; *tag after a write* is its default, which asks the origin server once more.

ifmatch knows lines of a request, targets and contents again that it has met a moment ago, as it has all of these: the
{keys} keys are asked for in turn, by clients that are alike. *Many clients*: 8,192 requests, each with an
`Authorization` and a `traceparent` of its own. What keys cost that it does not know again is in *Scale*.

Writes are lost, or not, before an origin server that takes {latency:g} ms, where {writers} writers want the same."""

ABOUT_STORM = """\
All writers are connected, and then send a PUT of the same resource with the same tag at once. Where that tag is
current, one of them wins; what a winner needs was counted without a storm. The origin server counts what it is asked,
and takes {latency:g} ms for each."""


def tell(line: str) -> None:
    """Say what goes on."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def asked(given: Sequence[str]) -> argparse.Namespace:
    """Return what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description="Measure ifmatch beside its peers.")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is played")
    parser.add_argument("--seconds", type=int, default=4, help="how long a turn takes")
    parser.add_argument("--times", type=int, default=2_000, help="requests on one connection, each")
    parser.add_argument("--writes", type=int, default=150, help="writes of each of the contending writers")
    parser.add_argument("--writers", type=int, default=1_000, help="how many make a storm")
    parser.add_argument("--short", action="store_true", help="a few minutes; the page is left as it is")
    if "--short" in given:
        parser.set_defaults(rounds=3, seconds=1, times=500, writes=20)
    return parser.parse_args(given)


def contested(starts: Mapping[str, Start], options: argparse.Namespace) -> Figures:
    """Play the contest before the fast origin server."""
    with running_origin() as origin, running(starts, origin.url) as standings:
        everybody = {STRAIGHT: origin, **standings}
        return compete(everybody, options.rounds, options.seconds, options.times, tell)


def contended(starts: Mapping[str, Start], rounds: int) -> dict[str, Losses]:
    """Let writers contend through each, before an origin server that takes its time."""
    found = {}
    for name in CONTENDERS:
        with running_slow_origin() as origin, starts[name](origin.url) as standing:
            found[name] = contend(origin, standing.url, rounds)
        tell(f"{name:36} lost {comparison.lost(found[name])}")
    return found


def stormed(starts: Mapping[str, Start], writers: int) -> dict[tuple[str, bool], tuple[Storm, int]]:
    """Let a storm rage through each, with a tag that is current and with one that is not; and what its winner needs."""
    found = {}
    for name in STORMED:
        with running_slow_origin() as origin, starts[name](origin.url) as standing:
            winner = rage(origin, standing.url, 1, current=True).asked
            for current in (True, False):
                storm = rage(origin, standing.url, writers, current=current)
                found[name, current] = storm, winner if current else 0
                tell(f"{name:36} {storm.told}; {storm.asked} requests to the origin server")
    return found


def results(
    figures: Figures, losses: Mapping[str, Losses], raged: Mapping[tuple[str, bool], tuple[Storm, int]], frame: Result
) -> dict[str, Result]:
    """Return the sections; `frame` says what both have in common."""
    writers = max(sum(storm.statuses.values()) for storm, _ in raged.values())
    beyond = [storm.asked - winner for (name, _), (storm, winner) in raged.items() if name in entrants.OURS]
    peers = replace(
        frame,
        about=(*frame.about, comparison.apart(figures)),
        tables=(
            comparison.overview(figures, losses),
            comparison.comparison(figures),
            comparison.rates(figures),
            comparison.delays(figures),
            comparison.memory(figures),
            comparison.contention(losses, WRITERS),
        ),
        bars=comparison.bars(figures, losses),
        gaps=GAPS,
    )
    storm = replace(
        frame,
        about=paragraphs(ABOUT_STORM, latency=1_000 * LATENCY),
        tables=(comparison.storms(raged),),
        bars=(comparison.calm(beyond, writers),),
    )
    return {"peers": peers, "storm": storm}


def paragraphs(text: str, **values: object) -> tuple[str, ...]:
    """Return the paragraphs of a text, each as one line."""
    return tuple(" ".join(each.split("\n")) for each in text.format(**values).split("\n\n"))


def about(options: argparse.Namespace, cores: Cores) -> tuple[str, ...]:
    """Return how the contest is measured."""
    return paragraphs(
        ABOUT,
        keys=KEYS,
        connections=CONNECTIONS,
        cores=cores.told,
        rounds=options.rounds,
        seconds=options.seconds,
        latency=1_000 * LATENCY,
        writers=WRITERS,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write the page unless it was to be short."""
    given = sys.argv[1:] if arguments is None else arguments
    options = asked(given)
    try:
        modules()
        program("taskset")
        taking_part = {**versions(*PROGRAMS), **installed()}
    except Missing as missing:
        tell(str(missing))
        return 2
    machine, cores, began = here(), take_load(), time.monotonic()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    tell(cores.told)
    starts = entrants.entrants(cores)
    figures = contested(starts, options)
    losses = contended(starts, options.writes)
    raged = stormed(starts, options.writers)
    minutes = (time.monotonic() - began) / 60
    frame = Result(_command(given), today(), minutes, machine, taking_part, about(options, cores))
    made = results(figures, losses, raged, frame)
    return told(made, losses, short=options.short)


def _command(given: Sequence[str]) -> str:
    return f'make bench ARGS="{" ".join(given)}"' if given else "make bench"


def told(made: Mapping[str, Result], losses: Mapping[str, Losses], *, short: bool) -> int:
    """Print the sections, keep them unless they are of a short run, and return the exit code."""
    conclude(made, kept_too=not short)
    lost = [name for name in entrants.OURS if losses[name].lost]
    for name in lost:
        tell(f"{name} has lost accepted writes: {comparison.lost(losses[name])}")
    return 1 if lost else 0


if __name__ == "__main__":
    raise SystemExit(main())
