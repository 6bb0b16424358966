"""A request that offers to speak another protocol: whether it may, and its way to the origin server.

What lives here: the decision that keeps the guard from being gone around, and the one exchange that is HTTP. What must
not: what passes through a tunnel; nobody here could tell a write in it from anything else.
"""

from proxy.core.matching import UNMATCHED
from proxy.core.message import Request, Response
from proxy.gateway.exchange import Answer, Kind, Plan
from proxy.gateway.reading import Reading
from proxy.ports import Budget, InterimListener, Journal, Step, Tunnel, Tunnels


class Switching(Reading):
    """Pass an offer on where nothing is guarded. Raised by every coroutine: `errors.Failure`."""

    def may_switch(self, request: Request, planned: Plan) -> bool:
        """Tell whether a request may offer it: one that is relayed, on a path of which no method is guarded."""
        return planned.kind is Kind.RELAY and not self._routes.guards(request.target)

    async def switch(
        self, tunnels: Tunnels, request: Request, planned: Plan, journal: Journal, interim: InterimListener
    ) -> tuple[Answer, Tunnel | None]:
        """Pass a request on with its offer; return the answer, and the tunnel if that is what it is."""
        timeouts = (UNMATCHED if planned.match is None else planned.match.route).timeouts
        with journal.step(Step.RELAY):
            budget = Budget(timeouts.connect, timeouts.relay)
            reply, tunnel = await tunnels.switch(request, budget=budget, interim=interim)
        journal.note(upstream_status=reply.status)
        return Answer(None, Response(reply.status, reply.fields), reply), tunnel
