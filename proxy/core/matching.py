"""Which route a request takes, and what its target means there.

What lives here: the routes of a configuration in their order, and a target under one of them. What must not: the rules
of a route (`route`), and how a path is compared with a template (`template`).
"""

import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from proxy.core import target as request_target
from proxy.core.message import SAFE_METHODS
from proxy.core.route import Guard, Query, Route, Unmatched
from proxy.core.target import Target
from proxy.core.template import Template

KEPT: Final = 1024
"""Matches that are remembered: the targets that are asked for most, and those that a client is at work on."""


@dataclass(frozen=True, slots=True)
class Match:
    """A request's target under its route.

    `state_target` is what is selected to learn the current state: the expanded `state`, which has no query, else the
    request's own target, with its query unless that makes a view. `reading` is the route by which it is shown to who
    reads it: the tags that readers have are made by its rules, so a write is compared by them. `lock_key` is the name
    under which its writers exclude each other; the query is never part of it (I5). `tag_key` is the resource's name
    inside a minted tag; an empty query is none.
    """

    route: Route
    target: Target
    reading: Route
    state_target: Target = field(init=False, repr=False, compare=False)
    lock_key: str = field(init=False, repr=False, compare=False)
    tag_key: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        whole = state_of(self.route, self.target)
        shown = whole.without_query() if self.is_view else whole
        key = f"{shown.key}?{shown.query}" if shown.query and self.reading.query is Query.IDENTITY else shown.key
        object.__setattr__(self, "state_target", shown)
        object.__setattr__(self, "lock_key", shown.lock_key)
        object.__setattr__(self, "tag_key", key)

    @property
    def is_view(self) -> bool:
        """Tell whether the target is a view of a resource, and not all of it."""
        return bool(self.target.query) and self.reading.query is Query.VIEW and self.route.state is None

    @property
    def captures(self) -> Mapping[str, str]:
        """What the route's template captures of the target, in raw spelling."""
        return self.route.template.captures(self.target)

    @property
    def shown_captures(self) -> Mapping[str, str]:
        """The captures of what is selected, as the route captures them by which it is shown to who reads it."""
        return self.captures if self.reading is self.route else self.reading.template.captures(self.state_target)


class Routes:
    """All routes, in order: the first that matches is taken."""

    __slots__ = ("_matched", "_spelled", "candidates", "routes", "trust_something", "unmatched")

    def __init__(self, routes: Sequence[Route], unmatched: Unmatched = Unmatched.RELAY) -> None:
        self.routes = tuple(routes)
        self.unmatched = unmatched
        self.candidates = (*self.routes, UNMATCHED) if unmatched is Unmatched.GUARD else self.routes
        """All routes in order, and behind them that of the default rules where it is in force."""
        self.trust_something = any(route.trust > 0 for route in self.routes)
        """Whether there is any route that answers by what is remembered."""
        self._matched = lru_cache(maxsize=KEPT)(self._match)
        self._spelled: bytes | None = None

    def __reduce__(self) -> tuple[Callable[[bytes], "Routes"], tuple[bytes]]:
        """Go to another process without what is remembered; spelled once, since that takes long where they are many."""
        if self._spelled is None:
            self._spelled = pickle.dumps((self.routes, self.unmatched))
        return _read, (self._spelled,)

    @property
    def guard_something(self) -> bool:
        """Tell whether there is any request that they guard."""
        return self.unmatched is Unmatched.GUARD or any(route.guard is Guard.ENFORCE for route in self.routes)

    def match(self, method: str, target: Target) -> Match | None:
        """Return the match of the first route for this method and target; the asterisk-form has none.

        Without such a route the default rules apply under `Unmatched.GUARD`, and there is no match otherwise.
        """
        return self._matched(method, target)

    def _match(self, method: str, target: Target) -> Match | None:
        coarse = target.coarse_segments
        route = self._first(method, target, coarse)
        if route is None:
            return None
        if method in SAFE_METHODS and route.state is None:
            return Match(route, target, route)
        state = state_of(route, target)
        reading = self._first("GET", state, coarse if state is target else state.coarse_segments)
        shows = reading is not None and reading.guard is not Guard.OFF and reading.state is None
        return Match(route, target, reading if reading is not None and shows else route)

    def guards(self, target: Target) -> bool:
        """Tell whether a request for this target is guarded, or reported on, under any method at all."""
        coarse = target.coarse_segments
        for route in self.candidates:
            if route.covers(target, coarse) and (route.guard is not Guard.OFF or route.methods is None):
                return route.guard is not Guard.OFF
        return False

    def _first(self, method: str, target: Target, coarse: Sequence[str]) -> Route | None:
        if target.asterisk:
            return None
        for each in self.candidates:
            if each.takes(method) and each.covers(target, coarse):
                return each
        return None


@lru_cache(maxsize=2)  # before and after a change of the rules
def _read(spelled: bytes) -> Routes:
    """Return the routes that came from another process, and still know what they have matched since they came."""
    return Routes(*pickle.loads(spelled))  # noqa: S301 - the other half of `Routes.__reduce__`


def state_of(route: Route, target: Target) -> Target:
    """Return the target of the resource that guards another: `state` with what is captured, else that itself."""
    if route.state is None:
        return target
    return request_target.parse(route.state.expand(route.template.captures(target)), None)


UNMATCHED: Final = Route("unmatched", Template.parse("/{path...}"))
"""The default rules, for every path."""
