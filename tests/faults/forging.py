"""Whoever can write to the store, and what such a one may put in place of what is remembered there.

What lives here: forged records of selections (keys S; see `proxy.adapters.redis.state`). What must not come of them is
in `test_forged_memory`.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from random import Random
from threading import Event
from typing import Any, Final

import redis

Document = dict[str, Any]
Record = tuple[int, int, Document]
"""When the selection began, at the earliest and at the latest, in microseconds; and what it showed."""

HOUR: Final = 3_600_000_000
LATER: Final = 2**62


def _tagged(dice: Random, record: Record) -> Record:
    """Another tag is said to be current."""
    earliest, latest, document = record
    return earliest, latest, {**document, "tag": f'"{dice.random()}"'}


def _absent(_dice: Random, record: Record) -> Record:
    """There is said to be no representation."""
    earliest, latest, document = record
    return earliest, latest, {**document, "tag": None}


def _moved(dice: Random, record: Record) -> Record:
    """It is said to have been seen at another time: now and for ever, or long ago."""
    earliest, latest, document = record
    shift = dice.choice([HOUR, -HOUR, LATER, 10**400, -(10**400)])
    return earliest + shift, latest + shift, document


def _hostile(dice: Random, record: Record) -> Record:
    """The fields of a 304 say more than one answer can."""
    earliest, latest, document = record
    fields = dice.choice(
        [
            [["X-A", "a\r\nSet-Cookie: b=c"]],
            [["X A: b\r\nSet-Cookie", "c"]],
            [["Content-Length", "5"], ["Transfer-Encoding", "chunked"]],
            [["X-A", "\u2603"]],
            [["X-A", "\ud800"]],
            [["Connection", "close"]] * 100,
            [["Age", "never"]],
        ]
    )
    return earliest, latest, {**document, "fields": fields}


def _unlikely(dice: Random, record: Record) -> Record:
    """Members are of types that nobody wrote."""
    earliest, latest, document = record
    member = dice.choice(["tag", "modified", "minted", "fields", "firm"])
    return earliest, latest, {**document, member: dice.choice([[], {}, 10**400, -1, "x", None, True, [[1, 2]], ["ab"]])}


MADE: Final[tuple[Callable[[Random, Record], Record], ...]] = (_tagged, _absent, _moved, _hostile, _unlikely)

GARBAGE: Final = (
    b"",
    b"\xff\xfe",
    b"1 2 x\n" + b"[" * 100_000,
    b"1 2 x\n{}",
    b"1 x\n{}",
    b"9" * 5_000 + b" 1 x\n{}",
    b"\n" * 1_000,
)


class Forger:
    """Replaces what is remembered, a record at a time; what it has seen it may put back much later."""

    def __init__(self, store: redis.Redis, dice: Random) -> None:
        self._store = store
        self._dice = dice
        self._seen: dict[bytes, list[bytes]] = {}
        self.count = 0

    def run(self, over: Event) -> None:
        """Forge until it is over."""
        while not over.wait(0.002):
            for key in self._store.scan_iter("*:S:*", count=1_000):
                self.forge(key)

    def forge(self, key: bytes) -> None:
        """Do something to what is remembered of a resource."""
        self.count += 1
        if self._dice.random() < 0.05:
            self._store.delete(key)
        elif self._dice.random() < 0.05:
            self._store.set(key, b"of another type")
        elif self._store.type(key) == b"hash":
            self._replace(key)
        else:
            self._store.delete(key)

    def _replace(self, key: bytes) -> None:
        found: Mapping[Any, Any] = self._store.hgetall(key)
        if not found:
            return
        self._store.hset(key, mapping=dict(self._forged(key, found)))
        self._store.hset(key, "floor", self._dice.choice([b"0", b"x", str(LATER).encode(), b"1e400", b"-5"]))

    def _forged(self, key: bytes, found: Mapping[bytes, bytes]) -> Iterator[tuple[bytes, bytes]]:
        for name, content in found.items():
            if name in {b"floor", b"fence"}:
                yield name, self._dice.choice(GARBAGE)
                continue
            seen = self._seen.setdefault(key + name, [])
            seen.append(content)
            yield name, self._record(self._dice.choice(seen))

    def _record(self, content: bytes) -> bytes:
        """Return something in place of a record, mostly with a part of it."""
        if self._dice.random() < 0.2:
            return self._dice.choice(GARBAGE)
        try:
            head, _, body = content.partition(b"\n")
            earliest, latest, *_ = head.split(b" ")
            record = int(earliest), int(latest), json.loads(body)
            for make in self._dice.sample(MADE, self._dice.choice([0, 1, 1, 2])):
                record = make(self._dice, record)
            return written(record)
        except (ValueError, TypeError, KeyError, RecursionError):
            return content  # forged before


def written(record: Record) -> bytes:
    """Return a record as it is kept."""
    earliest, latest, document = record
    return f"{earliest} {latest} {document['tag']} {document['modified']}\n{json.dumps(document)}".encode(
        "utf-8", "surrogatepass"
    )
