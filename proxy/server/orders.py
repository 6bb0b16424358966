"""Writes that came whole and alone in one piece: what is known of each before it is guarded.

What lives here: bytes of a request to an `Order`, for which most of its field lines are read and checked once for all
that have the same. What must not: any decision of its own; whatever is unusual has no order, and takes the long way.

The two lines that differ from write to write are taken out before: the tag that it names, put back as it was, and how
long its content is, which whoever forwards it says anew.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from proxy.core import admission
from proxy.core.fields import Fields
from proxy.core.message import Request
from proxy.core.target import Target
from proxy.errors import Failure
from proxy.gateway import Gateway, Kind, Plan
from proxy.gateway.exchange import matched
from proxy.server.blocks import Blocks
from proxy.server.incoming import Incoming

KEPT: Final = 1024
"""Request lines that are remembered, each with the other lines it came with."""

METHODS: Final = ("PUT", "PATCH", "DELETE", "POST")
"""Methods of writes that have an order."""

LONGEST: Final = 2048
"""Bytes of a head that has an order."""

MOST: Final = 32 * 1024
"""Bytes of content that has an order."""

_LINE_END, _END = b"\r\n", b"\r\n\r\n"
# A target of which every parser makes the same; whatever has another takes the long way.
_LINE: Final = re.compile(rb"(%b) (/[A-Za-z0-9/._~%%?&=+:@,;!$'()*-]*) HTTP/1\.1(?=\r\n)" % "|".join(METHODS).encode())
_LENGTH: Final = (b"\r\nContent-Length: ", b"\r\ncontent-length: ")
_TAGS: Final = (b"\r\nIf-Match: ", b"\r\nif-match: ")
_IF_MATCH: Final = "if-match"
_MOST_DIGITS: Final = 6
# Printable ASCII alone, and no white space that a parser would take off: nothing that it would refuse.
_VALUE: Final = re.compile(rb"[!-~](?:[ -~]{0,1022}[!-~])?")


_Line = tuple[str, bytes, int]
"""Name and value of a line that was taken out. It stands in front of that at this index of those that are left."""


@dataclass(frozen=True, slots=True)
class Order:
    """A write of which all is known. `path` and `if_match` are what is logged of it.

    `request` is as it goes to the gateway, but for the length of its content; `fields` are those received, but for the
    two lines that differ from write to write.
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
        if asked is None or end < 0:
            return None
        length, lines = _cut(message[asked.end() : end + len(_LINE_END)], _LENGTH)
        content = message[end + len(_END) :]
        if len(content) > MOST or len(content) != (0 if length is None else _number(length[1])):
            return None
        tag, lines = _cut(lines, _TAGS)
        incoming = self._blocks.of(lines[len(_LINE_END) :] + _LINE_END, peer, scheme)
        if incoming is None:
            return None
        try:
            return self._ordered(asked[1].decode("ascii"), asked[2].decode("ascii"), incoming, tag, content)
        except Failure:
            return None  # the long way has an answer to that

    def _ordered(
        self, method: str, raw_target: str, incoming: Incoming, tag: _Line | None, content: bytes
    ) -> Order | None:
        onward, if_match = incoming.onward(), incoming.fields.get(_IF_MATCH)
        if tag is not None:
            name, value, place = tag
            if if_match is not None or _VALUE.fullmatch(value) is None:
                return None
            if_match = value.decode("ascii")
            onward = onward.inserting(incoming.place(place), name, if_match)
        target, plan = self._planned(method, raw_target, incoming, self._gateway.rules, tagged=tag is not None)
        if plan.kind is not Kind.GUARD or len(content) > matched(plan).route.limits.content:
            return None
        path = raw_target.partition("?")[0]
        return Order(Request(method, target, onward), plan, incoming.fields, path, if_match, content)

    def _plan(
        self, method: str, raw_target: str, incoming: Incoming, _rules: object, *, tagged: bool
    ) -> tuple[Target, Plan]:
        """Check a request line, and say what is to be done with a request that names a state, or does not."""
        onward = incoming.onward().adding(_IF_MATCH, "*") if tagged else incoming.onward()
        target = admission.admit_line(method, raw_target, onward)
        return target, self._gateway.identify(Request(method, target, onward))


def _cut(lines: bytes, names: tuple[bytes, ...]) -> tuple[_Line | None, bytes]:
    """Take the first line that begins with one of these out of lines, around each of which there is a line break."""
    for name in names:
        start = lines.find(name)
        if start >= 0:
            end = lines.index(_LINE_END, start + len(name))
            value = lines[start + len(name) : end]
            place = lines.count(_LINE_END, 0, start)
            return (name[2:-2].decode("ascii"), value, place), lines[:start] + lines[end:]
    return None, lines


def _number(text: bytes) -> int:
    """Return what a length says, which is no content's where it is no number, or too long for one."""
    return int(text) if text.isdigit() and len(text) <= _MOST_DIGITS else -1
