"""A request that offers to speak another protocol: whether it may, and its way to the origin server."""

from dataclasses import dataclass, field, replace

import pytest

from proxy.core.fields import Fields
from proxy.core.message import Request
from proxy.core.route import Guard, Route, Timeouts, Unmatched
from proxy.core.template import Template
from proxy.errors import Unanswered
from proxy.ports import Budget, InterimListener, Reply, Tunnel
from tests.support.scripted import Canned, Rig, answering, request
from tests.support.world import SilentJournal

WS = Route("ws", Template.parse("/ws"), guard=Guard.OFF, timeouts=Timeouts(connect=3.0, relay=7.0))


@dataclass
class Switchboard:
    """Fulfils ports.Tunnels: gives every request the same answer, or failure, and keeps what it was asked."""

    reply: Reply | Unanswered
    asked: list[tuple[Request, Budget]] = field(default_factory=list)

    async def switch(
        self, request: Request, *, budget: Budget, interim: InterimListener | None = None
    ) -> tuple[Reply, Tunnel | None]:
        self.asked.append((request, budget))
        if isinstance(self.reply, Unanswered):
            raise self.reply
        return self.reply, None


def hear(status: int, fields: Fields) -> None:
    """Hear an interim response."""


@pytest.mark.parametrize(
    ("method", "path", "route", "unmatched", "may"),
    [
        ("GET", "/ws", WS, Unmatched.RELAY, True),
        ("GET", "/other", WS, Unmatched.RELAY, True),
        ("GET", "/other", WS, Unmatched.REJECT, False),
        ("GET", "/other", WS, Unmatched.GUARD, False),
        ("GET", "/ws", WS, Unmatched.GUARD, True),
        ("GET", "/ws", replace(WS, guard=Guard.ENFORCE), Unmatched.RELAY, False),
        ("OPTIONS", "/ws", replace(WS, guard=Guard.ENFORCE), Unmatched.RELAY, False),
        ("GET", "/ws", replace(WS, guard=Guard.REPORT), Unmatched.RELAY, False),
        ("GET", "/ws", replace(WS, guard=Guard.ENFORCE, methods=frozenset({"PUT"})), Unmatched.RELAY, False),
        ("GET", "/ws", replace(WS, methods=frozenset({"GET"})), Unmatched.GUARD, False),
    ],
)
def test_an_offer_may_be_made_where_nothing_is_guarded(
    method: str, path: str, route: Route, unmatched: Unmatched, may: bool
) -> None:
    """The path decides, not only what this method does there."""
    rig = Rig(answering(Canned()), route, unmatched)
    asked = request(method, path)
    assert rig.gateway.may_switch(asked, rig.gateway.identify(asked)) is may


async def test_the_request_is_passed_on_as_it_is() -> None:
    """With the times of its route; the answer is the origin server's, and its content still arrives."""
    rig, reply = Rig(answering(Canned()), WS), Canned(426)
    board, asked = Switchboard(reply), request("GET", "/ws", ("If-Match", '"a"'))
    answer, tunnel = await rig.gateway.switch(board, asked, rig.gateway.identify(asked), SilentJournal(), hear)
    assert board.asked == [(asked, Budget(3.0, 7.0))]
    assert answer.response is not None
    assert (answer.response.status, answer.rest, tunnel) == (426, reply, None)


async def test_where_no_route_speaks_the_default_times_do() -> None:
    """As for whatever else is relayed there; and what fails is raised."""
    rig, board = Rig(answering(Canned()), WS), Switchboard(Unanswered("x"))
    asked = request("GET", "/other")
    with pytest.raises(Unanswered):
        await rig.gateway.switch(board, asked, rig.gateway.identify(asked), SilentJournal(), hear)
    assert board.asked == [(asked, Budget(2.0, 60.0))]
