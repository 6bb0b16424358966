"""From keys to routes of the core."""

from pathlib import Path
from typing import Any

import pytest

from proxy.config.json_path import JsonPath
from proxy.config.model import Document, RouteSection
from proxy.config.settings import OnStoreFailure
from proxy.config.translate import route, route_name, settings, store
from proxy.core.canonical import CanonicalJson
from proxy.core.cors import AllowedOrigins, Sharing
from proxy.core.entity_tag import TOLERANT, Tolerated
from proxy.core.injection import Injection
from proxy.core.preconditions import Absence, Policy, Require
from proxy.core.problem_template import ProblemTemplate, ProblemTemplates
from proxy.core.route import (
    Guard,
    Limits,
    LockRules,
    Query,
    Route,
    SelectRules,
    TagOnWrite,
    Timeouts,
    UnconditionalPost,
)
from proxy.core.self_link import SelfLink
from proxy.core.store_address import MEMORY, parse_store
from proxy.core.tag_rules import Aba, TagRules, UpstreamTag
from proxy.core.template import Template
from proxy.core.version import FieldVersion, MemberVersion

PATH = "/a/{id}"


def translated(**keys: Any) -> Route:
    """Return the route of the core for keys as they stand in a file."""
    return route(RouteSection.model_validate({"path": PATH, **keys}))


def test_defaults_are_those_of_the_core() -> None:
    """A route with a path alone is the core's default route: the two lists of defaults cannot drift apart."""
    assert translated() == Route(PATH, Template.parse(PATH))


@pytest.mark.parametrize(
    ("keys", "attribute", "value"),
    [
        ({"name": "n"}, "name", "n"),
        ({"methods": ("PUT", "PATCH", "PUT")}, "methods", frozenset({"PUT", "PATCH"})),
        ({"guard": "off"}, "guard", Guard.OFF),
        ({"state": "/s/{id}"}, "state", Template.parse("/s/{id}")),
        ({"query": "identity"}, "query", Query.IDENTITY),
        ({"require": "always"}, "policy", Policy(require=Require.ALWAYS)),
        ({"require": "existing"}, "policy", Policy(require=Require.EXISTING)),
        ({"absent_status": 412}, "policy", Policy(absent=Absence.REFUSE)),
        ({"absent_status": 404}, "policy", Policy(absent=Absence.RELAY)),
        ({"absent_status": "forward"}, "policy", Policy(absent=Absence.FORWARD)),
        ({"absent_status": None}, "policy", Policy(absent=Absence.BY_METHOD)),
        ({"missing_status": 403}, "missing_status", 403),
        ({"etag": {"canonical": "json", "ignore": ("/a",)}}, "rules", TagRules(CanonicalJson(("/a",)))),
        ({"etag": {"upstream": "keep"}}, "rules", TagRules(upstream=UpstreamTag.KEEP)),
        ({"etag": {"upstream": "replace"}}, "rules", TagRules(upstream=UpstreamTag.REPLACE)),
        ({"accept_tags": "tolerant"}, "policy", Policy(tolerated=TOLERANT)),
        ({"accept_tags": ("weak",)}, "policy", Policy(tolerated=frozenset({Tolerated.WEAK}))),
        ({"etag": {"from": "/v"}}, "rules", TagRules(version=MemberVersion("/v"))),
        ({"etag": {"from": "Last-Modified"}}, "rules", TagRules(version=FieldVersion("Last-Modified"))),
        ({"etag": {"aba": "detect"}}, "rules", TagRules(aba=Aba.DETECT)),
        ({"already_applied": True}, "already_applied", True),
        ({"select": {"accept": "a/b"}}, "select", SelectRules(accept="a/b")),
        ({"select": {"fields": ("X-Tenant",)}}, "select", SelectRules(fields=frozenset({"x-tenant"}))),
        ({"etag_on_write": "never"}, "etag_on_write", TagOnWrite.NEVER),
        ({"etag_on_write": "always"}, "etag_on_write", TagOnWrite.ALWAYS),
        ({"limits": {"content": "1KiB", "mint": "2B"}}, "limits", Limits(content=1024, mint=2)),
        (
            {"timeouts": dict.fromkeys(("connect", "receive", "select", "perform", "settle", "relay"), "9s")},
            "timeouts",
            Timeouts(connect=9, receive=9, select=9, perform=9, settle=9, relay=9),
        ),
        (
            {"lock": {"wait": "1s", "read": "6s", "write": "40s", "waiters": 3}},
            "lock",
            LockRules(wait=1, read=6, write=40, waiters=3),
        ),
        ({"unconditional_post": "lock"}, "unconditional_post", UnconditionalPost.LOCK),
        ({"trust": "1.5s"}, "trust", 1.5),
        ({"fence": "X-Fence"}, "fence", "X-Fence"),
        ({"inject": {}}, "inject", Injection()),
        (
            {"inject": {"field": "tag", "items": ("$.a[*]", "$.b"), "self": "/u~1l/0", "quotes": False}},
            "inject",
            Injection("tag", (JsonPath("$.a[*]"), JsonPath("$.b")), SelfLink.parse("/u~1l/0"), quotes=False),
        ),
        (
            {
                "problem": {
                    "precondition_failed": {"body": {"a": "{detail}"}},
                    "malformed_precondition": {"content_type": "text/plain", "body": "{status}"},
                }
            },
            "problem",
            ProblemTemplates(
                precondition_failed=ProblemTemplate.parse({"a": "{detail}"}),
                malformed_precondition=ProblemTemplate.parse("{status}", "text/plain"),
            ),
        ),
        ({"cors": "off"}, "cors", Sharing.OFF),
        ({"cors": ("HTTPS://a:443", "https://a")}, "cors", AllowedOrigins(("https://a",))),
        (
            {"problem": {"precondition_required": {"body": ()}}},
            "problem",
            ProblemTemplates(precondition_required=ProblemTemplate.parse(())),
        ),
    ],
)
def test_each_key_arrives(keys: dict[str, Any], attribute: str, value: object) -> None:
    """A key changes its own attribute of the route."""
    assert getattr(translated(**keys), attribute) == value


def test_leases_follow_the_time_outs() -> None:
    """Who gives a slow origin more time need not think of leases (invariant I3)."""
    lock = translated(timeouts={"select": "20s", "perform": "30s", "settle": "40s"}).lock
    assert (lock.read, lock.write) == (25, 75)


@pytest.mark.parametrize(
    ("keys", "name"),
    [({}, PATH), ({"methods": ("PUT", "DELETE")}, f"DELETE PUT {PATH}"), ({"name": "n", "methods": ("PUT",)}, "n")],
)
def test_a_route_without_a_name_gets_one(keys: dict[str, Any], name: str) -> None:
    """Routes for different methods of one path are told apart."""
    assert route_name(RouteSection.model_validate({"path": PATH, **keys})) == name


def document(**keys: Any) -> Document:
    """Return a document of keys as they stand in a file."""
    return Document.model_validate({"upstream": "http://o", **keys})


def test_the_store_and_what_goes_with_it_arrive() -> None:
    """The defaults are one process and no writes without the store."""
    least = settings(document(), "f", Path())
    assert (least.store, least.on_store_failure, least.workers) == (MEMORY, OnStoreFailure.REFUSE, 1)
    fleet = settings(document(store="redis://:p@h", on_store_failure="local", workers=4), "f", Path())
    assert (str(fleet.store), fleet.store.password) == ("redis://h:6379", "p")
    assert (fleet.on_store_failure, fleet.workers) == (OnStoreFailure.LOCAL, 4)


def test_the_files_of_the_store_start_at_the_configuration() -> None:
    """An absolute name stays as it is, and what is not named stays so."""
    text = "rediss://h?{}"
    assert store(document(store=text.format("ca=a")), Path("etc")) == parse_store(text.format("ca=etc/a"))
    both = store(document(store=text.format("certificate=/c&key=k")), Path("etc"))
    assert both == parse_store(text.format("certificate=/c&key=etc/k"))


def test_links_may_name_the_origin_server() -> None:
    """What calls itself by the name that stands in `upstream` is not another origin."""
    made = settings(document(upstream="http://o:9000", routes=({"path": PATH, "inject": {}},)), "f", Path())
    assert [route.inject for route in made.routes.routes] == [Injection(origin="o:9000")]


def test_every_route_key_is_translated() -> None:
    """No key of a route is accepted and then forgotten: each has a row in the table above, or is the path."""
    (table,) = [mark for mark in test_each_key_arrives.pytestmark if mark.name == "parametrize"]
    assert {key for keys, _, _ in table.args[1] for key in keys} == set(RouteSection.model_fields) - {"path"}
    assert "routes" in Document.model_fields
