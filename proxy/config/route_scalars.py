"""The types of single values in a route: from the text in the file to what it means, and what is expected in words.

What lives here: one annotated type a notation. What must not: keys, defaults, and what values mean together.
"""

from re import compile as regex
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from proxy.config import units
from proxy.config.json_path import JsonPath
from proxy.config.notation import quantity_of, shown_as, text_of
from proxy.core.admission import acted_on
from proxy.core.canonical import CanonicalJson
from proxy.core.forwarding import FENCING_TOKEN, TARGET_OVERRIDES, is_token, read_as
from proxy.core.media_type import acceptable
from proxy.core.selecting import NOT_SELECTING
from proxy.core.self_link import SelfLink
from proxy.core.template import Template
from proxy.core.version import FieldVersion, MemberVersion, Version

CONTENT: Final = "content"
"""The source of a tag that is the content itself."""

RESERVED_NAMES: Final = frozenset({"unmatched"})
"""Names that logs and metrics use for what no route of the configuration matches."""

_METHOD: Final = regex(r"[A-Z][A-Z0-9_-]*")
_NAME: Final = regex(r"[!-~]+(?: [!-~]+)*")
_TAG_SOURCE: Final = f"expected {CONTENT}, a JSON Pointer such as /version, or a field such as Last-Modified"
_AMBIGUOUS: Final = regex(r"[a-z0-9_]+")  # as members are called, and nobody writes a field
_UNSERVED: Final = frozenset({"CONNECT", "TRACE"})


def _template(text: str) -> Template:
    try:
        return Template.parse(text)
    except ValueError as fault:
        raise ValueError(str(fault).removeprefix(f"path template {text!r}: ")) from None


def _name(text: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise ValueError("expected a name of printable ASCII")
    if text in RESERVED_NAMES:
        raise ValueError("this name stands for what no route matches; take another")
    return text


def _method(text: str) -> str:
    if text in _UNSERVED:
        raise ValueError(f"{text} is never served (405)")
    if _METHOD.fullmatch(text) is None:
        raise ValueError("expected a method in upper case, such as PUT")
    return text


def _some(methods: tuple[str, ...]) -> tuple[str, ...]:
    if not methods:
        raise ValueError("expected at least one method; leave the key out for all of them")
    return methods


def _pointer(text: str) -> str:
    try:
        CanonicalJson((text,))
    except ValueError as fault:
        raise ValueError(str(fault).replace(f"JSON Pointer {text!r}", "it")) from None
    return text


def _source(text: str) -> Version | None:
    if text == CONTENT:
        return None
    if text.startswith("/"):
        return _member(text)
    if not is_token(text):
        raise ValueError(_TAG_SOURCE)
    if _AMBIGUOUS.fullmatch(text):
        advice = f"a member of the content is written /{text}, a field {text.capitalize()}"
        raise ValueError(f"{_TAG_SOURCE}; {advice}")
    return FieldVersion(text)


def _member(text: str) -> Version:
    try:
        return MemberVersion(text)
    except ValueError as fault:
        raise ValueError(str(fault).replace(f"JSON Pointer {text!r}", "it")) from None


def _link(text: str) -> SelfLink:
    try:
        return SelfLink.parse(text)
    except ValueError as fault:
        wanted = "expected a JSON Pointer such as /_links/self/href, or a template such as /orders/{/id}"
        raise ValueError(f"{wanted}; {fault}" if "{" in text or "}" in text else wanted) from None


def _item_path(text: str) -> JsonPath:
    path = JsonPath(text)
    if text == "$":
        raise ValueError("expected a JSONPath such as $.items[*]; $ alone is the document, which is no item of itself")
    return path


def _member_name(text: str) -> str:
    if not text:
        raise ValueError("expected the name of a member such as _etag")
    if not text.isprintable():
        raise ValueError("expected a name of characters that are to be seen, such as _etag")
    return text


def _media_type(text: str) -> str:
    if "," in text or acceptable(text) is None:
        raise ValueError("expected one media type such as application/json")
    return text


def _selecting(text: str) -> str:
    if not is_token(text):
        raise ValueError("expected the name of a field such as X-Tenant")
    if text.lower() in NOT_SELECTING:
        raise ValueError("this field is never part of a selection")
    return text.lower()


def _fence(text: str) -> str:
    """Return a field name. The proxy writes that field, so no other part of the request may be told in it."""
    meant = read_as(text.lower())
    if not is_token(text):
        raise ValueError("expected the name of a field such as Fencing-Token")
    if text.lower() != FENCING_TOKEN and (acted_on(meant) or meant in TARGET_OVERRIDES):
        raise ValueError("this field has a meaning of its own; take another, such as Fencing-Token")
    return text


PathTemplate = Annotated[
    Template,
    text_of("a path template such as /wiki/{id}", _template),
    shown_as("path template", "/wiki/{id}", "/.*"),
]
Name = Annotated[
    str,
    text_of("a name", _name),
    shown_as("name", "wiki", _NAME.pattern),
]
Method = Annotated[
    str,
    text_of("a method such as PUT", _method),
    shown_as("method", "PUT", _METHOD.pattern),
]
Methods = Annotated[
    tuple[Method, ...],
    AfterValidator(_some),
    Field(json_schema_extra={"minItems": 1}),
]
Pointer = Annotated[
    str,
    text_of("a JSON Pointer such as /updated_at", _pointer),
    shown_as("JSON Pointer", "/updated_at", "/.+"),
]
SelfReference = Annotated[
    SelfLink,
    text_of("a JSON Pointer such as /_links/self/href, or a template such as /orders/{/id}", _link),
    shown_as("JSON Pointer or template", "/_links/self/href", "/.+"),
]
ItemPath = Annotated[
    JsonPath,
    text_of("a JSONPath such as $.items[*]", _item_path),
    shown_as("JSONPath", "$.items[*]", r"\$.*"),
]
MemberName = Annotated[
    str,
    text_of("the name of a member such as _etag", _member_name),
    shown_as("member name", "_etag", ".+"),
]
TagSource = Annotated[
    Version | None,
    text_of("content, a JSON Pointer such as /version, or a field such as Last-Modified", _source),
    shown_as("tag source", "content", ".+"),
]
MediaType = Annotated[
    str,
    text_of("a media type such as application/json", _media_type),
    shown_as("media type", "application/json", "[!-~ ]+"),
]
SelectingField = Annotated[
    str,
    text_of("the name of a field such as X-Tenant", _selecting),
    shown_as("field name", "X-Tenant", "[!-~]+"),
]
SelectingFields = Annotated[tuple[SelectingField, ...], Field()]
Trust = Annotated[
    float,
    quantity_of(units.DURATION, units.within_an_hour),
    shown_as("duration", "1s", units.DURATION_FORM.pattern),
]
FenceField = Annotated[
    str,
    text_of("the name of a field such as Fencing-Token", _fence),
    shown_as("field name", "Fencing-Token", "[!-~]+"),
]
