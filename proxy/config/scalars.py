"""The types of single values: from the text in the file to what it means, and what is expected in words.

What lives here: one annotated type a notation. What must not: keys, defaults, and what values mean together.
"""

from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from re import compile as regex
from typing import Annotated, Final

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from proxy.config import units
from proxy.core.address import Address, parse_listen, parse_origin
from proxy.core.address import Origin as Server
from proxy.core.admission import acted_on
from proxy.core.canonical import CanonicalJson
from proxy.core.entity_tag import STRICT, TOLERANT, Tolerated
from proxy.core.forwarding import FENCING_TOKEN, TARGET_OVERRIDES, is_token, read_as
from proxy.core.store_address import StoreAddress, parse_store
from proxy.core.template import Template

TEXT_EXPECTED: Final = "text_expected"
"""The type of the error about a value that is no text, where only text is read."""

OFF: Final = "off"

RESERVED_NAMES: Final = frozenset({"unmatched"})
"""Names that logs and metrics use for what no route of the configuration matches."""

Network = IPv4Network | IPv6Network

_METHOD: Final = regex(r"[A-Z][A-Z0-9_-]*")
_NAME: Final = regex(r"[!-~]+(?: [!-~]+)*")
_TAG_FORMS: Final = tuple(form.value for form in Tolerated)
_UNSERVED: Final = frozenset({"CONNECT", "TRACE"})


def _text(expected: str, parse: Callable[[str], object]) -> PlainValidator:
    """Return a validator of text. `parse` raises a ValueError that says what is expected."""

    def read(value: object) -> object:
        if not isinstance(value, str):
            raise PydanticCustomError(TEXT_EXPECTED, "expected {expected}", {"expected": expected})
        return parse(value)

    return PlainValidator(read)


def _quantity(expected: str, parse: Callable[[str], object]) -> PlainValidator:
    """Return a validator of a number with its unit. A bare number is handed to `parse`, which asks for the unit."""

    def read(value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError(f"expected {expected}")  # noqa: TRY004 - the one type that pydantic collects
        return parse(str(value))

    return PlainValidator(read)


def _schema(notation: str, example: str, pattern: str | None = None) -> WithJsonSchema:
    constraint = {} if pattern is None else {"pattern": f"^(?:{pattern})$"}
    return WithJsonSchema({"type": "string", "title": notation, **constraint, "examples": [example]})


def _admin(text: str) -> Address | None:
    return None if text == OFF else parse_listen(text)


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


def _tag_forms(value: object) -> frozenset[Tolerated]:
    """Return what is tolerated: by a word for none or all of it, or by the name of each."""
    named = {"strict": STRICT, "tolerant": TOLERANT}.get(value) if isinstance(value, str) else None
    listed = set(value) if isinstance(value, tuple) and all(isinstance(each, str) for each in value) else None
    if named is None and (listed is None or not listed <= set(_TAG_FORMS)):
        raise ValueError(f"expected 'strict', 'tolerant', or a list of some of {', '.join(_TAG_FORMS)}")
    return frozenset(map(Tolerated, listed or ())) if named is None else named


def _network(text: str) -> Network:
    try:
        around = ip_network(text, strict=False)
    except ValueError:
        raise ValueError("expected an IP address or a network such as 10.0.0.0/8") from None
    address = text.partition("/")[0]
    if ip_network(address) != ip_network(around.network_address):
        raise ValueError(f"this address lies inside the network; write {around}")
    return around


def _fence(text: str) -> str:
    """Return a field name. The proxy writes that field, so no other part of the request may be told in it."""
    meant = read_as(text.lower())
    if not is_token(text):
        raise ValueError("expected the name of a field such as Fencing-Token")
    if text.lower() != FENCING_TOKEN and (acted_on(meant) or meant in TARGET_OVERRIDES):
        raise ValueError("this field has a meaning of its own; take another, such as Fencing-Token")
    return text


def _file(text: str) -> str:
    if not text or "\0" in text:
        raise ValueError("expected the name of a file")
    return text


Listen = Annotated[
    Address,
    _text("host:port or unix:/path", parse_listen),
    _schema("address", "127.0.0.1:8080"),
]
Admin = Annotated[
    Address | None,
    _text(f"host:port, unix:/path or the text {OFF}", _admin),
    _schema("address", "127.0.0.1:9901"),
]
Upstream = Annotated[
    Server,
    _text("http://host[:port], https://host[:port] or unix:/path", parse_origin),
    _schema("origin", "http://127.0.0.1:9000"),
]
Store = Annotated[
    StoreAddress,
    _text("a store such as memory:// or redis://host", parse_store),
    _schema("store", "redis://127.0.0.1:6379", "[A-Za-z+]+:/.*"),
]
PathTemplate = Annotated[
    Template,
    _text("a path template such as /wiki/{id}", _template),
    _schema("path template", "/wiki/{id}", "/.*"),
]
Name = Annotated[
    str,
    _text("a name", _name),
    _schema("name", "wiki", _NAME.pattern),
]
Method = Annotated[
    str,
    _text("a method such as PUT", _method),
    _schema("method", "PUT", _METHOD.pattern),
]
Methods = Annotated[
    tuple[Method, ...],
    AfterValidator(_some),
    Field(json_schema_extra={"minItems": 1}),
]
Pointer = Annotated[
    str,
    _text("a JSON Pointer such as /updated_at", _pointer),
    _schema("JSON Pointer", "/updated_at", "/.+"),
]
AcceptTags = Annotated[
    frozenset[Tolerated],
    PlainValidator(_tag_forms),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "enum": ["strict", "tolerant"]},
                {"type": "array", "items": {"type": "string", "enum": list(_TAG_FORMS), "title": "form"}},
            ]
        }
    ),
]
Peer = Annotated[
    Network,
    _text("an IP address or a network such as 10.0.0.0/8", _network),
    _schema("network", "10.0.0.0/8"),
]
File = Annotated[
    str,
    _text("the name of a file", _file),
    _schema("file", "tls/certificate.pem", ".+"),
]
Duration = Annotated[
    float,
    _quantity(units.DURATION, units.duration),
    _schema("duration", "5s", units.DURATION_FORM.pattern),
]
Timeout = Annotated[
    float,
    _quantity(units.DURATION, units.some_time),
    _schema("duration", "5s", units.DURATION_FORM.pattern),
]
Trust = Annotated[
    float,
    _quantity(units.DURATION, units.within_an_hour),
    _schema("duration", "1s", units.DURATION_FORM.pattern),
]
FenceField = Annotated[
    str,
    _text("the name of a field such as Fencing-Token", _fence),
    _schema("field name", "Fencing-Token", "[!-~]+"),
]
Size = Annotated[
    int,
    _quantity(units.SIZE, units.size),
    _schema("size", "8MiB", units.SIZE_FORM.pattern),
]
