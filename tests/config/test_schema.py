"""The JSON Schema for editors."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from proxy.config import yaml_source
from proxy.config.schema import DIALECT, model_schema, schema

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "config" / "schema.json"
OURS = sorted([*(ROOT / "config").glob("routes*.yaml"), *(ROOT / "config" / "examples").glob("*.yaml")])
SCHEMA = Draft202012Validator(schema())
ROUTE = {"upstream": "http://o", "routes": [{"path": "/a"}]}


def json_of(text: str) -> Any:
    """Return YAML as an editor hands it to a validator."""
    return json.loads(json.dumps(yaml_source.parse(text, "f").values))


def marked(document: Any) -> list[str]:
    """Return the paths that an editor would mark."""
    return [error.json_path for error in SCHEMA.iter_errors(document)]


def test_the_committed_schema_is_the_model() -> None:
    """config/schema.json is what `ifmatch schema` prints."""
    assert COMMITTED.read_text(encoding="utf-8") == json.dumps(schema(), indent=2) + "\n"


def test_it_is_a_schema() -> None:
    """Of the dialect that it names."""
    Draft202012Validator.check_schema(schema())
    assert schema()["$schema"] == DIALECT == Draft202012Validator.META_SCHEMA["$id"]


@pytest.mark.parametrize("file", OURS, ids=lambda file: file.name)
def test_our_files_fit(file: Path) -> None:
    """An editor marks nothing in the configurations that come with ifmatch."""
    assert marked(json_of(file.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "line",
    [
        "unmatched: ${X}",
        "drain: ${X:-5s}",
        "store: ${X}",
        "store: memory://",
        "store: UNIX:/run/redis.sock",
        "store: REDISS+Sentinel://u:p@h,[::1]:1/main?ca=a",
        "{on_store_failure: local, workers: 64}",
        "routes: [{path: /, trust: 0s, fence: Fencing-Token}, {path: /, trust: '${X}', fence: '${X}'}]",
        "routes: [{path: /, fence: null}]",
        "admin: null",
        'admin: "off"',
        "tls: null",
        "tls: {certificate: '${A}', key: b.pem}",
        "routes: [{path: '${X}/a', guard: '${X}', absent_status: '${X}', methods: ['${X}'], limits: {mint: '${X}'}}]",
        "routes: [{path: /, methods: null, state: null, name: null, absent_status: null}]",
        "routes: [{path: /, lock: {read: null, write: null}}]",
        "routes: []",
        "routes: [{path: /, problem: null}, {path: /, problem: {precondition_failed: {body: {a: [1, {b: null}]}}}}]",
        "routes: [{path: /, cors: auto}, {path: /, cors: 'off'}, {path: /, cors: ['https://a:1', '${X}', '*', 'a://b']}]",
        "routes: [{path: /, problem: {precondition_required: {body: '${X}', content_type: '${X}'}}}]",
    ],
)
def test_what_loads_fits(line: str) -> None:
    """The schema is never stricter than the program: variables may stand for any text, null where it has a meaning."""
    assert marked(json_of(line)) == []


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("unmatched: gaurd", "$.unmatched"),
        ("upstreem: http://o", "$"),
        ("store: localhost:6379", "$.store"),
        ("on_store_failure: ignore", "$.on_store_failure"),
        ("workers: 0", "$.workers"),
        ("connections: 0", "$.connections"),
        ("workers: 65", "$.workers"),
        ("workers: '4'", "$.workers"),
        ("routes: [{path: /, trust: 1}]", "$.routes[0].trust"),
        ("routes: [{path: /, fence: X Y}]", "$.routes[0].fence"),
        ("drain: 20", "$.drain"),
        ("drain: 20 s", "$.drain"),
        ("listen: 8080", "$.listen"),
        ("routes: [{}]", "$.routes[0]"),
        ("routes: [{path: wiki}]", "$.routes[0].path"),
        ("routes: [{path: /, gaurd: x}]", "$.routes[0]"),
        ("routes: [{path: /, methods: []}]", "$.routes[0].methods"),
        ("routes: [{path: /, methods: [put]}]", "$.routes[0].methods"),
        ("routes: [{path: /, missing_status: 429}]", "$.routes[0].missing_status"),
        ("routes: [{path: /, limits: {mint: 8MB}}]", "$.routes[0].limits.mint"),
        ("routes: [{path: /, lock: {waiters: 0}}]", "$.routes[0].lock.waiters"),
        ("tls: {certificate: a}", "$.tls"),
        ("routes: [{path: /, cors: []}]", "$.routes[0].cors"),
        ("routes: [{path: /, cors: ['https://a/b']}]", "$.routes[0].cors"),
        ("routes: [{path: /, problem: {malformed_precondition: {body: 1}}}]", "$.routes[0].problem"),
    ],
)
def test_an_editor_marks_mistakes(line: str, path: str) -> None:
    """What is wrong in one value is seen while it is written."""
    assert marked(json_of(line)) == [path]


def test_every_value_is_explained() -> None:
    """Each property, and each section, has its description for an editor to show."""
    made = model_schema()
    for section in (made, *made["$defs"].values()):
        assert section["additionalProperties"] is False
        for key, node in section["properties"].items():
            assert "description" in node or "$ref" in node, key


def test_titles_are_notations() -> None:
    """An editor shows `duration` over a value, and not the key once more."""
    properties = schema()["$defs"]["TimeoutsSection"]["properties"]
    assert {node["title"] for node in properties.values()} == {"duration"}
    assert "title" not in schema()["$defs"]["TimeoutsSection"]
