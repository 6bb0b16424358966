"""The two requests that are derived from a received one."""

import pytest

from proxy.core.fields import Fields
from proxy.core.message import Request
from proxy.core.route import SelectRules
from proxy.core.selecting import (
    CONTENT_FIELDS,
    TRACING,
    fenced,
    hurried,
    of_variant,
    on_behalf,
    prefers_representation,
    selection,
    selector,
    write,
)
from proxy.core.target import parse
from proxy.core.variant import Variant

TARGET = parse("/wiki/1?a=b", "h")
CREDENTIALS = [("Authorization", "Bearer x"), ("Cookie", "s=1"), ("X-Api-Key", "k"), ("Accept", "a/b")]


def put(*lines: tuple[str, str]) -> Request:
    """Return a received write."""
    return Request("PUT", TARGET, Fields(lines))


def select(*lines: tuple[str, str]) -> Request:
    """Return the selection on behalf of such a write."""
    return selection(put(*lines), TARGET, revalidate=True)


def test_a_selection_is_a_get_with_the_clients_credentials() -> None:
    """Whatever may select or authorize goes along, in its order and case."""
    asked = select(*CREDENTIALS)
    assert (asked.method, asked.target) == ("GET", TARGET)
    assert list(asked.fields)[: len(CREDENTIALS)] == CREDENTIALS


@pytest.mark.parametrize(
    "name", [*sorted(CONTENT_FIELDS), "If-Match", "If-None-Match", "If-Range", "Range", "Expect", "Prefer"]
)
def test_a_selection_has_no_conditions_and_no_content(name: str) -> None:
    """A field that would make it conditional, partial, or speak of content that it has not, stays behind."""
    assert name.lower() not in select((name, "x")).fields.names()


def test_a_selection_asks_for_no_content_coding() -> None:
    """A compressed answer's bytes change with the time stamp in them."""
    assert select(("Accept-Encoding", "gzip")).fields.get_all("accept-encoding") == ("identity",)


def test_only_a_writes_selection_keeps_caches_out() -> None:
    """A reader's own Cache-Control stands; a write is decided by the origin server itself."""
    reading = selection(put(("Cache-Control", "max-age=5")), TARGET, revalidate=False)
    assert reading.fields.get("cache-control") == "max-age=5"
    assert select(("Cache-Control", "max-age=5")).fields.get_all("cache-control") == ("no-cache",)


@pytest.mark.parametrize("line", CREDENTIALS)
def test_other_credentials_are_another_selector(line: tuple[str, str]) -> None:
    """I2: what one client was shown says nothing about what another would be shown."""
    assert selector(select(line)) != selector(select((line[0], "other")))
    assert selector(select(line)) != selector(select())


@pytest.mark.parametrize("name", sorted(TRACING))
def test_tracing_selects_nothing(name: str) -> None:
    """Fields that differ from request to request do not keep selections apart."""
    assert selector(select((name, "1"))) == selector(select((name, "2")))


def test_a_selector_names_the_target() -> None:
    """Two targets that share a lock do not share a selection."""
    other = selection(put(), parse("/wiki/1?a=c", "h"), revalidate=True)
    assert selector(select()) != selector(other)


def test_a_reader_and_a_writer_share_a_selector() -> None:
    """Whether a cache may answer is no part of what is selected."""
    assert selector(select()) == selector(selection(put(), TARGET, revalidate=False))


def test_a_write_is_forwarded_without_its_conditions() -> None:
    """I6: what was evaluated here is not evaluated again, with tags that the origin server never saw."""
    request = put(("If-Match", '"a"'), ("X-A", "1"), ("If-Unmodified-Since", "x"), ("Content-Type", "a/b"))
    assert list(write(request).fields) == [("X-A", "1"), ("Content-Type", "a/b")]
    assert "if-match" in request.fields


@pytest.mark.parametrize("name", ["Fencing-Token", "fencing-token", "FENCING-TOKEN"])
def test_a_write_is_forwarded_without_its_clients_fence(name: str) -> None:
    """A fence that a client made up is dropped in any case, each line of it; without a fence field nothing is."""
    request = put(("X-A", "1"), (name, "9"), ("If-Match", '"a"'), (name.swapcase(), "8"))
    assert list(write(request, fence_field="Fencing-Token").fields) == [("X-A", "1")]
    assert write(request).fields.get("fencing-token") == "9, 8"


def test_a_selection_goes_without_its_clients_fence() -> None:
    """A fence that a client made up would count as that of a lease."""
    request = Request("PUT", TARGET, Fields([("fencing-token", "9"), ("X-A", "1")]))
    asked = selection(request, TARGET, revalidate=False, fence_field="Fencing-Token")
    assert "fencing-token" not in asked.fields
    assert "fencing-token" in selection(request, TARGET, revalidate=False).fields


def test_a_fence_replaces_what_was_there() -> None:
    """Where a route names a field, it has one line, the lease's."""
    request = Request("PUT", TARGET, Fields([("fencing-token", "9")]))
    assert fenced(request, "Fencing-Token", 7).fields.get_all("Fencing-Token") == ("7",)
    assert fenced(request, None, 7) is request


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("no-cache", True),
        ("max-age=60, No-Cache", True),
        ("max-age = 0", True),
        ("no-store", True),
        ("max-age=10", False),
        ("private", False),
        (None, False),
    ],
)
def test_a_client_may_refuse_what_is_remembered(value: str | None, expected: bool) -> None:
    """RFC 9111 §5.2.1: the origin server is to be asked."""
    fields = Fields([] if value is None else [("Cache-Control", value)])
    assert hurried(Request("GET", TARGET, fields)) is expected


def test_a_route_may_say_what_writers_accept() -> None:
    """In place of what they say themselves; and a variant can be asked for whatever anybody says."""
    writer = put(("Accept", "text/html"))
    assert on_behalf(writer, SelectRules(accept="a/b")).fields.get_all("accept") == ("a/b",)
    assert on_behalf(writer, SelectRules()) == writer
    assert of_variant(writer, Variant("application/json")).fields.get_all("accept") == ("application/json",)


def test_a_route_may_name_the_fields_that_select() -> None:
    """Those go along, and who asks, and what was said of the connection; nothing else does or tells them apart."""
    rules = SelectRules(fields=frozenset({"x-tenant"}))
    lines = (("Host", "h"), ("Authorization", "a"), ("X-Forwarded-For", "1.2.3.4"), ("Accept", "a/b"))
    asked = on_behalf(put(("X-Tenant", "t"), ("X-Other", "o"), *lines), rules)
    assert asked.fields.names() == {"x-tenant", "host", "authorization", "x-forwarded-for", "accept"}
    one, other = (select(("X-Tenant", "t"), ("X-Other", value), *lines) for value in "ab")
    assert selector(one, rules) == selector(other, rules) != selector(select(("X-Tenant", "u"), *lines), rules)
    assert selector(one) != selector(other)


@pytest.mark.parametrize(
    "line", [("Authorization", "a"), ("Cookie", "c"), ("Accept", "a/b"), ("Accept-Language", "de")]
)
def test_who_asks_and_what_for_always_counts(line: tuple[str, str]) -> None:
    """I2: no list of fields makes one client's selection speak for another's."""
    rules = SelectRules(fields=frozenset({"x-tenant"}))
    assert selector(select(line), rules) != selector(select(), rules)


@pytest.mark.parametrize("name", ["User-Agent", "Via", "X-Forwarded-For", "Forwarded"])
def test_the_way_that_a_request_took_counts_where_the_route_says_so(name: str) -> None:
    """I2: such fields go along always, and select where they are listed."""
    for fields, counts in ((frozenset[str](), False), (frozenset({name.lower()}), True)):
        rules = SelectRules(fields=fields)
        assert (selector(select((name, "a")), rules) != selector(select((name, "b")), rules)) is counts


@pytest.mark.parametrize(
    ("values", "prefers"),
    [
        (["return=representation"], True),
        (['Return="representation"; foo'], True),
        (["respond-async, return = representation"], True),
        (["wait=5", "return=representation"], True),
        (["return=representation", "return=minimal"], True),
        (["return=minimal"], False),
        (["return=minimal, return=representation"], False),
        (["x-return=representation"], False),
        ([], False),
    ],
)
def test_a_client_may_prefer_the_representation(values: list[str], prefers: bool) -> None:
    """RFC 7240 §2: names ignore case, values may be quoted, lines are one list, of two that differ the first counts."""
    assert prefers_representation(put(*(("Prefer", value) for value in values))) is prefers
