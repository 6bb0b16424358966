"""A client with a part of its own, as against the crowd's: it writes a certain resource at a certain moment.

What lives here: what such a client does and remembers, and what can be seen of its lock in the store. All that it does
is written down like the writes of the crowd, so that the checkers judge it too.
"""

import json
import time
from collections.abc import Callable
from concurrent.futures import Future
from itertools import count
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any, TypeVar

from proxy.adapters.redis.keys import Keys, Naming
from proxy.adapters.redis.scripts import Script
from proxy.core.minting import Minter
from proxy.problems import TYPE_PREFIX
from tests.faults.matrix import Act
from tests.faults.scene import Member, Setting
from tests.support.clients import Heard
from tests.support.histories import Operation, Reading, Told
from tests.support.ledger import Record, Stage
from tests.support.raw import RawClient, answered
from tests.support.redis_server import until
from tests.support.writers import NAME, Writer

_Result = TypeVar("_Result")

PATIENT = Setting(
    route={
        "timeouts": {"connect": "5s", "select": "5s", "perform": "10s", "settle": "5s"},
        "lock": {"read": "5s", "wait": "10s"},
    }
)
"""A scene in which nothing takes too long: what is held on purpose is not given up, on a slow machine neither."""

_numbers = count(20_000)


class Principal(Writer):
    """A client of one proxy and one key.

    The resource is empty at first, so that to PATCH it is to PUT; and no crowd sends PATCH, so that the origin server's
    knob for it is a principal's alone. `fields` go along with every request; an underscore in a name stands for a
    hyphen. `heard` is the last answer to a write, None for silence.
    """

    def __init__(self, act: Act, member: int, key: str, **fields: str) -> None:
        if key not in act.history.start:
            act.history.start = {**act.history.start, key: ""}
            act.scene.origin.seed(key, b"")
        self.key = key
        self.member = act.scene.members[member]
        self.heard: Heard | None = None
        self._act = act
        self._extra = {name.replace("_", "-"): value for name, value in fields.items()}
        super().__init__(self.member.url, next(_numbers), Random(0), act.keys, act.history)  # noqa: S311 - not secret
        act.ending.callback(self.close)

    # What it does -----------------------------------------------------------------------------------------------------

    def look(self) -> Reading:
        """Read until there is an answer."""
        return _first(lambda: self.read(self.key), "it can be read")

    def put(self, named: Reading | None, method: str = "PUT") -> Operation:
        """Write once."""
        return self.write(method, self.key, self._name().encode(), named)

    def begin(self, named: Reading | None, method: str = "PUT") -> "Future[Operation]":
        """Begin to write, and let it take its time."""
        return later(lambda: self.put(named, method))

    def halt(self, method: str = "PUT") -> "Future[Operation]":
        """Begin to write until its proxy stands still where the fields say; a slow one may refuse at first."""
        return self._begun(method, lambda: _stands_still(self.member))

    def hold(self) -> "Future[Operation]":
        """Likewise begin to PATCH until the origin server holds it, which has to be told to."""
        held = later(lambda: self._act.scene.origin.until(Stage.HELD, method="PATCH", target=self.key))
        return self._begun("PATCH", held.done)

    def wait(self) -> "Future[Operation]":
        """Likewise begin to write until its proxy waits for the lock, which somebody must hold."""
        return self._begun("PUT", lambda: self.awaited)

    def leave(self, when: Callable[[], bool], method: str = "PUT") -> Operation:
        """Write, and once that is so leave without an answer."""

        def gone(client: RawClient) -> Told:
            client.reset()
            return Told.UNKNOWN

        return self._spoken(when, method, gone)

    def half_close(self, when: Callable[[], bool], then: Callable[[], object], method: str = "PUT") -> Operation:
        """Write, and once that is so say that this was all; then do something else, and wait for the answer."""

        def ended(client: RawClient) -> Heard:
            client.end()
            then()
            return _heard(client, method)

        return self._spoken(when, method, ended)

    def insist(self) -> Operation:
        """Read and write until a write was accepted."""

        def accepted() -> Operation | None:
            operation = self.put(self.look())
            return operation if operation.told is Told.OK else None

        return _first(accepted, "it can be written")

    def learn(self, named: Reading) -> Operation:
        """Write on the same state until something else than that somebody holds the resource is told."""

        def told() -> Operation | None:
            operation = self.put(named)
            return None if self.problem == "resource-busy" else operation

        return _first(told, "it is not held any more")

    # What is seen of it -----------------------------------------------------------------------------------------------

    @property
    def problem(self) -> str | None:
        """What the last answer says is the problem; None where it is none."""
        if self.heard is None or "problem" not in self.heard.fields.get("content-type", ""):
            return None
        return str(json.loads(self.heard.content)["type"]).removeprefix(TYPE_PREFIX)

    @property
    def retry_after(self) -> int:
        """For how many seconds the last answer asks; 0 where it does not."""
        return 0 if self.heard is None else int(self.heard.fields.get("retry-after", 0))

    def forwarded(self, operation: Operation) -> list[Record]:
        """Return how a write reached the origin server."""
        log = self._act.scene.origin.log(target=self.key)
        return [record for record in log if record.method != "GET" and record.get(NAME) == operation.name]

    def reached(self, stage: Stage, operation: Operation | None = None) -> None:
        """Wait until that write, or else the first PATCH of the key, has come that far at the origin server."""
        if operation is None:
            self._act.scene.origin.until(stage, method="PATCH", target=self.key)
        else:
            until(lambda: any(stage in record.stages for record in self.forwarded(operation)), f"it is {stage}")

    @property
    def lock(self) -> dict[str, str]:
        """The lock in the store; empty where nobody holds it."""
        flat: Any = self._act.scene.redis.ask("HGETALL", self._in_store.lock)
        return dict(zip(flat[::2], flat[1::2], strict=True))

    @property
    def left(self) -> float:
        """For how many seconds the lock is held at most; negative where it is not."""
        return int(self._act.scene.redis.ask("PTTL", self._in_store.lock)) / 1_000

    @property
    def awaited(self) -> bool:
        """Tell whether another proxy waits for the lock."""
        _, listeners = self._act.scene.redis.ask("PUBSUB", "NUMSUB", self._in_store.channel)
        return int(listeners) > 0

    def asked(self, script: Script) -> int:
        """Return how often the store has run a script on the lock; while its slow log has every command."""
        entries: Any = self._act.scene.redis.ask("SLOWLOG", "GET", -1)
        words: list[list[str]] = [entry[3] for entry in entries]
        return sum(word[:2] == ["EVALSHA", script.sha] and self._in_store.lock in word for word in words)

    def _begun(self, method: str, there: Callable[[], bool]) -> "Future[Operation]":
        def begun() -> "Future[Operation] | None":
            writing = self.begin(self.look(), method)
            until(lambda: there() or writing.done(), "the write comes that far, or ends")
            assert there() or writing.result().told is not Told.OK, "it did not halt"
            return writing if there() else None

        return _first(begun, "a write comes that far")

    def _spoken(
        self, when: Callable[[], bool], method: str, conclude: Callable[[RawClient], Heard | Told]
    ) -> Operation:
        """Write, and end that somehow once something is so; again where it is refused before, on a slow machine."""

        def spoken() -> Operation | None:
            named, content = self.look(), self._name().encode()
            began = time.monotonic()
            with RawClient(self.member.url) as client:
                client.send(self._message(method, content, named))
                until(lambda: when() or bool(answered(client)), "the write comes that far, or is answered")
                early = bool(answered(client))
                told = _heard(client, method) if early else conclude(client)
            operation = self._note(began, self.key, content, named, told)
            assert not early or operation.told is not Told.OK, "it was answered too soon"
            return None if early else operation

        return _first(spoken, "a write comes that far")

    def _message(self, method: str, content: bytes, named: Reading) -> bytes:
        fields = {"Host": "proxy", "Content-Length": len(content), **self._fields(named, content)}
        lines = [f"{method} {self.key} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
        return "\r\n".join(lines).encode() + content

    @property
    def _in_store(self) -> Keys:
        return Naming("ifm", Minter("faults").derived(b"names of resources in the store")).of(self.key)

    def _fields(self, named: Reading | None, content: bytes | None) -> dict[str, str]:
        return super()._fields(named, content) | self._extra

    def _note(
        self, began: float, key: str, content: bytes | None, named: Reading | None, heard: Heard | Told
    ) -> Operation:
        self.heard = heard if isinstance(heard, Heard) else None
        return super()._note(began, key, content, named, heard)


def _heard(client: RawClient, method: str) -> Heard:
    answer = client.answer(method)
    return Heard(answer.status, answer.fields, answer.content)


def later(act: Callable[[], _Result]) -> "Future[_Result]":
    """Do something in a thread of its own."""
    future: Future[_Result] = Future()

    def do() -> None:
        try:
            future.set_result(act())
        except BaseException as raised:  # noqa: BLE001 - raised again by whoever waits
            future.set_exception(raised)

    Thread(target=do, daemon=True).start()
    return future


def _stands_still(member: Member) -> bool:
    return Path("/proc", str(member.child.pid), "stat").read_text().rpartition(") ")[2][0] == "T"


def _first(act: Callable[[], _Result | None], what: str) -> _Result:
    """Try until there is a result. Raised when that takes too long: `ChildFailed`."""
    found: list[_Result] = []

    def tried() -> bool:
        result = act()
        if result is not None:
            found.append(result)
        return result is not None

    until(tried, what)
    return found[0]
