"""What is to be done with a request, by its head and the routes alone."""

from dataclasses import replace

import pytest

from proxy.core.matching import Routes
from proxy.core.preconditions import Policy, Require
from proxy.core.route import Guard, Query, Route, UnconditionalPost, Unmatched
from proxy.core.template import Template
from proxy.gateway import Kind
from proxy.gateway.planning import plan
from tests.support.scripted import request

WIKI = Route("wiki", Template.parse("/wiki/{id}"))
REPORTING = replace(WIKI, guard=Guard.REPORT)
METHODS = {"writes": frozenset({"PUT"}), "reads": frozenset({"GET"})}


@pytest.mark.parametrize(
    ("method", "path", "lines", "route", "kind"),
    [
        ("GET", "/wiki/1", [], WIKI, Kind.OBSERVE),
        ("HEAD", "/wiki/1", [], WIKI, Kind.OBSERVE),
        ("OPTIONS", "/wiki/1", [], WIKI, Kind.RELAY),
        ("PUT", "/wiki/1", [], WIKI, Kind.GUARD),
        ("DELETE", "/WIKI//1/", [], WIKI, Kind.GUARD),
        ("PROPPATCH", "/wiki/1", [], WIKI, Kind.GUARD),
        ("PUT", "/wiki/1", [], replace(WIKI, guard=Guard.OFF), Kind.RELAY),
        ("POST", "/wiki/1", [], WIKI, Kind.RELAY),
        ("POST", "/wiki/1", [("If-Match", '"a"')], WIKI, Kind.GUARD),
        ("POST", "/wiki/1", [], replace(WIKI, unconditional_post=UnconditionalPost.LOCK), Kind.GUARD),
        ("POST", "/wiki/1", [], replace(WIKI, policy=Policy(Require.EXISTING)), Kind.GUARD),
        ("GET", "/wiki/1", [], replace(WIKI, state=Template.parse("/state/{id}")), Kind.RELAY),
        ("PUT", "/wiki/1", [], replace(WIKI, state=Template.parse("/state/{id}")), Kind.GUARD),
        ("PUT", "/other", [], WIKI, Kind.RELAY),
        ("PUT", "/wiki/1", [], REPORTING, Kind.REPORT),
        ("GET", "/wiki/1", [], REPORTING, Kind.OBSERVE),
        ("POST", "/wiki/1", [], REPORTING, Kind.RELAY),
        ("GET", "/wiki/1", [], replace(WIKI, guard=Guard.OFF), Kind.RELAY),
        ("GET", "/wiki/1?a=b", [], replace(WIKI, query=Query.VIEW), Kind.OBSERVE),
    ],
)
def test_each_request_has_one_kind(
    method: str, path: str, lines: list[tuple[str, str]], route: Route, kind: Kind
) -> None:
    """What is guarded is decided by the route and the method alone; unknown methods are unsafe."""
    assert plan(Routes([route]), request(method, path, *lines)).kind is kind


@pytest.mark.parametrize(
    ("unmatched", "kind"),
    [(Unmatched.RELAY, Kind.RELAY), (Unmatched.GUARD, Kind.GUARD), (Unmatched.REJECT, Kind.REJECT)],
)
def test_what_no_route_matches(unmatched: Unmatched, kind: Kind) -> None:
    """`unmatched` speaks for every target that no route names."""
    planned = plan(Routes([WIKI], unmatched), request("PUT", "/other"))
    assert planned.kind is kind
    assert (planned.match is not None) == (kind is Kind.GUARD)


@pytest.mark.parametrize(("asked", "route"), [("PUT", "writes"), ("GET", "reads"), (None, None)])
def test_a_preflight_is_matched_as_what_it_asks_for(asked: str | None, route: str | None) -> None:
    """It is passed on whatever it asks, by the route that speaks for the request it announces."""
    routes = Routes([replace(WIKI, name=name, methods=methods) for name, methods in METHODS.items()])
    lines = [("Origin", "https://a.example"), ("Access-Control-Request-Method", asked)] if asked else []
    planned = plan(routes, request("OPTIONS", "/wiki/1", *lines))
    assert planned.kind is Kind.RELAY
    assert (None if planned.match is None else planned.match.route.name) == route
