"""Rows in which proxies end under load and come back: told to by SIGTERM, one after the other, or killed. F8, F33."""

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from signal import SIGTERM
from threading import Event

from tests.faults.matrix import Act, Row
from tests.faults.principal import PATIENT, Principal
from tests.support.histories import Operation, Told

REGULARS = 4
"""How many clients write through the proxy that is told to end."""

EVERY, KILLS = 2.0, 3
"""Seconds from one kill to the next, and how many there are at least."""


def drained(act: Act) -> None:
    """A proxy is told to end while one write waits at the origin server, one for its lock, and others come and come.

    Those two are finished and answered. Who is not answered was not heard: none of that reaches the origin server.
    """
    origin, leaving = act.scene.origin, act.scene.members[0]
    holder, queued, writer = Principal(act, 1, "/part/q"), Principal(act, 0, "/part/q"), Principal(act, 0, "/part/w")
    regulars = [Principal(act, 0, f"/part/{number}") for number in range(REGULARS)]
    origin.knobs(PATCH={"hold_before_apply": True})
    with ThreadPoolExecutor(REGULARS) as pool:
        coming = [pool.submit(_until_silence, regular) for regular in regulars]
        held = [principal.hold() for principal in (holder, writer)]
        waiting = queued.wait()
        leaving.child.signal(SIGTERM)
        leaving.child.line("ifmatch drains")
        origin.release()
        assert leaving.child.wait() == 0
        assert [each.result().told for each in held] == [Told.OK, Told.OK]
        assert waiting.result().status == 412, queued.heard
        for regular, done in zip(regulars, coming, strict=True):
            _honest(act, regular, done.result())
    leaving.stop()
    leaving.start()


def _until_silence(regular: Principal) -> list[Operation]:
    """Read and write until no answer comes; return the writes."""
    operations = []
    while (named := regular.read(regular.key)) is not None:
        operations.append(regular.put(named))
    return operations


def _honest(act: Act, regular: Principal, operations: list[Operation]) -> None:
    """See that each write was answered with what became of it, or else not forwarded."""
    unknown = [operation for operation in operations if operation.told is Told.UNKNOWN]
    assert len(operations) > len(unknown)
    for operation in unknown:
        assert operation.status is None, "the end of the proxy made an outcome unknown"
        assert not regular.forwarded(operation), "nobody answered for a write that was forwarded"
    act.facts["answered"] = int(str(act.facts.get("answered", 0))) + len(operations) - len(unknown)


def rolled(act: Act) -> None:
    """The proxies are told to end and started again, one after the other."""
    for member in act.scene.members:
        member.stop()
        member.start()


def stormed(act: Act) -> None:
    """A proxy is killed every two seconds, each in its turn, and started again at once."""
    kills = 0
    for member in cycle(act.scene.members):
        if kills >= KILLS and act.over.is_set():
            break
        began = time.monotonic()
        member.kill()
        member.start()
        kills += 1
        Event().wait(EVERY - time.monotonic() + began)
    act.facts["kills"] = kills


ROWS = [
    Row(
        "F8",
        "a proxy told to end (SIGTERM) under load",
        "it finishes what it has; nothing unknown; others go on",
        fault=drained,
        setting=PATIENT,
    ),
    Row(
        "F33",
        "all proxies restarted, one after the other",
        "no violation",
        fault=rolled,
    ),
    Row(
        "F33-storm",
        "a proxy killed every 2 s, in turn",
        "no violation",
        fault=stormed,
    ),
]
