"""The YAML that a probe proposes."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from proxy.cli.proposing import proposal
from proxy.config import load
from proxy.core import json_pointer
from proxy.core.canonical import CanonicalJson
from proxy.core.matching import UNMATCHED, Match, Routes
from proxy.core.route import Guard, Route
from proxy.core.tag_rules import Aba, TagRules, UpstreamTag
from proxy.core.target import parse
from proxy.core.template import Template
from proxy.core.version import FieldVersion, MemberVersion

CURE = TagRules(CanonicalJson(("/n",)))


def route(path: str, state: str | None = None, rules: TagRules | None = None, **more: object) -> Route:
    """Return a route, named for its path."""
    return Route(
        path,
        Template.parse(path),
        state=None if state is None else Template.parse(state),
        rules=rules or TagRules(),
        **more,  # type: ignore[arg-type]  # as they stand in the table
    )


def proposed(routes: list[Route], raw: str, cure: TagRules = CURE) -> str | None:
    """Return what is proposed for the resource that is reached by a target."""
    target = parse(raw, None)
    rules = Routes(routes)
    return proposal(rules, rules.match("GET", target) or Match(UNMATCHED, target, UNMATCHED), cure)


def paths(yaml_text: str | None) -> list[str]:
    """Return the paths of proposed routes."""
    assert yaml_text is not None
    return [section["path"] for section in yaml.safe_load(yaml_text)["routes"]]


@pytest.mark.parametrize(
    ("routes", "raw", "expected"),
    [
        ([], "/wiki/a", ["/wiki/a"]),
        ([], "/wiki/a.json?x=1", ["/wiki/a.json"]),
        ([], "/wiki/%61{b}//c/", ["/wiki/a%7Bb%7D/c/"]),
        ([route("/wiki/{id}")], "/wiki/a", ["/wiki/{id}"]),
        ([route("/wiki/{id}", guard=Guard.OFF)], "/wiki/a", ["/wiki/a"]),
        ([route("/x"), route("/o/{i}/cancel", "/o/{i}"), route("/o/{i}")], "/o/1", ["/o/{i}/cancel", "/o/{i}"]),
        ([route("/o/{i}/cancel", "/o/{i}"), route("/o/{i}")], "/o/1/cancel", ["/o/{i}/cancel", "/o/{i}"]),
        ([route("/o/{i}/cancel", "/o/{i}.json")], "/o/1.json", ["/o/{i}/cancel", "/o/{i}.json"]),
        ([route("/o/{i}/cancel", "/o/{i}")], "/o/1/cancel", ["/o/{i}/cancel", "/o/{i}"]),
    ],
)
def test_it_has_all_routes_whose_tags_must_agree(routes: list[Route], raw: str, expected: list[str]) -> None:
    """Where a resource is read and where it is written, in the order of the file; one is added if none reads it."""
    assert paths(proposed(routes, raw)) == expected


def test_a_path_that_no_template_names_is_not_proposed() -> None:
    """Parameters in a path cannot be written as a route."""
    assert proposed([], "/wiki/a;v=1") is None


@pytest.mark.parametrize(
    ("cure", "etag"),
    [
        (TagRules(CanonicalJson()), {"canonical": "json"}),
        (TagRules(CanonicalJson(("/a", "/b"))), {"canonical": "json", "ignore": ["/a", "/b"]}),
        (TagRules(upstream=UpstreamTag.REPLACE), {"upstream": "replace"}),
        (TagRules(version=MemberVersion("/v")), {"from": "/v"}),
        (TagRules(version=FieldVersion("X-V"), aba=Aba.DETECT), {"from": "X-V", "aba": "detect"}),
    ],
)
def test_all_keys_of_a_tag_are_written(cure: TagRules, etag: dict[str, object]) -> None:
    """What makes the tags of the answers one is there, and nothing that is the default."""
    text = proposed([route("/wiki/{id}")], "/wiki/a", cure)
    assert text is not None
    assert yaml.safe_load(text) == {"routes": [{"path": "/wiki/{id}", "etag": etag}]}


def test_each_route_keeps_what_it_ignores() -> None:
    """Also where the answers were compared under the rules of another route."""
    action = route("/o/{i}/cancel", "/o/{i}", TagRules(CanonicalJson(("/own", "/n"))), methods=frozenset({"POST"}))
    text = proposed([action, route("/o/{i}")], "/o/1")
    assert text is not None
    first, second = yaml.safe_load(text)["routes"]
    assert first["etag"]["ignore"] == ["/own", "/n"]
    assert first["methods"] == ["POST"]
    assert second["etag"]["ignore"] == ["/n"]


def test_it_is_in_block_style() -> None:
    """As the files of config/ are written, and no key is folded or quoted that need not be."""
    assert proposed([], "/wiki/a") == (
        "routes:\n  - path: /wiki/a\n    etag:\n      canonical: json\n      ignore:\n        - /n"
    )


tokens = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(["${A}", "$${", ": ", "\x85"])
places = st.lists(tokens, min_size=1, max_size=3).map(json_pointer.spelled)


@given(st.lists(places, min_size=1, max_size=3, unique=True))
def test_whatever_is_ignored_is_read_back(tmp_path_factory: pytest.TempPathFactory, pointers: list[str]) -> None:
    """Whatever names an origin server gives its members, the configuration that holds them means the same."""
    named = [pointer for pointer in pointers if pointer != "/*"]
    kept = tuple(pointer for index, pointer in enumerate(named) if index not in json_pointer.covered(named))
    text = proposed([], "/wiki/a", TagRules(CanonicalJson(tuple(named))))
    path = tmp_path_factory.getbasetemp() / "proposed.yaml"
    path.write_text(f"upstream: http://127.0.0.1:9000\n{text}\n", "utf-8")
    (read,) = load(str(path), flags={}, environ={}).routes.routes
    assert read.rules.canonical == CanonicalJson(kept)
