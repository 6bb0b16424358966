"""The origin server of a case: what it has, how it answers, and what it saw.

What lives here: a small HTTP API without entity tags of its own, as values in and values out. What must not: how it is
reached; `stands` puts it behind a port in this process, and behind a socket.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.conformance.case import DOCUMENT, SAFE, Answer, Case, Lines, Representation

OTHER = "/doc/other"
"""A resource that every origin server has, whose tag is another resource's."""

BUILT_IN = {DOCUMENT: Representation(), OTHER: Representation(content="another")}


@dataclass(frozen=True)
class Received:
    """A request as it came, its target without the case's prefix."""

    method: str
    target: str
    fields: tuple[tuple[str, str], ...]
    content: bytes

    def get(self, name: str) -> str | None:
        """Return the value of a field, lines joined; None when absent."""
        values = [value for line, value in self.fields if line.lower() == name.lower()]
        return ", ".join(values) if values else None


@dataclass(frozen=True)
class Said:
    """An answer. `failure` as in `case.Answer`."""

    status: int
    fields: tuple[tuple[str, str], ...] = ()
    content: bytes = b""
    failure: str | None = None


class Origin:
    """The origin server of one case. `log` is what it saw since it was last cleared."""

    def __init__(self, case: Case) -> None:
        self.here = case.prefix
        self.answers = case.given.answers
        self.log: list[Received] = []
        self._shouting = case.given.stores != "as sent"
        self._holds: dict[str, Representation] = dict(BUILT_IN)
        self.change(case.given.holds)

    def change(self, held: dict[str, Representation | None]) -> None:
        """Put representations where they are, or nothing there."""
        for target, representation in held.items():
            self._holds.pop(target, None)
            if representation is not None:
                self._holds[target] = representation

    def content(self, target: str) -> str | None:
        """Return what is there."""
        held = self._holds.get(target)
        return None if held is None else held.content

    @contextmanager
    def aside(self, target: str | None = None) -> Iterator[None]:
        """Let nothing be logged, nothing be scripted, and `target` have earlier content meanwhile."""
        kept, self.answers = self.answers, {}
        log, self.log = self.log, []
        held = dict(self._holds)
        if target is not None:
            self._holds[target] = _written(held.get(target, Representation()), "earlier", None)
        try:
            yield
        finally:
            self.answers, self.log, self._holds = kept, log, held

    def answer(self, request: Received) -> Said:
        """Do what the request asks, and say so."""
        self.log.append(request)
        scripted = self.answers.get("GET" if request.method == "HEAD" else request.method)
        if scripted is not None:
            return self._scripted(scripted)
        if request.method in SAFE:
            return self._read(request)
        if request.method == "OPTIONS":
            return Said(204, (("Allow", "GET, HEAD, PUT, PATCH, POST, DELETE"),))
        return self._write(request)

    def _scripted(self, answer: Answer) -> Said:
        self.change(answer.then)
        typed = () if answer.type is None or not answer.content else (("Content-Type", answer.type),)
        return Said(answer.status, (*typed, *self._lines(answer.fields)), self._content(answer.content), answer.failure)

    def _read(self, request: Received) -> Said:
        held = self._holds.get(request.target) or self._holds.get(urlsplit(request.target).path)
        if held is None:
            return Said(404, (("Content-Type", "text/plain"),), b"nothing here")
        typed = () if held.type is None else (("Content-Type", held.type),)
        if held.by is None:
            said = Said(200, (*typed, *self._lines(held.fields)), self._content(held.content))
            return _part(said, request.get("range") or "") if held.ranges else said
        asked = request.get(held.by) or ""
        shown = next((variant for variant in held.variants if variant.value in asked), held.variants[0])
        own = self._lines(shown.fields)
        named = {name.lower() for name, _ in own}
        lines = (*typed, ("Vary", held.by), *self._lines(held.fields))
        kept = [line for line in lines if line[0].lower() not in named or line[0] == "Vary"]
        return Said(200, (*kept, *own), self._content(shown.content))

    def _write(self, request: Received) -> Said:
        path = urlsplit(request.target).path
        held = self._holds.get(path)
        if request.method == "DELETE":
            self._holds.pop(path, None)
            return Said(204 if held else 404)
        if held is None and request.method != "PUT":
            return Said(404)
        text = request.content.decode()
        stored = text.upper() if self._shouting else text
        self._holds[path] = _written(held or Representation(), stored, request.get("content-type"))
        return Said(201 if held is None else 204)

    def _content(self, text: str) -> bytes:
        return text.replace("{here}", self.here).encode()

    def _lines(self, fields: Lines) -> tuple[tuple[str, str], ...]:
        return tuple((name, value.replace("{here}", self.here)) for name, value in lines(fields))


def _written(before: Representation, content: str, media_type: str | None) -> Representation:
    """Return what was there with other content, in every variant."""
    variants = tuple(variant.model_copy(update={"content": content}) for variant in before.variants)
    written = {"content": content, "type": media_type or before.type, "variants": variants}
    return before.model_copy(update=written)


def _part(whole: Said, asked: str) -> Said:
    """Return the part that is asked for, from a first to a last byte; the whole where that is not so."""
    found = re.fullmatch(r"bytes=(\d+)-(\d+)", asked)
    if found is None:
        return whole
    first, last = int(found[1]), int(found[2])
    line = ("Content-Range", f"bytes {first}-{last}/{len(whole.content)}")
    return Said(206, (*whole.fields, line), whole.content[first : last + 1])


def lines(fields: Lines) -> Iterator[tuple[str, str]]:
    """Yield the field lines that a case spells."""
    for name, value in fields.items():
        yield from ((name, each) for each in ((value,) if isinstance(value, str) else value))


class Origins:
    """The origin servers of many cases, each under its case's prefix."""

    def __init__(self, played: Sequence[Case]) -> None:
        self._by_prefix = {case.prefix: Origin(case) for case in played}

    def begin(self, case: Case) -> Origin:
        """Return the case's origin server as it is at first."""
        self._by_prefix[case.prefix] = Origin(case)
        return self._by_prefix[case.prefix]

    def answer(self, method: str, target: str, fields: tuple[tuple[str, str], ...], content: bytes) -> Said:
        """Let that origin server answer for which the request is."""
        prefix, slash, rest = target[1:].partition("/")
        return self._by_prefix[f"/{prefix}"].answer(Received(method, slash + rest, fields, content))
