"""All mistakes of single values at once, and a document to go on with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.mistakes import KeyPath, Position
from proxy.config.model import SECTIONS, Document
from proxy.config.section import keys
from proxy.config.validation import validate
from proxy.config.yaml_source import Misread, Spot, Value

GOOD: dict[str, Value] = {"upstream": "http://o", "routes": ({"path": "/a/{id}"}, {"path": "/b"})}


def paths(values: dict[str, Value], unread: set[KeyPath] | None = None) -> list[KeyPath]:
    """Return the paths of what is wrong."""
    return [mistake.path for mistake in validate(values, {}, unread or set()).mistakes]


def test_a_good_document_has_no_mistakes() -> None:
    """Nothing is said, and the document is the one that was written."""
    validated = validate(GOOD, {}, set())
    assert validated.mistakes == []
    assert validated.doubtful == set()
    assert [route.path.text for route in validated.document.routes] == ["/a/{id}", "/b"]


def test_every_mistake_is_found_at_once() -> None:
    """At every level, of every kind."""
    values: dict[str, Value] = {
        "listen": 8080,
        "unknown": 1,
        "tls": {"certificate": "a"},
        "routes": ({"guard": "x", "lock": {"write": 3, "y": 1}}, "z", {"path": "/", "methods": ("put", "PUT", 1)}),
    }
    assert sorted(map(str, paths(values))) == sorted(
        map(
            str,
            [
                ("listen",),
                ("unknown",),
                ("upstream",),
                ("tls", "key"),
                ("routes", 0, "path"),
                ("routes", 0, "guard"),
                ("routes", 0, "lock", "write"),
                ("routes", 0, "lock", "y"),
                ("routes", 1),
                ("routes", 2, "methods", 0),
                ("routes", 2, "methods", 2),
            ],
        )
    )


def test_what_is_right_stays_in_the_document() -> None:
    """Beside a mistake the other keys keep their values, and routes keep their numbers."""
    values: dict[str, Value] = {
        "drain": "7s",
        "listen": 1,
        "routes": (3, {"path": "/b", "guard": "x", "lock": {"write": "50s", "wait": 1}}, {}, {"path": "/c"}),
    }
    document = validate(values, {}, set()).document
    assert document.drain == 7
    assert [route.path.text for route in document.routes] == ["/", "/b", "/", "/c"]
    assert (document.routes[1].lock.write, document.routes[1].lock.wait) == (50, 10)


def test_what_was_replaced_is_doubtful() -> None:
    """Conclusions from defaults and stand-ins that nobody wrote can be told from others."""
    values: dict[str, Value] = {"routes": (3, {"path": "/b", "methods": ("put",)}, {})}
    assert validate(values, {}, set()).doubtful == {
        ("upstream",),
        ("routes", 0),
        ("routes", 1, "methods"),
        ("routes", 2, "path"),
    }


def test_what_is_inside_a_list_takes_the_list_with_it() -> None:
    """However deep: the list is the least that can be left out without moving what stands behind."""
    body: Value = {"a": "x", "errors": ("fine", {"code": "{"})}
    values: dict[str, Value] = {**GOOD, "routes": ({"path": "/", "problem": {"precondition_failed": {"body": body}}},)}
    validated = validate(values, {}, set())
    at = ("routes", 0, "problem", "precondition_failed", "body", "errors")
    assert [mistake.path for mistake in validated.mistakes] == [(*at, 1, "code")]
    assert validated.doubtful == {at}
    problem = validated.document.routes[0].problem
    assert problem is not None
    assert problem.precondition_failed is not None
    assert problem.precondition_failed.body == {"a": "x"}


def test_nothing_is_said_twice() -> None:
    """Of a value that could not be read a mistake is known already; it is doubtful all the same."""
    unread: set[KeyPath] = {("upstream",), ("routes", 0, "timeouts"), ("admin",)}
    values: dict[str, Value] = {"upstream": None, "admin": None, "routes": ({"path": "/", "timeouts": None},)}
    validated = validate(values, {}, unread)
    assert validated.mistakes == []
    assert validated.doubtful == unread


def test_an_unknown_key_is_where_its_name_stands() -> None:
    """A wrong value is where the value stands, which is found by its path."""
    spots: dict[KeyPath, Spot] = {(key,): Spot(Position(4, 1), Position(4, 9), "1") for key in ("unknown", "listen")}
    mistakes = validate({**GOOD, "unknown": 1, "listen": 1}, spots, set()).mistakes
    assert {mistake.path: mistake.position for mistake in mistakes} == {
        ("unknown",): Position(4, 1),
        ("listen",): None,
    }


@pytest.mark.parametrize("routes", [None, "x", 3, {"path": "/"}, ((),), (None,)])
def test_routes_of_another_kind_are_a_mistake(routes: Value) -> None:
    """A document is still made, without them."""
    validated = validate({"upstream": "http://o", "routes": routes}, {}, set())
    assert len(validated.mistakes) == 1


KEYS = sorted({key for section in SECTIONS.values() for key in keys(section)} | {"unknown"})
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 500),
    st.just(1.5),
    st.just(Misread("off", value=False)),
    st.sampled_from(
        ["", "off", "/a", "/{x}", "/{y...}", "5s", "8MiB", "PUT", "json", "none", "auto", "http://o", ":1"]
    ),
)
VALUES: st.SearchStrategy[Value] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(sorted(Document.model_fields)), VALUES, max_size=5))
def test_a_document_comes_of_anything(values: dict[str, Value]) -> None:
    """Whatever was written, each mistake has one line and there is a document that the rest can be checked with."""
    validated = validate(values, {}, set())
    assert isinstance(validated.document, Document)
    assert all("\n" not in mistake.message for mistake in validated.mistakes)
    assert bool(validated.mistakes) is bool(validated.doubtful)
