"""The fields of a request as they came in, and as they go on.

What lives here: bytes to text, and that both are made once for all requests with the same lines: most clients repeat
theirs. What must not: the request line, which differs, and what the fields are checked for (`core.admission`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from proxy.core import admission, forwarding
from proxy.core.fields import Fields
from proxy.core.forwarding import Hop
from proxy.server.weighing import heavy

KEPT: Final = 256
"""Heads that are remembered."""

RawLines = tuple[tuple[bytes, bytes], ...]
Version = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are, in Via, and whom we believe: `trusted` is asked with the peer's IP address, None on a Unix socket."""

    pseudonym: str
    trusted: Callable[[str | None], bool]


class Incoming:
    """The fields of a request, one character a byte, in a message of that version, from there.

    `heavy`: nobody holds them longer than necessary (`weighing`).
    """

    __slots__ = ("_onward", "fields", "heavy", "hop", "version")

    def __init__(self, raw: RawLines, version: Version, hop: Hop, *, heavy: bool) -> None:
        self.heavy = heavy
        self.fields = Fields([(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw])
        self.version = version
        self.hop = hop
        self._onward: Fields | None = None

    def onward(self) -> Fields:
        """Return the fields as they go to the origin server.

        Raised: what `admission.admit_fields` raises; `errors.LoopDetected`.
        """
        if self._onward is None:
            admission.admit_fields(self.version, self.fields)
            self._onward = forwarding.outbound(self.fields, self.version, self.hop)
        return self._onward


Incomings = Callable[[RawLines, Version, str | None, str], Incoming]
"""Reads lines from a peer (its IP address, None on a Unix socket) who came by this scheme."""


def remembering(identity: Identity) -> Incomings:
    """Return what reads fields, and knows the latest of them again."""

    def made(raw: RawLines, version: Version, peer: str | None, scheme: str, *, large: bool = False) -> Incoming:
        return Incoming(raw, version, Hop(peer, scheme, identity.pseudonym, identity.trusted(peer)), heavy=large)

    known = lru_cache(maxsize=KEPT)(made)

    def incoming(raw: RawLines, version: Version, peer: str | None, scheme: str) -> Incoming:
        if heavy(raw):  # heads of hundreds of KB are sent by those who want them to be remembered
            return made(raw, version, peer, scheme, large=True)
        return known(raw, version, peer, scheme)

    return incoming
