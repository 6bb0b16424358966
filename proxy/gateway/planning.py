"""What is to be done with a request, by its head and the routes alone.

What lives here: the choice among the kinds of plan. What must not: doing it.
"""

from proxy.core import cors
from proxy.core.matching import Routes
from proxy.core.message import Request
from proxy.core.preconditions import CONDITIONAL_FIELDS, Require
from proxy.core.route import Guard, Route, UnconditionalPost, Unmatched
from proxy.gateway.exchange import Kind, Plan


def plan(routes: Routes, request: Request) -> Plan:
    """Say what is to be done with a request under these routes."""
    match = routes.match(cors.asked_method(request.method, request.fields) or request.method, request.target)
    if match is None:
        return Plan(Kind.REJECT if routes.unmatched is Unmatched.REJECT else Kind.RELAY, None)
    if match.route.guard is Guard.OFF or request.method == "OPTIONS":
        return Plan(Kind.RELAY, match)
    if request.safe:
        # A tag of what `state` does not name would guard nothing; such a view is shown as it comes.
        return Plan(Kind.OBSERVE if match.route.state is None else Kind.RELAY, match)
    if _passes_unlocked(request, match.route):
        return Plan(Kind.RELAY, match)
    return Plan(Kind.REPORT if match.route.guard is Guard.REPORT else Kind.GUARD, match)


def _passes_unlocked(request: Request, route: Route) -> bool:
    """Tell whether a POST that asks for nothing, on a route that asks for nothing, goes by the lock (I9: per route)."""
    if request.method != "POST" or route.unconditional_post is not UnconditionalPost.RELAY:
        return False
    asks = CONDITIONAL_FIELDS & request.fields.names()
    return not asks and route.policy.require is Require.NONE
