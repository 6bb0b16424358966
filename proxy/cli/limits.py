"""How many files this process may have open, and how many clients that is enough for.

What lives here: the system's limit and the share of clients in it. What must not: what becomes of a client too many;
that is `proxy.server.listening`.
"""

import resource
from contextlib import suppress
from typing import Final

ASIDE: Final = 32
"""Files of the process itself: listeners, event loop, log, the store's connections when nobody writes."""

FEWEST: Final = 16
"""Clients that are let in under any limit."""


def raise_files() -> None:
    """Raise the soft limit of open files to the hard one, for this process and those that it starts.

    Shells and service managers give 1024, for the sake of programs that use select(2); none of ours does.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS has another limit, and tells of none
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def room_for_clients() -> int | None:
    """Return how many clients may be connected at a time; None without a limit.

    Half of all files are theirs. The other half is for what a client at work needs besides: a connection to the origin
    server, one to the store, a file for large content.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else max(FEWEST, soft // 2 - ASIDE)
