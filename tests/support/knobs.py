"""What a test can make the test origin do: late, never, half, wrong, or with tags of its own.

What lives here: the settings and how long each lasts. Doing it is `tests.support.origin`'s.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from threading import Lock
from typing import Any

ANY_METHOD = "*"


class ETag(StrEnum):
    """Which entity tag the origin sends."""

    NONE = "none"
    STRONG = "strong"
    WEAK = "weak"


@dataclass(frozen=True, slots=True)
class Modes:
    """Who the origin is: its own tags, whether it enforces preconditions, whether it checks `Fencing-Token`.

    `alike`: it takes many spellings of a path for one resource (`resources.one_spelling`).
    """

    etag: ETag = ETag.NONE
    enforce: bool = False
    fence: bool = False
    alike: bool = False


@dataclass(frozen=True, slots=True)
class Knob:
    """What happens to requests of one method. To apply a GET is to read the state.

    Delays are in seconds. A held request waits until it is released. A dropped one gets no answer: the connection
    ends. `status` is answered instead of applying, `status_after_apply` after applying; `fields` are added to the
    answer. A stale read answers what was there before the last write. `times` bounds how many requests are treated
    so; None for all.
    """

    delay_before_apply: float = 0
    delay_after_apply: float = 0
    hold_before_apply: bool = False
    hold_after_apply: bool = False
    drop_before_apply: bool = False
    drop_after_apply: bool = False
    truncate: bool = False
    status: int | None = None
    status_after_apply: int | None = None
    fields: tuple[tuple[str, str], ...] = ()
    stale: bool = False
    times: int | None = None


class Knobs:
    """The settings in force, safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._modes = Modes()
        self._by_method: dict[str, Knob] = {}

    @property
    def modes(self) -> Modes:
        """Who the origin is now."""
        with self._lock:
            return self._modes

    def turn(self, settings: Mapping[str, Any]) -> None:
        """Set modes, and the knob of each method named (`*` for those without one of their own).

        Raised when a setting is unknown: `TypeError`; when a tag mode is: `ValueError`.
        """
        methods = {name: Knob(**value) for name, value in settings.items() if isinstance(value, dict)}
        modes = {name: value for name, value in settings.items() if name not in methods}
        if "etag" in modes:
            modes["etag"] = ETag(modes["etag"])
        with self._lock:
            self._modes = replace(self._modes, **modes)
            self._by_method |= methods

    def take(self, method: str) -> Knob:
        """Return what is to be done with one request, and count it."""
        with self._lock:
            name = method if method in self._by_method else ANY_METHOD
            knob = self._by_method.get(name, Knob())
            if knob.times is not None:
                self._by_method[name] = replace(knob, times=knob.times - 1)
                if knob.times <= 1:
                    del self._by_method[name]
            return knob
