"""A line of the access log as JSON, spelled as `json.dumps` spells it, to the byte, at a third of its cost.

What lives here: what is known of lines that are alike: their members, and the words and times that come again. What
must not: what a line tells (`telemetry`), and what is too long for it (`access_log`).
"""

import json
from collections.abc import Mapping
from json.encoder import encode_basestring_ascii as quoted
from math import inf
from typing import Any, Final

from proxy.telemetry import MEMBERS

KINDS: Final = 1024
"""Of how many kinds of requests the words are kept; then they are forgotten, for a client may make up methods."""

LONGEST: Final = 512
"""Characters of words that are kept; longer ones are a client's."""

SOON: Final = 10.0
"""Milliseconds below which a time is kept as it is spelled: it comes again."""

MOST: Final = 10_000
"""How many times are kept: all there are in whole microseconds, in 1.3 MB."""

exactly: Final = json.JSONEncoder(check_circular=False).encode
"""Spells whatever JSON can say, at full cost."""


class Lines:
    """Spells the lines of a process."""

    def __init__(self) -> None:
        self._times = Times()
        self._words = Words()

    def spell(self, line: Mapping[str, Any]) -> str:
        """Return a line as JSON; one that has not just `telemetry.MEMBERS`, at full cost."""
        if tuple(line) != MEMBERS:
            return exactly(line)
        # fmt: off
        (arrived, name, method, path, route, status, upstream, verdict, reason, condition, tag,
         duration, select, perform, wait, overhead, received, sent, outcome) = line.values()
        # fmt: on
        times = self._times
        try:
            first, middle, last = self._words[method, route, status, upstream, verdict, reason, outcome]
            return (
                f'{{"time": {quoted(arrived)}, "id": {quoted(name)}{first}{quoted(path)}{middle}'
                f"{'null' if condition is None else quoted(condition)}, "
                f'"etag": {"null" if tag is None else quoted(tag)}, '
                f'"duration_ms": {times[duration]}, "select_ms": {times[select]}, "perform_ms": {times[perform]}, '
                f'"wait_ms": {times[wait]}, "overhead_ms": {times[overhead]}, '
                f'"bytes_in": {received if type(received) is int else exactly(received)}, '
                f'"bytes_out": {sent if type(sent) is int else exactly(sent)}{last}'
            )
        except TypeError:  # what should be text is none
            return exactly(line)


class Times(dict[float | None, str]):
    """Times in milliseconds as they are spelled; None is a time that was not taken."""

    def __init__(self) -> None:
        super().__init__({None: "null"})

    def __missing__(self, time: float) -> str:
        """Spell a time, and keep it if it is likely to come again."""
        if not 0.0 < time < inf:
            return exactly(time)
        spelled = repr(time)
        if time < SOON and len(self) < MOST:
            self[time] = spelled
        return spelled


class Words(dict[tuple[Any, ...], tuple[str, str, str]]):
    """The words of requests that are alike: method, route, both statuses, verdict, reason and outcome.

    They stand in three places of a line: before the path, between it and the condition, and at the end.
    """

    def __missing__(self, alike: tuple[Any, ...]) -> tuple[str, str, str]:
        """Spell the words of a kind, and keep them."""
        method, route, status, upstream, verdict, reason, outcome = map(exactly, alike)
        middle = (
            f', "route": {route}, "status": {status}, "upstream_status": {upstream}, '
            f'"verdict": {verdict}, "reason": {reason}, "if_match": '
        )
        spelled = f', "method": {method}, "path": ', middle, f', "outcome": {outcome}}}'
        if len(self) >= KINDS:
            self.clear()
        if sum(map(len, spelled)) <= LONGEST and all(map(_itself, alike)):
            self[alike] = spelled
        return spelled


def _itself(word: object) -> bool:
    """Tell whether nothing that is spelled otherwise equals a word, as True equals 1."""
    return word is None or type(word) is str or (type(word) is int and word > 1)
