"""How a case is played on a stand: each request is sent, and all that differs from what was expected is told.

What lives here: the comparison of what came, and of what the origin server saw, with what must have. What must not: how
a stand works, and which cases there are.
"""

import json
import re
from collections.abc import Iterator, Sequence

from proxy.core import entity_tag
from proxy.core.cors import SHARING_FIELDS
from proxy.core.preconditions import CONDITIONAL_FIELDS
from proxy.core.presenting import NOT_MODIFIED_FIELDS
from tests.conformance.case import SAFE, Case, Expected, Request, Seen, Step
from tests.conformance.origin import Origin, Received, lines
from tests.conformance.placeholders import Placeholders
from tests.conformance.speaking import Heard, ask
from tests.conformance.stands import Stand

OWN_REFUSALS = frozenset({400, 403, 412, 428, 503})
"""Statuses that say, in a problem document of ours, that nothing was forwarded."""

BESIDES = frozenset({"connection", "proxy-status", "via"})
"""Fields of the connection and of intermediaries, which are no metadata of a representation."""


def play(case: Case, stand: Stand) -> list[str]:
    """Return what is not as the case says, a line each; nothing is the good outcome."""
    origin = stand.origins.begin(case)
    placeholders = Placeholders(stand.authority, origin)
    found = []
    for number, step in enumerate(case.played, start=1):
        found += [f"step {number}: {difference}" for difference in _step(step, origin, placeholders)]
    return found


def _step(step: Step, origin: Origin, placeholders: Placeholders) -> list[str]:
    origin.change(step.meanwhile)
    if step.answers is not None:
        origin.answers = step.answers
    placeholders.target = step.request.target
    expected = _filled(step.expect, placeholders, later=False)
    heard = _ask(step.request, origin, placeholders)
    seen, origin.log = origin.log, []
    placeholders.kept |= {name: heard.get(field) or "" for name, field in expected.keep.items()}
    expected = _filled(expected, placeholders, later=True)
    found = [*differences(expected, heard), *unlawful(heard, seen), *_observed(step.request, expected, seen)]
    return found + [
        f"the origin server has {origin.content(target)!r} at {target}; expected {content!r}"
        for target, content in expected.leaves.items()
        if origin.content(target) != content
    ]


def _ask(request: Request, origin: Origin, placeholders: Placeholders) -> Heard:
    said = [(name, placeholders.fill(value)) for name, value in lines(request.fields)]
    body = None if request.body is None else placeholders.fill(request.body)
    if body is not None and "content-type" not in {name.lower() for name, _ in said}:
        said.append(("Content-Type", "text/plain"))
    origin.log = []
    return ask(placeholders.authority, request.method, origin.here + request.target, said, body)


def _filled(expected: Expected, placeholders: Placeholders, *, later: bool) -> Expected:
    """Return what is expected with its placeholders filled in: those that tell of before, then those of after."""
    filled: dict[str, object] = {
        part: placeholders.filled(getattr(expected, part), later=later) for part in ("fields", "differing")
    }
    for part in ("forwarded", "asked"):
        seen = getattr(expected, part)
        if isinstance(seen, Seen):
            filled[part] = seen.model_copy(update={"fields": placeholders.filled(seen.fields, later=later)})
    if expected.content is not None:
        filled["content"] = placeholders.fill(expected.content, later=later)
    filled["problem"] = {
        name: placeholders.fill(value, later=later) if isinstance(value, str) else value
        for name, value in expected.problem.items()
    }
    return expected.model_copy(update=filled)


# The response ---------------------------------------------------------------------------------------------------------


def differences(expected: Expected, heard: Heard) -> Iterator[str]:
    """Yield what of a response is not as expected."""
    if heard.status != expected.status:
        yield f"status {heard.status}; expected {expected.status}"
    yield from _fields(expected, heard)
    for name, pattern in expected.matching.items():
        if re.fullmatch(pattern, heard.get(name) or "") is None:
            yield f"{name} is {heard.get(name)!r}; expected what matches {pattern!r}"
    if expected.content is not None and heard.content.decode() != expected.content:
        yield f"content {heard.content!r}; expected {expected.content!r}"
    if expected.problem:
        yield from _problem(expected, heard)


def _fields(expected: Expected | Seen, message: Heard | Received) -> Iterator[str]:
    """Yield which fields of a message are not as expected."""
    for name, value in expected.fields.items():
        if message.get(name) != value:
            yield f"{name} is {message.get(name)!r}; expected {value!r}"
    for name, value in expected.differing.items():
        if message.get(name) in {None, value}:
            yield f"{name} is {message.get(name)!r}; expected one that differs from {value!r}"
    for name in expected.absent:
        if message.get(name) is not None:
            yield f"{name} is {message.get(name)!r}; expected none"


def _problem(expected: Expected, heard: Heard) -> Iterator[str]:
    if heard.get("content-type") != "application/problem+json":
        yield f"a {heard.get('content-type')}; expected a problem document"
        return
    document = json.loads(heard.content)
    for name, value in expected.problem.items():
        if document.get(name) != value:
            yield f"the problem's {name} is {document.get(name)!r}; expected {value!r}"


# What holds of every case ---------------------------------------------------------------------------------------------


def unlawful(heard: Heard, seen: Sequence[Received]) -> Iterator[str]:
    """Yield what no answer may be, whatever a case says of it."""
    if heard.get("etag") is not None:
        try:
            entity_tag.parse(heard.get("etag") or "")
        except ValueError as fault:
            yield f"ETag is no entity tag: {fault}"
    if heard.status == 304:
        yield from _beyond_304(heard)
    if heard.get("content-type") == "application/problem+json" and b'"urn:ifmatch:problem:' in heard.content:
        yield from _beyond_problem(heard, seen)


def _beyond_304(heard: Heard) -> Iterator[str]:
    extra = {name.lower() for name, _ in heard.lines} - NOT_MODIFIED_FIELDS - SHARING_FIELDS - BESIDES - {"age"}
    if extra or heard.content:
        yield f"a 304 with {sorted(extra)} and content {heard.content!r}"


def _beyond_problem(heard: Heard, seen: Sequence[Received]) -> Iterator[str]:
    document = json.loads(heard.content)
    if document["status"] != heard.status:
        yield f"the problem says {document['status']}, the response {heard.status}"
    if heard.get("cache-control") != "no-store":
        yield "a problem document that a cache may store"
    forwarded = _writes(seen)
    if (heard.status in OWN_REFUSALS or document["outcome"] == "not-applied") and forwarded:
        yield f"a refusal, but the origin server saw {forwarded}"


# The origin server ----------------------------------------------------------------------------------------------------


def _writes(seen: Sequence[Received]) -> list[Received]:
    return [request for request in seen if request.method not in SAFE]


def _observed(request: Request, expected: Expected, seen: Sequence[Received]) -> Iterator[str]:
    asked = {"nothing": 0, "once": 1, "twice": 2}
    reads = [received for received in seen if received.method in SAFE]
    if isinstance(expected.asked, Seen):
        yield from unseen(expected.asked, reads, "asked")
    elif expected.asked is not None and len(reads) != asked[expected.asked]:
        yield f"the origin server was asked {len(reads)} times; expected {expected.asked}"
    if expected.forwarded is not None:
        wanted = expected.forwarded if isinstance(expected.forwarded, Seen) else _plain(request, expected.forwarded)
        yield from unseen(wanted, _writes(seen), "forwarded")


def _plain(request: Request, forwarded: str) -> Seen:
    """Return what the origin server sees of a request as its client sent it, without what was evaluated here."""
    if forwarded == "nothing":
        return Seen(times=0)
    return Seen(
        method=request.method,
        target=request.target,
        content=request.body or "",
        absent=tuple(sorted(CONDITIONAL_FIELDS)),
    )


def unseen(wanted: Seen, seen: Sequence[Received], what: str) -> Iterator[str]:
    """Yield what the origin server did not see as expected."""
    if len(seen) != wanted.times:
        yield f"{what} {len(seen)} times; expected {wanted.times}: {[request.method for request in seen]}"
    for received in seen:
        pairs = {"method": received.method, "target": received.target, "content": received.content.decode()}
        for part, value in pairs.items():
            if getattr(wanted, part) not in {None, value}:
                yield f"{what} with the {part} {value!r}; expected {getattr(wanted, part)!r}"
        yield from (f"{what} where {difference}" for difference in _fields(wanted, received))
