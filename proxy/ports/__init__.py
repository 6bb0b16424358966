"""Contracts between the gateway and the world: the origin server, the lock, the memory, the journal, the workshop.

The contract is in the docstrings; `proxy.adapters` fulfils it and one contract suite a port checks every adapter.
Nothing here has behaviour. Times are seconds, sizes are bytes.
"""

from proxy.ports.journal import Journal, Step
from proxy.ports.lock import Lease, LeaseTerms, ResourceLock
from proxy.ports.scout import Scout, Scouts
from proxy.ports.state import Remembered, StateStore
from proxy.ports.tunnel import Tunnel, Tunnels
from proxy.ports.upstream import (
    DIGEST_SIZE,
    Budget,
    Content,
    InterimListener,
    LastCheck,
    Purpose,
    ReceivedContent,
    Reply,
    Taker,
    Upstream,
)
from proxy.ports.workshop import Workshop

__all__ = [
    "DIGEST_SIZE",
    "Budget",
    "Content",
    "InterimListener",
    "Journal",
    "LastCheck",
    "Lease",
    "LeaseTerms",
    "Purpose",
    "ReceivedContent",
    "Remembered",
    "Reply",
    "ResourceLock",
    "Scout",
    "Scouts",
    "StateStore",
    "Step",
    "Taker",
    "Tunnel",
    "Tunnels",
    "Upstream",
    "Workshop",
]
