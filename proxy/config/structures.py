"""The types of values that have parts of their own: bodies of refusals, lists of origins.

What lives here: how such a value is read, each mistake at the part where it stands. What must not: values of a single
part (`scalars`), and what is made of these (`translate`).
"""

from collections.abc import Iterator
from re import compile as regex
from typing import Annotated, Any, Final

from pydantic import AfterValidator, PlainValidator, ValidationError, WithJsonSchema
from pydantic_core import InitErrorDetails, PydanticCustomError

from proxy.config.mistakes import KeyPath
from proxy.config.notation import TEXT_EXPECTED
from proxy.config.scalars import OFF
from proxy.config.yaml_source import Misread
from proxy.core import cors, problem_template
from proxy.core.cors import AllowedOrigins, Sharing
from proxy.core.problem_template import ProblemTemplate

_TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105 - RFC 9110 §5.6.2, a notation
_MEDIA_TYPE: Final = regex(rf'{_TOKEN}/{_TOKEN}(?: *; *{_TOKEN}=(?:{_TOKEN}|"[ !#-\[\]-~]*"))*')
_ORIGIN_PATTERN: Final = r"\*|[A-Za-z][A-Za-z0-9+.-]*://[^/?#@*]+"

_PLAIN: Final = "text, a number, true, false or null"
_SHARING: Final = f'auto, "{OFF}" or a list of origins'
_WEB_ORIGIN: Final = "an origin such as https://app.example"

Fault = tuple[KeyPath, object, ValueError | PydanticCustomError]
"""Where in a value a mistake is, the part that is one, and what is expected."""


def _refuse(faults: list[Fault]) -> None:
    """Raise what was found, each at its place, if anything was. Raised: `pydantic.ValidationError`."""
    if faults:
        details = [InitErrorDetails(type=_typed(fault), loc=path, input=part) for path, part, fault in faults]
        raise ValidationError.from_exception_data("value", details)


def _typed(fault: ValueError | PydanticCustomError) -> PydanticCustomError:
    if isinstance(fault, PydanticCustomError):
        return fault
    return PydanticCustomError("value_error", "{error}", {"error": str(fault)})


def _no_text(expected: str) -> PydanticCustomError:
    return PydanticCustomError(TEXT_EXPECTED, "expected {expected}", {"expected": expected})


def _content_type(text: str) -> str:
    if _MEDIA_TYPE.fullmatch(text) is None:
        raise ValueError("expected a media type such as application/json")
    return text


def _body(value: object) -> object:
    """Return a body as it was written, if it can be sent."""
    if not isinstance(value, dict | tuple | str):
        raise ValueError("expected a mapping, a list or text")  # noqa: TRY004 - the one type that pydantic collects
    _refuse(list(_body_faults(value, ())))
    ProblemTemplate.parse(value)
    return value


def _body_faults(value: object, path: KeyPath) -> Iterator[Fault]:
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _body_faults(member, (*path, key))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _body_faults(item, (*path, index))
    elif isinstance(value, Misread):
        yield path, value, _no_text(_PLAIN)
    elif isinstance(value, str):
        try:
            problem_template.read(value)
        except ValueError as fault:
            yield path, value, fault


def _cors(value: object) -> Sharing | AllowedOrigins:
    if isinstance(value, tuple) and value:
        _refuse(list(_origin_faults(value)))
        return AllowedOrigins(tuple(dict.fromkeys(map(cors.parse_origin, value))))
    if isinstance(value, str) and value in {each.value for each in Sharing}:
        return Sharing(value)
    if isinstance(value, str | tuple):
        raise ValueError(f'expected {_SHARING} such as ["https://app.example"]')  # noqa: TRY004 - nor is its type wrong
    raise _no_text(_SHARING)


def _origin_faults(value: tuple[object, ...]) -> Iterator[Fault]:
    for index, item in enumerate(value):
        if not isinstance(item, str):
            yield (index,), item, _no_text(_WEB_ORIGIN)
            continue
        try:
            if cors.parse_origin(item) == cors.ANYONE and len(value) > 1:
                yield (index,), item, ValueError("* stands for every origin; write it alone, or leave it out")
        except ValueError as fault:
            yield (index,), item, fault


ContentType = Annotated[
    str,
    AfterValidator(_content_type),
    WithJsonSchema({"type": "string", "title": "media type", "examples": ["application/json"]}),
]
Body = Annotated[
    Any,
    PlainValidator(_body),
    WithJsonSchema({"type": ["object", "array", "string"], "title": "mapping, list or text"}),
]
Cors = Annotated[
    Sharing | AllowedOrigins,
    PlainValidator(_cors),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "enum": [each.value for each in Sharing]},
                {
                    "type": "array",
                    "items": {"type": "string", "title": "origin", "pattern": f"^(?:{_ORIGIN_PATTERN})$"},
                    "minItems": 1,
                },
            ]
        }
    ),
]
