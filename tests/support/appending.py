"""Clients that append to a list, and whether the list in the end is what they were told (checker C3).

What lives here: the check, exact and without any log of the origin server, and the client. Each attempt appends an
element of its own to a JSON list that the client has just read, so the list tells which attempts were applied, in which
order, and upon what. Made for lists of some hundreds: each client reads and writes all of it each time.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from tests.support.clients import Heard
from tests.support.histories import Fault, Told, Violation
from tests.support.line import Line
from tests.support.writers import NAME, understood


@dataclass(frozen=True, slots=True)
class Append:
    """An attempt as its client saw it. `saw` is the list it had read, and to which it meant to append `element`.

    Times are seconds of the machine's monotonic clock, from the beginning of the write to its end.
    """

    element: str
    saw: tuple[str, ...]
    told: Told
    began: float
    ended: float
    status: int | None = None


def check_appended(final: Sequence[str], attempts: Sequence[Append], start: Sequence[str] = ()) -> list[Violation]:
    """Return each way in which `final`, which began as `start`, is not what the clients were told.

    Each element told OK is there once, one told REFUSED never, one told UNKNOWN at most once; each that is there stands
    right behind what its client had read; and nothing else is there.
    """
    counts = Counter(final)
    places = {element: place for place, element in reversed([*enumerate(final)])}
    found = [*_others(counts, attempts, start)]
    if [*final[: len(start)]] != [*start]:
        found.append(Violation(Fault.LOST, "the start", f"began with {_ending(start)}, now {_ending(final)}"))
    for attempt in attempts:
        found += _broken(attempt, counts[attempt.element], final[: places.get(attempt.element, 0)])
    return found


def _others(counts: Counter[str], attempts: Sequence[Append], start: Sequence[str]) -> Iterator[Violation]:
    """Yield what is wrong with elements that are not those of one attempt."""
    known = Counter([*start, *(attempt.element for attempt in attempts)])
    for element, count in known.items():
        if count > 1:
            yield Violation(Fault.LOG, element, f"appended by {count} attempts: the history is void")
    for element in start:
        if counts[element] > 1:
            yield Violation(Fault.TWICE, element, f"{counts[element]} times in the list; nobody appended it")
    for element in counts.keys() - known.keys():
        yield Violation(Fault.MANGLED, element, "in the list, and nobody appended it")


def _broken(attempt: Append, count: int, before: Sequence[str]) -> Iterator[Violation]:
    """Yield what is wrong with an attempt whose element is there so many times, behind `before`."""
    said = f"told {attempt.told} ({attempt.status})"
    if count > 1:
        yield Violation(Fault.TWICE, attempt.element, f"{count} times in the list; {said}")
    if count == 0 and attempt.told is Told.OK:
        yield Violation(Fault.LOST, attempt.element, f"not in the list; {said}, upon {_ending(attempt.saw)}")
    if count and attempt.told is Told.REFUSED:
        yield Violation(Fault.LIE, attempt.element, f"in the list; {said}")
    if count and (*before,) != attempt.saw:
        what = f"appended to {_ending(before)}; its client had read {_ending(attempt.saw)}"
        yield Violation(Fault.LOST, attempt.element, what)


def _ending(elements: Sequence[str]) -> str:
    """Return how long a list is, and how it ends: two of them mostly differ there."""
    return f"{len(elements)} elements ending with {[*elements[-3:]]}"


# The client -----------------------------------------------------------------------------------------------------------


def _at_once() -> None:
    """Wait for nothing."""


class Appender:
    """A client with one connection at a time, that reads a JSON list and writes it back with an element of its own.

    What it did goes to `attempts`. Between reading and writing it calls `pause`; where that is a barrier, many clients
    base their writes on one state.
    """

    def __init__(
        self, url: str, number: int, path: str, attempts: list[Append], pause: Callable[[], object] = _at_once
    ) -> None:
        self._line = Line(url)
        self._number = number
        self._path = path
        self._attempts = attempts
        self._pause = pause
        self._count = 0

    def run(self, go_on: Callable[[], bool]) -> None:
        """Append until told to stop, and where the answer says to come again later, then."""
        while go_on():
            heard = self.append()
            if heard is not None and heard.fields.get("retry-after", "").isdigit():
                time.sleep(int(heard.fields["retry-after"]))
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._line.close()

    def append(self) -> Heard | None:
        """Read, write, and write down what came of it. Return the last answer, None where none came."""
        element = f"{self._number}:{self._count}"
        self._count += 1
        read = self._line.ask("GET", self._path, None, {NAME: element})
        saw = None if read is None else elements(read)
        self._pause()  # after a failed reading, too: others may wait for this client
        if read is None or saw is None:
            return read
        began = time.monotonic()
        content = json.dumps([*saw, element]).encode()
        fields = {NAME: element, "Content-Type": "application/json", **condition(read)}
        heard = self._line.ask("PUT", self._path, content, fields)
        status = None if heard is None else heard.status
        self._attempts.append(Append(element, saw, told(heard), began, time.monotonic(), status))
        return heard


def elements(heard: Heard) -> tuple[str, ...] | None:
    """Return the list that an answer shows, an empty one for 404; None where it shows none.

    Raised when the content is not a list of strings: `ValueError`.
    """
    if heard.status == 404 and "problem" not in heard.fields.get("content-type", ""):
        return ()
    if heard.status != 200:
        return None
    content = json.loads(heard.content)
    if not isinstance(content, list) or not all(isinstance(element, str) for element in content):
        raise ValueError(f"not a list of strings: {heard.content[:200]!r}")
    return tuple(cast("list[str]", content))


def condition(read: Heard) -> dict[str, str]:
    """Return the field by which a write depends on what was read, where there is one."""
    if read.status == 404:
        return {"If-None-Match": "*"}
    return {"If-Match": read.fields["etag"]} if "etag" in read.fields else {}


def told(heard: Heard | None) -> Told:
    """Return what a client can take from an answer. 412 and 428 say that nothing was done, whoever sends them."""
    if heard is None:
        return Told.UNKNOWN
    return Told.REFUSED if heard.status in {412, 428} else understood(heard)
