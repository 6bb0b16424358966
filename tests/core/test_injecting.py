"""A representation with tags in it: what the client sees, and what its own tag stands for."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.json_path import JsonPath
from proxy.core.canonical import CanonicalJson
from proxy.core.injection import Injection
from proxy.core.json_text import MAX_DEPTH
from proxy.core.tag_rules import TagRules
from tests.support.injecting import ITEM, JSON_RULES, JSON_TYPE, LIST, Site, linked
from tests.support.json_documents import documents, spellings

SITE = Site()
AS_SENT = Site((ITEM, replace(LIST, rules=TagRules())))
PLAIN = Site((replace(ITEM, inject=None), replace(LIST, inject=None)))


def canonical(content: bytes) -> bytes:
    """Return what of a content counts."""
    return CanonicalJson().form(content, "application/json")


def without(content: bytes) -> bytes:
    """Return JSON content without the tags at the top and in items."""
    document = json.loads(content, parse_int=repr, parse_float=repr)
    items = document.get("items", []) if isinstance(document, dict) else []
    for place in [document, *(items if isinstance(items, list) else [])]:
        if isinstance(place, dict):
            place.pop("_etag", None)
    return json.dumps(document).encode()


# Laws ----------------------------------------------------------------------------------------------------------------


@given(documents.flatmap(spellings))
def test_what_is_put_in_can_be_taken_out(content: bytes) -> None:
    """Without the tags it is the document that came, its members in their order, for any JSON."""
    seen = SITE.get("/items", content)
    assert without(seen.response.content) == without(content)


@given(documents.flatmap(spellings))
def test_injecting_twice_is_injecting_once(content: bytes) -> None:
    """What was shown, shown again, is the same and has the same tag: tags that come in never count."""
    once = SITE.get("/items", content)
    again = SITE.get("/items", once.response.content)
    assert (again.response.content, again.tag) == (once.response.content, once.tag)


@given(st.data())
def test_the_tag_does_not_depend_on_spelling(data: st.DataObject) -> None:
    """Two texts of one document have one tag, as without `inject`."""
    document = data.draw(documents)
    assert (
        SITE.get("/items", data.draw(spellings(document))).tag == SITE.get("/items", data.draw(spellings(document))).tag
    )


@given(documents.flatmap(spellings), documents.flatmap(spellings))
def test_another_document_has_another_tag(one: bytes, other: bytes) -> None:
    """Nothing counts less than without `inject`, but for members that would pass for tags."""
    if canonical(without(one)) != canonical(without(other)):
        assert SITE.get("/items", one).tag != SITE.get("/items", other).tag


@given(documents.flatmap(spellings))
def test_the_member_is_the_tag(content: bytes) -> None:
    """What the content of an object says is what the ETag field says."""
    seen = SITE.get("/items/1", content)
    if isinstance(json.loads(content), dict):
        assert json.loads(seen.response.content, parse_int=repr)["_etag"] == seen.tag
    else:
        assert seen.response.content == content


@given(st.binary())
def test_any_content_is_shown(content: bytes) -> None:
    """No content raises, and what is no JSON is shown as it came, under the tag that it has without `inject`."""
    seen = SITE.get("/items", content)
    try:
        json.loads(content)
    except ValueError:
        assert seen.response.content == content
        assert seen.tag == PLAIN.get("/items", content).tag


# Tables --------------------------------------------------------------------------------------------------------------


def test_order_and_digits_are_kept() -> None:
    """The tag goes to the end, or where the origin server had a member of that name."""
    sent = b'{ "b" : 1.50, "a" : 90071992547409931 }'
    seen = SITE.get("/items/1", sent)
    assert seen.response.content == b'{"b":1.50,"a":90071992547409931,"_etag":' + json.dumps(seen.tag).encode() + b"}"
    seen = SITE.get("/items/1", b'{"_etag":"theirs","a":1}')
    assert seen.response.content == b'{"_etag":' + json.dumps(seen.tag).encode() + b',"a":1}'


def test_without_items_the_tag_is_that_of_the_document() -> None:
    """`inject` alone changes no tag, so it can be switched on without a single 412."""
    assert SITE.get("/items/1", {"a": 1}).tag == PLAIN.get("/items/1", {"a": 1}).tag
    assert (
        AS_SENT.get("/items", b'{ "a": 1 }').tag
        == Site((replace(LIST, inject=None, rules=TagRules()),)).get("/items", b'{ "a": 1 }').tag
    )


def test_the_tag_of_a_list_is_that_of_the_list_as_it_is_sent() -> None:
    """Where only an item's route counts a member, the item's tag changes and the list's tag with it."""
    lists = replace(LIST, rules=TagRules(CanonicalJson(("/items/*/seen",))))
    site = Site((ITEM, lists))
    early, late = ({"items": [linked("/items/1", seen=time)]} for time in (1, 2))
    assert site.get("/items", early).tag != site.get("/items", late).tag
    unlinked = {"items": [{"seen": 1}]}, {"items": [{"seen": 2}]}
    assert site.get("/items", unlinked[0]).tag == site.get("/items", unlinked[1]).tag


def test_as_sent_white_space_counts() -> None:
    """By default each byte of the origin server's does, unless tags went into items: then each byte that was sent."""
    item = linked("/items/1")
    assert AS_SENT.get("/items", b'{"a":1}').tag != AS_SENT.get("/items", b'{"a": 1}').tag
    texts = [json.dumps({"items": [item]}, indent=indent).encode() for indent in (None, 2)]
    seen = [AS_SENT.get("/items", text) for text in texts]
    assert seen[0].response.content == seen[1].response.content
    assert seen[0].tag == seen[1].tag


def test_an_array_has_items_and_no_tag_of_its_own_in_it() -> None:
    """What has no members gets none; its tag is in the ETag field, and counts the tags of its items."""
    site = Site((ITEM, replace(LIST, inject=Injection(items=(JsonPath("$[*]"),)))))
    seen = site.get("/items", [linked("/items/1")])
    assert seen.json == [{**linked("/items/1"), "_etag": site.get("/items/1", linked("/items/1")).tag}]
    assert site.get("/items", [1]).response.content == b"[1]"
    assert "accept-ranges" not in site.get("/items", [1]).response.fields


def test_a_filter_compares_numbers() -> None:
    """Paths see the values of numbers, and the content keeps their digits."""
    site = Site((ITEM, replace(LIST, inject=Injection(items=(JsonPath("$.items[?@.price > 9.5]"),)))))
    cheap, dear = linked("/items/1", price=9), linked("/items/2", price=10)
    content = json.dumps({"items": [cheap, dear]}).replace("9", "9.00")[:-1] + f', "big": {"1" * 5000}}}'
    seen = site.get("/items", content.encode())
    assert b'"price":9.00' in seen.response.content
    assert ["_etag" in item for item in json.loads(seen.response.content, parse_int=str)["items"]] == [False, True]


def test_fields_that_the_content_would_belie_are_dropped() -> None:
    """Digests and the length are those of other bytes; parts of them are not served."""
    lines = [
        ("Content-Length", "9"),
        ("Content-MD5", "x"),
        ("Content-Digest", "x"),
        ("Repr-Digest", "x"),
        ("Digest", "x"),
        ("Accept-Ranges", "bytes"),
        ("X-Theirs", "1"),
    ]
    seen = SITE.get("/items/1", {"a": 1}, *lines)
    assert list(seen.response.fields) == [JSON_TYPE, ("X-Theirs", "1"), ("Accept-Ranges", "none")]


UNTOUCHED: list[tuple[bytes, tuple[tuple[str, str], ...]]] = [
    (b'{"a":1}', (("Content-Type", "text/plain"),)),
    (b'{"a":1}', (("Content-Type", "application/json; charset=latin-1"),)),
    (b'{"a":1}', (("Content-Encoding", "gzip"),)),
    (b'{"a":1}', (("Cache-Control", "max-age=1, no-transform"),)),
    (b'{"a":1}', (("Signature-Input", 'a=("@status" "content-digest")'),)),
    (b'{"a":1,"a":2}', ()),
    (b'{"a":"\\ud800"}', ()),
    (b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1), ()),
    (b"[" * 100_000, ()),
    (b'{"a":1', ()),
    (b"\x1f\x8b\x08", ()),
    (b"7", ()),
]


@pytest.mark.parametrize(("content", "lines"), UNTOUCHED, ids=lambda value: repr(value)[:40])
def test_what_is_left_as_it_came(content: bytes, lines: tuple[tuple[str, str], ...]) -> None:
    """Content that is not JSON of one certain meaning, is coded, or must not be transformed; its tag is as ever."""
    sent = (*lines, ("Content-Digest", "x"))
    seen = SITE.get("/items", content, *sent)
    assert seen.response.content == content
    assert "content-digest" in seen.response.fields
    assert seen.tag == PLAIN.get("/items", content, *sent).tag


@pytest.mark.parametrize("site", [SITE, AS_SENT])
def test_who_wants_no_transformation_sees_the_content_as_it_came(site: Site) -> None:
    """Under the same tag, so that what was read either way can be written."""
    content = {"items": [linked("/items/1")], "_etag": "theirs"}
    asked = [("Host", "api.example"), ("Cache-Control", "no-transform")]
    plain = site.get("/items", content, ("Content-Digest", "x"), asked=asked)
    assert plain.json == content
    assert "content-digest" in plain.response.fields
    assert plain.response.fields.get("accept-ranges") == "none"
    assert plain.tag == site.get("/items", content).tag


def test_the_origin_servers_own_tag_is_shown_where_it_is_kept() -> None:
    """The member never says another tag than the field."""
    seen = SITE.get("/items/1", {"a": 1}, ("ETag", '"theirs"'))
    assert seen.json == {"a": 1, "_etag": '"theirs"'}


def test_without_quotes() -> None:
    """For APIs whose clients expect the bare text."""
    site = Site((replace(ITEM, inject=Injection("version", quotes=False)),))
    seen = site.get("/items/1", {"a": 1})
    assert f'"{seen.json["version"]}"' == seen.tag


def test_a_name_that_has_to_be_escaped() -> None:
    """A member may have any name."""
    site: Any = Site((replace(ITEM, rules=JSON_RULES, inject=Injection('"\u00e9\\')),))
    assert site.get("/items/1", {}).json == {'"\u00e9\\': site.get("/items/1", {}).tag}
