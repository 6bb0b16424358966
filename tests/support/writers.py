"""Clients for a history: each reads, writes back something of its own, and writes down what it did and was told.

What lives here: how a client behaves and how it understands an answer. Which faults happen meanwhile is for
`tests.support.nemesis`, what it all comes to for `tests.support.histories`.
"""

import hashlib
import json
import time
from collections.abc import Callable
from random import Random
from threading import Lock

from tests.support.clients import Heard
from tests.support.histories import History, Operation, Reading, Told
from tests.support.line import Line

NAME = "X-Request-Id"
"""The field that names a write at the origin server. It is one of those that make no difference to a selection."""

HOT = 3
"""How many keys are fought over at a time."""

LEASE = 6
"""For how many seconds a resource is locked after a write whose outcome is unknown; `Plan.config` says so."""

_TELLING = {502, 503, 504}
_SILENCE = 0.05
"""Seconds for which a client waits that was not answered."""
_LARGE = 200_000
"""Bytes of a large content: more than goes out together with its head."""


def content_of(value: str, size: int = 0) -> bytes:
    """Return the content that stands for a value, at least that long."""
    return value.encode() + b" " * (size - len(value))


def value_of(content: bytes | str) -> str:
    """Return the value that a content stands for."""
    return (content if isinstance(content, str) else content.decode()).partition(" ")[0]


def understood(heard: Heard) -> Told:
    """Return what a client can take from an answer."""
    if 200 <= heard.status < 300:
        return Told.OK
    if heard.fields.get("content-type") == "application/problem+json":
        return Told.REFUSED if json.loads(heard.content)["outcome"] == "not-applied" else Told.UNKNOWN
    return Told.REFUSED if "not forwarded" in heard.fields.get("proxy-status", "") else Told.UNKNOWN


class Keys:
    """The keys, and which of them not to try for a while, because their writers were told to come again later."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self._lock = Lock()
        self._resting: dict[str, float] = {}

    def pick(self, dice: Random) -> str:
        """Return a key, mostly one that others write now, too."""
        now = time.monotonic()
        with self._lock:
            awake = [name for name in self.names if self._resting.get(name, 0) <= now]
        return dice.choice(self.names if not awake or dice.random() < 0.03 else awake[:HOT])

    def rest(self, name: str, seconds: float) -> None:
        """Leave a key alone for that long."""
        with self._lock:
            self._resting[name] = time.monotonic() + seconds

    def until_awake(self, name: str) -> None:
        """Wait until the key need not be left alone any more."""
        with self._lock:
            left = self._resting.get(name, 0) - time.monotonic()
        time.sleep(max(0, left))


class WideKeys(Keys):
    """Keys of which each is as likely as any other."""

    def pick(self, dice: Random) -> str:
        """Return any key."""
        return dice.choice(self.names)


class Writer:
    """A client. It has one connection at a time, and does what the dice say."""

    def __init__(self, url: str, number: int, dice: Random, keys: Keys, history: History) -> None:
        self._line = Line(url)
        self._number = number
        self._dice = dice
        self._keys = keys
        self._history = history
        self._count = 0
        self._habits: list[tuple[int, Callable[[str], None]]] = [
            (80, self.careful),
            (6, self.delete),
            (5, self.blind),
            (2, self.blind_delete),
            (5, self.hang_up),
            (2, self.break_off),
        ]

    def run(self, go_on: Callable[[], bool]) -> None:
        """Write until told to stop."""
        weights = [weight for weight, _ in self._habits]
        while go_on():
            _, act = self._dice.choices(self._habits, weights)[0]
            act(self._keys.pick(self._dice))
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._line.close()

    def be_patient(self) -> None:
        """Have no bad habits from now on."""
        self._habits = [(1, self.patient)]

    # Habits -----------------------------------------------------------------------------------------------------------

    def careful(self, key: str) -> None:
        """Read and write back; and while the answers name the new state, go on from there without reading."""
        named = self.read(key)
        while named is not None:
            operation = self.write("PUT", key, self.content(), named)
            again = operation.told is Told.OK and operation.tag is not None and self._dice.random() < 0.5
            named = Reading(key, operation.value, operation.tag, 0, 0) if again else None

    def patient(self, key: str) -> None:
        """Be careful, and come again no sooner than told."""
        self._keys.until_awake(key)
        self.careful(key)

    def delete(self, key: str) -> None:
        """Read and delete what was read."""
        named = self.read(key)
        if named is not None and named.value is not None:
            self.write("DELETE", key, None, named)

    def blind(self, key: str) -> None:
        """Write without having read."""
        self.write("PUT", key, self.content(), None)

    def blind_delete(self, key: str) -> None:
        """Delete without having read."""
        self.write("DELETE", key, None, None)

    def hang_up(self, key: str) -> None:
        """Send a write and leave: at once or a little later, in the orderly way or not."""
        self._leave(key, Told.UNKNOWN, short=0)

    def break_off(self, key: str) -> None:
        """Leave in the middle of sending a write: it must never be forwarded."""
        self._leave(key, Told.REFUSED, short=1)

    # ------------------------------------------------------------------------------------------------------------------

    def read(self, key: str) -> Reading | None:
        """Return what is there; None where the answer does not say."""
        began = time.monotonic()
        heard = self._asked("GET", key, None, self._fields(None, None))
        if heard is None or heard.status not in {200, 404} or "problem" in heard.fields.get("content-type", ""):
            return None
        value = value_of(heard.content) if heard.status == 200 else None
        reading = Reading(key, value, heard.fields.get("etag"), began, time.monotonic())
        self._history.readings.append(reading)
        return reading

    def write(self, method: str, key: str, content: bytes | None, named: Reading | None) -> Operation:
        """Write, and write down what came of it."""
        began = time.monotonic()
        heard = self._asked(method, key, content, self._fields(named, content))
        operation = self._note(began, key, content, named, Told.UNKNOWN if heard is None else heard)
        if heard is not None and heard.status in _TELLING:
            self._keys.rest(key, int(heard.fields.get("retry-after", LEASE)))
        return operation

    def _asked(self, method: str, key: str, content: bytes | None, fields: dict[str, str]) -> Heard | None:
        """Return the answer; where none came because nobody is there, do not knock again at once."""
        heard = self._line.ask(method, key, content, fields)
        if heard is None:
            time.sleep(_SILENCE)
        return heard

    def _leave(self, key: str, told: Told, *, short: int) -> None:
        named = self.read(key)
        if named is None:
            return
        began, content = time.monotonic(), self.content()
        self._line.leave("PUT", key, content, self._fields(named, content), short=short)
        time.sleep(self._dice.choice([0, 0, 0.001, 0.004, 0.016]))
        self._line.close(reset=self._dice.random() < 0.5)
        self._note(began, key, content, named, told)

    def content(self) -> bytes:
        """Return content that nobody else writes."""
        return content_of(self._name(), self._dice.choices([0, _LARGE], [40, 1])[0])

    def _name(self) -> str:
        """Return what the next write is called."""
        return f"{self._number}:{self._count}"

    def _fields(self, named: Reading | None, content: bytes | None) -> dict[str, str]:
        """Return the fields of a request; those of a write say on which state it is based."""
        fields = {NAME: self._name(), "Authorization": f"Bearer {self._number % 2}"}
        if content is not None:
            fields["Content-Type"] = "text/plain"
        if named is not None and named.value is None:
            fields["If-None-Match"] = "*"
        elif named is not None and named.tag is not None:
            fields["If-Match"] = named.tag
        return fields

    def _note(
        self, began: float, key: str, content: bytes | None, named: Reading | None, heard: Heard | Told
    ) -> Operation:
        """Write down a write that is over."""
        answer = heard if isinstance(heard, Heard) else None
        told = understood(heard) if isinstance(heard, Heard) else heard
        operation = Operation(
            name=self._name(),
            key=key,
            value=None if content is None else value_of(content),
            guarded=named is not None,
            named=None if named is None else named.value,
            told=told,
            began=began,
            ended=time.monotonic(),
            status=None if answer is None else answer.status,
            tag=answer.fields.get("etag") if answer is not None and told is Told.OK else None,
            digest=hashlib.sha256(content or b"").hexdigest(),
        )
        self._history.operations.append(operation)
        self._count += 1
        return operation
