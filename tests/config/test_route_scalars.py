"""Single values of a route, as they are written in a file."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from proxy.config.json_path import JsonPath
from proxy.config.route_scalars import (
    ItemPath,
    MediaType,
    MemberName,
    SelectingFields,
    SelfReference,
    TagSource,
)
from proxy.core.self_link import SelfLink
from proxy.core.version import FieldVersion, MemberVersion


def read(kind: Any, value: object) -> object:
    """Return what a value means."""
    return TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize(
    ("kind", "value", "meant"),
    [
        (TagSource, "content", None),
        (TagSource, "/meta/version", MemberVersion("/meta/version")),
        (TagSource, "Last-Modified", FieldVersion("Last-Modified")),
        (TagSource, "last-modified", FieldVersion("last-modified")),
        (TagSource, "Version", FieldVersion("Version")),
        (MediaType, "application/hal+json;v=1", "application/hal+json;v=1"),
        (SelectingFields, ("X-Tenant",), ("x-tenant",)),
        (SelfReference, "/_links/*/a~1b", SelfLink.parse("/_links/*/a~1b")),
        (ItemPath, "$.a[?@.b > 1]", JsonPath("$.a[?@.b > 1]")),
        (MemberName, "@etag", "@etag"),
    ],
)
def test_what_is_written_means(kind: Any, value: object, meant: object) -> None:
    """Each notation has one meaning."""
    assert read(kind, value) == meant


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (TagSource, "/"[:0]),
        (TagSource, "/a~2"),
        (TagSource, "/*"),
        (TagSource, "a b"),
        (MediaType, "json"),
        (MediaType, "a/b, c/d"),
        (SelectingFields, ("If-Match",)),
        (SelectingFields, ("a b",)),
        (SelfReference, ""),
        (SelfReference, "_links"),
        (ItemPath, "items"),
        (ItemPath, "$.a["),
        (ItemPath, ""),
        (ItemPath, "$"),
        (MemberName, ""),
        (MemberName, "\ud800x"),
        (MemberName, "a\nb"),
    ],
)
def test_what_means_nothing_is_refused(kind: Any, value: object) -> None:
    """A value that cannot be meant is an error when it is loaded."""
    with pytest.raises(ValidationError):
        read(kind, value)


@pytest.mark.parametrize("word", ["version", "row_version", "contents"])
def test_a_member_that_looks_like_a_field_is_asked_for(word: str) -> None:
    """Who forgets the slash would get tags of a field that is never there, so of the content, and not be told."""
    with pytest.raises(
        ValidationError, match=f"a member of the content is written /{word}, a field {word.capitalize()}"
    ):
        read(TagSource, word)
