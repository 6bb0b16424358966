"""Writes that came whole and alone in one piece: what is known of each before it is guarded.

What lives here: bytes of a request to an `Order`, for which most of its field lines are read and checked once for all
that have the same. What must not: any decision of its own; whatever is unusual has no order, and takes the long way.

Lines that differ from write to write are taken out before: the tag that it names and what names it in traces are put
back as they were; how long its content is, whoever forwards it says anew.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from proxy.core import admission
from proxy.core.correlation import NAMED_BY
from proxy.core.fields import Fields
from proxy.core.message import Request
from proxy.core.selecting import TRACING
from proxy.core.target import Target
from proxy.errors import Failure
from proxy.gateway import Gateway, Kind, Plan
from proxy.gateway.exchange import matched
from proxy.server.blocks import Blocks
from proxy.server.incoming import Incoming
from proxy.server.masking import VALUE
from proxy.server.parsing import PLAIN_TARGET

KEPT: Final = 1024
"""Request lines that are remembered, each with the other lines it came with."""

METHODS: Final = ("PUT", "PATCH", "DELETE", "POST")
"""Methods of writes that have an order."""

LONGEST: Final = 2048
"""Bytes of a head that has an order."""

MOST: Final = 32 * 1024
"""Bytes of content that has an order."""

_LINE_END, _END = b"\r\n", b"\r\n\r\n"
_LINE: Final = re.compile(rb"(%b) (%b) HTTP/1\.1\r\n" % ("|".join(METHODS).encode(), PLAIN_TARGET))
_IF_MATCH, _LENGTH = "if-match", "content-length"
_MOST_DIGITS: Final = 6
_VARYING: Final = {
    spelled.encode(): name
    for name in (_IF_MATCH, _LENGTH, *TRACING)
    for spelled in (name, name.title(), name.title().replace("-Id", "-ID"))
}
"""Fields that differ from write to write, as clients spell them. What they say decides nothing about another one."""

_Taken = dict[str, tuple[str, str, int]]
"""Lines that were taken out, by their names in lower case: name, value, and the index of that in front of which it was
among those that are left."""


@dataclass(frozen=True, slots=True)
class Order:
    """A write of which all is known. `path` and `if_match` are what is logged of it.

    `request` is as it goes to the gateway, but for the length of its content; `fields` are those received that are the
    same for many writes, and those that name this one.
    """

    request: Request
    plan: Plan
    fields: Fields
    path: str
    if_match: str | None
    content: bytes


class Orders:
    """What is ordered by writes."""

    def __init__(self, gateway: Gateway, blocks: Blocks) -> None:
        self._gateway = gateway
        self._blocks = blocks
        self._planned = lru_cache(maxsize=KEPT)(self._plan)

    def of(self, message: bytes, peer: str | None, scheme: str) -> Order | None:
        """Return what one write from a peer orders.

        None where what came in one piece is another request, or part of one, or more than one, or has to be refused.
        """
        asked, end = _LINE.match(message), message.find(_END, 0, LONGEST)
        if asked is None or end < asked.end():
            return None
        content = message[end + len(_END) :]
        if len(content) > MOST:
            return None
        lines, taken = _divided(message[asked.end() : end])
        incoming = self._blocks.of(lines, peer, scheme)
        if incoming is None or not _is_whole(content, taken) or not _are_alone(taken, incoming):
            return None
        try:
            return self._ordered(asked[1].decode("ascii"), asked[2].decode("ascii"), incoming, taken, content)
        except Failure:
            return None  # the long way has an answer to that

    def _ordered(self, method: str, raw_target: str, incoming: Incoming, taken: _Taken, content: bytes) -> Order | None:
        received, onward = incoming.fields, incoming.onward()
        for lower, (name, value, place) in reversed(taken.items()):  # so that places stay what they are
            onward = onward.inserting(incoming.place(place), name, value)
            if lower in NAMED_BY:
                received = received.adding(name, value)
        tag = taken.get(_IF_MATCH)
        target, plan = self._planned(method, raw_target, incoming, self._gateway.rules, tagged=tag is not None)
        if plan.kind is not Kind.GUARD or len(content) > matched(plan).route.limits.content:
            return None
        if_match = received.get(_IF_MATCH) if tag is None else tag[1]
        return Order(Request(method, target, onward), plan, received, raw_target.partition("?")[0], if_match, content)

    def _plan(
        self, method: str, raw_target: str, incoming: Incoming, _rules: object, *, tagged: bool
    ) -> tuple[Target, Plan]:
        """Check a request line, and say what is to be done with a request that names a state, or does not."""
        onward = incoming.onward().adding(_IF_MATCH, "*") if tagged else incoming.onward()
        target = admission.admit_line(method, raw_target, onward)
        return target, self._gateway.identify(Request(method, target, onward))


def _divided(lines: bytes) -> tuple[bytes, _Taken]:
    """Divide lines into those that are the same for many writes and those that differ; one that is unusual stays."""
    kept: list[bytes] = []
    taken: _Taken = {}
    for line in lines.split(_LINE_END):
        name, _, value = line.partition(b": ")
        lower = _VARYING.get(name)
        if lower is None or lower in taken or VALUE.fullmatch(value) is None:
            kept.append(line)
        else:
            taken[lower] = name.decode("ascii"), value.decode("ascii"), len(kept)
    return _LINE_END.join((*kept, b"", b"")), taken


def _is_whole(content: bytes, taken: _Taken) -> bool:
    """Tell whether content is as long as is told in a line, which is left out of those that were taken then."""
    told = taken.pop(_LENGTH, None)
    if told is None:
        return not content
    return told[1].isdecimal() and len(told[1]) <= _MOST_DIGITS and int(told[1]) == len(content)


def _are_alone(taken: _Taken, incoming: Incoming) -> bool:
    """Tell whether no other line has the name of one that was taken, or says that it is for one connection only."""
    others = incoming.fields
    if not others.by_name.keys().isdisjoint(taken):
        return False
    return "connection" not in others.by_name or taken.keys().isdisjoint(others.connection_options())
