"""The fields of a request as they came in, and as they go on.

What lives here: bytes to text, and that both are made once for all requests with the same lines: most clients repeat
theirs, but for the tag of what they write. What must not: the request line, which differs, and what the fields are
checked for (`core.admission`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from proxy.core import admission, forwarding
from proxy.core.fields import Fields
from proxy.core.forwarding import Hop
from proxy.server.weighing import heavy

KEPT: Final = 256
"""Heads that are remembered."""

VARYING: Final = frozenset({b"If-Match", b"If-None-Match", b"if-match", b"if-none-match"})
"""Names of lines that differ from request to request, as clients spell them, and that no other line depends on."""

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

    __slots__ = ("_onward", "_places", "fields", "heavy", "hop", "version")

    def __init__(self, fields: Fields, version: Version, hop: Hop, *, heavy: bool) -> None:
        self.heavy = heavy
        self.fields = fields
        self.version = version
        self.hop = hop
        self._onward: Fields | None = None
        self._places: Sequence[int] = ()

    def onward(self) -> Fields:
        """Return the fields as they go to the origin server.

        Raised: what `admission.admit_fields` raises; `errors.LoopDetected`.
        """
        if self._onward is None:
            admission.admit_fields(self.version, self.fields)
            self._onward = forwarding.outbound(self.fields, self.version, self.hop)
        return self._onward

    def place(self, at: int) -> int:
        """Return where in `onward` a line belongs that stands in front of the one at index `at` here."""
        if not self._places:
            onward = iter((*self.onward().lines, None))
            latest = next(onward)
            places = [0]
            for line in self.fields.lines:
                stays = line is latest  # kept lines come first, in order, and are the same objects
                places.append(places[-1] + stays)
                latest = next(onward) if stays else latest
            self._places = places
        return self._places[at]


class Varied(Incoming):
    """The fields of a request that has one line more than another, which all else is known of."""

    __slots__ = ("_at", "_others", "_varying")

    def __init__(self, others: Incoming, at: int, name: str, value: str) -> None:
        super().__init__(others.fields.inserting(at, name, value), others.version, others.hop, heavy=False)
        self._others = others
        self._at = at
        self._varying = name, value

    def onward(self) -> Fields:
        """Return the fields as they go to the origin server; see `Incoming.onward`."""
        if self._onward is None:
            self._onward = self._others.onward().inserting(self._others.place(self._at), *self._varying)
        return self._onward

    def place(self, at: int) -> int:
        """Return where in `onward` a line belongs; see `Incoming.place`."""
        return self._others.place(at) if at <= self._at else self._others.place(at - 1) + 1


Incomings = Callable[[RawLines, Version, str | None, str], Incoming]
"""Reads lines from a peer (its IP address, None on a Unix socket) who came by this scheme."""


def remembering(identity: Identity) -> Incomings:
    """Return what reads fields, and knows the latest of them again."""

    def made(raw: RawLines, version: Version, peer: str | None, scheme: str, *, large: bool = False) -> Incoming:
        fields = Fields([(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw])
        return Incoming(fields, version, Hop(peer, scheme, identity.pseudonym, identity.trusted(peer)), heavy=large)

    known = lru_cache(maxsize=KEPT)(made)

    def incoming(raw: RawLines, version: Version, peer: str | None, scheme: str) -> Incoming:
        if heavy(raw):  # heads of hundreds of KB are sent by those who want them to be remembered
            return made(raw, version, peer, scheme, large=True)
        at = _varying(raw)
        if at is None:
            return known(raw, version, peer, scheme)
        name, value = (each.decode("latin-1") for each in raw[at])
        others = known((*raw[:at], *raw[at + 1 :]), version, peer, scheme)
        if name in others.fields or not forwarding.is_field_line(name, value):  # one list, or refused in its turn
            return known(raw, version, peer, scheme)
        return Varied(others, at, name, value)

    return incoming


def _varying(raw: RawLines) -> int | None:
    """Return where the one line is that varies; None where there is none, or more than one."""
    places = [at for at, line in enumerate(raw) if line[0] in VARYING]
    return places[0] if len(places) == 1 and len(raw) <= admission.MAX_FIELD_LINES else None
