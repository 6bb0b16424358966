"""Single values of a route, as they are written in a file."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from proxy.config.json_path import JsonPath
from proxy.config.route_scalars import (
    AcceptTags,
    ItemPath,
    MediaType,
    MemberName,
    SelectingFields,
    SelfReference,
    TagSource,
)
from proxy.core.entity_tag import STRICT, TOLERANT, Tolerated
from proxy.core.self_link import SelfLink
from proxy.core.version import FieldVersion, MemberVersion


def read(kind: Any, value: object) -> object:
    """Return what a value means."""
    return TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize(
    ("kind", "value", "meant"),
    [
        (AcceptTags, "strict", STRICT),
        (AcceptTags, "tolerant", TOLERANT),
        (AcceptTags, (), STRICT),
        (AcceptTags, ("weak", "unquoted"), frozenset({Tolerated.WEAK, Tolerated.UNQUOTED})),
        (TagSource, "content", None),
        (TagSource, "/meta/version", MemberVersion("/meta/version")),
        (TagSource, "Last-Modified", FieldVersion("Last-Modified")),
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
        (AcceptTags, "lax"),
        (AcceptTags, ("weak", "lax")),
        (AcceptTags, (1,)),
        (AcceptTags, None),
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
        (MemberName, ""),
    ],
)
def test_what_means_nothing_is_refused(kind: Any, value: object) -> None:
    """A value that cannot be meant is an error when it is loaded."""
    with pytest.raises(ValidationError):
        read(kind, value)
