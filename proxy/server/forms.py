"""What reads have in common that differ in their target alone: the same field lines, under the same route.

What lives here: what is sent behind a request line, what selects behind a target, and that both are worked out once,
for most reads are of a resource that was not asked for lately, by a client that was. What must not: a target.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from proxy.core.fields import Fields
from proxy.core.message import Request
from proxy.core.preconditions import Preconditions
from proxy.gateway import Gateway, Plan
from proxy.gateway.glancing import Glance
from proxy.ports import Budget, Scouts
from proxy.server.incoming import Incoming
from proxy.server.masking import Cut, Values, cut, named

KEPT: Final = 1024
"""Forms that are remembered."""

_LINE_END: Final = b"\r\n"


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """What such reads have in common, cut where values were taken out of their heads.

    `conditions` are None where nothing is guarded. `block` is what is sent behind the request line, `selects` what
    selects besides the target; `fields` are those of the request as received, `named` the ones of them that name it,
    `origin` the page's.
    """

    conditions: Preconditions | None
    budget: Budget
    block: Cut
    selects: Cut
    fields: Fields
    named: Fields
    if_match: str | None
    origin: str | None

    def sent(self, target: bytes, values: Values) -> bytes:
        """Return what is sent to ask for a target."""
        return b"GET %b HTTP/1.1\r\n%b" % (target, self.block.filled(values))

    def selecting(self, target: bytes, values: Values) -> bytes:
        """Return what selects with a target, as `selecting.selects` does."""
        return b"%b\r\n%b" % (target, self.selects.filled(values))


class Forms:
    """The forms that came lately."""

    def __init__(self, gateway: Gateway, scouts: Scouts) -> None:
        self._gateway = gateway
        self._scouts = scouts
        # The numbers in a key are ids; what has them is kept with the form, so that they are nobody else's.
        self._known: OrderedDict[object, tuple[Form | None, object]] = OrderedDict()

    def of(self, request: Request, plan: Plan, incoming: Incoming, values: int) -> Form | None:
        """Return the form of a read, of whose head so many values were taken; None where it takes the long way.

        `incoming` is one object for the same lines. Raised: `errors.MalformedPrecondition`; `errors.NotSent`.
        """
        route, view = (None, False) if plan.match is None else (plan.match.route, plan.match.is_view)
        key = id(incoming), values, plan.kind, id(route), view
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._made(request, plan, incoming, values), (incoming, route)
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
        return known[0]

    def _made(self, request: Request, plan: Plan, incoming: Incoming, values: int) -> Form | None:
        asks = self._gateway.passing(request, plan) or self._gateway.glance(request, plan)
        if asks is None:
            return None
        conditions, selects = (asks.conditions, asks.selects) if isinstance(asks, Glance) else (None, b"")
        received = incoming.fields
        return Form(
            conditions,
            asks.budget,
            cut(_behind(self._scouts.ready(asks.asked)), values),
            cut(_behind(selects), values),
            received,
            named(received),
            received.get("if-match"),
            received.get("origin"),
        )


def _behind(text: bytes) -> bytes:
    """Return what stands behind the first line, which is the one with the target."""
    return text.partition(_LINE_END)[2]
