"""The controls: what is falsely expected is told, and what is taken out of the engine makes cases fail."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from proxy.adapters.memory import MemoryState
from proxy.core import coding, entity_tag, preconditions, presenting, ranges, selecting
from proxy.core.entity_tag import EntityTag
from proxy.core.message import Response
from proxy.core.presenting import Statement
from proxy.core.representation import Opacity
from proxy.gateway.asking import Asking
from proxy.gateway.creating import Creating
from proxy.gateway.declining import Declining
from proxy.gateway.viewing import Viewing
from tests.conformance.case import Case, Expected
from tests.conformance.origin import Received
from tests.conformance.playing import differences, play, unlawful
from tests.conformance.reading import cases
from tests.conformance.speaking import Heard
from tests.conformance.stands import Stand, in_process, running
from tests.support.child import python

CASES = cases()


def case(**members: Any) -> Case:
    """Return a case about a stale PUT, with these members."""
    request = {"method": "PUT", "fields": {"If-Match": "{stale tag}"}}
    expect = {"status": 412, "forwarded": "nothing", **members.pop("expect", {})}
    plain = {"id": "control", "rfc": "9110 §1", "rules": ("some",), "says": "It is.", "request": request}
    return Case.model_validate({**plain, **members, "expect": expect})


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    """Return the gateway of this process with the control's route."""
    with in_process([case()]) as serving:
        yield serving


TRUE: dict[str, Any] = {
    "fields": {"ETag": "{tag}", "Cache-Control": "no-store"},
    "matching": {"ETag": '"[^"]+"'},
    "differing": {"ETag": "{stale tag}"},
    "absent": ("Location",),
    "problem": {"reason": "stale", "current_etag": "{tag}"},
    "asked": {"times": 1, "method": "GET", "fields": {"Accept-Encoding": "identity"}, "absent": ("If-Match",)},
    "leaves": {"/doc/1": "one"},
}


def test_what_is_true_is_no_difference(stand: Stand) -> None:
    """The control of the controls: with nothing false in it, the case holds."""
    assert play(case(expect=TRUE), stand) == []


@pytest.mark.parametrize(
    ("false", "told"),
    [
        ({"status": 204}, "status 412; expected 204"),
        ({"fields": {"ETag": "{other tag}"}}, "ETag is "),
        ({"fields": {"Location": "/"}}, "Location is None; expected '/'"),
        ({"matching": {"ETag": "W/.*"}}, "ETag is "),
        ({"matching": {"Location": ".+"}}, "Location is None"),
        ({"differing": {"ETag": "{tag}"}}, "ETag is "),
        ({"differing": {"Location": "/"}}, "Location is None"),
        ({"absent": ("ETag",)}, "ETag is "),
        ({"content": "one"}, "content b'{"),
        ({"problem": {"reason": "weak"}}, "the problem's reason is 'stale'; expected 'weak'"),
        ({"problem": {"outcome": None}}, "the problem's outcome is 'not-applied'"),
        ({"forwarded": "once"}, "forwarded 0 times; expected 1"),
        ({"forwarded": {"times": 2}}, "forwarded 0 times; expected 2"),
        ({"asked": "nothing"}, "asked 1 times; expected nothing"),
        ({"asked": "twice"}, "asked 1 times; expected twice"),
        ({"asked": {"method": "HEAD"}}, "asked with the method 'GET'; expected 'HEAD'"),
        ({"asked": {"target": "/doc/2"}}, "asked with the target '/doc/1'"),
        ({"asked": {"content": "x"}}, "asked with the content ''"),
        ({"asked": {"fields": {"Accept-Encoding": "gzip"}}}, "asked where Accept-Encoding is 'identity'"),
        ({"asked": {"fields": {"X-Odd": "1"}}}, "asked where X-Odd is None"),
        ({"asked": {"differing": {"Accept-Encoding": "identity"}}}, "asked where Accept-Encoding is 'identity'"),
        ({"asked": {"differing": {"X-Odd": "1"}}}, "asked where X-Odd is None"),
        ({"asked": {"absent": ("Accept-Encoding",)}}, "asked where Accept-Encoding is 'identity'; expected none"),
        ({"leaves": {"/doc/1": "new"}}, "the origin server has 'one' at /doc/1; expected 'new'"),
        ({"leaves": {"/doc/1": None}}, "the origin server has 'one' at /doc/1; expected None"),
    ],
)
def test_what_is_falsely_expected_is_told(stand: Stand, false: dict[str, Any], told: str) -> None:
    """Each kind of expectation, one false at a time, is the one difference."""
    (difference,) = play(case(expect=false), stand)
    assert difference.startswith(f"step 1: {told}".replace("asked 1 times", "the origin server was asked 1 times"))


@pytest.mark.parametrize(
    ("false", "told"),
    [
        ({"forwarded": "nothing"}, "forwarded 1 times; expected 0"),
        ({"forwarded": {"method": "POST"}}, "forwarded with the method 'PUT'"),
        ({"forwarded": {"content": "old"}}, "forwarded with the content 'new'"),
        ({"forwarded": {"absent": ("Content-Type",)}}, "forwarded where Content-Type is 'text/plain'"),
        ({"problem": {"reason": "stale"}}, "a None; expected a problem document"),
        ({"content": "new"}, "content b''"),
    ],
)
def test_a_write_that_was_not_to_be_performed_is_told(stand: Stand, false: dict[str, Any], told: str) -> None:
    """Where the origin server was written to, no expectation of the opposite passes."""
    request = {"method": "PUT", "fields": {"If-Match": "{tag}"}}
    plain = {"status": 204, "forwarded": "once"}
    assert play(case(request=request, expect=plain), stand) == []
    (difference,) = play(case(request=request, expect=plain | false), stand)
    assert difference.startswith(f"step 1: {told}")


def test_the_step_that_differs_is_named(stand: Stand) -> None:
    """In a case of several steps each difference says where it was."""
    steps = [{"expect": {"status": 200}}, {"expect": {"status": 304}}]
    bare = {name: value for name, value in case().model_dump().items() if name in {"id", "rfc", "rules", "says"}}
    stepped = Case.model_validate({**bare, "steps": tuple(steps)})
    assert play(stepped, stand) == ["step 2: status 200; expected 304"]


PROBLEM = b'{"type": "urn:ifmatch:problem:x", "status": 412, "outcome": "not-applied"}'
PROBLEM_LINES = (("Content-Type", "application/problem+json"), ("Cache-Control", "no-store"))
WRITE = Received("PUT", "/doc/1", (), b"new")


@pytest.mark.parametrize(
    ("heard", "seen", "told"),
    [
        (Heard(200, (("ETag", "x"),), b""), [], "ETag is no entity tag"),
        (Heard(304, (("Content-Type", "text/plain"),), b""), [], "a 304 with ['content-type']"),
        (Heard(412, PROBLEM_LINES, PROBLEM), [WRITE], "a refusal, but the origin server saw"),
        (Heard(412, PROBLEM_LINES[:1], PROBLEM), [], "a problem document that a cache may store"),
        (Heard(428, PROBLEM_LINES, PROBLEM), [], "the problem says 412, the response 428"),
    ],
)
def test_what_no_answer_may_be_is_told(heard: Heard, seen: list[Received], told: str) -> None:
    """Whatever a case says: an ETag that is none, a 304 that repeats too much, a refusal of what was forwarded."""
    (said,) = unlawful(heard, seen)
    assert said.startswith(told)
    assert list(unlawful(Heard(412, PROBLEM_LINES, PROBLEM), [])) == []


def test_an_answer_that_is_no_problem_document_is_told() -> None:
    """A 412 whose content only looks like one does not pass."""
    told = list(differences(Expected(status=412, problem={"status": 412}), Heard(412, (), b'{"status": 412}')))
    assert told == ["a None; expected a problem document"]


def _everything(response: Response) -> Response:
    return replace(response, status=304)


def _current(*_: object) -> Statement:
    return Statement.CURRENT


async def _idle(*_: object, **__: object) -> None:
    pass


def _same(found: Any, *_: object, **__: object) -> Any:
    return found


def _true(*_: object) -> bool:
    return True


def _nothing(*_: object) -> None:
    return None


def _cut_short(text: str, *_: object, **__: object) -> Any:
    """Read a list as far as it is one, as a lenient parser does."""
    return tuple(EntityTag(found) for found in text.split('"')[1::2])


TAKEN_OUT: list[tuple[str, Any, str, Any]] = [
    ("if-match-evaluated", preconditions, "_demanded", lambda *_: preconditions.Preconditions(if_match=())),
    ("if-match-false", preconditions, "_if_match", _nothing),
    ("if-match-strong", EntityTag, "strong_match", EntityTag.weak_match),
    ("comparison", EntityTag, "strong_match", EntityTag.weak_match),
    ("if-match-any", preconditions, "_absent", _nothing),
    ("if-match-malformed", entity_tag, "parse_list", _cut_short),
    ("if-none-match-weak", EntityTag, "weak_match", EntityTag.strong_match),
    ("if-none-match-false-read", preconditions, "_if_none_match", _nothing),
    ("if-none-match-false-write", preconditions, "_if_none_match", _nothing),
    ("if-none-match-malformed", entity_tag, "parse_list", _cut_short),
    ("if-modified-since-false", preconditions, "_if_modified_since", _nothing),
    ("if-modified-since-beside", preconditions, "_demanded", lambda _, conditions, __: conditions),
    ("if-unmodified-since-false", preconditions, "_if_unmodified_since", _nothing),
    ("if-unmodified-since-beside", preconditions, "_demanded", lambda _, conditions, __: conditions),
    ("if-range-false", presenting, "_range_applies", _true),
    ("if-range-strong", EntityTag, "strong_match", EntityTag.weak_match),
    ("range-served", ranges, "parse", _nothing),
    ("range-unsatisfiable", ranges, "parse", _nothing),
    ("only-before-2xx", Opacity, "relayed", property(lambda _: False)),
    ("origin-server-to-clients", selecting, "write", _same),
    ("not-modified-nothing-else", presenting, "not_modified", _everything),
    ("tag-after-put", presenting, "statement", _current),
    ("required-existing", preconditions, "_lacks_guard", lambda *_: False),
    ("forgets-target", MemoryState, "forget", _idle),
    ("precedence", preconditions, "_demanded", lambda _, conditions, __: replace(conditions, if_none_match=None)),
    ("if-match-applied", Declining, "_is_done", _idle),
    ("prefer-representation", selecting, "prefers_representation", lambda _: False),
    ("variants", selecting, "of_variant", _same),
    ("tolerated", entity_tag, "_without_suffix", lambda _: ()),
    ("tag-of-created", Creating, "tag_of_created", _idle),
    ("forgets-location", Creating, "forget_named", _idle),
    ("views", Viewing, "view", Asking.select),
    ("own-credentials", selecting, "NOT_REVALIDATING", selecting.NOT_REVALIDATING | {"authorization"}),
    ("partial-fields", presenting, "RANGE_UNAWARE", presenting.RANGE_UNAWARE | {"cache-control"}),
    ("codings", coding, "codings", lambda _: ""),
]


@pytest.mark.parametrize(("rule", "place", "name", "instead"), TAKEN_OUT, ids=[row[0] for row in TAKEN_OUT])
def test_a_rule_that_is_taken_out_is_missed(
    rule: str, place: Any, name: str, instead: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway without one of its parts fails at least one of the cases that speak for the rule, and by no crash."""
    speaking = [found for found in CASES if rule in found.rules]
    monkeypatch.setattr(place, name, instead)
    with in_process(speaking) as stand:
        missed = [difference for found in speaking for difference in play(found, stand)]
    assert missed != []
    assert [difference for difference in missed if "status 500" in difference] == []


def test_a_command_that_sends_writes_again_is_seen() -> None:
    """The running command is looked at as closely: one that repeats what was not answered fails the cases about it."""
    speaking = [found for found in CASES if "unknown-outcome" in found.rules]
    with running(speaking, python("-m", "tests.support.mutants", "repeating")) as stand:
        assert [found.id for found in speaking if play(found, stand)] == ["write-timeout", "write-dropped"]
