"""What `ifmatch explain` says of the rules of a route."""

import io
from pathlib import Path

import pytest

from proxy.cli.telling import explain

GOOD = """
upstream: http://127.0.0.1:9000
unmatched: reject
routes:
  - path: /wiki/{id}
    require: existing
  - path: /orders/{id}/cancel
    state: /orders/{id}
  - path: /orders/{id}
    etag: {canonical: json, ignore: [/seen, /count]}
    query: view
  - path: /free/{rest...}
    guard: "off"
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    """Return the name of a configuration of several routes."""
    path = tmp_path / "routes.yaml"
    path.write_text(GOOD, "utf-8")
    return str(path)


def explained(config: str, method: str, url: str) -> dict[str, str]:
    """Return what `explain` says, by its first words."""
    out = io.StringIO()
    explain(config, method, url, out)
    return {line[:11].strip(): line[12:] for line in out.getvalue().splitlines()}


@pytest.mark.parametrize(
    ("method", "url", "route", "says"),
    [
        ("GET", "/wiki/a?x=1", "/wiki/{id}", {"tag key": "/wiki/a", "asks": "GET /wiki/a?x=1"}),
        ("PUT", "http://example.org/wiki/a", "/wiki/{id}", {"lock": "/wiki/a"}),
        ("PUT", "/WIKI/%61/", "/wiki/{id}", {"lock": "/wiki/a"}),
        ("DELETE", "/orders/7/cancel", "/orders/{id}/cancel", {"asks": "GET /orders/7", "lock": "/orders/7"}),
        ("PUT", "/free/x", "/free/{rest...}", {"done": "relayed, streamed, untouched"}),
        ("PUT", "/other", "none", {"done": "refused with 404"}),
        (
            "DELETE",
            "/orders/7/cancel",
            "/orders/{id}/cancel",
            {"tags by": "/orders/{id}, the route by which it is read"},
        ),
        (
            "GET",
            "/orders/7/cancel",
            "/orders/{id}/cancel",
            {"done": "relayed, without a tag: what guards it is GET /orders/7"},
        ),
        ("OPTIONS", "/wiki/a", "/wiki/{id}", {"done": "relayed, streamed, untouched"}),
    ],
)
def test_route_key_and_lock_are_named(config: str, method: str, url: str, route: str, says: dict[str, str]) -> None:
    """What is said is what would be done, by the same code."""
    explanation = explained(config, method, url)
    assert explanation["route"] == route
    assert explanation.items() >= says.items()


@pytest.mark.parametrize(
    ("method", "asks"),
    [
        ("GET", "GET /orders/7, then GET /orders/7?fields=a, which is a view of it"),
        ("PUT", "GET /orders/7, of which the query is a view"),
    ],
)
def test_a_view_is_called_one(config: str, method: str, asks: str) -> None:
    """Readers see what is asked twice, writers what their query counts for."""
    assert explained(config, method, "/orders/7?fields=a")["asks"] == asks


def of_route(tmp_path: Path, method: str, rules: str) -> dict[str, str]:
    """Return what is said of a request to a route with these rules."""
    config = tmp_path / "one.yaml"
    config.write_text(f"upstream: http://127.0.0.1:9000\nroutes:\n  - {{path: '/a/{{id}}', {rules}}}\n", "utf-8")
    return explained(str(config), method, "/a/1")


KEPT = "the origin's ETag if it is strong, else "
AS_JSON = "the content; of JSON neither key order nor white space"


@pytest.mark.parametrize(
    ("etag", "named_by"),
    [
        ("{}", f"{KEPT}the content, every byte"),
        ("{upstream: replace}", "the content, every byte"),
        ("{upstream: keep}", "the origin's ETag, else the content, every byte"),
        ("{canonical: json, ignore: [/b, /c]}", f"{KEPT}{AS_JSON}, nor /b, nor /c"),
        ("{aba: detect}", "the content, every byte, and how often it was written"),
        ("{from: /v, canonical: json}", f"/v in JSON, where that is; else {AS_JSON}"),
        ("{from: Last-Modified}", "the field Last-Modified, where the answer has it; else the content, every byte"),
    ],
)
def test_what_names_a_state_is_said(tmp_path: Path, etag: str, named_by: str) -> None:
    """Each source of a tag, and what stands in for it."""
    assert of_route(tmp_path, "GET", f"etag: {etag}")["tag of"] == named_by


@pytest.mark.parametrize(
    ("method", "rules", "says"),
    [
        ("GET", "inject: {}", {"content": "JSON gets its tag as _etag"}),
        (
            "GET",
            "inject: {quotes: false, items: ['$[*]'], self: '/a/{/id}'}, accept_tags: [unquoted]",
            {
                "content": "JSON gets its tag as _etag, without quotes",
                "items": "$[*] get theirs, where /a/{/id} leads to a guarded resource",
            },
        ),
        ("PUT", "inject: {field: tag}", {"content": "tag is dropped from JSON before it is forwarded"}),
        (
            "GET",
            "query: identity, trust: 2s",
            {
                "query": "part of what the tag names",
                "trusts": "a tag seen less than 2 s ago, for 304 and 412",
            },
        ),
        ("PUT", "accept_tags: [weak, unquoted]", {"takes": "tags that are unquoted, weak, too"}),
        ("PUT", "absent_status: 404", {"if absent": "If-Match with a tag is answered by the origin's 404"}),
        (
            "PUT",
            "already_applied: true",
            {"repeated": "answered 204: a stale PUT of what is there, a DELETE of what is gone"},
        ),
        (
            "PUT",
            "select: {accept: text/plain, fields: [X-Tenant]}",
            {
                "accepting": "text/plain, unless the tag names another variant",
                "by fields": "x-tenant; besides credentials and those that always go along",
            },
        ),
        (
            "PUT",
            "problem: {precondition_failed: {body: {}}, malformed_precondition: {body: x, content_type: a/b}}",
            {"own words": "precondition_failed as application/problem+json, malformed_precondition as a/b"},
        ),
        ("PUT", "fence: Fencing-Token", {"fence": "in the field Fencing-Token"}),
        (
            "OPTIONS",
            "cors: ['https://a.example']",
            {
                "done": "answered here if it is a preflight, else relayed",
                "pages": "of https://a.example, whatever the origin says",
            },
        ),
        ("GET", "cors: 'off'", {"pages": "as the origin says, and not ETag"}),
        (
            "POST",
            "name: a",
            {
                "done": "relayed without a lock, as it has no precondition; with one it is forwarded only if its "
                "preconditions hold, under the lock",
                "lock": "/a/1",
            },
        ),
    ],
)
def test_each_rule_has_its_line(tmp_path: Path, method: str, rules: str, says: dict[str, str]) -> None:
    """A key that was set is found again in what is said."""
    assert of_route(tmp_path, method, rules).items() >= says.items()


def test_what_is_left_as_it_is_has_no_line(tmp_path: Path) -> None:
    """The default rules take ten lines."""
    assert list(of_route(tmp_path, "PUT", "name: a")) == [
        "route",
        "done",
        "tag key",
        "tag of",
        "asks",
        "lock",
        "requires",
        "says after",
        "waits",
        "holds",
    ]


def test_what_only_reports_says_so(tmp_path: Path) -> None:
    """Nothing is locked, refused or answered in the origin's place."""
    says = of_route(tmp_path, "PUT", "guard: report, already_applied: true")
    assert says["done"].startswith("forwarded whatever its preconditions come to")
    assert not {"lock", "repeated", "waits", "holds"} & says.keys()


@pytest.mark.parametrize(
    ("etag", "told"),
    [
        ("{canonical: json}", "told where a list shows it as a whole and has no ETag that would be kept here"),
        ("{canonical: json, upstream: replace}", "told where a list shows it as a whole"),
        ("{from: /v}", "told where a list shows it as a whole"),
        ("{}", "no list tells its tag: etag.canonical is none"),
        ("{canonical: json, aba: detect}", "no list tells its tag: etag.aba counts writes"),
        ("{from: Last-Modified}", "no list tells its tag: etag.from is a field of its own answer"),
    ],
)
def test_what_a_list_cannot_tell_is_said(tmp_path: Path, etag: str, told: str) -> None:
    """An item without a tag in a list is no riddle; where no list has items there is nothing to say."""
    config = tmp_path / "two.yaml"
    lines = f"upstream: http://127.0.0.1:9000\nroutes:\n  - {{path: '/a/{{id}}', etag: {etag}}}\n"
    config.write_text(f"{lines}  - {{path: /a, inject: {{items: ['$[*]']}}}}\n", "utf-8")
    assert explained(str(config), "GET", "/a/1")["in lists"] == told
    config.write_text(lines, "utf-8")
    assert "in lists" not in explained(str(config), "GET", "/a/1")
