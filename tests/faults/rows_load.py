"""Rows in which clients are many, slow, greedy or inventive: F29, F30, F34, F35.

What they do, they do beside the crowd, which must not notice; and no proxy may grow by more than `GROWTH`.
"""

import gzip
import select
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from random import Random

from tests.faults.matrix import Act, Row
from tests.faults.principal import PATIENT
from tests.faults.scene import Member, Setting
from tests.faults.solo import Solo
from tests.support.clients import Client, Heard
from tests.support.histories import History
from tests.support.line import Line
from tests.support.raw import Answer, RawClient
from tests.support.redis_server import until
from tests.support.soak import mutant
from tests.support.writers import Writer

GROWTH = 60 * 1024
"""How many KiB more than before a proxy may have in memory, whatever clients do."""

PROXIES = 3


@contextmanager
def _memory_bounded(act: Act) -> Iterator[None]:
    """See that no proxy has grown by too much on leaving."""
    before = [_resident(member) for member in act.scene.members]
    yield
    grown = [_resident(member) - kib for member, kib in zip(act.scene.members, before, strict=True)]
    act.facts["grown by KiB"] = grown
    assert max(grown) <= GROWTH, grown


def _resident(member: Member) -> int:
    """Return how much memory a proxy has, in KiB."""
    status = Path("/proc", str(member.child.pid), "status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def _answered(clients: Sequence[RawClient]) -> list[RawClient]:
    """Return those that have something to read."""
    polled = select.poll()
    by_number = {client.fileno(): client for client in clients}
    for number in by_number:
        polled.register(number, select.POLLIN)
    return [by_number[number] for number, _ in polled.poll(0)]


def _message(solo: Solo, *lines: str, content: bytes = b"") -> bytes:
    """Return a write of the resource with these fields."""
    return "\r\n".join([f"PATCH {solo.path} HTTP/1.1", "Host: h", *lines, "", ""]).encode() + content


# F29: slow uploads ----------------------------------------------------------------------------------------------------

SLOW = 100


def slow_uploads(act: Act) -> None:
    """A hundred clients send a write to one resource byte by byte; others write the same one, as if they were alone."""
    solo = Solo(act, "slow")
    head = _message(solo, f"If-Match: {solo.tag()}", "Content-Length: 100000")
    seconds: list[float] = []
    with ExitStack() as stack, _memory_bounded(act):
        slow = [stack.enter_context(RawClient(solo.url(number % PROXIES))) for number in range(SLOW)]
        for client in slow:
            client.send(head)
        while waiting := set(slow).difference(_answered(slow)):
            for client in waiting:
                client.send(b"x")
            other = solo.write(len(seconds) % PROXIES)
            assert other.status == 204, other
            seconds.append(other.seconds)
        problems = Counter(client.answer().problem["reason"] for client in slow)
    assert problems == {"receive-timeout": SLOW}, problems
    assert solo.forwarded() == len(seconds), "an upload that was not whole was forwarded"
    act.facts["others"], act.facts["slowest"] = len(seconds), round(max(seconds), 3)


# F30: many waiters, many keys -----------------------------------------------------------------------------------------

WAITING = 1_000
QUEUE = 64
"""How many writers that one selection cannot refuse together may queue in a proxy (`lock.waiters`)."""


def waiters(act: Act) -> None:
    """A thousand clients want what one holds: half with the tag that it has, half without any condition.

    Of the latter no more than a queue's length wait, the others are turned away at once; the rest is decided later.
    """
    solo = Solo(act, "wanted")
    conditional, blind = (
        _message(solo, f"If-Match: {solo.tag()}", "Content-Length: 0"),
        _message(solo, "Content-Length: 0"),
    )
    with ExitStack() as stack, _memory_bounded(act):
        with solo.writing(0) as held:
            clients = [stack.enter_context(RawClient(solo.url(number % PROXIES))) for number in range(WAITING)]
            for number, client in enumerate(clients):
                client.send((conditional, blind)[number // PROXIES % 2])
            until(lambda: len(_answered(clients)) >= WAITING // 2 - PROXIES * (QUEUE + 2), "the queues are full")
            assert solo.forwarded() == 1
            first = held.finish()
        answers = [client.answer() for client in clients]
    told = Counter(answer.problem["reason"] if answer.content else str(answer.status) for answer in answers)
    act.facts["waiters"] = dict(told)
    assert first.status == 204, first
    assert set(told) <= {"204", "stale", "resource-busy"}, told
    assert all(int(answer.fields["retry-after"]) >= 1 for answer in answers if answer.status == 503)
    assert solo.forwarded() == 1 + told["204"]


MANY_KEYS = 100_000


def many_keys(act: Act) -> None:
    """Each of very many resources is written once. What is kept of it in a proxy goes away, in the store it expires."""

    def run(number: int) -> None:
        with closing(Client(act.scene.members[number].url)) as client:
            for key in range(number, MANY_KEYS, PROXIES):
                assert client.ask("PUT", f"/many/{key}", b"once").status in {201, 503}

    with _memory_bounded(act), ThreadPoolExecutor(PROXIES) as pool:
        for done in [pool.submit(run, number) for number in range(PROXIES)]:
            done.result()
    with act.scene.redis.client() as store:
        act.facts["bytes a key in the store"] = store.info("memory")["used_memory"] // MANY_KEYS
        assert all(store.pttl(key) > 0 for key in store.scan_iter("*:S:*", count=1_000))
        until(lambda: not any(store.scan_iter("*:L:*", count=1_000)), "no lock is left")


# F34: bombs -----------------------------------------------------------------------------------------------------------

BOMB = gzip.compress(100 * 1024 * 1024 * b"0", 9)
"""A tenth of a megabyte that becomes a hundred."""

TAGS = ", ".join(f'"{number}"' for number in range(10_000))
CHUNK = b"1\r\nx\r\n"


def _bombs(solo: Solo) -> Mapping[str, tuple[bytes, set[int]]]:
    """Return what is sent, and what may be answered."""
    chunked, none = ("If-Match: *", "Transfer-Encoding: chunked"), "Content-Length: 0"
    lines = [f'If-Match: "{number}"' for number in range(90)]
    announced = f"Content-Length: {len(BOMB)}"
    return {
        "10,000 tags": (_message(solo, f"If-Match: {TAGS}", none), {400}),
        "90 lines of tags": (_message(solo, *lines, none), {400}),
        "a line of 1 MB": (_message(solo, f"X: {1_000_000 * 'x'}", none), {400}),
        "1,000 lines": (_message(solo, *(1_000 * ["X: y"]), none), {400}),
        "10,000 chunks": (_message(solo, *chunked, content=10_000 * CHUNK + b"0\r\n\r\n"), {204}),
        "a chunk of 2^64": (_message(solo, *chunked, content=b"1" + 16 * b"0" + b"\r\nx"), {400, 413}),
        "an extension of 1 MB": (
            _message(solo, *chunked, content=b"1;" + 1_000_000 * b"x" + b"\r\nx\r\n0\r\n\r\n"),
            {204, 400},
        ),
        "10,000 trailers": (
            _message(solo, *chunked, content=CHUNK + b"0\r\n" + 10_000 * b"X: y\r\n" + b"\r\n"),
            {204, 400},
        ),
        "a compressed bomb": (_message(solo, "If-Match: *", "Content-Encoding: gzip", announced, content=BOMB), {204}),
    }


def bombs(act: Act) -> None:
    """Requests that are small to send and large to take, and a representation that is: refused, or simply passed on."""
    with _memory_bounded(act):
        for number in range(PROXIES):
            solo = Solo(act, f"bomb-{number}")
            for name, (message, expected) in _bombs(solo).items():
                before, answer = solo.forwarded(), _told(solo.url(number), message)
                assert answer.status in expected, f"{name}: {answer}"
                assert solo.forwarded() - before == (answer.status == 204), name


def shown_bombs(act: Act) -> None:
    """JSON of a depth that no parser takes, and content that somebody has compressed: both are compared as they are."""
    solo = Solo(act, "shown")
    with _memory_bounded(act):
        act.scene.origin.seed(solo.path, 200_000 * b"[", "application/json")
        assert solo.write(0, solo.tag(0)).status == 204
        act.scene.origin.seed(solo.path, BOMB)
        act.scene.origin.knobs(GET={"fields": [["Content-Encoding", "gzip"]], "times": 2})
        assert solo.write(1, solo.tag(1)).status == 204


def _told(url: str, message: bytes) -> Answer:
    with RawClient(url) as client:
        client.send(message)
        return client.answer()


# F35: every spelling of one target ------------------------------------------------------------------------------------

SPELLINGS = (
    *("/k/{}", "/K/{}", "/k//{}", "/k/{}/", "/%6b/{}", "/%6B/{}/", "/k/{}.json", "/k/{}.JSON", "/k/{};v=1", "/k;a/{}"),
    *("/k/{}?x=1", "/k/0{}", "/K//{}.json/?", "/k/{}%3Bv", "/%4b/%{}"),
)
"""How the same resource can be named; `%{}` stands for the number percent-encoded."""


class SpelledLine(Line):
    """A line on which every target is spelled in one's own way."""

    def __init__(self, url: str, spelling: str) -> None:
        super().__init__(url)
        self._spelling = spelling

    def ask(self, method: str, path: str, content: bytes | None, fields: Mapping[str, str]) -> Heard | None:
        """Return the answer, None where none came."""
        return super().ask(method, self._spelled(path), content, fields)

    def leave(self, method: str, path: str, content: bytes, fields: Mapping[str, str], *, short: int = 0) -> None:
        """Send a request and do not wait for the answer."""
        super().leave(method, self._spelled(path), content, fields, short=short)

    def _spelled(self, path: str) -> str:
        number = path.rpartition("/")[2]
        encoded = "".join(f"%{ord(digit):x}" for digit in number)
        return self._spelling.replace("%{}", encoded).replace("{}", number)


class Speller(Writer):
    """A client that writes down what it did under the one name of the resource."""

    def __init__(self, act: Act, number: int) -> None:
        self.history = History()
        spelling = SPELLINGS[number % len(SPELLINGS)]
        url = act.scene.members[number % PROXIES].url
        super().__init__(url, 100 + number, Random(number), act.keys, self.history)  # noqa: S311 - to be repeated, not to be secret
        self._line = SpelledLine(url, spelling)


def spelled(act: Act) -> None:
    """An origin server that takes every spelling for one resource has writers of each, through every proxy."""
    act.scene.origin.knobs(alike=True)
    spellers = [Speller(act, number) for number in range(len(SPELLINGS))]
    with ThreadPoolExecutor(len(spellers)) as pool:
        for done in [pool.submit(speller.run, lambda: not act.over.is_set()) for speller in spellers]:
            done.result()
    for history in (speller.history for speller in spellers):
        # Each spelling has a tag of its own, which is safe; the checker knows one for each state.
        act.history.operations += [replace(operation, tag=None) for operation in history.operations]
        act.history.readings += [replace(reading, tag=None) for reading in history.readings]
    told = Counter(operation.told for operation in chain(*(speller.history.operations for speller in spellers)))
    act.facts["spelled"] = {name.value: count for name, count in told.items()}


ROWS = [
    Row(
        "F29",
        "100 slow uploads on a hot key",
        "others unaffected; 408",
        slow_uploads,
        setting=replace(PATIENT, route={**PATIENT.route, "timeouts": {"receive": "3s"}}),
    ),
    Row(
        "F30",
        "1,000 waiters on one key",
        "bounded 503, the rest decided; bounded memory",
        waiters,
        setting=Setting(route={"timeouts": {"perform": "20s"}, "lock": {"read": "5s", "wait": "20s"}}),
    ),
    Row(
        "F30-keys",
        "100,000 keys",
        "bounded memory; nothing stays in the store",
        many_keys,
        setting=PATIENT,
        long=True,
    ),
    Row(
        "F34",
        "bombs, giant lists, 10,000 chunks",
        "4xx, or passed on; memory bounded",
        bombs,
        setting=replace(PATIENT, route={**PATIENT.route, "etag": {"canonical": "json"}}),
        afterwards=shown_bombs,
    ),
    Row(
        "F35",
        "every spelling of one target at once",
        "no violation on the real resource",
        spelled,
        setting=PATIENT,
        count=3,
        clients=3,
    ),
    Row(
        "F35-pedantic",
        "the same, each spelling a resource of its own (negative control)",
        "updates are lost, and C1 says so",
        spelled,
        setting=replace(PATIENT, program=mutant("pedantic")),
        count=1,
        clients=3,
        writes=60,
        recovers=False,
        control=True,
    ),
]
