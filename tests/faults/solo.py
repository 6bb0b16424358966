"""What a row does itself beside the writers: a resource of its own, what is answered there, what the proxies say.

What lives here: single steps, each with the answer that it must have. Which steps make a row is in the `rows_*`.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from threading import Event

from tests.faults.matrix import PATIENCE, Act
from tests.faults.scene import Member
from tests.support.clients import Client, Heard, ask
from tests.support.ledger import Stage
from tests.support.processes import ProxyHandle
from tests.support.redis_server import until

SOON = 1.5
"""Seconds within which a write is refused when the store cannot be used: three times what is promised."""

STANDINGS = {"cannot be used": "down", "is new": "quarantined", "is usable": "up", "must not be used": "refused"}


@dataclass(frozen=True)
class Answer:
    """An answer, and how many seconds it took. `problem` is the type of a problem document, else the status."""

    heard: Heard
    seconds: float

    @property
    def status(self) -> int:
        """The status."""
        return self.heard.status

    @property
    def problem(self) -> str:
        """What it comes to."""
        if self.heard.fields.get("content-type") != "application/problem+json":
            return str(self.status)
        return str(json.loads(self.heard.content)["type"]).rpartition(":")[2]

    @property
    def retry_after(self) -> int:
        """When to come again, in seconds."""
        return int(self.heard.fields["retry-after"])


class Solo:
    """A resource that only its row writes, by PATCH, which nobody else sends: knobs for PATCH meet these alone."""

    def __init__(self, act: Act, name: str) -> None:
        self.act = act
        self.path = f"/solo/{name}"
        act.scene.origin.seed(self.path, b"begun ")

    def url(self, number: int) -> str:
        """Return where the proxy of that number is."""
        return self.act.scene.members[number].url

    def tag(self, number: int = 0) -> str:
        """Return the tag that names the present state."""
        heard = ask(self.url(number), "GET", self.path)
        assert heard.status == 200, heard
        return heard.fields["etag"]

    def write(self, number: int = 0, tag: str = "*", content: bytes = b"more ") -> Answer:
        """Write through a proxy, based on the state that the tag names."""
        began = time.monotonic()
        heard = ask(self.url(number), "PATCH", self.path, content, If_Match=tag)
        return Answer(heard, time.monotonic() - began)

    @contextmanager
    def writing(self, number: int = 0) -> Iterator["Writing"]:
        """Have a write wait at the origin server, before it is applied, until `finish` or the end."""
        self.act.scene.origin.knobs(PATCH={"hold_before_apply": True, "times": 1})
        with closing(Client(self.url(number))) as client:
            client.begin("PATCH", self.path, b"held ", If_Match=self.tag(number))
            self.act.scene.origin.until(Stage.HELD, method="PATCH", target=self.path)
            yield Writing(self.act, client)

    @contextmanager
    def selecting(self, number: int = 0) -> Iterator["Writing"]:
        """Have a write wait when the state has been read for it; only where nobody else asks the origin server."""
        origin, tag = self.act.scene.origin, self.tag(number)
        origin.knobs(GET={"hold_after_apply": True, "times": 1})
        with closing(Client(self.url(number))) as client:
            client.begin("PATCH", self.path, b"held ", If_Match=tag)
            origin.until(Stage.HELD, method="GET", target=self.path)
            yield Writing(self.act, client)

    def forwarded(self) -> int:
        """Return how many writes reached the origin server."""
        return len(self.act.scene.origin.log("PATCH", self.path))

    # What must be the answer ------------------------------------------------------------------------------------------

    def accepted(self, *numbers: int) -> float:
        """See a write through each of these proxies succeed, however often it must be tried; return for how long.

        Whatever refuses one meanwhile is a 503 that says when to come again, and nothing of it is forwarded.
        """
        began = time.monotonic()
        for number in numbers:
            assert (answer := self.answered(number)).status == 204, answer
        return time.monotonic() - began

    def refused(self, problem: str, *numbers: int) -> None:
        """See a write through each of these proxies refused for that reason, soon, and not forwarded."""
        for number in numbers:
            before, answer = self.forwarded(), self.write(number)
            assert (answer.problem, answer.status) == (problem, 503), answer
            assert answer.retry_after >= 1, answer
            assert answer.seconds < SOON, answer
            assert self.forwarded() == before

    def answered(self, number: int, tag: str = "*") -> Answer:
        """Write through a proxy until the answer is no 503."""
        return self.until(number, lambda answer: answer.status != 503, tag)

    def until(self, number: int, wanted: Callable[[Answer], bool], tag: str = "*") -> Answer:
        """Write through a proxy until the answer is as wanted; until then it is a 503."""
        ending = time.monotonic() + PATIENCE
        while not wanted(answer := self.write(number, tag)):
            assert answer.status == 503, answer
            assert time.monotonic() < ending, f"in vain, last: {answer}"
            Event().wait(0.05)
        return answer


class Writing:
    """A write that waits at the origin server."""

    def __init__(self, act: Act, client: Client) -> None:
        self._act = act
        self._client = client

    def finish(self) -> Answer:
        """Let it go on; return the answer."""
        self._act.scene.origin.release()
        began = time.monotonic()
        return Answer(self._client.finish(), time.monotonic() - began)


# What goes on meanwhile -----------------------------------------------------------------------------------------------


@contextmanager
def reads_go_on(act: Act) -> Iterator[None]:
    """See that every GET meanwhile, through every proxy, is answered with the content and its tag."""
    act.scene.origin.seed("/read", b"shown")
    over = Event()

    def read(member: Member) -> Counter[str]:
        seen: Counter[str] = Counter()
        with closing(Client(member.url)) as client:
            while not over.wait(0.05):
                heard = client.ask("GET", "/read")
                tagged = heard.content == b"shown" and "etag" in heard.fields
                seen["good" if tagged else str(heard)] += 1
        return seen

    with ThreadPoolExecutor(len(act.scene.members)) as pool:
        reading = [pool.submit(read, member) for member in act.scene.members]
        try:
            yield
        finally:
            over.set()
    seen = sum((each.result() for each in reading), Counter[str]())
    assert set(seen) == {"good"}, seen
    act.facts["reads"] = seen["good"] + int(str(act.facts.get("reads", 0)))


# What the proxies say -------------------------------------------------------------------------------------------------


def standings(proxy: Member | ProxyHandle) -> list[str]:
    """Return what a proxy said of the store, one word for each line."""
    lines = [line for line in proxy.child.stderr if line.startswith("ifmatch store ")]
    return [word for line in lines for said, word in STANDINGS.items() if said in line]


def settled(act: Act) -> list[int]:
    """Wait until every proxy has found the store usable; return how much each has said by then.

    One that found it so when it was started has nothing to say.
    """
    for member in act.scene.members:
        until(says(member, "", "up"), f"{member.url} finds the store usable")
    return [len(standings(member)) for member in act.scene.members]


def changes(act: Act, before: Sequence[int], *expected: str, of: Sequence[int] | None = None) -> None:
    """See that each proxy said once, and in this order, how the store changed since; nothing is said twice.

    `of`: which proxies, all where None. A store that a slow machine kept waiting may seem to be down in between.
    """
    for number in range(len(before)) if of is None else of:
        member = act.scene.members[number]
        until(says(member, expected[-1]), f"the store is {expected[-1]}")
        in_turn(standings(member)[before[number] :], *expected)


def in_turn(said: Sequence[str], *expected: str) -> None:
    """See that what is expected was said, in this order, and nothing twice in a row."""
    assert all(one != following for one, following in pairwise(said)), said
    rest = iter(said)
    assert all(word in rest for word in expected), said


def says(proxy: Member | ProxyHandle, *words: str) -> Callable[[], bool]:
    """Return what tells whether the last that a proxy said of the store is one of these; empty: it said nothing."""
    return lambda: ["", *standings(proxy)][-1] in words


# What is in the store -------------------------------------------------------------------------------------------------


def locks(act: Act, phase: str | None = None) -> list[str]:
    """Return the keys of the locks that there are, or of those in a phase."""
    with act.scene.redis.client() as store:
        found = [key.decode() for key in store.scan_iter("*:L:*", count=1_000)]
        return [key for key in found if phase is None or store.hget(key, "s") == phase.encode()]


def nothing_stays_locked(act: Act) -> None:
    """See that each lock goes away in time: none is there for good, or for longer than its lease."""
    with act.scene.redis.client() as store:
        for key in locks(act):
            length, left = store.hget(key, "d"), store.pttl(key)
            assert length is None or left <= int(length), f"{key} has {left} ms left of {length!r}"
            assert left != -1, f"{key} stays for ever"
    until(lambda: not locks(act), "no lock is left")
