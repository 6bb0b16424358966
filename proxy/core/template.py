"""Path templates: `/wiki/{id}`, `/files/{path...}`; how a request's path is compared with one, and made from one.

What lives here: the grammar of templates, matching and expansion. What must not: what a match is for (`route`), and
which spellings are one segment (`target`).

    template = "/" / 1*( "/" segment ) [ "/" ] / *( "/" segment ) "/" rest
    segment  = literal / "{" name "}" [ "." format ]      ; a format of `coarse.FORMATS`
    rest     = "{" name "...}"                            ; all segments from here on, possibly none
    name     = a letter or "_", then letters, digits, "_"

Literals are matched coarsely, because a spelling that escapes its route escapes the guard. For the same reason the
format behind a variable does not count in matching.
Captured values are the raw spelling, because the origin server is to be asked in the client's own words.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from proxy.core import target as request_target
from proxy.core.coarse import FORMATS
from proxy.core.target import Target
from proxy.errors import MalformedTarget

_BRACED: Final = re.compile(r"\{([^{}]*?)(\.\.\.)?\}")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SEGMENT: Final = re.compile(r"[^/]+")
_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]+")


@dataclass(frozen=True, slots=True)
class Literal:
    """A segment that is written out: as it is sent, as resource keys spell it, and as lock keys spell it."""

    raw: str
    fine: str
    coarse: str


@dataclass(frozen=True, slots=True)
class Variable:
    """A segment that is captured. `suffix` names a format, as in `{id}.json`, and is no part of what is captured."""

    name: str
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """A path template. `rest` is the name under which all that follows `segments` is captured, None without one.

    `text` is what was written. Its trailing slash and a format behind a variable count in expansion only.

    >>> Template.parse("/wiki/{id}").expand({"id": "1"})
    '/wiki/1'
    """

    text: str
    segments: tuple[Literal | Variable, ...]
    rest: str | None

    @classmethod
    def parse(cls, text: str) -> "Template":
        """Read a template. Raised when it breaks the grammar, or when no request could match it: `ValueError`."""
        try:
            return cls(text, *_parse(text))
        except ValueError as fault:
            raise ValueError(f"path template {text!r}: {fault}") from None

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables in order, each as it is written: `{id}`, `{path...}`."""
        single = tuple(f"{{{segment.name}}}" for segment in self.segments if isinstance(segment, Variable))
        return single if self.rest is None else (*single, f"{{{self.rest}...}}")

    def match(self, target: Target) -> dict[str, str] | None:
        """Return what the variables capture, in raw spelling; None where the path does not match."""
        if target.asterisk or not self.fits(target.coarse_segments):
            return None
        return self.captures(target)

    def fits(self, coarse: Sequence[str]) -> bool:
        """Tell whether a path of these segments, spelled as in `Target.coarse_segments`, matches."""
        surplus = len(coarse) - len(self.segments)
        if surplus < 0 or (surplus > 0 and self.rest is None):
            return False
        for segment, spelled in zip(self.segments, coarse, strict=False):
            if isinstance(segment, Literal) and segment.coarse != spelled:
                return False
        return True

    def spelled_by(self, target: Target) -> bool:
        """Tell whether a path that matches spells the literals as written here, case, suffix and parameters included.

        Only what RFC 3986 §6.2.2 calls equivalent, and the trailing slash, may differ.
        """
        pairs = zip(self.segments, _SEGMENT.findall(target.key), strict=False)
        return all(
            spelled.endswith(segment.suffix) if isinstance(segment, Variable) else segment.fine == spelled
            for segment, spelled in pairs
        )

    def captures(self, target: Target) -> dict[str, str]:
        """Return what the variables capture of a path that matches."""
        found = list(_SEGMENT.finditer(target.path))
        pairs = zip(self.segments, found, strict=False)
        captured = {
            segment.name: spelled[0].removesuffix(segment.suffix)
            for segment, spelled in pairs
            if isinstance(segment, Variable)
        }
        if self.rest is not None:
            behind = found[len(self.segments) :]
            captured[self.rest] = target.path[behind[0].start() :] if behind else ""
        return captured

    def expand(self, captures: Mapping[str, str]) -> str:
        """Return the raw path with `captures` in place of the variables. An empty rest takes its slash with it."""
        raw = [
            segment.raw if isinstance(segment, Literal) else captures[segment.name] + segment.suffix
            for segment in self.segments
        ]
        if self.rest is not None and captures[self.rest]:
            raw.append(captures[self.rest])
        slash = "/" if self.segments and self.text.endswith("/") else ""
        return "/" + "/".join(raw) + slash


def require_captured(state: Template, *, by: Template) -> None:
    """Check that a `state` template uses only what the path template `by` captures. Raised otherwise: `ValueError`."""
    missing = [variable for variable in state.variables if variable not in by.variables]
    if missing:
        raise ValueError(
            f"state template {state.text!r} uses {', '.join(missing)}; "
            f"path template {by.text!r} captures {', '.join(by.variables) or 'nothing'}, "
            "so it cannot tell which resource a request writes"
        )


def _parse(text: str) -> tuple[tuple[Literal | Variable, ...], str | None]:
    if not text.startswith("/"):
        raise ValueError("it must begin with '/'")
    if "?" in text or "#" in text:
        raise ValueError("it names a path alone, without query or fragment")
    if "//" in text:
        raise ValueError("it has an empty segment, '//'")
    written = text[1:].split("/")
    rest = _rest(written[-1])
    segments = tuple(_segment(piece) for piece in (written[:-1] if rest or not written[-1] else written))
    names = [segment.name for segment in segments if isinstance(segment, Variable)]
    _require_distinct([*names, rest] if rest else names)
    return segments, rest


def _rest(written: str) -> str | None:
    braced = _BRACED.fullmatch(written)
    return _name(braced[1]) if braced and braced[2] else None


def _segment(written: str) -> Literal | Variable:
    if "{" not in written and "}" not in written:
        return _literal(written)
    stem, dot, suffix = written.rpartition(".")
    braced = _BRACED.fullmatch(stem if suffix in FORMATS else written)
    if braced is None:
        raise ValueError(
            f"in {written!r} the braces are unbalanced, or do not enclose the whole segment but for a format like .json"
        )
    if braced[2]:
        raise ValueError(f"{written} must be the end of the template: it captures all that follows")
    return Variable(_name(braced[1]), dot + suffix if suffix in FORMATS else "")


def _name(written: str) -> str:
    if not written:
        raise ValueError("a name between braces is empty")
    if _NAME.fullmatch(written) is None:
        raise ValueError(f"{written!r} is no name; expected a letter or '_', then letters, digits or '_'")
    return written


def _literal(written: str) -> Literal:
    """Return a literal segment; what is not ASCII is encoded as clients send it (RFC 3986 §2.5)."""
    raw = _NOT_ASCII.sub(lambda found: quote(found[0]), written)
    if ";" in unquote(raw):
        raise ValueError(f"in {written!r}, parameters after ';' do not count in matching; leave them out")
    try:
        target = request_target.parse(f"/{raw}", None)
    except MalformedTarget as fault:
        raise ValueError(f"no request could match the segment {written!r}: {fault.detail}") from None
    return Literal(raw, target.key[1:], *target.coarse_segments)


def _require_distinct(names: Sequence[str]) -> None:
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        raise ValueError(f"it uses the name {repeated[0]!r} more than once")
