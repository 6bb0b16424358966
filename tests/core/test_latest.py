"""What was made of the latest state of a resource."""

import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core import latest
from proxy.core.fields import Fields
from proxy.core.latest import LARGEST, TELLING, Latest
from proxy.core.message import Response

RULES = b"rules"


def response(content: bytes = b"a", **fields: str) -> Response:
    """Return a whole answer with these fields."""
    return Response(200, Fields([(name.replace("_", "-"), value) for name, value in fields.items()]), content)


def test_the_latest_state_is_known_again() -> None:
    """Equal content and equal telling fields are the same state, whatever else the answer says."""
    kept: Latest[str] = Latest()
    kept.keep("/a", response(content_type="a/b", date="1"), RULES, "made")
    assert kept.of("/a", response(content_type="a/b", date="2", etag="x"), RULES) == "made"


@pytest.mark.parametrize("name", TELLING)
def test_what_tells_states_apart(name: str) -> None:
    """Each of the telling fields does, present, absent or with another value, and in two lines."""
    kept: Latest[str] = Latest()
    shown = Response(200, Fields([(name, "a")]), b"a")
    kept.keep("/a", shown, RULES, "made")
    for lines in ([], [(name, "b")], [(name, "a"), (name, "a")]):
        assert kept.of("/a", Response(200, Fields(lines), b"a"), RULES) is None
    assert kept.of("/a", Response(200, Fields([(name.upper(), "a")]), b"a"), RULES) == "made"


def test_another_state_is_not_known() -> None:
    """Nor is the same of another resource, or by other rules; an earlier state is forgotten for a later one."""
    kept: Latest[str] = Latest()
    kept.keep("/a", response(b"a"), RULES, "made")
    assert kept.of("/a", response(b"b"), RULES) is None
    assert kept.of("/b", response(b"a"), RULES) is None
    assert kept.of("/a", response(b"a"), b"others") is None
    kept.keep("/a", response(b"b"), RULES, "later")
    assert kept.of("/a", response(b"a"), RULES) is None
    assert kept.of("/a", response(b"b"), RULES) == "later"


def test_large_content_is_not_kept() -> None:
    """What is larger than that is never known again, and what was kept before stays what it was."""
    kept: Latest[str] = Latest()
    kept.keep("/a", response(b"a" * LARGEST), RULES, "made")
    kept.keep("/a", response(b"a" * (LARGEST + 1)), RULES, "large")
    assert kept.of("/a", response(b"a" * LARGEST), RULES) == "made"
    assert kept.of("/a", response(b"a" * (LARGEST + 1)), RULES) is None


def test_what_was_kept_first_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many resources there are, only so many are kept."""
    monkeypatch.setattr(latest, "RESOURCES", 2)
    kept: Latest[int] = Latest()
    for number in range(4):
        kept.keep(f"/{number}", response(), RULES, number)
    assert [kept.of(f"/{number}", response(), RULES) for number in range(4)] == [None, None, 2, 3]


class Watched(Fields):
    """Fields of which it can be seen whether anybody has them."""

    __slots__ = ("__weakref__",)


def test_the_rest_of_a_head_is_not_kept() -> None:
    """A head may be much larger than the content: of it is kept what tells states apart, and no more."""
    kept: Latest[str] = Latest()
    fields = Watched([("Content-Type", "a/b"), ("X-Policy", "a" * 60_000)])
    there = weakref.ref(fields)
    kept.keep("/a", Response(200, fields, b"a"), RULES, "made")
    del fields
    assert there() is None
    assert kept.of("/a", response(content_type="a/b"), RULES) == "made"


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([b"", b"a", b"b"]), st.sampled_from(["", "x"]))))
def test_nothing_is_taken_for_what_it_is_not(states: list[tuple[str, bytes, str]]) -> None:
    """Whatever was kept before, what is returned was made of this very state."""
    kept: Latest[tuple[str, bytes, str]] = Latest()
    for key, content, language in states:
        shown = response(content, content_language=language) if language else response(content)
        assert kept.of(key, shown, RULES) in (None, (key, content, language))
        kept.keep(key, shown, RULES, (key, content, language))
        assert kept.of(key, shown, RULES) == (key, content, language)
