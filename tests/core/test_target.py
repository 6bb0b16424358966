"""What a request target may be, what is forwarded of it, and which spellings share a key."""

import re
from urllib.parse import quote

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from proxy.core import target
from proxy.core.target import Target, parse
from proxy.errors import MalformedTarget, Misdirected

UNRESERVED = "ABCXYZabcxyz019-._~"

REFUSED = {
    # what the refusal says, and in brackets the way around the guard that it closes
    "a fragment (row 1)": ["/wiki/1#top", "/wiki/1?a=b#top", "http://api.test/#top"],
    "malformed (row 2)": ["http:///wiki", "http://<api.test>/", "http://api.test\\.evil.test/"],
    "userinfo (row 2)": ["http://me:secret@api.test/wiki/1", "http://@api.test/", "http://api.test\\@evil.test/"],
    "neither a path (row 3)": ["api.test:443", "", "wiki/1", "?a", "**", "ftp://api.test/wiki/1"],
    "begins with two slashes (row 6)": ["//wiki/1", "//", "//h/wiki/1", "http://api.test//wiki"],
    "a dot segment (row 7)": ["/./wiki", "/a/../wiki", "/wiki/.", "/wiki/..", "/a/..?x", "/."],
    "a dot segment (row 7, encoded)": ["/%2e/wiki", "/a/%2e%2E/wiki", "/a/.%2e/wiki", "/a/%2E./wiki", "/%2e%2e"],
    "a dot segment (rows 7, 9, with parameters)": ["/a/..;x=1/wiki", "/a/%2e%2e%3b/wiki", "/a/.;/b"],
    "an encoded slash (row 8)": ["/wiki/a%2Fb", "/wiki/a%2fb"],
    "a backslash (row 8)": ["/wiki/a%5Cb", "/wiki/a%5cb", "/wiki/a\\b"],
    "parameters alone (row 9)": ["/wiki/;x/1", "/wiki/%3Bx", "/wiki/%253Bx"],
    "encoded twice (row 11, slash)": ["/wiki/a%252Fb", "/wiki/a%25%32%66b"],
    "encoded twice (row 11, backslash)": ["/wiki/a%255cb"],
    "a dot segment (row 11, encoded twice)": ["/a/%252e%252e/wiki", "/a/%2e%252E/wiki", "/a/%252e/wiki"],
    "encoded twice (row 11, delimiter)": ["/wiki/%252561", "/wiki/a%253Fb", "/wiki/a%2523b"],
    "encoded twice (row 11, control byte)": ["/wiki/a%2500", "/wiki/a%250d%250a", "/wiki/%257f"],
    "an encoded NUL (row 12)": ["/wiki?a=%00", "/wiki?%00"],
    "a control byte (row 12)": ["/wiki/1\r\nX: y", "/wiki?a=\x01", "/wiki/\x7f", "/wiki/\0"],
    "an encoded control byte (row 12)": ["/wiki/%1f", "/wiki/%0d%0A", "/wiki/%7F", "/wiki/%00"],
    "a space (row 12)": ["/wiki/a b", "/wiki?a b", " /wiki"],
    "not valid UTF-8 (row 12)": ["/wiki/\xe9", "/wiki?\xe9", "/wiki/\u0142"],
    "not valid UTF-8 (row 12, encoded)": ["/wiki/%E9", "/wiki/%C3x", "/wiki/%c0%af", "/wiki/%ED%A0%80"],
    "a percent sign without": ["/wiki/100%", "/wiki/%zz", "/wiki/%4", "/wiki/%u002f", "/wiki/%%61"],
    "more than 30 combining marks": ["/wiki/a" + 31 * "%CC%81"],
}
REFUSALS = [(reason, raw) for reason, targets in REFUSED.items() for raw in targets]

FORWARDED = {
    # as received -> the path and the query that are forwarded
    "/": ("/", None),
    "/wiki/1": ("/wiki/1", None),
    "/wiki/%61%7e": ("/wiki/%61%7e", None),  # row 5
    "/wiki//1/": ("/wiki//1/", None),  # row 6
    "/wiki?b=2&a=1&a=1": ("/wiki", "b=2&a=1&a=1"),  # row 10
    "/wiki?": ("/wiki", ""),  # row 10
    "/wiki??a?": ("/wiki", "?a?"),
    "/w?u=%2F..%5C\\/../%0A&p=100%": ("/w", "u=%2F..%5C\\/../%0A&p=100%"),  # a query climbs nowhere
    '/w/"<>^`{|}\xc3\xa9': ('/w/"<>^`{|}\xc3\xa9', None),  # should have been encoded, is sent all the same
    "/.../.a/a./a..b": ("/.../.a/a./a..b", None),
    "/w/100%25": ("/w/100%25", None),
    "/w/a" + 30 * "%CC%81": ("/w/a" + 30 * "%CC%81", None),
    "http://api.test/wiki/1?a": ("/wiki/1", "a"),  # row 2
    "http://api.test": ("/", None),
    "http://api.test?a": ("/", "a"),
    "http://api.test/wiki//": ("/wiki//", None),
    "*": ("*", None),  # row 4
}

SAME_AUTHORITY = [
    ("http://API.Test/", "api.tEST"),
    ("HTTP://api.test/", "api.test"),
    ("http://api.test:80/", "api.test"),
    ("http://api.test:/", "api.test"),
    ("http://api.test/", "api.test:80"),
    ("https://api.test/", "api.test:443"),
    ("https://api.test:8443/", "api.test:8443"),
    ("http://[::1]:8080/", "[0:0::1]:8080"),
]
FOREIGN_AUTHORITY = [
    ("http://evil.test/", "api.test"),
    ("http://api.test:443/", "api.test"),
    ("https://api.test/", "api.test:80"),
    ("http://api.test.evil.test/", "api.test"),
    ("http://[::1]/", "[::2]"),
    ("http://api.test/", "not a host"),
    ("http://api.test/", None),
]

KEYS = {
    # as received -> key, lock key
    "/": ("/", "/"),
    "/wiki/%61": ("/wiki/a", "/wiki/a"),  # row 5
    "/w/a%2c%2Cb": ("/w/a%2C%2Cb", "/w/a,,b"),  # row 5: reserved characters keep their encoding
    "/w/a,b@c:d": ("/w/a,b@c:d", "/w/a,b@c:d"),
    "/wiki///1": ("/wiki/1", "/wiki/1"),  # row 6
    "/wiki;a=1/1;b": ("/wiki;a=1/1;b", "/wiki/1"),  # row 9: parameters
    "/wiki/1%3bb": ("/wiki/1%3Bb", "/wiki/1"),
    "/wiki/1/": ("/wiki/1/", "/wiki/1"),  # row 9: a trailing slash
    "/Wiki/ONE": ("/Wiki/ONE", "/wiki/one"),  # row 9: case
    "/w/%C3%89": ("/w/%C3%89", "/w/e"),
    "/w/STRASSE": ("/w/STRASSE", "/w/strasse"),
    "/w/stra%C3%9Fe": ("/w/stra%C3%9Fe", "/w/strasse"),
    "/wiki/1.JSON": ("/wiki/1.JSON", "/wiki/1"),  # row 9: a format
    "/wiki/1.json;v=1/": ("/wiki/1.json;v=1/", "/wiki/1"),
    "/wiki/1.json.xml": ("/wiki/1.json.xml", "/wiki/1"),
    "/wiki/.json": ("/wiki/.json", "/wiki/.json"),  # ... unless it is the whole name
    "/wiki/a.jpg": ("/wiki/a.jpg", "/wiki/a.jpg"),
    "/wiki?b=2&a=1": ("/wiki", "/wiki"),  # row 10
    "/wiki/%2561": ("/wiki/%2561", "/wiki/a"),  # row 11
    "/wiki/%25ff": ("/wiki/%25ff", "/wiki/\ufffd"),
    "/w/100%25": ("/w/100%25", "/w/100"),
    "/w/%C3%A9": ("/w/%C3%A9", "/w/e"),  # row 13: composed, decomposed
    "/w/e%CC%81": ("/w/e%CC%81", "/w/e"),
    "/w/\xc3\xa9": ("/w/%C3%A9", "/w/e"),  # raw, and should have been encoded
    '/w/"<>^`{|}': ("/w/%22%3C%3E%5E%60%7B%7C%7D", '/w/"<>^`{|}'),
    "/w/%CD%BEx": ("/w/%CD%BEx", "/w/;x"),  # the Greek question mark begins no parameter
    "*": ("*", "*"),  # row 4
}


def accepted(raw: str) -> bool:
    """Tell whether `parse` takes `raw`."""
    try:
        parse(raw, "api.test")
    except MalformedTarget:
        return False
    return True


def respelled(text: str, choices: list[bool]) -> str:
    """Percent-encode the unreserved characters of `text` that `choices` picks; triplets stay as they are."""
    units = re.findall(r"%..|.", text, re.DOTALL)
    return "".join(
        f"%{ord(unit):02x}" if pick and unit in UNRESERVED else unit
        for unit, pick in zip(units, choices * len(units), strict=False)
    )


names = st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=8).map(lambda name: quote(name, safe=""))
pieces = st.one_of(
    st.sampled_from(["..", ";v=1", "A", "a.json", ".YML", "%61", "%2561", "%25", "%2e", "{id}", "\xc3\xa9"]),
    st.text(alphabet=UNRESERVED + "!$&'()*+,;=:@%25", min_size=1, max_size=6),
    names,
)
paths = st.lists(st.lists(pieces, max_size=3).map("".join), max_size=5).map(lambda parts: "/" + "/".join(parts))
targets = st.builds(lambda path, query: path + query, paths, st.sampled_from(["", "?", "?a=%2F&b", "?/../x"]))


@pytest.mark.parametrize(("reason", "raw"), REFUSALS)
def test_what_could_be_read_in_two_ways_is_refused(reason: str, raw: str) -> None:
    """A target that an origin server could map to another resource is refused, saying why and echoing nothing."""
    with pytest.raises(MalformedTarget) as refused:
        parse(raw, "api.test")
    assert reason.partition(" (")[0] in refused.value.detail
    assert len(raw) < 2 or raw not in refused.value.detail


@pytest.mark.parametrize(("received", "forwarded"), FORWARDED.items())
def test_what_is_forwarded_is_the_origin_form_to_the_byte(received: str, forwarded: tuple[str, str | None]) -> None:
    """The origin-form is forwarded exactly as it was sent; of an absolute-form, the part behind the authority."""
    path, query = forwarded
    assert parse(received, "api.test") == Target(path if query is None else f"{path}?{query}", path, query)


@pytest.mark.parametrize(("raw", "authority"), SAME_AUTHORITY)
def test_an_absolute_form_to_the_authority_of_host_is_taken(raw: str, authority: str) -> None:
    """Case, a default port and the spelling of an IPv6 address do not make another authority (row 2)."""
    assert parse(raw, authority).raw == "/"


@pytest.mark.parametrize(("raw", "authority"), FOREIGN_AUTHORITY)
def test_an_absolute_form_to_another_authority_is_misdirected(raw: str, authority: str | None) -> None:
    """A target on another authority than Host, or one that no Host confirms, is 421 (row 2)."""
    with pytest.raises(Misdirected):
        parse(raw, authority)


@pytest.mark.parametrize(("raw", "keys"), KEYS.items())
def test_keys(raw: str, keys: tuple[str, str]) -> None:
    """`key` is what RFC 3986 holds equivalent and no more; `lock_key` is what any origin server might."""
    target = parse(raw, "api.test")
    assert (target.key, target.lock_key) == keys


def test_segments_keep_their_spelling_and_match_the_coarse_ones() -> None:
    """Segments are as spelled, without empty ones, and each has its coarse form at the same place."""
    target = parse("/Wiki//%61;v=1/B.json/", "api.test")
    assert target.segments == ("Wiki", "%61;v=1", "B.json")
    assert target.coarse_segments == ("wiki", "a", "b")


def test_the_asterisk_names_no_resource() -> None:
    """`*` has no segments, and is not the resource `/*` (row 4)."""
    asterisk, path = parse("*", None), parse("/*", None)
    assert (asterisk.asterisk, asterisk.segments, asterisk.coarse_segments) == (True, (), ())
    assert (path.asterisk, path.segments) == (False, ("*",))
    assert asterisk.lock_key != path.lock_key


@given(raw=targets, choices=st.lists(st.booleans(), min_size=1, max_size=12))
@example(raw="/%25ab/x", choices=[True])
def test_encoding_unreserved_characters_changes_no_key(raw: str, choices: list[bool]) -> None:
    """Any percent-encoding of unreserved characters leaves both keys as they were (row 5)."""
    assume(accepted(raw))
    path, mark, query = raw.partition("?")
    plain, spelled = parse(raw, None), parse(respelled(path, choices) + mark + query, None)
    assert (spelled.key, spelled.lock_key) == (plain.key, plain.lock_key)


@given(raw=targets)
def test_a_forwarded_target_is_taken_again_unchanged(raw: str) -> None:
    """A second proxy of the same rules reads what the first one forwards as the same target."""
    assume(accepted(raw))
    target = parse(raw, None)
    assert parse(target.raw, None) == parse(f"http://api.test{raw}", "api.test") == target


@given(raw=targets)
def test_a_key_is_a_target_with_the_same_keys(raw: str) -> None:
    """A key is a normal form: read again it yields itself, so equal keys have equal lock keys; no segment vanishes."""
    assume(accepted(raw))
    target = parse(raw, None)
    normal = parse(target.key, None)
    assert (normal.key, normal.lock_key) == (target.key, target.lock_key)
    assert len(target.segments) == len(target.coarse_segments)
    assert all(target.coarse_segments)


@given(raw=st.text(alphabet=st.characters(max_codepoint=0xFF), max_size=30))
@example(raw="*")
def test_raw_always_begins_with_a_slash_or_is_the_asterisk(raw: str) -> None:
    """Whatever bytes are sent, what would be forwarded is an origin-form or `*`; nothing else is raised."""
    try:
        target = parse(raw, "api.test")
    except (MalformedTarget, Misdirected):
        return
    assert target.raw == "*" or target.raw.startswith("/")


@given(segments=st.lists(names, min_size=1, max_size=4))
def test_a_lock_key_ignores_what_follows_the_path(segments: list[str]) -> None:
    """A slash, parameters, a format or a query behind a path leaves its lock key as it was (rows 9, 10)."""
    path = "/" + "/".join(segments)
    assume(accepted(path))
    lock_key = parse(path, None).lock_key
    for tail in ("/", ";v=1", ".json", ".json;v=1/", "?", "?a=1"):
        assert parse(path + tail, None).lock_key == lock_key


@given(st.from_regex(target.PLAIN, fullmatch=True))
def test_a_plain_path_is_read_as_any_other(raw: str) -> None:
    """The short way for a path without anything special leads to what the long way comes to."""
    short = parse(raw, None)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(target, "PLAIN", re.compile("(?!)"))
        long = parse(raw, None)
        assert short == long
        long_key = long.key
    assert short.key == long_key
