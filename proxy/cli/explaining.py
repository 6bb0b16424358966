"""What a route does with a request, in words: the lines of `ifmatch explain`.

What lives here: sentences about the rules of a route. What must not: which route that is (`core.matching`), and what is
done (`gateway.planning.plan`), which are asked as the proxy asks them. What a rule leaves as it is has no line.
"""

from collections.abc import Iterator
from dataclasses import fields
from typing import Final

from proxy.core import item_tags, uninjecting
from proxy.core.canonical import CanonicalJson
from proxy.core.cors import AllowedOrigins, Sharing
from proxy.core.matching import Match, Routes
from proxy.core.message import SAFE_METHODS
from proxy.core.preconditions import Absence, Require
from proxy.core.problem_template import ProblemTemplates
from proxy.core.route import Guard, Query, Route
from proxy.core.tag_rules import Aba, TagRules, UpstreamTag
from proxy.core.version import FieldVersion, MemberVersion
from proxy.gateway import Kind, Plan

Lines = Iterator[tuple[str, str]]

_DONE: Final = {
    Kind.RELAY: "relayed, streamed, untouched",
    Kind.OBSERVE: "answered from a selection, with a tag",
    Kind.GUARD: "forwarded only if its preconditions hold, under the lock",
    Kind.REPORT: "forwarded whatever its preconditions come to, and what that is, is reported",
    Kind.REJECT: "refused with 404",
}
_UNCONDITIONAL: Final = "relayed without a lock, as it has no precondition; with one it is {}"
_NO_RESOURCE: Final = "relayed, without a tag: what guards it is GET {}"
_ABSENT: Final = {
    Absence.REFUSE: "If-Match with a tag is 412",
    Absence.RELAY: "If-Match with a tag is answered by the origin's 404",
    Absence.FORWARD: "forwarded, whatever tag If-Match has",
}


def explained(routes: Routes, method: str, planned: Plan) -> Lines:
    """Yield the lines about a request without preconditions: a name and a sentence each."""
    match = planned.match
    if match is None:
        yield from (("route", "none"), ("done", _DONE[planned.kind]))
        return
    yield "route", match.route.name
    yield "done", _done(method, planned, match)
    if match.route.guard is Guard.OFF or method == "OPTIONS" or (planned.kind is Kind.RELAY and method in SAFE_METHODS):
        yield from _pages(match.route)
        return
    yield from _of_state(method, match)
    yield from _of_reading(routes, match) if planned.kind is Kind.OBSERVE else _of_write(planned.kind, match)
    yield from _pages(match.route)


def _done(method: str, planned: Plan, match: Match) -> str:
    route = match.route
    if planned.kind is not Kind.RELAY or route.guard is Guard.OFF:
        return _DONE[planned.kind]
    if method == "OPTIONS" and isinstance(route.cors, AllowedOrigins):
        return "answered here if it is a preflight, else relayed"
    if method == "OPTIONS":
        return _DONE[planned.kind]
    if method in SAFE_METHODS:
        return _NO_RESOURCE.format(match.state_target.raw)
    return _UNCONDITIONAL.format(_DONE[Kind.REPORT if route.guard is Guard.REPORT else Kind.GUARD])


def _of_state(method: str, match: Match) -> Lines:
    """Yield what a state is, and how it is learnt."""
    yield "tag key", match.tag_key
    if match.reading is not match.route:
        yield "tags by", f"{match.reading.name}, the route by which it is read"
    yield "tag of", _named_by(match.reading.rules)
    yield "asks", _asked(method, match)
    if method not in SAFE_METHODS:
        yield from _selecting(match.route)


def _named_by(rules: TagRules) -> str:
    """Say what names a state."""
    content = "the content, every byte"
    if isinstance(rules.canonical, CanonicalJson):
        content = ", nor ".join(("the content; of JSON neither key order nor white space", *rules.canonical.ignore))
    kept = {
        UpstreamTag.AUTO: "the origin's ETag if it is strong, else ",
        UpstreamTag.KEEP: "the origin's ETag, else ",
        UpstreamTag.REPLACE: "",
    }
    counted = ", and how often it was written" if rules.aba is Aba.DETECT else ""
    if isinstance(rules.version, MemberVersion):
        return f"{rules.version.pointer} in JSON, where that is; else {content}{counted}"
    if isinstance(rules.version, FieldVersion):
        return f"the field {rules.version.name}, where the answer has it; else {content}{counted}"
    return f"{kept[rules.keeps]}{content}{counted}"


def _asked(method: str, match: Match) -> str:
    whole = f"GET {match.state_target.raw}"
    if match.is_view and method in SAFE_METHODS:
        return f"{whole}, then GET {match.target.raw}, which is a view of it"
    return f"{whole}, of which the query is a view" if match.is_view else whole


def _selecting(route: Route) -> Lines:
    if route.select.accept is not None:
        yield "accepting", f"{route.select.accept}, unless the tag names another variant"
    if route.select.fields is not None:
        chosen = ", ".join(sorted(route.select.fields)) or "none"
        yield "by fields", f"{chosen}; besides credentials and those that always go along"


def _of_reading(routes: Routes, match: Match) -> Lines:
    route, rules = match.route, match.reading.inject
    if rules is not None:
        quotes = "" if rules.quotes else ", without quotes"
        yield "content", f"JSON gets its tag as {rules.field}{quotes}"
    if rules is not None and rules.items:
        paths = ", ".join(path.text for path in rules.items)
        yield "items", f"{paths} get theirs, where {rules.link.text} leads to a guarded resource"
    if any(each.inject is not None and each.inject.items for each in routes.routes):
        yield "in lists", _in_lists(match)
    if route.query is Query.IDENTITY:
        yield "query", "part of what the tag names"
    if route.trust > 0:
        yield "trusts", f"a tag seen less than {route.trust:g} s ago, for 304 and 412"


def _in_lists(match: Match) -> str:
    """Say whether a list can tell the tag of this resource."""
    reason = item_tags.unforeseen(match)
    if reason is not None:
        return f"no list tells its tag: {reason}"
    where = "told where a list shows it as a whole"
    return (
        where if match.route.rules.keeps is UpstreamTag.REPLACE else f"{where} and has no ETag that would be kept here"
    )


def _of_write(kind: Kind, match: Match) -> Lines:
    route, dropped = match.route, uninjecting.rules_for(match)
    if kind is not Kind.REPORT:
        yield "lock", match.lock_key
    yield "requires", _required(route)
    if route.policy.absent in _ABSENT:
        yield "if absent", _ABSENT[route.policy.absent]
    if route.policy.tolerated:
        yield "takes", f"tags that are {', '.join(sorted(form.value for form in route.policy.tolerated))}, too"
    if route.already_applied and kind is not Kind.REPORT:
        yield "repeated", "answered 204: a stale PUT of what is there, a DELETE of what is gone"
    if dropped is not None:
        yield "content", f"{dropped.field} is dropped from JSON before it is forwarded"
    yield from _refusals(route.problem)
    if kind is not Kind.REPORT:
        yield from _of_lease(route)


def _of_lease(route: Route) -> Lines:
    yield "says after", f"the new tag: {route.etag_on_write.value}"
    if route.fence is not None:
        yield "fence", f"in the field {route.fence}"
    yield "waits", f"{route.lock.wait:g} s for the lock, {route.timeouts.perform:g} s for the answer"
    yield "holds", f"{route.lock.write:g} s at most, if the answer never comes"


def _required(route: Route) -> str:
    refused = f"(else {route.missing_status})"
    return {
        Require.NONE: "nothing",
        Require.EXISTING: f"If-Match, where a representation exists {refused}",
        Require.ALWAYS: f"If-Match {refused}",
    }[route.policy.require]


def _refusals(templates: ProblemTemplates) -> Lines:
    told = {field.name: getattr(templates, field.name) for field in fields(templates)}
    own = [f"{name} as {template.content_type}" for name, template in told.items() if template is not None]
    if own:
        yield "own words", ", ".join(own)


def _pages(route: Route) -> Lines:
    """Yield who may read, where that is not left to the origin server."""
    if isinstance(route.cors, AllowedOrigins):
        yield "pages", f"of {', '.join(route.cors.origins)}, whatever the origin says"
    elif route.cors is Sharing.OFF:
        yield "pages", "as the origin says, and not ETag"
