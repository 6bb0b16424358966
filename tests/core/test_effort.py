"""How long work on content may take, and whom it keeps waiting."""

from dataclasses import replace

import pytest

from proxy.core import effort
from proxy.core.canonical import CanonicalJson
from proxy.core.effort import CODED, LARGE, READ, SEARCHED, Effort
from proxy.core.fields import Fields
from proxy.core.injection import Injection
from proxy.core.message import Response
from proxy.core.route import Route
from proxy.core.tag_rules import TagRules
from proxy.core.template import Template
from proxy.core.version import FieldVersion, MemberVersion
from tests.support.injecting import ITEM, LIST

PLAIN = Route("plain", Template.parse("/x"))
CANONICAL = replace(PLAIN, rules=TagRules(CanonicalJson()))
MEMBER = replace(PLAIN, rules=TagRules(version=MemberVersion("/v")))
FIELD = replace(PLAIN, rules=TagRules(version=FieldVersion("Last-Modified")))
JSON, TEXT = ("Content-Type", "application/json"), ("Content-Type", "text/plain")
GZIP, STRONG, WEAK = ("Content-Encoding", "gzip"), ("ETag", '"x"'), ("ETag", 'W/"x"')
SHORT, COMPILED, INTERPRETED = Effort


@pytest.mark.parametrize(
    ("route", "lines", "limit", "beyond"),
    [
        (PLAIN, [JSON], LARGE, COMPILED),
        (PLAIN, [JSON, WEAK], LARGE, COMPILED),
        (PLAIN, [JSON, GZIP], LARGE // CODED, COMPILED),
        (FIELD, [TEXT], LARGE, COMPILED),
        (CANONICAL, [TEXT], LARGE, COMPILED),
        (CANONICAL, [JSON], LARGE // READ, INTERPRETED),
        (CANONICAL, [JSON, GZIP], LARGE // READ // CODED, INTERPRETED),
        (MEMBER, [JSON], LARGE // READ, INTERPRETED),
        (MEMBER, [TEXT], LARGE, COMPILED),
        (ITEM, [JSON], LARGE // READ, INTERPRETED),
        (ITEM, [TEXT], LARGE, COMPILED),
        (LIST, [JSON], LARGE // READ // SEARCHED, INTERPRETED),
        (LIST, [JSON, STRONG], LARGE // READ // SEARCHED, INTERPRETED),
        (LIST, [TEXT], LARGE, COMPILED),
    ],
)
def test_what_it_takes_to_tag(route: Route, lines: list[tuple[str, str]], limit: int, beyond: Effort) -> None:
    """It is long from some size on, which is the smaller the more is done with each byte."""
    found = [effort.of_tagging(route, Response(200, Fields(lines), bytes(size))) for size in (0, limit - 1, limit)]
    assert found == [SHORT, SHORT, beyond]


def test_a_tag_that_is_kept_takes_nothing() -> None:
    """However large the content: nobody looks at it, unless tags go into it."""
    content, lines = bytes(4 * LARGE), Fields([JSON, STRONG])
    assert effort.of_tagging(CANONICAL, Response(200, lines, content)) is SHORT
    injecting = replace(CANONICAL, inject=Injection())
    assert effort.of_tagging(injecting, Response(200, lines, content)) is INTERPRETED


def test_what_it_takes_to_read_and_to_hash() -> None:
    """The same scale, without a route."""
    assert [effort.of_digest(LARGE - 1), effort.of_digest(LARGE)] == [SHORT, COMPILED]
    plain, searching = LARGE // READ, LARGE // READ // SEARCHED
    assert [effort.of_reading(size, searches=False) for size in (plain - 1, plain)] == [SHORT, INTERPRETED]
    assert [effort.of_reading(size, searches=True) for size in (searching - 1, searching)] == [SHORT, INTERPRETED]
