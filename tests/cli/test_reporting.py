"""The words of a probe. Those of each whole run are in `test_probing`."""

from collections.abc import Mapping, Sequence

import pytest

from proxy.cli import reporting
from proxy.cli.comparing import Comparison, compare
from proxy.core.fields import Fields
from proxy.core.matching import UNMATCHED, Match
from proxy.core.message import Response
from proxy.core.minting import Minter
from proxy.core.route import Guard, Route, Unmatched
from proxy.core.tag_rules import TagRules
from proxy.core.target import parse
from proxy.core.template import Template


def answers(contents: Sequence[bytes], fields: Mapping[str, str] | None = None) -> list[Response]:
    """Return an answer with each content."""
    described = {"Content-Type": "application/json", **(fields or {})}
    return [Response(200, Fields(described.items()), content) for content in contents]


def compared(sent: Sequence[Response]) -> Comparison:
    """Compare answers that came in one burst, and once more."""
    return compare([sent, sent], "/wiki/a", TagRules(), Minter(""))


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        ([b'{"a": 6.46293899990269}', b'{"a": 7.0}'], "/a: 6.46293899990269, 7.0"),
        ([b'{"a": null}', b"{}"], "/a: in some answers only, null"),
        ([b'{"a": [1, 2, 3]}', b'{"a": [1]}'], "/a: 3, 1 items"),
        ([b'{"a": [1, 2]}', b'{"a": [2, 1]}'], "/a: the same items in another order"),
        ([b'{"a": {"%d": 1}}' % number for number in range(3)], "/a: its members have other names in each answer"),
        ([b'{"a": %d}' % number for number in range(9)], "/a: 0, 1, 2, ..."),
        ([b'{"a": "%s"}' % (b"x" * 99), b'{"a": 1}'], f'/a: "{"x" * 39}..., 1'),
        ([b'{"\\u001b[2J": 1}', b'{"\\u001b[2J": 2}'], "/\\x1b[2J: 1, 2"),
        ([b'{"a": "\\u009b2J"}', b'{"a": "\xc3\xa9"}'], '/a: "\\x9b2J", "é"'),
        ([b"1", b"2"], "the document as a whole: 1, 2"),
    ],
)
def test_what_stands_at_a_place_is_shown(contents: list[bytes], said: str) -> None:
    """As it is spelled, short, and without what a terminal would act on."""
    assert list(reporting.differences(compared(answers(contents)))) == [
        ("differs", f"{said} (from one answer to the next)")
    ]


def test_not_all_of_very_many_places_are_told() -> None:
    """A report can be read to its end."""
    contents = [str({f"m{number}": shift for number in range(50)}).replace("'", '"').encode() for shift in (1, 2)]
    lines = list(reporting.differences(compared(answers(contents))))
    assert len(lines) == 21
    assert lines[-1] == ("differs", "30 more places")


@pytest.mark.parametrize(
    ("contents", "fields", "said"),
    [
        ([b"1"], {}, "none"),
        ([b"1"], {"ETag": '"a"'}, '"a": strong, the same in all answers, and so is the content'),
        (
            [b"1", b"2"],
            {"ETag": 'W/"a"'},
            'W/"a": weak, stays the same while the content changes; If-Match never matches it',
        ),
        ([b"1"], {"ETag": "a"}, "a: malformed, so not used"),
    ],
)
def test_the_origin_servers_tag_is_told(contents: list[bytes], fields: Mapping[str, str], said: str) -> None:
    """What it is, what it does, and what a weak one is not good for."""
    sent = answers(contents, fields)
    assert reporting.origin_tag(compared(sent), sent) == said


@pytest.mark.parametrize(
    ("contents", "fields", "said"),
    [
        ([b"a", b"b"], {"Content-Type": "text/plain"}, "text/plain is none"),
        (
            [b"a", b"b"],
            {"Content-Encoding": "gzip"},
            "gzip hides them: let the origin server heed Accept-Encoding: identity",
        ),
        (
            [b"{", b"["],
            {},
            "what is called application/json is none: a name twice in an object, NaN, or no JSON at all",
        ),
        ([b"1", b"2"], {}, "`ignore` names parts of a document, and this one differs as a whole"),
    ],
)
def test_why_nothing_is_proposed_is_told(contents: list[bytes], fields: Mapping[str, str], said: str) -> None:
    """Honestly: what `ignore` cannot do, and two ways out."""
    sent = answers(contents, fields)
    lines = list(reporting.no_cure(compared(sent), sent[0]))
    assert lines[0][0] == "no cure"
    assert lines[0][1].endswith(said)
    assert [word for word, _ in lines].count("what can") == 2


def test_several_representations_are_told_apart_from_volatile_content() -> None:
    """Where the language differs, no key of a tag helps."""
    sent = [*answers([b"1"], {"Content-Language": "en"}), *answers([b"1"], {"Content-Language": "de"})]
    said = [text for _, text in reporting.no_cure(compared(sent), sent[0])]
    assert said[0].startswith("these are several representations")


@pytest.mark.parametrize(
    ("route", "unmatched", "said"),
    [
        (UNMATCHED, Unmatched.GUARD, "none, so guarded under the default rules"),
        (UNMATCHED, Unmatched.REJECT, "none, so refused with 404"),
        (UNMATCHED, Unmatched.RELAY, "none, so nothing is guarded"),
        (Route("wiki", Template.parse("/wiki/{id}")), Unmatched.RELAY, "wiki: guarded"),
        (Route("wiki", Template.parse("/wiki/{id}"), guard=Guard.OFF), Unmatched.RELAY, "wiki: not guarded"),
        (Route("wiki", Template.parse("/wiki/{id}"), guard=Guard.REPORT), Unmatched.RELAY, "wiki: guard: report"),
    ],
)
def test_whether_it_is_guarded_is_told(route: Route, unmatched: Unmatched, said: str) -> None:
    """Each way in which a request may go."""
    target = parse("/wiki/a", None)
    assert reporting.route(Match(route, target, route), unmatched).startswith(said)


def test_a_pointer_that_names_nothing_is_told() -> None:
    """It may be a slip of the pen."""
    assert reporting.unused("/querry_ms") == "/querry_ms in the route's etag names nothing in these answers"
