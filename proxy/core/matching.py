"""Which route a request takes, and what its target means there.

What lives here: the routes of a configuration in their order, and a target under one of them. What must not: the rules
of a route (`route`), and how a path is compared with a template (`template`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from proxy.core import target as request_target
from proxy.core.message import SAFE_METHODS
from proxy.core.route import Guard, Query, Route, Unmatched
from proxy.core.target import Target
from proxy.core.template import Template


@dataclass(frozen=True, slots=True)
class Match:
    """A request's target under its route. `captures` are in raw spelling.

    `state_target` is what is selected to learn the current state: the expanded `state`, which has no query, else the
    request's own target, with its query unless that makes a view. `reading` is the route by which it is shown to who
    reads it: the tags that readers have are made by its rules, so a write is compared by them. `lock_key` is the name
    under which its writers exclude each other; the query is never part of it (I5).
    """

    route: Route
    target: Target
    captures: Mapping[str, str]
    reading: Route
    state_target: Target = field(init=False, repr=False, compare=False)
    lock_key: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        whole = state_of(self.route, self.target, self.captures)
        object.__setattr__(self, "state_target", whole.without_query() if self.is_view else whole)
        object.__setattr__(self, "lock_key", self.state_target.lock_key)

    @property
    def is_view(self) -> bool:
        """Tell whether the target is a view of a resource, and not all of it."""
        return self.reading.query is Query.VIEW and self.route.state is None and bool(self.target.query)

    @property
    def shown_captures(self) -> Mapping[str, str]:
        """The captures of what is selected, as the route captures them by which it is shown to who reads it."""
        return self.captures if self.reading is self.route else self.reading.template.captures(self.state_target)

    @property
    def tag_key(self) -> str:
        """The resource name inside a minted tag. An empty query is none."""
        key, query = self.state_target.key, self.state_target.query
        return f"{key}?{query}" if query and self.reading.query is Query.IDENTITY else key


class Routes:
    """All routes, in order: the first that matches is taken."""

    __slots__ = ("routes", "unmatched")

    def __init__(self, routes: Sequence[Route], unmatched: Unmatched = Unmatched.RELAY) -> None:
        self.routes = tuple(routes)
        self.unmatched = unmatched

    @property
    def trust_something(self) -> bool:
        """Tell whether there is any route that answers by what is remembered."""
        return any(route.trust > 0 for route in self.routes)

    @property
    def guard_something(self) -> bool:
        """Tell whether there is any request that they guard."""
        return self.unmatched is Unmatched.GUARD or any(route.guard is Guard.ENFORCE for route in self.routes)

    def match(self, method: str, target: Target) -> Match | None:
        """Return the match of the first route for this method and target; the asterisk-form has none.

        Without such a route the default rules apply under `Unmatched.GUARD`, and there is no match otherwise.
        """
        coarse = target.coarse_segments
        route = self._first(method, target, coarse)
        if route is None:
            return None
        captures = route.template.captures(target)
        if method in SAFE_METHODS and route.state is None:
            return Match(route, target, captures, route)
        state = state_of(route, target, captures)
        reading = self._first("GET", state, coarse if state is target else state.coarse_segments)
        shows = reading is not None and reading.guard is not Guard.OFF and reading.state is None
        return Match(route, target, captures, reading if reading is not None and shows else route)

    def _first(self, method: str, target: Target, coarse: Sequence[str]) -> Route | None:
        if target.asterisk:
            return None
        return next((each for each in self.candidates() if each.takes(method) and each.covers(target, coarse)), None)

    def candidates(self) -> tuple[Route, ...]:
        """Return all routes in order, and behind them that of the default rules where it is in force."""
        return (*self.routes, UNMATCHED) if self.unmatched is Unmatched.GUARD else self.routes


def state_of(route: Route, target: Target, captures: Mapping[str, str]) -> Target:
    """Return the target of the resource that guards another: what `state` makes of the captures, else that itself."""
    return target if route.state is None else request_target.parse(route.state.expand(captures), None)


UNMATCHED: Final = Route("unmatched", Template.parse("/{path...}"))
"""The default rules, for every path."""
