"""Routes: which one a request takes, and which keys it takes there."""

import pickle
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core import target as request_target
from proxy.core.canonical import CanonicalJson
from proxy.core.matching import Match, Routes
from proxy.core.route import Guard, Query, Route, Unmatched
from proxy.core.tag_rules import TagRules
from proxy.core.target import Target
from proxy.core.template import Template


def target(raw: str) -> Target:
    """Return the target of a raw path."""
    return request_target.parse(raw, None)


def route(path: str, name: str = "", /, **rules: object) -> Route:
    """Return a route for a path template; `state` may be given as text."""
    state = rules.pop("state", None)
    parsed = Template.parse(state) if isinstance(state, str) else None
    return Route(name or path, Template.parse(path), state=parsed, **rules)  # type: ignore[arg-type]


def taken(routes: Routes, raw: str, method: str = "PUT") -> str | None:
    """Return the name of the route that a request takes."""
    found = routes.match(method, target(raw))
    return found.route.name if found else None


def matched(path: str, raw: str, **rules: object) -> Match:
    """Return the match of a target with the one route of that path."""
    found = Routes([route(path, **rules)]).match("PUT", target(raw))
    assert found is not None
    return found


BYPASSES = [
    "/wiki/1",
    "/WIKI/1",
    "/wiki/1/",
    "/wiki//1",
    "/wiki;x/1",
    "/%77iki/1",
    "/wiki%3bx/1",
    "/wiki/1;v=2",
    "/wiki/%31",
    "/wiki/1.json",
    "/wiki.json/1",
    "/wiki/1?x=1",
    "/wiki/1?",
]


@pytest.mark.parametrize("raw", BYPASSES)
def test_no_spelling_escapes(raw: str) -> None:
    """Every spelling of a guarded resource takes its route and its lock, though other routes stand around it."""
    routes = Routes([route("/wiki"), route("/wiki/{id}", methods=frozenset({"PUT"})), route("/{rest...}")])
    found = routes.match("PUT", target(raw))
    assert found is not None
    assert found.route.name == "/wiki/{id}"
    assert found.lock_key == "/wiki/1"


@pytest.mark.parametrize(
    "raw",
    [
        "/orders/7/cancel",
        "/Orders/7/CANCEL",
        "/orders/7//cancel/",
        "/orders;x/7;y/cancel;z",
        "/orders/%37/c%61ncel.json",
        "/orders.xml/7.json/cancel",
    ],
)
def test_no_spelling_escapes_the_state(raw: str) -> None:
    """Every spelling of an action takes the lock of the resource that guards it."""
    assert matched("/orders/{id}/cancel", raw, state="/orders/{id}").lock_key == target("/orders/7").lock_key


SPELLINGS = {
    "a": ["a", "A", "%61", "a.json", "A;x", "%41;x=1.xml"],
    "b": ["b", "%42.yaml", "b%3Bx"],
    "é": ["%C3%A9", "%c3%89", "e%CC%81"],
}
paths = st.lists(st.sampled_from(list(SPELLINGS)), max_size=3)


@st.composite
def raws(draw: st.DrawFn, path: list[str]) -> str:
    """One of the many spellings of a path."""
    slashes = st.sampled_from(["/", "//"])  # behind a segment: a target that begins with two is refused
    spelled = [draw(st.sampled_from(SPELLINGS[name])) + draw(slashes) for name in path]
    return "/" + "".join(spelled)


@given(st.data(), paths)
def test_one_lock_key_one_route(data: st.DataObject, path: list[str]) -> None:
    """Two targets with one lock key take the same route: no guarded route tells apart what a lock holds together."""
    one, other = data.draw(raws(path)), data.draw(raws(path))
    assert target(one).lock_key == target(other).lock_key
    routes = Routes([route("/a/{x}"), route("/A.json"), route("/%C3%A9/b/{rest...}"), route("/{rest...}")])
    assert taken(routes, one) == taken(routes, other)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("/files/public/1", "off"),
        ("/files//public//1/", "off"),
        ("/files/%70ublic/1", "off"),
        ("/files/PUBLIC/1", "on"),
        ("/files/public;x/1", "on"),
        ("/files/public.json/1", "on"),
        ("/files/private/1", "on"),
    ],
)
def test_no_spelling_falls_into_an_unguarded_route(raw: str, name: str) -> None:
    """A route that is not guarded takes what is spelled as it is written; the rest stays with the guarded ones."""
    routes = Routes([route("/files/public/{x...}", "off", guard=Guard.OFF), route("/files/{x...}", "on")])
    assert taken(routes, raw) == name


@given(
    st.lists(st.sampled_from(["/a", "/{x}", "/a/{x}", "/{x}/b", "/{x...}", "/a/{x...}"]), max_size=6),
    paths.flatmap(raws),
)
def test_first_match_wins(templates: list[str], raw: str) -> None:
    """The route taken is the first, in the order written, whose template matches."""
    asked = target(raw)
    routes = [route(template, str(place)) for place, template in enumerate(templates)]
    first = next((one for one in routes if one.template.match(asked) is not None), None)
    found = Routes(routes).match("PUT", asked)
    assert (found and found.route) is first
    assert found is None or found.captures == found.route.template.match(asked)


@pytest.mark.parametrize(
    ("methods", "method", "takes"),
    [
        (None, "BREW", True),
        ({"PUT"}, "PUT", True),
        ({"PUT"}, "PATCH", False),
        ({"PUT"}, "put", False),
        ({"GET"}, "HEAD", True),
        ({"PUT"}, "HEAD", False),
        ({"HEAD"}, "GET", False),
    ],
)
def test_methods(methods: set[str] | None, method: str, takes: bool) -> None:
    """A route takes the methods it names, all without names, and HEAD wherever it takes GET."""
    routes = Routes([route("/a", "one", methods=None if methods is None else frozenset(methods)), route("/a", "next")])
    assert taken(routes, "/a", method) == ("one" if takes else "next")


@pytest.mark.parametrize(
    ("unmatched", "name"), [(Unmatched.RELAY, None), (Unmatched.REJECT, None), (Unmatched.GUARD, "unmatched")]
)
def test_unmatched(unmatched: Unmatched, name: str | None) -> None:
    """What no route matches has no match, but under GUARD the default rules and its own keys."""
    routes = Routes([route("/wiki/{id}")], unmatched)
    assert taken(routes, "/wiki/1") == "/wiki/{id}"
    assert taken(routes, "/other/1/") == name
    assert taken(routes, "/", "DELETE") == name
    found = routes.match("PUT", target("/Other/1/?x"))
    assert found is None or (found.lock_key, found.tag_key) == ("/other/1", "/Other/1/")
    assert found is None or found.route.guard is Guard.ENFORCE


@pytest.mark.parametrize("unmatched", Unmatched)
def test_asterisk_form_has_no_route(unmatched: Unmatched) -> None:
    """`OPTIONS *` speaks of the server as a whole: no route, no key."""
    routes = Routes([route("/"), route("/{rest...}")], unmatched)
    assert routes.match("OPTIONS", target("*")) is None


def test_state_target_is_the_request_target_by_default() -> None:
    """Without `state` the request's own target is selected, to the byte, query included."""
    found = matched("/wiki/{id}", "/Wiki//%41?x=1")
    assert found.state_target is found.target
    assert found.captures == {"id": "%41"}


def test_state_target_is_expanded_raw() -> None:
    """With `state` its expansion is selected: captures as spelled, literals as written, nothing of the query."""
    found = matched("/orders/{id}/cancel", "/ORDERS/%41b;v=1.0/Cancel?x=1", state="/orders/{id}/")
    assert found.state_target.raw == "/orders/%41b;v=1.0/"
    assert found.state_target.query is None
    assert found.tag_key == target("/orders/%41b;v=1.0/").key


@pytest.mark.parametrize(
    ("query", "raw", "tag_key"),
    [
        (Query.IGNORE, "/a?x=1", "/a"),
        (Query.IDENTITY, "/a", "/a"),
        (Query.IDENTITY, "/a?", "/a"),
        (Query.IDENTITY, "/a?x=1", "/a?x=1"),
        (Query.IDENTITY, "/%61?x=%61&x=2", "/a?x=%61&x=2"),
    ],
)
def test_query(query: Query, raw: str, tag_key: str) -> None:
    """The query is part of the tag key where it identifies, as sent; of the lock key it is never part."""
    found = matched("/a", raw, query=query)
    assert found.tag_key == tag_key
    assert found.lock_key == "/a"


def test_state_has_no_query_to_identify() -> None:
    """The request's query says nothing about the resource that `state` names."""
    assert matched("/a/{x}/do", "/a/1/do?y", query=Query.IDENTITY, state="/a/{x}").tag_key == "/a/1"


def test_captures_are_no_part_of_the_route() -> None:
    """Two requests of one route share the route's very object, so that metrics count under one label."""
    routes = Routes([route("/wiki/{id}")])
    one, other = (routes.match("PUT", target(raw)) for raw in ("/wiki/1", "/wiki/2"))
    assert one is not None
    assert other is not None
    assert one.route is other.route
    assert one != other


READ = route("/wiki/{id}", methods=frozenset({"GET"}), rules=TagRules(CanonicalJson()))
WRITTEN = route("/wiki/{id}", "write", methods=frozenset({"PUT"}))
ACTION = route("/wiki/{id}/lock", state="/wiki/{id}")


@pytest.mark.parametrize(
    ("routes", "method", "raw", "reading"),
    [
        ([READ, WRITTEN], "GET", "/wiki/1", READ),
        ([READ, WRITTEN], "PUT", "/wiki/1", READ),
        ([ACTION, READ], "POST", "/wiki/1/lock", READ),
        ([ACTION, route("/{rest...}", "all")], "POST", "/wiki/1/lock", route("/{rest...}", "all")),
        ([ACTION], "POST", "/wiki/1/lock", ACTION),
        ([WRITTEN], "PUT", "/wiki/1", WRITTEN),
        ([route("/wiki/{id}", "off", guard=Guard.OFF, methods=frozenset({"GET"})), WRITTEN], "PUT", "/wiki/1", WRITTEN),
        ([route("/wiki/{id}", "x", state="/x/{id}", methods=frozenset({"GET"})), WRITTEN], "PUT", "/wiki/1", WRITTEN),
    ],
)
def test_a_write_is_compared_by_the_rules_of_who_reads(
    routes: list[Route], method: str, raw: str, reading: Route
) -> None:
    """Else no tag that a reader was shown would ever be current; where none is shown, its own rules are as good."""
    found = Routes(routes).match(method, target(raw))
    assert found is not None
    assert found.reading == reading


def test_a_write_has_the_tag_key_of_who_reads() -> None:
    """Whether the query counts, or makes a view, is theirs to say, too."""
    read = route("/wiki/{id}", methods=frozenset({"GET"}), query=Query.IDENTITY)
    found = Routes([read, WRITTEN]).match("PUT", target("/wiki/1?a=b"))
    assert found is not None
    assert found.tag_key == "/wiki/1?a=b"
    view = Routes([replace(read, query=Query.VIEW), WRITTEN]).match("PUT", target("/wiki/1?a=b"))
    assert view is not None
    assert (view.tag_key, view.state_target.raw, view.lock_key) == ("/wiki/1", "/wiki/1", "/wiki/1")


def test_what_is_a_view_to_a_reader_is_one_to_nobody_else() -> None:
    """Where `state` names another resource there is none of it."""
    found = Routes([route("/wiki/{id}", query=Query.VIEW)]).match("GET", target("/wiki/1?a=b"))
    assert found is not None
    assert (found.is_view, found.state_target.raw, found.tag_key) == (True, "/wiki/1", "/wiki/1")
    mapped = Routes([ACTION, route("/{rest...}", query=Query.VIEW)]).match("POST", target("/wiki/1/lock?a=b"))
    assert mapped is not None
    assert (mapped.is_view, mapped.state_target.raw) == (False, "/wiki/1")


@pytest.mark.parametrize(
    ("routes", "raw", "guarded"),
    [
        (Routes([route("/wiki/{id}")]), "/wiki/1", True),
        (Routes([route("/wiki/{id}")]), "/other", False),
        (Routes([route("/wiki/{id}", guard=Guard.OFF)]), "/wiki/1", False),
        (Routes([route("/wiki/{id}", guard=Guard.REPORT)]), "/wiki/1", True),
        (Routes([route("/wiki/{id}", methods=frozenset({"PUT"}))]), "/wiki/1", True),
        (Routes([route("/{a...}", guard=Guard.OFF), route("/wiki/{id}")]), "/wiki/1", False),
        (Routes([route("/{a...}", guard=Guard.OFF, methods=frozenset({"GET"})), route("/wiki/{id}")]), "/wiki/1", True),
        (Routes([route("/ws", guard=Guard.OFF, methods=frozenset({"GET"}))], Unmatched.GUARD), "/ws", True),
        (Routes([route("/ws", guard=Guard.OFF, methods=frozenset({"GET"}))], Unmatched.REJECT), "/ws", False),
        (Routes([route("/ws", guard=Guard.OFF)], Unmatched.GUARD), "/ws", False),
        (Routes([route("/ws", guard=Guard.OFF)], Unmatched.GUARD), "/WS", True),
        (Routes([], Unmatched.GUARD), "/ws", True),
        *((Routes([route("/wiki/{id}")]), raw, True) for raw in BYPASSES),
    ],
)
def test_a_target_is_guarded_if_any_method_is(routes: Routes, raw: str, guarded: bool) -> None:
    """The first route that speaks for all methods decides, or one before it that guards some."""
    assert routes.guards(target(raw)) is guarded


class Spelled(Route):
    """A route that counts how often it goes to another process."""

    times = 0

    def __reduce__(self) -> tuple[type[Route], tuple[object, ...]]:
        """Count, and go as what it is."""
        Spelled.times += 1
        return Route, (self.name, self.template, self.methods)


def test_routes_that_go_to_another_process_are_the_same() -> None:
    """Their order, their rules and what is done without a match; not what they have matched here."""
    here = Routes([route("/a/{id}", methods=frozenset({"GET"})), route("/a/{id}", "others")], Unmatched.REJECT)
    before = pickle.dumps(here)
    assert taken(here, "/a/1") == "others"
    assert pickle.dumps(here) == before
    there = pickle.loads(before)  # noqa: S301 - made here
    assert (there.routes, there.unmatched) == (here.routes, here.unmatched)
    assert taken(there, "/a/1") == "others"


def test_routes_are_spelled_and_read_once_however_often_they_go() -> None:
    """Each large document takes them along, and a configuration may have hundreds."""
    Spelled.times = 0
    here = Routes([Spelled("counts", Template.parse("/a/{id}"))])
    one, other = (pickle.loads(pickle.dumps((number, here))) for number in range(2))  # noqa: S301 - made here
    assert (one[0], other[0], Spelled.times) == (0, 1, 1)
    assert one[1] is other[1]
    changed = pickle.loads(pickle.dumps(Routes([route("/b/{id}")])))  # noqa: S301 - likewise
    assert changed.match("GET", target("/a/1")) is None
