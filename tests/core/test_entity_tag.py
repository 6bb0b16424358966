"""The grammar of entity tags, and the laws of their comparison (RFC 9110 §8.8.3)."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.core.entity_tag import (
    ANY,
    MAX_BYTES,
    MAX_EMPTY,
    MAX_TAGS,
    TOLERANT,
    AnyTag,
    EntityTag,
    TagList,
    Tolerated,
    parse,
    parse_list,
    scan,
)

ETAGC = "".join(chr(code) for code in (0x21, *range(0x23, 0x7F), *range(0x80, 0x100)))
LAW = settings(deadline=None)

opaques = st.text(st.sampled_from(ETAGC), max_size=12) | st.sampled_from(["", "*", ",", "a,b", "W/", "\\"])
tags = st.builds(EntityTag, opaques, st.booleans())
tag_lists = st.lists(tags, min_size=1, max_size=6)
garbage = st.text(st.sampled_from('"W/w*, \tax\x00\x7f\xe9'), max_size=8)
separators = st.from_regex(r"[ \t]*(,[ \t]*){1,3}", fullmatch=True)


def read(text: str) -> TagList | None:
    """Return what a list holds, None when it is malformed."""
    try:
        return parse_list(text)
    except ValueError:
        return None


def length(read_list: TagList | None) -> int | None:
    """Return how many tags were read, None when nothing was or the value is the wildcard."""
    return len(read_list) if isinstance(read_list, tuple) else None


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ('"x"', EntityTag("x")),
        ('W/"x"', EntityTag("x", weak=True)),
        ('""', EntityTag("")),
        ('W/""', EntityTag("", weak=True)),
        ('"*"', EntityTag("*")),
        ('"a,b"', EntityTag("a,b")),
        ('","', EntityTag(",")),
        ('"W/"', EntityTag("W/")),
        ('"a\\"', EntityTag("a\\")),
        ('"!#~"', EntityTag("!#~")),
        ('"\x80\xff"', EntityTag("\x80\xff")),
        (' \t"x"\t ', EntityTag("x")),
    ],
)
def test_a_tag_is_read_to_the_letter(text: str, tag: EntityTag) -> None:
    """Every etagc is legal between the quotes, none is an escape, and whitespace around the value is not part of it."""
    assert parse(text) == tag


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "*",
        "W/",
        "W/x",
        'w/"x"',
        'W "x"',
        'W/ "x"',
        '"',
        '"x',
        'x"',
        "'x'",
        '"a b"',
        '"a\tb"',
        '"a\x00b"',
        '"a\x7fb"',
        '"\u20ac"',
        '"x"y',
        '"x" "y"',
        '"x","y"',
        '"x",',
        '"x"-gzip',
        '"x";gzip',
    ],
)
def test_what_is_not_exactly_one_tag_is_refused(text: str) -> None:
    """A value that is not one whole entity tag names no state."""
    with pytest.raises(ValueError, match=r"^character \d+: "):
        parse(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("*", "character 1: * is no entity tag; as the wildcard it stands alone"),
        ('"a", w/"b"', "character 6: the W/ of a weak entity tag is written in upper case"),
        ('"a", "b', "character 6: the tag that begins here is not closed"),
        ('"a", W/"b c"', "character 6: the tag that begins here is not closed"),
        ('"a", b', 'character 6: an entity tag, as "x" or W/"x", is expected'),
        ('"a" "b"', "character 5: a comma is expected between two entity tags"),
    ],
)
def test_a_fault_says_where_and_what(text: str, said: str) -> None:
    """The message points at the character, counted from 1, and names the mistake."""
    with pytest.raises(ValueError, match=re.escape(said)):
        parse_list(f"{text},")


def test_a_fault_behind_a_single_tag_is_pointed_at() -> None:
    """What follows the one tag of an ETag field is located too."""
    with pytest.raises(ValueError, match=r"^character 4: nothing may follow the entity tag$"):
        parse('"x"-gzip')


def test_scan_reads_one_tag_and_returns_what_follows() -> None:
    """The scanner starts where it is told and stops right behind the closing quote."""
    assert scan('"a",W/"b" rest', 4) == (EntityTag("b", weak=True), 9)


def test_scan_does_not_skip_to_a_later_tag() -> None:
    """A tag that begins behind `start` is not taken for one that begins there."""
    with pytest.raises(ValueError, match="character 1"):
        scan(' "a"', 0)


@pytest.mark.parametrize("opaque", ['a"b', "a b", "\r\n", "\x7f", "\u20ac"])
def test_no_tag_is_made_of_characters_it_may_not_hold(opaque: str) -> None:
    """A value of the type can always be written into a field."""
    with pytest.raises(ValueError, match="holds no space"):
        EntityTag(opaque)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*", ANY),
        (" *\t", ANY),
        ('"*"', (EntityTag("*"),)),
        ('"*", "a"', (EntityTag("*"), EntityTag("a"))),
        ('W/"*"', (EntityTag("*", weak=True),)),
        ('""', (EntityTag(""),)),
        ('"", "a"', (EntityTag(""), EntityTag("a"))),
        ('"a","b"', (EntityTag("a"), EntityTag("b"))),
        ('"a" \t,\t "b"', (EntityTag("a"), EntityTag("b"))),
        ('"a,b", W/"c"', (EntityTag("a,b"), EntityTag("c", weak=True))),
        (', ,"a",, "b" ,', (EntityTag("a"), EntityTag("b"))),
        ('"a", "a"', (EntityTag("a"), EntityTag("a"))),
    ],
)
def test_a_list_is_read_whole_and_in_order(text: str, expected: TagList) -> None:
    """Only a lone * is the wildcard, the empty tag is a tag, quoted commas separate nothing, empty elements vanish."""
    assert parse_list(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ",",
        ", ,",
        '"a", *',
        '*, "a"',
        "*, *",
        "*,",
        "**",
        "a",
        '"a", b',
        'b, "a"',
        '"a" "b"',
        '"a""b"',
        '"a";"b"',
        '"a", "b',
        '"a", "b"c',
        '"a", w/"b"',
        '"a", "b c"',
        '"a"\r\n, "b"',
        '"a"\xa0, "b"',
        '"a", \x00',
    ],
)
def test_one_fault_makes_the_whole_list_malformed(text: str) -> None:
    """Nothing that follows or precedes garbage is taken for the list, and an empty list is none."""
    assert read(text) is None


def test_the_number_of_tags_is_limited() -> None:
    """As many tags as the limit are read, and not one more."""
    assert length(read(",".join(['"a"'] * MAX_TAGS))) == MAX_TAGS
    assert read(",".join(['"a"'] * (MAX_TAGS + 1))) is None


def test_the_number_of_empty_elements_is_limited() -> None:
    """A reasonable number of empty elements is ignored, more are refused (RFC 9110 §5.6.1.2)."""
    assert read("," * MAX_EMPTY + '"a"') == (EntityTag("a"),)
    assert read("," * (MAX_EMPTY + 1) + '"a"') is None


@pytest.mark.parametrize("reader", [parse, parse_list])
def test_the_length_is_limited(reader: type[EntityTag]) -> None:
    """A value of exactly the limit is read, a longer one is refused, for a list and for a single tag."""
    reader('"' + "a" * (MAX_BYTES - 2) + '"')
    with pytest.raises(ValueError, match=f"longer than {MAX_BYTES} bytes"):
        reader('"' + "a" * (MAX_BYTES - 1) + '"')


def test_the_wildcard_is_one_value() -> None:
    """There is one wildcard, and it is written as it was read."""
    assert list(AnyTag) == [ANY]
    assert ANY is AnyTag.ANY
    assert str(ANY) == "*"


@pytest.mark.parametrize(
    ("one", "other", "strong", "weak"),
    [
        ('W/"1"', 'W/"1"', False, True),
        ('W/"1"', 'W/"2"', False, False),
        ('W/"1"', '"1"', False, True),
        ('"1"', '"1"', True, True),
        ('"a"', '"A"', False, False),
    ],
)
def test_the_table_of_the_standard(one: str, other: str, *, strong: bool, weak: bool) -> None:
    """Comparison gives what the table of RFC 9110 §8.8.3.2 gives; case counts."""
    assert parse(one).strong_match(parse(other)) is strong
    assert parse(one).weak_match(parse(other)) is weak


@LAW
@given(tags)
def test_what_is_written_is_read_back(tag: EntityTag) -> None:
    """parse(str(tag)) is the tag itself."""
    assert parse(str(tag)) == tag


@LAW
@given(tag_lists, st.data())
def test_a_written_list_is_read_back(listed: list[EntityTag], data: st.DataObject) -> None:
    """Tags joined by commas, with any whitespace and few empty elements, are read as those tags."""
    text = str(listed[0])
    for tag in listed[1:]:
        text += data.draw(separators) + str(tag)
    assert parse_list(text) == tuple(listed)


@LAW
@given(tags, tags)
def test_comparison_is_symmetric_and_strong_implies_weak(one: EntityTag, other: EntityTag) -> None:
    """Neither comparison depends on the order, and a strong match is a weak one too."""
    assert one.strong_match(other) == other.strong_match(one)
    assert one.weak_match(other) == other.weak_match(one)
    assert one.weak_match(other) or not one.strong_match(other)


@LAW
@given(tags)
def test_a_tag_matches_itself(tag: EntityTag) -> None:
    """A tag matches itself weakly always, strongly unless it is weak."""
    assert tag.weak_match(tag)
    assert tag.strong_match(tag) is not tag.weak


@LAW
@given(tag_lists, garbage, st.sampled_from(["", ",", ", "]))
@example([EntityTag("a"), EntityTag("b")], '"x', ",")
@example([EntityTag("a"), EntityTag("b")], "*", ", ")
def test_garbage_before_or_behind_never_shortens_a_list(listed: list[EntityTag], junk: str, joint: str) -> None:
    """A list with anything put before or behind it is malformed, or still holds at least as many tags."""
    text = ", ".join(map(str, listed))
    for spoiled in (junk + joint + text, text + joint + junk):
        found = read(spoiled)
        assert found is None or (isinstance(found, tuple) and len(found) >= len(listed))


@LAW
@given(tag_lists, st.integers(min_value=1), garbage.filter(bool))
def test_garbage_within_never_shortens_a_list(listed: list[EntityTag], position: int, junk: str) -> None:
    """Garbage without a double quote, anywhere in a list, leaves it malformed or at its length."""
    text = ", ".join(map(str, listed))
    at = position % (len(text) + 1)
    found = read(text[:at] + junk.replace('"', "") + text[at:])
    assert found is None or (isinstance(found, tuple) and len(found) >= len(listed))


@LAW
@given(tag_lists)
def test_a_list_cut_short_is_malformed(listed: list[EntityTag]) -> None:
    """A list whose last character is missing is not read as its beginning."""
    assert read(", ".join(map(str, listed))[:-1]) is None


@LAW
@given(garbage | st.text(st.sampled_from('"W/, a'), max_size=24))
@example('W/"a,b" ,, ""')
def test_exactly_the_grammar_is_accepted(text: str) -> None:
    """A list is read if, and only if, the list grammar of RFC 9110 §5.6.1.2 derives it with at least one tag."""
    tag = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
    grammar = rf"[ \t]*(?:,[ \t]*)*{tag}(?:[ \t]*,(?:[ \t]*{tag})?)*[ \t]*"
    expected = text.strip(" \t") == "*" or re.fullmatch(grammar, text) is not None
    assert (read(text) is not None) is expected


BARE = frozenset({Tolerated.UNQUOTED})
SUFFIXED = frozenset({Tolerated.CODING_SUFFIX})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abc", (EntityTag("abc"),)),
        ("-8588261538364775808", (EntityTag("-8588261538364775808"),)),
        ('a , "b,c",W/"d", e/f', (EntityTag("a"), EntityTag("b,c"), EntityTag("d", weak=True), EntityTag("e/f"))),
        ("*", ANY),
        ("W/x", (EntityTag("W/x"),)),
    ],
)
def test_unquoted_tags_can_be_tolerated(text: str, expected: TagList) -> None:
    """A tag without quotes ends at a comma or a space; what is quoted is read as ever, and * is the wildcard."""
    assert parse_list(text, BARE) == expected


@pytest.mark.parametrize("text", ["not a tag", '"a', 'a"', 'w/"x"', "a, *", "a b, c", "", ",", "a\x7fb"])
def test_not_everything_is_an_unquoted_tag(text: str) -> None:
    """A list is malformed as a whole also where unquoted tags are tolerated."""
    with pytest.raises(ValueError, match=r"character|no entity tag"):
        parse_list(text, BARE)


@pytest.mark.parametrize(
    ("text", "also"),
    [
        ('"abc-gzip"', {"abc"}),
        ('"abc--gzip"', {"abc", "abc-"}),
        ('"abc;gzip"', {"abc"}),
        ('"abc-br"', {"abc"}),
        ('"abc-zstd"', {"abc"}),
        ('W/"abc-gzip"', {"abc"}),
        ('"abc-gzip-br"', {"abc-gzip"}),
        ('"abc-deflate"', set()),
        ('"gzip"', set()),
    ],
)
def test_suffixes_of_codings_can_be_tolerated(text: str, also: set[str]) -> None:
    """A tag with an intermediary's suffix stands for itself and for the tag without it, weak or not as it is."""
    listed = parse_list(text, SUFFIXED)
    assert isinstance(listed, tuple)
    first, *others = listed
    assert parse_list(text) == (first,)
    assert {tag.opaque for tag in others} == also
    assert all(tag.weak == first.weak for tag in others)


@given(tags)
def test_tolerance_changes_nothing_that_is_spelled_well(tag: EntityTag) -> None:
    """What a strict reader takes is the first that a tolerant one takes."""
    listed = parse_list(str(tag), TOLERANT)
    assert isinstance(listed, tuple)
    assert listed[0] == tag
