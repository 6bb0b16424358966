"""What answers come to: one state or several, and the rules that make one of them."""

import gzip
from collections.abc import Mapping, Sequence

import pytest

from proxy.cli.comparing import Comparison, OwnTag, Reading, compare, idle
from proxy.core.canonical import AsSent, CanonicalJson
from proxy.core.fields import Fields
from proxy.core.message import Response
from proxy.core.minting import Minter
from proxy.core.tag_rules import Aba, TagRules, UpstreamTag
from proxy.core.version import FieldVersion, MemberVersion

JSON = {"Content-Type": "application/json"}
PLAIN = TagRules()
REPLACE = UpstreamTag.REPLACE


def compared(
    contents: Sequence[bytes], rules: TagRules = PLAIN, *fields: Mapping[str, str], media_type: str = "application/json"
) -> Comparison:
    """Compare answers in two bursts; `fields` are those of each answer in turn, besides its media type."""
    several = fields or ({},)
    answers = [
        Response(200, Fields({"Content-Type": media_type, **several[number % len(several)]}.items()), content)
        for number, content in enumerate(contents)
    ]
    half = len(answers) // 2
    return compare([answers[:half], answers[half:]], "/wiki/a", rules, Minter(""))


def tag(value: str) -> Mapping[str, str]:
    """The fields of an answer with an ETag."""
    return {"ETag": value}


ONE, TWO = b'{"a": 1, "b": 1}', b'{"b": 1, "a": 2}'


@pytest.mark.parametrize(
    ("contents", "rules", "fields", "cure"),
    [
        ([ONE, ONE], PLAIN, [], PLAIN),
        ([ONE, TWO], TagRules(CanonicalJson(("/a",))), [], TagRules(CanonicalJson(("/a",)))),
        ([ONE, b'{"b":1,"a":1}'], PLAIN, [], TagRules(CanonicalJson())),
        ([ONE, TWO], PLAIN, [], TagRules(CanonicalJson(("/a",)))),
        ([ONE, TWO], TagRules(CanonicalJson(("/c",))), [], TagRules(CanonicalJson(("/c", "/a")))),
        ([ONE, ONE], PLAIN, [tag('"1"'), tag('"2"')], TagRules(AsSent(), REPLACE)),
        ([ONE, TWO], PLAIN, [tag('"1"'), tag('"2"')], TagRules(CanonicalJson(("/a",)), REPLACE)),
        ([ONE, TWO], PLAIN, [tag('"1"')], PLAIN),
        ([ONE, TWO], PLAIN, [tag('W/"1"'), tag('W/"2"')], TagRules(CanonicalJson(("/a",)))),
        ([ONE, TWO], TagRules(version=FieldVersion("X-V")), [{"X-V": "1"}], TagRules(version=FieldVersion("X-V"))),
        ([ONE, ONE], TagRules(version=FieldVersion("X-V")), [{"X-V": "1"}, {"X-V": "2"}], PLAIN),
        ([ONE, TWO], TagRules(aba=Aba.DETECT), [], TagRules(CanonicalJson(("/a",)), aba=Aba.DETECT)),
        ([b"1", b"2"], PLAIN, [], None),
        ([ONE, ONE], PLAIN, [{"Content-Language": "en"}, {"Content-Language": "de"}], None),
    ],
)
def test_the_cure_changes_as_little_as_it_can(
    contents: list[bytes], rules: TagRules, fields: list[Mapping[str, str]], cure: TagRules | None
) -> None:
    """It is the route's own rules where they do, and none where no keys can; it is tried out before it is proposed."""
    comparison = compared(contents, rules, *fields)
    assert comparison.cure == cure
    assert comparison.stable == (cure == rules)


@pytest.mark.parametrize(
    ("content", "fields", "reading"),
    [
        (ONE, JSON, Reading.JSON),
        (ONE, {"Content-Type": "application/hal+json; charset=utf-8"}, Reading.JSON),
        (ONE, {"Content-Type": "text/plain"}, Reading.BYTES),
        (ONE, JSON | {"Content-Encoding": "gzip"}, Reading.CODED),
        (ONE, JSON | {"Content-Encoding": "Identity"}, Reading.JSON),
        (b'{"a": 1, "a": 2}', JSON, Reading.BROKEN),
        (b"{", JSON, Reading.BROKEN),
        (b"\xff", JSON, Reading.BROKEN),
        (b"[" * 2000 + b"]" * 2000, JSON, Reading.BROKEN),
    ],
)
def test_what_contents_can_be_read_as(content: bytes, fields: Mapping[str, str], reading: Reading) -> None:
    """JSON is compared as such exactly where a canonical form would read it as such; all else is bytes."""
    comparison = compared([content, content + b" "], PLAIN, fields)
    assert comparison.reading is reading
    assert (comparison.cure is not None) == (reading is Reading.JSON)
    assert bool(comparison.spans) == (reading is not Reading.JSON)


@pytest.mark.parametrize(
    ("contents", "tags", "own"),
    [
        ([b"1", b"1"], [{}], OwnTag.NONE),
        ([b"1", b"1"], [tag('"a"'), {}], OwnTag.SOMETIMES),
        ([b"1", b"1"], [tag("a")], OwnTag.MALFORMED),
        ([b"1", b"1"], [tag('"a"')], OwnTag.STEADY),
        ([b"1", b"2"], [tag('"a"'), tag('"b"')], OwnTag.FOLLOWS),
        ([b"1", b"2"], [tag('"a"')], OwnTag.OVERLOOKS),
        ([b"1", b"1"], [tag('"a"'), tag('"b"')], OwnTag.RESTLESS),
        ([b"1", b"1"], [tag('W/"a"')], OwnTag.STEADY),
    ],
)
def test_what_the_origin_servers_own_tag_does(
    contents: list[bytes], tags: list[Mapping[str, str]], own: OwnTag
) -> None:
    """Whether it can be relied on shows when it is held against the content."""
    assert compared(contents, PLAIN, *tags).own is own


@pytest.mark.parametrize(
    ("rules", "value", "kept"),
    [(PLAIN, '"a"', True), (PLAIN, 'W/"a"', False), (TagRules(upstream=REPLACE), '"a"', False)],
)
def test_whose_tag_it_is(rules: TagRules, value: str, kept: bool) -> None:
    """The one tag of stable answers is the origin server's own only where the rules keep it."""
    comparison = compared([b"1", b"1"], rules, tag(value))
    assert (comparison.stable, comparison.kept) == (True, kept)


def test_fields_that_decide_are_named_where_they_differ() -> None:
    """Other fields, such as Date, count for no tag and are not named."""
    comparison = compared([b"1", b"1"], PLAIN, {"Date": "a", "Content-Language": "en"}, {"Date": "b"})
    assert comparison.fields == (("Content-Language", ("en", None)),)


def test_what_is_ignored_already_is_not_named() -> None:
    """Also what is deeper than what is ignored, and what a `*` stands for."""
    contents = [b'{"a": {"b": %d}, "c": [{"d": %d, "e": %d}]}' % (number, number, number) for number in (1, 2)]
    comparison = compared(contents, TagRules(CanonicalJson(("/a", "/c/*/d"))))
    assert [place.pointer for place in comparison.places] == ["/c/0/e"]


def test_rules_may_name_what_is_not_there() -> None:
    """Of what no answer has, the operator should know; what one of them has is in use."""
    answers = [
        [
            Response(200, Fields([("Content-Type", "application/json")]), content)
            for content in (b'{"a": 1}', b'{"b": [2]}')
        ]
    ]
    rules = TagRules(CanonicalJson(("/a", "/b/*", "/c", "/b/1")), version=MemberVersion("/v"))
    assert idle(answers, rules) == ["/c", "/b/1", "/v"]
    assert idle(answers, TagRules()) == []
    assert idle([[Response(200, Fields(), b"text")]], rules) == []


def test_what_is_compressed_anew_is_looked_into() -> None:
    """As a tag is made of what is inside: a time stamp of the coding is no difference, and a member is named."""
    fields = JSON | {"Content-Encoding": "gzip"}
    same = compared([gzip.compress(ONE, mtime=stamp) for stamp in (1, 2)], PLAIN, fields)
    assert (same.reading, same.stable, same.same_bytes) == (Reading.JSON, True, True)
    others = [gzip.compress(b'{"n": %d}' % number, mtime=number) for number in (1, 2)]
    differing = compared(others, PLAIN, fields)
    assert [place.pointer for place in differing.places] == ["/n"]
    assert differing.cure is not None
    mixed = compared([gzip.compress(ONE, mtime=0), ONE], PLAIN, fields, JSON)
    assert [name for name, _ in mixed.fields] == ["Content-Encoding"]
    assert not mixed.stable
