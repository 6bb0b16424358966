"""Media types, as equal or different (RFC 9110 §8.3.1).

What lives here: one spelling for all that mean the same. What must not: what a media type says about content.
"""

import json
import re
from functools import lru_cache
from typing import Final

# parameter = ";" OWS [ token "=" ( token / quoted-string ) ] OWS, RFC 9110 §5.6.6, and a little more
_PARAMETER: Final = re.compile(
    r""";[ \t]*(?:(?P<name>[^\s;="]+)=(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<token>[^\s;"]*)))?[ \t]*""", re.DOTALL
)
_QUOTED_PAIR: Final = re.compile(r"\\(.)", re.DOTALL)
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@lru_cache(maxsize=256)  # an API has few
def normalised(value: str) -> str:
    """Return a media type such that equivalent spellings are equal, as sent where it is malformed.

    Type, subtype, parameter names and `charset` ignore case; quoting, white space and the order of parameters do not
    count.
    """
    parts = _parts(value)
    if parts is None:
        return value
    essence, parameters = parts
    return ";".join([essence, *(f"{name}={json.dumps(meant)}" for name, meant in parameters)])


@lru_cache(maxsize=256)
def acceptable(value: str) -> str | None:
    """Return a media type as Accept asks for it (RFC 9110 §12.5.1); None where it is missing or malformed.

    Its `charset` is left out: Accept-Charset is history, and many servers find no match for `json; charset=utf-8`.
    """
    parts = _parts(value)
    if parts is None or parts[0].count("/") != 1 or not all(map(_TOKEN.fullmatch, parts[0].split("/"))):
        return None
    parameters = (f"{name}={_as_token(meant)}" for name, meant in parts[1] if name not in {"charset", "q"})
    return ";".join([parts[0], *parameters])


def charset(value: str) -> str | None:
    """Return what a media type says of its charset, in lower case; empty where it cannot be read."""
    parts = _parts(value)
    return "" if parts is None else dict(parts[1]).get("charset")


def _parts(value: str) -> tuple[str, list[tuple[str, str]]] | None:
    """Return type and subtype, and the parameters in order of their names; None where they cannot be read."""
    essence, semicolon, rest = value.partition(";")
    written, position = semicolon + rest, 0
    parameters: list[tuple[str, str]] = []
    while position < len(written):
        found = _PARAMETER.match(written, position)
        if found is None:
            return None
        if found["name"] is not None:
            parameters.append(_parameter(found))
        position = found.end()
    return essence.strip(" \t").lower(), sorted(parameters)


def _parameter(found: re.Match[str]) -> tuple[str, str]:
    name = found["name"].lower()
    value = found["token"] if found["quoted"] is None else _QUOTED_PAIR.sub(r"\1", found["quoted"])
    return name, value.lower() if name == "charset" else value


def _as_token(value: str) -> str:
    return value if _TOKEN.fullmatch(value) else json.dumps(value)
