"""What a probe says: what was asked and answered, what differs and when, and what can be done about it.

What lives here: words. What must not: the judgement that they rest on (`comparing`), and YAML (`proposing`). Whatever
came from the origin server is shown without characters that a terminal would act on.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from proxy.cli.comparing import Comparison, OwnTag, Reading
from proxy.cli.sampling import Question, UnreadableError
from proxy.core import json_text
from proxy.core.differing import NOTHING, How, Place, Seen
from proxy.core.entity_tag import EntityTag
from proxy.core.fields import Fields
from proxy.core.matching import UNMATCHED, Match
from proxy.core.message import Request, Response
from proxy.core.representation import Absent, Opacity, Opaque
from proxy.core.route import Guard, Unmatched

Line = tuple[str, str]

PROPOSED: Final = "these keys; with them all of the answers have one tag"

_SHOWN: Final = 3
"""So many of the values that stand at one place."""
_LONGEST: Final = 40
"""So many characters of one."""
_LISTED: Final = 20
"""So many places."""

_NO_ROUTE: Final = {
    Unmatched.RELAY: "none, so nothing is guarded (unmatched: relay); compared under the default rules",
    Unmatched.GUARD: "none, so guarded under the default rules (unmatched: guard)",
    Unmatched.REJECT: "none, so refused with 404 (unmatched: reject); compared under the default rules",
}
_OWN: Final = {
    OwnTag.NONE: "none",
    OwnTag.MALFORMED: "malformed, so not used",
    OwnTag.SOMETIMES: "in some answers only",
    OwnTag.STEADY: "the same in all answers, and so is the content",
    OwnTag.FOLLOWS: "changes when the content does",
    OwnTag.OVERLOOKS: "stays the same while the content changes",
    OwnTag.RESTLESS: "changes while the content stays the same",
}
_UNREADABLE: Final = {
    Opacity.REFUSED: "the origin server refuses this request",
    Opacity.REDIRECTED: "redirects are not followed; probe the URL that it leads to",
    Opacity.UNSELECTABLE: "the resource cannot be read with GET, so no write to it can be guarded",
    Opacity.FAILED: "the origin server failed",
    Opacity.PARTIAL: "this is not a whole representation, so it gets no tag",
    Opacity.STREAM: "an event stream has no end, and so no state",
    Opacity.TOO_LARGE: "the content is larger than the route's limits.mint, so it gets no tag",
}
_CREDENTIALS: Final = "give credentials, as --header 'Authorization: ...'"


def route(match: Match, unmatched: Unmatched) -> str:
    """Say which route speaks for the resource, and whether it guards."""
    if match.route is UNMATCHED:
        return _NO_ROUTE[unmatched]
    state = "" if match.route.state is None else f" by {match.state_target.raw}"
    words = {Guard.ENFORCE: f"guarded{state}", Guard.OFF: 'not guarded (guard: "off")'}
    return f"{match.route.name}: {words.get(match.route.guard, f'guard: {match.route.guard.value}')}"


def unsent(given: Fields, sent: Fields) -> list[str]:
    """Return the names of fields that do not go out as they were given."""
    return [name for name, value in given if value not in sent.get_all(name) and name.lower() != "forwarded"]


def asks(selection: Request, authority: str, times: int, pause: float) -> str:
    """Say what is sent, how often."""
    often = "once, and once" if times == 1 else f"{times} times, and {times}"
    return f"GET {selection.target.raw} of {authority}, {often} more after {pause:g} s"


def unreadable(unreadable: UnreadableError, asked: Question) -> str:
    """Say why an answer shows nothing that could be compared."""
    selected, status = unreadable.selected, unreadable.selected.response.status
    words = "there is nothing here" if isinstance(selected, Absent) else ""
    if isinstance(selected, Opaque):
        words = _CREDENTIALS if status in {401, 403} else _UNREADABLE[selected.why]
        if selected.why is Opacity.TOO_LARGE:
            words += f" ({asked.match.reading.limits.mint} bytes)"
    location = selected.response.fields.get("location")
    where = f" to {location}" if location is not None and 300 <= status < 400 else ""  # noqa: PLR2004 - redirections
    earlier = f" (after {unreadable.number - 1} answers that could be read)" if unreadable.number > 1 else ""
    return printable(f"{status}{where}: {words}{earlier}")


def answered(answers: Sequence[Response]) -> str:
    """Say what the answers look like."""
    fields = answers[-1].fields
    sizes = sorted({len(answer.content) for answer in answers})
    parts = [
        "200",
        fields.get("content-type") or "no media type",
        f"{sizes[0]} bytes" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]} bytes",
        f"content coding {fields.get('content-encoding') or 'none'}",
        f"Vary: {fields.get('vary') or 'none'}",
    ]
    return printable(", ".join(parts))


def origin_tag(comparison: Comparison, answers: Sequence[Response]) -> str:
    """Say what the origin server's own ETag is and does."""
    value = next((tag for answer in answers if (tag := answer.fields.get("etag")) is not None), "")
    words = _OWN[comparison.own]
    if comparison.own is OwnTag.NONE:
        return words
    if comparison.own is not OwnTag.MALFORMED:
        words = f"weak, {words}; If-Match never matches it" if value.startswith("W/") else f"strong, {words}"
    return printable(f"{value}: {words}")


def differences(comparison: Comparison) -> Iterator[Line]:
    """Say what differs, one line each, and when."""
    for name, values in comparison.fields:
        yield "differs", printable(f"field {name}: {_listed([value or 'none' for value in values])}")
    for place in comparison.places[:_LISTED]:
        name = printable(place.pointer) or "the document as a whole"
        yield "differs", f"{name}: {_there(place)} ({_when(at_once=place.at_once)})"
    for span in comparison.spans[:_LISTED]:
        last = span.start + max(map(len, span.seen)) - 1
        shown = _listed([ascii(piece)[1:] for piece in span.seen])
        yield "differs", f"bytes {span.start} to {last}: {shown} ({_when(at_once=span.at_once)})"
    more = sum(max(0, len(found) - _LISTED) for found in (comparison.places, comparison.spans))
    if more:
        yield "differs", f"{more} more places"
    if comparison.reading is Reading.JSON and not comparison.same_bytes and not comparison.places:
        yield "differs", "the spelling of the JSON (key order, white space, escapes), or what is ignored already"


def unused(pointer: str) -> str:
    """Say that a pointer of the route names nothing, as after a slip of the pen."""
    return printable(f"{pointer} in the route's etag names nothing in these answers")


def verdict(comparison: Comparison, count: int) -> str:
    """Say how many tags the answers have."""
    if not comparison.stable:
        return f"{count} answers, {comparison.tags} tags"
    return f"{count} answers, one tag{': that of the origin server' if comparison.kept else ''}"


def no_cure(comparison: Comparison, answer: Response) -> Iterator[Line]:
    """Say why no keys make the answers one, and what else can."""
    if comparison.cure is not None:
        yield "no cure", "a path like this cannot be written as a route"
        return
    if any(name != "ETag" for name, _ in comparison.fields):
        yield "no cure", "these are several representations: what chooses between them has to stay the same"
    if any(not place.nameable for place in comparison.places):
        yield "no cure", "`ignore` names parts of a document, and this one differs as a whole"
    if comparison.reading is not Reading.JSON:
        yield "no cure", f"`ignore` names parts of JSON, and {_why_no_json(comparison.reading, answer)}"
    yield (
        "what can",
        "another representation of it: as JSON, or without what differs (another URL, --header 'Accept: ...')",
    )
    modified = "Last-Modified, but two writes within a second share one" if "last-modified" in answer.fields else ""
    yield "what can", f"`etag.from`: a field that changes with each write and only then{modified and f' ({modified})'}"


def cautions(comparison: Comparison, match: Match) -> Iterator[Line]:
    """Say what to think of before the proposal is taken."""
    if comparison.places:
        yield "note", "what is ignored can be overwritten unnoticed: ignore only what no client writes"
    if any(not place.at_once for place in comparison.places):
        yield "note", "what differs only after the pause may also be somebody's write: then probe again"
    if comparison.cure is not None and comparison.cure.upstream is not match.reading.rules.upstream:
        yield (
            "note",
            "the origin server's own tag cannot be kept: it would not be current for long enough to write with",
        )
    if match.route is UNMATCHED:
        yield "note", "it is read by no route, so one is added; {name} in its path would stand for any segment"
    elif match.route.guard is Guard.OFF:
        yield "note", f"put it before the route {match.route.name}, which turns the guard off"


def sends(asked: Question, read: Response, tag: EntityTag) -> str:
    """Say what is written back, before it is."""
    what = f"PUT {asked.match.state_target.raw} once, with the {len(read.content)} bytes read last and If-Match: {tag}"
    return f"{what}, which is not current; if it is stored all the same, what was written meanwhile is lost"


def enforced(status: int) -> str:
    """Say what the answer to a write shows whose If-Match cannot be true."""
    if status == 412:  # noqa: PLR2004 - the status that If-Match has for itself
        return "enforced by the origin server itself (412)"
    if 200 <= status < 300:  # noqa: PLR2004 - the successful statuses
        return f"ignored by the origin server ({status}): only what comes through ifmatch is guarded"
    hints = {401: _CREDENTIALS, 403: _CREDENTIALS, 405: "it takes no PUT here"}
    return f"unknown: the origin server answered {status}" + (f": {hints[status]}" if status in hints else "")


def printable(text: str) -> str:
    """Return a text with an escape for each character that is not to be seen."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def _there(place: Place) -> str:
    if place.how is How.MEMBER:
        return f"in some answers only, {_listed([_spelled(seen) for seen in place.seen if seen is not NOTHING])}"
    if place.how is How.NAMES:
        return "its members have other names in each answer"
    if place.how is How.ORDER:
        return "the same items in another order"
    if place.how is How.LENGTH:
        return f"{_listed([str(len(seen)) for seen in place.seen if isinstance(seen, list)])} items"
    return _listed([_spelled(seen) for seen in place.seen])


def _spelled(seen: Seen) -> str:
    return "nothing" if seen is NOTHING else printable(json_text.canonical(seen).decode())


def _listed(values: Sequence[str]) -> str:
    """Return the first of the values that differ, each cut to a length that can be read."""
    several = list(dict.fromkeys(values))
    shown = [value if len(value) <= _LONGEST else f"{value[:_LONGEST]}..." for value in several[:_SHOWN]]
    return ", ".join([*shown, "..."] if len(several) > _SHOWN else shown)


def _when(*, at_once: bool) -> str:
    return "from one answer to the next" if at_once else "only after the pause"


def _why_no_json(reading: Reading, answer: Response) -> str:
    media_type = printable(answer.fields.get("content-type") or "content without a media type")
    if reading is Reading.CODED:
        coding = printable(answer.fields.get("content-encoding") or "a coding")
        return f"{coding} hides them: let the origin server heed Accept-Encoding: identity"
    if reading is Reading.BROKEN:
        return f"what is called {media_type} is none: a name twice in an object, NaN, or no JSON at all"
    return f"{media_type} is none"
