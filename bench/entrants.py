"""Who takes part: each with its name, its configuration, and how it is started before an origin server.

What lives here: the list. How each is run is in `bench.standing`; what they must do is in `bench.contest`.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Final

from bench.cores import Cores
from bench.standing import Standing, running_exchanges, running_fastify, running_ifmatch, running_lua, running_relay

NGINX: Final = "nginx, guarding nothing"
LUA: Final = "nginx + Lua"
LUA_FRESH: Final = "nginx + Lua, a connection for each write"
FASTIFY: Final = "Fastify + @fastify/etag"
BARE: Final = "asyncio, the same exchanges and nothing else"
MEMORY: Final = "ifmatch, memory"
REDIS: Final = "ifmatch, Redis"
MEMORY_TAG: Final = "ifmatch, memory, tag after a write"
REDIS_TAG: Final = "ifmatch, Redis, tag after a write"
RELAY: Final = "ifmatch, no route"
OFF: Final = 'ifmatch, `guard: "off"`'

OURS: Final = (MEMORY, MEMORY_TAG, REDIS, REDIS_TAG)
"""Those that must not lose a write."""
AFRESH: Final = (LUA_FRESH, BARE)
"""Those that show what a fresh connection for each write takes. In a measure they come last, as the ports that they
have just left are not to be had again at once.
"""
UNGUARDED: Final = (NGINX, BARE, RELAY, OFF)
"""Those that have no tags."""

_ROUTE: Final = "routes:\n  - path: /{path...}\n"
_NEVER: Final = f"{_ROUTE}    etag_on_write: never\n"

Start = Callable[[str], AbstractContextManager[Standing]]
"""Starts a contestant before the origin server at a URL."""


def entrants(cores: Cores) -> Mapping[str, Start]:
    """Return all by name."""
    return {
        NGINX: partial(running_relay, cores=cores),
        LUA: partial(running_lua, cores=cores),
        LUA_FRESH: partial(running_lua, cores=cores, fresh=True),
        FASTIFY: partial(running_fastify, cores=cores),
        BARE: partial(running_exchanges, cores=cores),
        MEMORY: partial(running_ifmatch, _NEVER, cores=cores),
        REDIS: partial(running_ifmatch, _NEVER, cores=cores, redis=True),
        MEMORY_TAG: partial(running_ifmatch, _ROUTE, cores=cores),
        REDIS_TAG: partial(running_ifmatch, _ROUTE, cores=cores, redis=True),
        RELAY: partial(running_ifmatch, "unmatched: relay\n", cores=cores),
        OFF: partial(running_ifmatch, f'{_ROUTE}    guard: "off"\n', cores=cores),
    }


@contextmanager
def running(starts: Mapping[str, Start], upstream: str) -> Iterator[Mapping[str, Standing]]:
    """Run all of them."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(start(upstream)) for name, start in starts.items()}
