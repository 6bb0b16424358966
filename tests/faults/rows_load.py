"""Rows in which clients are many, or slow: F29, F30; and C3, a list to which many append.

What they do, they do beside the crowd, which must not notice.
"""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace

from tests.faults.growth import memory_bounded
from tests.faults.matrix import Act, Row
from tests.faults.principal import PATIENT
from tests.faults.scene import Setting
from tests.faults.solo import Solo
from tests.faults.unhurried import UNHURRIED
from tests.support.appending import Append, Appender, check_appended
from tests.support.clients import Client
from tests.support.raw import RawClient, answered
from tests.support.redis_server import until
from tests.support.soak import settled

PROXIES = 3


def message(solo: Solo, *lines: str, content: bytes = b"") -> bytes:
    """Return a write of the resource with these fields."""
    return "\r\n".join([f"PATCH {solo.path} HTTP/1.1", "Host: h", *lines, "", ""]).encode() + content


# F29: slow uploads ----------------------------------------------------------------------------------------------------

SLOW = 100


def slow_uploads(act: Act) -> None:
    """A hundred clients send a write to one resource byte by byte; others write the same one, as if they were alone."""
    solo = Solo(act, "slow")
    head = message(solo, f"If-Match: {solo.tag()}", "Content-Length: 100000")
    seconds: list[float] = []
    with ExitStack() as stack, memory_bounded(act):
        slow = [stack.enter_context(RawClient(solo.url(number % PROXIES))) for number in range(SLOW)]
        for client in slow:
            client.send(head)
        while waiting := set(slow).difference(answered(*slow)):
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
        message(solo, f"If-Match: {solo.tag()}", "Content-Length: 0"),
        message(solo, "Content-Length: 0"),
    )
    with ExitStack() as stack, memory_bounded(act):
        with solo.writing(0) as held:
            clients = [stack.enter_context(RawClient(solo.url(number % PROXIES))) for number in range(WAITING)]
            for number, client in enumerate(clients):
                client.send((conditional, blind)[number // PROXIES % 2])
            until(lambda: len(answered(*clients)) >= WAITING // 2 - PROXIES * (QUEUE + 2), "the queues are full")
            assert solo.forwarded() == 1
            first = held.finish()
        answers = [client.answer() for client in clients]
    told = Counter(answer.problem["reason"] if answer.content else str(answer.status) for answer in answers)
    act.facts["waiters"] = dict(told)
    assert first.status == 204, first
    assert set(told) <= {"204", "stale", "resource-busy", "store-unavailable"}, told
    assert all(int(answer.fields["retry-after"]) >= 1 for answer in answers if answer.status == 503)
    assert solo.forwarded() == 1 + told["204"]


MANY_KEYS = 30_000
"""A million would take hours; what is kept of each is the same."""


def many_keys(act: Act) -> None:
    """Each of very many resources is written once. What is kept of it in a proxy goes away, in the store it expires."""

    def run(number: int) -> None:
        with closing(Client(act.scene.members[number].url)) as client:
            for key in range(number, MANY_KEYS, PROXIES):
                assert client.ask("PUT", f"/many/{key}", b"once").status in {201, 503}

    with memory_bounded(act), ThreadPoolExecutor(PROXIES) as pool:
        for done in [pool.submit(run, number) for number in range(PROXIES)]:
            done.result()
    with act.scene.redis.client() as store:
        act.facts["bytes a key in the store"] = store.info("memory")["used_memory"] // MANY_KEYS
        assert all(store.pttl(key) > 0 for key in store.scan_iter("*:S:*", count=1_000))
        until(lambda: not any(store.scan_iter("*:L:*", count=1_000)), "no lock is left")


# C3: a list ----------------------------------------------------------------------------------------------------------

APPENDERS = 9
ATTEMPTS = 150
LIST = "/list"


def appended(act: Act) -> None:
    """Nine clients append to one list, through every proxy; one of the writes is applied and not answered."""
    attempts: list[Append] = []
    origin, members = act.scene.origin, act.scene.members
    appenders = [Appender(members[number % PROXIES].url, 300 + number, LIST, attempts) for number in range(APPENDERS)]
    for many in (ATTEMPTS // 2, ATTEMPTS):
        with ThreadPoolExecutor(APPENDERS) as pool:
            for done in [pool.submit(appender.run, lambda: len(attempts) < many) for appender in appenders]:  # noqa: B023 - called before the next round
                done.result()
        origin.knobs(PUT={"drop_after_apply": True, "times": 1})
    origin.knobs(PUT={})
    settled(origin)
    found = check_appended(json.loads(origin.peek(LIST) or b"[]"), attempts)
    assert not found, "\n".join(map(str, found[:10]))
    act.facts["appended"] = {name.value: count for name, count in Counter(one.told for one in attempts).items()}


ROWS = [
    Row(
        "C3",
        "a list to which clients append through every proxy",
        "each ok there once, no refused one, each upon what was read",
        setting=UNHURRIED,
        clients=3,
        afterwards=appended,
    ),
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
        "30,000 keys",
        "bounded memory; nothing stays in the store",
        many_keys,
        setting=PATIENT,
        clients=1,
        long=True,
    ),
]
