"""Minting: which tag speaks for a representation, and what makes it another tag."""

import pickle
import re
import sys
from base64 import urlsafe_b64decode, urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from proxy.core import latest, minting
from proxy.core.canonical import AsSent, CanonicalJson
from proxy.core.entity_tag import EntityTag
from proxy.core.fields import Fields
from proxy.core.hashing import PIECE
from proxy.core.json_pointer import Json
from proxy.core.message import Response
from proxy.core.minting import PUBLIC_SECRET, Minter, Provenance, Validator
from proxy.core.tag_rules import Aba, TagRules, UpstreamTag, kept_tag
from proxy.core.variant import Variant
from proxy.core.version import FieldVersion, MemberVersion

SECRET = "a secret of the tests"
REPLACE = TagRules(upstream=UpstreamTag.REPLACE)
JSON_RULES = TagRules(CanonicalJson())


def response(content: bytes = b"{}", /, **fields: str) -> Response:
    """Return a 200 answer; a field is named with underscores."""
    return Response(200, Fields([(name.replace("_", "-"), value) for name, value in fields.items()]), content)


def tag(
    content: bytes = b"{}", *, key: str = "/a", secret: str = SECRET, rules: TagRules | None = None, **fields: str
) -> str:
    """Return the minted tag's text."""
    validator = Minter(secret).mint(key, response(content, **fields), rules or TagRules())
    assert validator.minted
    assert not validator.tag.weak
    return validator.tag.opaque


fields = st.lists(
    st.tuples(
        st.sampled_from(["Content-Type", "Content-Language", "Content-Encoding", "ETag", "Last-Modified"]),
        st.text(st.characters(max_codepoint=255), max_size=20),
    ),
    max_size=6,
).map(Fields)


@given(
    st.text(), st.text(st.characters(max_codepoint=255)), fields, st.binary(), st.sampled_from([REPLACE, JSON_RULES])
)
def test_minted_tags_look_alike(secret: str, key: str, lines: Fields, content: bytes, rules: TagRules) -> None:
    """Whatever the origin server sends, minting does not raise, and a minted tag is strong, of 32 base64url letters."""
    validator = Minter(secret).mint(key, Response(200, lines, content), rules)
    if validator.minted:
        assert re.fullmatch(r'"[A-Za-z0-9_-]{32}"', str(validator.tag))


def test_tags_survive_a_release() -> None:
    """The tag of a content is the same in every process and release; changing this line changes every client's tags."""
    content, kind = b'{"b": 2, "a": 1}', "application/json"
    assert tag(content, secret="", content_type=kind) == "bz9b4bbexu9pbJZXfpc5kscF-bbATO4s"
    assert tag(content, secret="", content_type=kind, rules=JSON_RULES) == "iMpIsp_cflCd3qblzcz_v6RuO_Bx_Vcb"


@pytest.mark.parametrize(
    "other",
    [
        {"content": b"{ }"},
        {"key": "/b"},
        {"key": "/A"},
        {"secret": "another"},
        {"secret": ""},
        {"content_type": "text/plain"},
        {"content_type": "application/json;charset=latin1"},
        {"content_language": "de"},
        {"content_encoding": "gzip"},
        {"rules": TagRules(CanonicalJson(("/x",)))},
        {"rules": JSON_RULES},
    ],
    ids=str,
)
def test_another_tag(other: dict[str, str]) -> None:
    """Each of these alone gives another tag."""
    same: dict[str, str] = {"content_type": "application/json"}
    assert tag(**(same | other)) != tag(**same)  # type: ignore[arg-type]


def test_every_pair_of_codings_has_two_tags() -> None:
    """One content in two codings has two strong tags (RFC 9110 section 8.8.3.3)."""
    codings = ["gzip", "br", "zstd", "gzip, br", "br, gzip"]
    assert len({tag(content_encoding=coding) for coding in codings}) == len(codings)


def test_parts_do_not_run_together() -> None:
    """What moves from one part to its neighbour changes the tag."""
    assert tag(b"c", key="/ab") != tag(b"bc", key="/a")
    assert tag(b"", content_type="a", content_language="b") != tag(b"", content_type="", content_language="ab")
    assert tag(b"", content_language="gzip") != tag(b"", content_encoding="gzip")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("text/html;charset=utf-8", 'Text/HTML ; Charset="UTF-8"'),
        ("text/html; charset=utf-8", "text/html;charset=utf-8;"),
        ("a/b; x=1; y=2", "a/b;y=2;x=1"),
        ('a/b; x="c\\d"', "a/b;x=cd"),
        ("a/b", " a/b "),
    ],
)
def test_equivalent_media_types(one: str, other: str) -> None:
    """Case, quoting, white space and order, as far as they mean nothing (RFC 9110 section 8.3.1), change nothing."""
    assert tag(content_type=one) == tag(content_type=other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a/b; x=Y", "a/b; x=y"),
        ("a/b; x=1", "a/b; y=1"),
        ('a/b; x="1;y=2"', "a/b; x=1;y=2"),
        ("a/b; broken", "a/b; BROKEN"),
        ('a/b; x="', "a/b; x="),
    ],
)
def test_different_media_types(one: str, other: str) -> None:
    """A parameter whose case may count does count, and a malformed media type counts as sent."""
    assert tag(content_type=one) != tag(content_type=other)


def test_equivalent_lists() -> None:
    """Case, white space and empty elements of Content-Language and Content-Encoding, and `identity`, mean nothing."""
    assert tag(content_language="de, EN") == tag(content_language="DE,en,")
    assert tag(content_encoding="GZIP") == tag(content_encoding="gzip ,")
    assert tag(content_encoding="identity") == tag()


def test_canonical_content_has_one_tag() -> None:
    """Under canonical JSON two spellings of one document share a tag, and two documents do not."""
    one = tag(b'{"a":1,"b":2}', rules=JSON_RULES, content_type="application/json")
    assert one == tag(b'{ "b":2, "a":1 }', rules=JSON_RULES, content_type="application/json")
    assert one != tag(b'{"a":1,"b":3}', rules=JSON_RULES, content_type="application/json")


def test_coded_content_counts_as_sent() -> None:
    """Content in a coding is not read as its media type, even where its bytes happen to be JSON."""
    coded = {"content_type": "application/json", "content_encoding": "x-private"}
    assert tag(b"[1]", rules=JSON_RULES, **coded) != tag(b"[ 1 ]", rules=JSON_RULES, **coded)


def test_secrets_of_any_length() -> None:
    """The last character of a long secret counts, and the empty secret stands for the public one."""
    assert tag(secret="x" * 1000 + "a") != tag(secret="x" * 1000 + "b")
    assert tag(secret="") == tag(secret=PUBLIC_SECRET)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("Sun, 06 Nov 1994 08:49:37 GMT", 784111777), ("yesterday", None), (None, None)],
)
def test_modified(value: str | None, seconds: int | None) -> None:
    """Last-Modified is read with a minted and with a kept tag alike; an invalid date is none."""
    sent = {} if value is None else {"last_modified": value}
    minter = Minter(SECRET)
    assert minter.mint("/a", response(**sent), TagRules()).modified == seconds
    assert minter.mint("/a", response(**sent, etag='"v"'), TagRules()) == Validator(
        EntityTag("v"), seconds, minted=False
    )


STRONG = EntityTag("v")
WEAK = EntityTag("v", weak=True)


@pytest.mark.parametrize(
    ("lines", "auto", "keep"),
    [
        (['"v"'], STRONG, STRONG),
        (['W/"v"'], None, WEAK),
        (['""'], EntityTag(""), EntityTag("")),
        (['"a,b"'], EntityTag("a,b"), EntityTag("a,b")),
        ([], None, None),
        ([""], None, None),
        (["v"], None, None),
        (["*"], None, None),
        (['w/"v"'], None, None),
        ([' "v"\t'], STRONG, STRONG),
        (['"v", "w"'], None, None),
        (['"v"', '"v"'], None, None),
        (['"v'], None, None),
    ],
    ids=str,
)
def test_kept_tag(lines: list[str], auto: EntityTag | None, keep: EntityTag | None) -> None:
    """AUTO keeps one well-formed strong tag, KEEP one well-formed tag, REPLACE none."""
    sent = Fields(("ETag", line) for line in lines)
    assert kept_tag(sent, TagRules(upstream=UpstreamTag.AUTO)) == auto
    assert kept_tag(sent, TagRules(upstream=UpstreamTag.KEEP)) == keep
    assert kept_tag(sent, TagRules(upstream=UpstreamTag.REPLACE)) is None


@pytest.mark.parametrize(
    ("etag", "policy", "minted"),
    [
        ('"v"', UpstreamTag.AUTO, False),
        ('W/"v"', UpstreamTag.AUTO, True),
        ("v", UpstreamTag.KEEP, True),
        ('W/"v"', UpstreamTag.KEEP, False),
        ('"v"', UpstreamTag.REPLACE, True),
    ],
)
def test_minted_says_whose_tag(etag: str, policy: UpstreamTag, minted: bool) -> None:
    """`minted` tells our tag from the origin server's, and the origin server's tag is never inside ours."""
    rules = TagRules(AsSent(), policy)
    validator = Minter(SECRET).mint("/a", response(etag=etag), rules)
    assert validator.minted is minted
    assert not minted or validator == Minter(SECRET).mint("/a", response(), rules)


keys = st.text(st.characters(max_codepoint=255))
MINTED = EntityTag(tag())


@given(keys, keys, st.binary(), st.text(), st.sampled_from([REPLACE, JSON_RULES]))
def test_a_minted_tag_shows_where_it_comes_from(
    key: str, another: str, content: bytes, secret: str, rules: TagRules
) -> None:
    """Of every tag minted here it is known, without any memory, whether it was for this resource or for another."""
    assume(key != another)
    minter = Minter(secret)
    minted = minter.mint(key, response(content), rules).tag
    assert minter.provenance(key, minted) is Provenance.RESOURCE
    assert minter.provenance(another, minted) is Provenance.ELSEWHERE


@given(keys, st.text(st.characters(min_codepoint=0x21, max_codepoint=255, exclude_characters='"\x7f')))
def test_what_was_not_minted_is_told_apart(key: str, opaque: str) -> None:
    """Whatever a client or an origin server makes up, it was not minted here, and asking never raises."""
    assert Minter(SECRET).provenance(key, EntityTag(opaque)) is Provenance.UNKNOWN


@given(keys, st.binary(min_size=24, max_size=24))
def test_a_tag_of_the_right_length_is_not_thereby_ours(key: str, guessed: bytes) -> None:
    """The form of a tag proves nothing."""
    assert Minter(SECRET).provenance(key, EntityTag(urlsafe_b64encode(guessed).decode())) is Provenance.UNKNOWN


@pytest.mark.parametrize(("one", "other"), [(SECRET, "another"), (SECRET, ""), ("", SECRET)])
def test_another_secrets_tags_are_unknown(one: str, other: str) -> None:
    """Who changes the secret, or has another than the replica that minted, has never seen these tags."""
    minted = Minter(one).mint("/a", response(), TagRules()).tag
    assert Minter(other).provenance("/a", minted) is Provenance.UNKNOWN


@pytest.mark.parametrize("position", range(24))
def test_a_changed_tag_is_not_ours(position: int) -> None:
    """No byte of the digest or of the first mark can be changed; a change in the second makes it another resource's."""
    changed = bytearray(urlsafe_b64decode(MINTED.opaque))
    changed[position] ^= 1
    expected = Provenance.UNKNOWN if position < 20 else Provenance.ELSEWHERE
    assert Minter(SECRET).provenance("/a", EntityTag(urlsafe_b64encode(changed).decode())) is expected


@pytest.mark.parametrize(
    ("opaque", "expected"),
    [
        (MINTED.opaque[:-4], Provenance.UNKNOWN),
        (MINTED.opaque[:-8], Provenance.UNKNOWN),
        (MINTED.opaque + "AAAA", Provenance.UNKNOWN),
        (MINTED.opaque[:-1], Provenance.UNKNOWN),
        (f"{MINTED.opaque}-gzip", Provenance.UNKNOWN),
        ("", Provenance.UNKNOWN),
    ],
)
def test_a_cut_or_lengthened_tag_is_not_this_resources(opaque: str, expected: Provenance) -> None:
    """Only all 32 characters speak for the resource."""
    assert Minter(SECRET).provenance("/a", EntityTag(opaque)) is expected


def test_a_weak_tag_has_the_provenance_of_its_opaque_part() -> None:
    """Whoever weakened it on the way, it was minted here."""
    assert Minter(SECRET).provenance("/a", EntityTag(MINTED.opaque, weak=True)) is Provenance.RESOURCE


def test_the_content_does_not_show_in_the_provenance() -> None:
    """Tags of one resource under different rules and of different content are all its own."""
    minter = Minter(SECRET)
    for rules in (REPLACE, JSON_RULES):
        for content in (b"{}", b"{ }", b""):
            minted = minter.mint("/a", response(content, content_type="application/json"), rules).tag
            assert minter.provenance("/a", minted) is Provenance.RESOURCE


def test_derived_keys() -> None:
    """Replicas with one secret derive one key for a purpose; another purpose or secret has another, none the secret."""
    one = Minter(SECRET).derived(b"a")
    assert one == Minter(SECRET).derived(b"a")
    assert len({one, Minter(SECRET).derived(b"b"), Minter("another").derived(b"a"), Minter("").derived(b"a")}) == 4
    assert len(one) == 32


VARYING = ("Vary", "Accept")
JSON_TYPE = ("Content-Type", "application/json")


def varied(content: bytes, kind: str = "application/json") -> Response:
    """Return an answer that says that there are others."""
    return Response(200, Fields([("Content-Type", kind), VARYING]), content)


def test_a_tag_names_its_variant_where_there_are_others() -> None:
    """Behind the 32 characters that all tags have, readable."""
    minter = Minter(SECRET)
    tag = minter.mint("/a", varied(b"1"), TagRules()).tag
    assert (tag.opaque[32:], minter.variant("/a", tag)) == (".application/json", Variant("application/json"))
    assert minter.provenance("/a", tag) is Provenance.RESOURCE
    plain = minter.mint("/a", Response(200, Fields([JSON_TYPE]), b"1"), TagRules()).tag
    assert (len(plain.opaque), minter.variant("/a", plain)) == (32, None)


@pytest.mark.parametrize("key", ["/b", ""])
def test_a_variant_is_believed_only_of_this_resources_tags(key: str) -> None:
    """What another resource's tag names is not asked for here."""
    minter = Minter(SECRET)
    assert minter.variant(key, minter.mint("/a", varied(b"1"), TagRules()).tag) is None


def test_nobody_else_can_name_a_variant() -> None:
    """The marks cover it, so a client cannot make the proxy ask for what it likes."""
    minter = Minter(SECRET)
    tag = minter.mint("/a", varied(b"1"), TagRules()).tag
    forged = EntityTag(tag.opaque.replace("json", "xml"))
    assert (minter.variant("/a", forged), minter.provenance("/a", forged)) == (None, Provenance.UNKNOWN)


def test_the_number_of_the_last_write_makes_another_tag() -> None:
    """Of one content, where writes are counted."""
    minter, rules = Minter(SECRET), TagRules(aba=Aba.DETECT)
    tags = {minter.mint("/a", varied(b"1"), rules, writes).tag for writes in (None, 1, 2, 2)}
    assert len(tags) == 3


def test_a_version_stands_for_the_content() -> None:
    """Content that differs elsewhere is the same state; without a version the content speaks, and is none."""
    minter, rules = Minter(SECRET), TagRules(version=MemberVersion("/v"))

    def tag(content: bytes) -> EntityTag:
        return minter.mint("/a", varied(content), rules).tag

    assert tag(b'{"v": 1, "x": 1}') == tag(b'{"x": 2, "v": 1}')
    assert len({tag(b'{"v": 1}'), tag(b'{"v": 2}'), tag(b"1"), tag(b"2"), tag(b'"1"')}) == 5


def test_the_name_of_a_version_counts() -> None:
    """Two members that happen to have one value are two versions: an old tag names no state under new rules."""
    rules = [TagRules(version=version) for version in (MemberVersion("/v"), MemberVersion("/w"), FieldVersion("x"))]
    assert len({Minter(SECRET).mint("/a", varied(b'{"v":1,"w":1}'), each).tag for each in rules}) == 3


def test_a_tag_names_a_variant_or_none() -> None:
    """A dot with nothing behind it was never written, nor anything else in its place."""
    minter = Minter(SECRET)
    plain = minter.mint("/a", Response(200, Fields(), b"1"), TagRules()).tag
    named = minter.mint("/a", varied(b"1"), TagRules()).tag
    for opaque in (f"{plain.opaque}.", named.opaque.replace(".", "-", 1)):
        assert minter.provenance("/a", EntityTag(opaque)) is Provenance.UNKNOWN


def test_a_view_names_the_whole() -> None:
    """Its tag begins as the whole's, changes with the whole and with what the view shows, and is told from it."""
    minter = Minter(SECRET)
    wholes = [minter.mint("/a", varied(content), TagRules()) for content in (b"1", b"2")]
    views = [minter.view(whole, varied(content), TagRules()).tag for whole in wholes for content in (b"x", b"y")]
    assert len({whole.tag for whole in wholes} | set(views)) == 6
    assert [minter.of_whole(tag) for tag in views] == [wholes[0].tag, wholes[0].tag, wholes[1].tag, wholes[1].tag]
    assert {minter.provenance("/a", tag) for tag in views} == {Provenance.RESOURCE}
    assert minter.of_whole(wholes[0].tag) is None


def test_a_view_that_was_not_made_here_names_no_whole() -> None:
    """Each character counts, of what it shows and of the whole; a tag of the origin server's may look like one."""
    minter = Minter(SECRET)
    whole = Validator(EntityTag("a?b", weak=True), None, minted=False)
    view = minter.view(whole, varied(b"x"), TagRules()).tag
    assert minter.of_whole(view) == whole.tag
    assert Minter("another").of_whole(view) is None
    for at in range(len(view.opaque) - 1):  # the last character has bits to spare
        changed = "A" if view.opaque[at] != "A" else "B"
        assert minter.of_whole(EntityTag(f"{view.opaque[:at]}{changed}{view.opaque[at + 1 :]}")) is None
    assert minter.of_whole(EntityTag(view.opaque + "?")) is None


def test_what_was_made_here() -> None:
    """Whatever it was made for: a whole resource, another one, a view of what has the origin server's own tag."""
    minter, own = Minter(SECRET), Validator(EntityTag("own"), None, minted=False)
    minted = minter.mint("/a", varied(b"1"), TagRules())
    views = [minter.view(whole, varied(b"x"), TagRules()).tag for whole in (minted, own)]
    assert all(map(minter.is_ours, (minted.tag, *views)))
    assert not minter.is_ours(own.tag)
    assert not Minter("another").is_ours(minted.tag)


@given(
    fields,
    st.lists(st.binary(max_size=40), max_size=5),
    st.sampled_from([TagRules(), REPLACE, JSON_RULES, TagRules(version=FieldVersion("Last-Modified"))]),
    st.none() | st.integers(0, 9),
)
def test_a_tag_of_content_that_passes_by(
    lines: Fields, pieces: list[bytes], rules: TagRules, writes: int | None
) -> None:
    """Where it can be made of pieces, none of which is kept, it is the tag of them all at once."""
    minter, content = Minter(SECRET), b"".join(pieces)
    begun = minter.begin("/a", Response(200, lines), len(content), rules, writes)
    if begun is not None:
        for piece in pieces:
            begun.update(piece)
        assert begun.end() == minter.mint("/a", Response(200, lines, content), rules, writes)


@pytest.mark.parametrize(
    ("rules", "lines", "begins"),
    [
        (TagRules(), {}, True),
        (JSON_RULES, {"Content_Type": "application/json"}, False),
        (JSON_RULES, {"Content_Type": "application/json", "ETag": '"kept"'}, True),
        (TagRules(version=FieldVersion("Last-Modified")), {"Last_Modified": "x"}, True),
    ],
)
def test_which_tags_can_be_made_of_pieces(rules: TagRules, lines: dict[str, str], *, begins: bool) -> None:
    """Those of content as sent, and those for which the head says all."""
    begun = Minter(SECRET).begin("/a", response(b"", **lines), 3, rules)
    assert (begun is not None) is begins


def test_a_minter_in_another_process_mints_the_same() -> None:
    """It travels without what it was made from."""
    sent = pickle.dumps(Minter(SECRET))
    assert SECRET.encode() not in sent
    there: Minter = pickle.loads(sent)  # noqa: S301 - made here
    assert there.mint("/a", response(), TagRules()) == Minter(SECRET).mint("/a", response(), TagRules())


def test_long_content_is_minted_with_pauses() -> None:
    """At once or begun, whoever waits gets turns, and the tag is the same; in another process nobody waits."""
    paused: list[int] = []
    content, pausing = bytes(3 * PIECE), Minter(SECRET, lambda: paused.append(1))
    minted = pausing.mint("/a", response(content), TagRules())
    assert minted == Minter(SECRET).mint("/a", response(content), TagRules())
    assert len(paused) == 2
    begun = pausing.begin("/a", response(b""), len(content), TagRules())
    assert begun is not None
    begun.update(content)
    assert (begun.end(), len(paused)) == (minted, 4)
    there: Minter = pickle.loads(pickle.dumps(pausing))  # noqa: S301 - made here
    assert (there.mint("/a", response(content), TagRules()), len(paused)) == (minted, 4)


TELLING = {
    "content_type": ["application/json", "text/plain", "application/json;charset=utf-8"],
    "content_language": ["", "de", "en"],
    "content_encoding": ["", "gzip", "identity"],
    "vary": ["", "Accept", "Accept-Language"],
    "last_modified": ["", "Mon, 30 Nov 2026 18:02:05 GMT", "Mon, 30 Nov 2026 18:02:06 GMT"],
    "server": ["a", "b"],
}
SEEN = st.tuples(
    st.sampled_from(["/a", "/b"]),
    st.sampled_from([b"{}", b"{ }", b"[]"]),
    st.fixed_dictionaries({name: st.sampled_from(values) for name, values in TELLING.items()}),
    st.sampled_from([TagRules(), TagRules(CanonicalJson()), TagRules(CanonicalJson(("/a",)))]),
)


@given(st.lists(SEEN, min_size=1, max_size=12))
def test_what_was_seen_before_changes_no_tag(states: list[tuple[str, bytes, dict[str, str], TagRules]]) -> None:
    """A minter that has seen other states mints of each what one does that has seen none."""
    minter = Minter("secret")
    for key, content, fields, rules in states:
        shown = response(content, **{name: value for name, value in fields.items() if value})
        assert minter.mint(key, shown, rules) == Minter("secret").mint(key, shown, rules)


def test_content_that_was_seen_before_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time no canonical form is made; of content that differs in a byte, one is."""
    forms: list[bytes] = []
    form = CanonicalJson.form

    def counted(self: CanonicalJson, content: bytes, kind: str, document: Json = None) -> bytes:
        forms.append(content)
        return form(self, content, kind, document)

    monkeypatch.setattr(CanonicalJson, "form", counted)
    minter, rules = Minter("secret"), TagRules(CanonicalJson())
    monkeypatch.setattr(latest, "LARGEST", 0)
    for content in (b'{"a": 1}', b'{"a": 1}', b'{"a":  1}'):
        minter.mint("/a", response(content, content_type="application/json"), rules)
    assert forms == [b'{"a": 1}', b'{"a":  1}']


def test_what_was_seen_longest_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many states there are, only so many are remembered."""
    monkeypatch.setattr(minting, "REMEMBERED", 3)
    minter = Minter("secret")
    for number in range(5):
        minter.mint("/a", response(str(number).encode(), content_type="application/json"), JSON_RULES)
    assert len(minter._seen) == 3  # noqa: SLF001 - nothing else shows that memory is bounded


def test_content_that_counts_as_sent_is_hashed_once() -> None:
    """To know it again would take as long as its tag does."""
    minter = Minter("secret")
    minter.mint("/a", response(b"a", content_type="text/plain"), JSON_RULES)
    minter.mint("/a", response(b"a", content_type="application/json"), TagRules())
    assert not minter._seen  # noqa: SLF001 - that nothing is kept shows nowhere else


def test_threads_mint_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large content is hashed in threads: what one of them forgets, another may be about to forget."""
    monkeypatch.setattr(minting, "REMEMBERED", 1)
    minter, interval = Minter("s"), sys.getswitchinterval()

    def many(thread: int) -> list[Validator]:
        contents = (f"{thread}{number:04}".encode() for number in range(5000))
        return [minter.mint("/a", response(each, content_type="application/json"), JSON_RULES) for each in contents]

    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            minted = [each for made in threads.map(many, range(4)) for each in made]
    finally:
        sys.setswitchinterval(interval)
    assert len(set(minted)) == 4 * 5000
