"""The types of values that have parts of their own: bodies of refusals, lists of origins, spellings of tags.

What lives here: how such a value is read, each mistake at the part where it stands. What must not: values of a single
part (`scalars`), and what is made of these (`translate`).
"""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from re import compile as regex
from typing import Annotated, Any, Final

from pydantic import AfterValidator, PlainValidator, ValidationError, WithJsonSchema
from pydantic_core import InitErrorDetails, PydanticCustomError

from proxy.config.mistakes import KeyPath, quoted
from proxy.config.notation import TEXT_EXPECTED
from proxy.config.scalars import OFF
from proxy.config.yaml_source import Misread
from proxy.core import cors, media_type, problem_template
from proxy.core.cors import AllowedOrigins, Sharing
from proxy.core.entity_tag import STRICT, TOLERANT, Tolerated
from proxy.core.problem_template import ProblemTemplate

_TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105 - RFC 9110 §5.6.2, a notation
_MEDIA_TYPE: Final = regex(rf'{_TOKEN}/{_TOKEN}(?: *; *{_TOKEN}=(?:{_TOKEN}|"[ !#-\[\]-~]*"))*')
_ORIGIN_PATTERN: Final = r"\*|[A-Za-z][A-Za-z0-9+.-]*://[^/?#@*]+"

_PLAIN: Final = "text, a number, true, false or null"
_SHARING: Final = f'auto, "{OFF}" or a list of origins such as ["https://app.example"]'
_WEB_ORIGIN: Final = "an origin such as https://app.example"

_FORMS: Final = {form.value: form for form in Tolerated}
_SETS: Final = {"strict": STRICT, "tolerant": TOLERANT}
_TAG_FORMS: Final = f"'strict', 'tolerant', or a list of some of {', '.join(_FORMS)}"

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
    if media_type.charset(text) not in {None, "utf-8"}:
        raise ValueError("bodies are sent in UTF-8; leave charset out, or write charset=utf-8")
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
    if isinstance(value, Misread) and value.text == OFF:
        raise _no_text(_SHARING)
    advice = f"; write [{quoted(value)}]" if isinstance(value, str) and _is_origin(value) else ""
    raise ValueError(f"expected {_SHARING}{advice}")


def _is_origin(text: str) -> bool:
    try:
        return bool(cors.parse_origin(text))
    except ValueError:
        return False


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


def _tag_forms(value: object) -> frozenset[Tolerated]:
    """Return what is tolerated: by a word for none or all of it, or by the name of each."""
    if isinstance(value, str) and value in _SETS:
        return _SETS[value]
    if isinstance(value, tuple):
        _refuse([((index,), item, fault) for index, item in enumerate(value) if (fault := _form_fault(item))])
        return frozenset(_FORMS[item] for item in value)
    advice = f"; write [{value}]" if isinstance(value, str) and value in _FORMS else _close(value, _SETS)
    raise ValueError(f"expected {_TAG_FORMS}{advice}")


def _form_fault(item: object) -> ValueError | None:
    if isinstance(item, str) and item in _FORMS:
        return None
    if isinstance(item, str) and item in _SETS:
        return ValueError(f"this stands for a whole list; write accept_tags: {item}")
    return ValueError(f"expected {', '.join(list(_FORMS)[:-1])} or {list(_FORMS)[-1]}{_close(item, _FORMS)}")


def _close(value: object, known: Iterable[str]) -> str:
    close = get_close_matches(value.lower(), list(known), n=1) if isinstance(value, str) else []
    return f"; did you mean {close[0]}?" if close else ""


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
AcceptTags = Annotated[
    frozenset[Tolerated],
    PlainValidator(_tag_forms),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "enum": list(_SETS)},
                {"type": "array", "items": {"type": "string", "enum": list(_FORMS), "title": "form"}},
            ]
        }
    ),
]
