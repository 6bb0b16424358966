"""Rows in which nothing goes wrong, or the guard itself is taken out: F0, F1, F2 and their controls."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tests.faults.matrix import Act, Row
from tests.faults.scene import Setting
from tests.support.child import ROOT
from tests.support.histories import Told
from tests.support.soak import mutant
from tests.support.writers import NAME, Writer, content_of

SLOW = 0.2
"""Seconds that a slow origin server takes for a write: four times a lease of 50 ms."""

CROWD, ROUNDS = 9, 20
"""How many careful clients there are, and how often each writes at least."""


def slow(act: Act) -> None:
    """Each write takes a few milliseconds, so that writes overlap which nothing keeps apart."""
    act.scene.origin.knobs(PUT={"delay_before_apply": 0.01})


def slower(act: Act) -> None:
    """Each write takes four times as long as the lease."""
    act.scene.origin.knobs(PUT={"delay_before_apply": SLOW})


def refused(act: Act) -> None:
    """A lease that a write would outlast is refused when the configuration is read; the rules as they are go on."""
    slower(act)
    setting = Setting(lock={"write": "50ms"})
    with TemporaryDirectory(prefix="ifmatch-") as folder:
        path = Path(folder, "brief.yaml")
        path.write_text(setting.config(act.scene.origin.url, act.scene.store.url), "utf-8")
        command = [sys.executable, "-m", "proxy", "check", str(path)]
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 2, done.stdout
    told = done.stdout + done.stderr
    assert "routes[0].lock.write: found " in told, told
    assert "expected at least 6s (timeouts.perform + timeouts.settle + 5s)" in told, told


def enforced(act: Act) -> None:
    """Nobody locks, but the origin server has tags of its own and enforces them: a crowd on one key loses nothing."""
    key, origin = "/part/enforced", act.scene.origin
    origin.knobs(etag="strong", enforce=True, PUT={"delay_before_apply": 0.01})
    act.history.start = {**act.history.start, key: "seed"}
    origin.seed(key, content_of("seed"))
    crowd = [Careful(act, number) for number in range(1, CROWD + 1)]
    with ThreadPoolExecutor(len(crowd)) as pool:
        for done in [pool.submit(each.go_round, key) for each in crowd]:
            done.result()
    own = [operation for operation in act.history.operations if operation.key == key]
    sent = {record.get(NAME) for record in origin.log("PUT", key)}
    act.facts["accepted"] = sum(operation.told is Told.OK for operation in own)
    act.facts["refused by the origin server"] = sum(
        operation.status == 412 and operation.name in sent for operation in own
    )


class Careful(Writer):
    """A client that always reads before it writes, and deletes nothing.

    Two that see a resource absent are told apart by nobody here: `If-None-Match: *` is not forwarded.
    """

    def __init__(self, act: Act, number: int) -> None:
        member = act.scene.members[number % len(act.scene.members)]
        super().__init__(member.url, 30_000 + number, Random(number), act.keys, act.history)  # noqa: S311 - not secret

    def go_round(self, key: str) -> None:
        """Write a few times."""
        for _ in range(ROUNDS):
            self.careful(key)
        self.close()


ROWS = [
    Row(
        "F0",
        "no fault, many clients on few keys",
        "one ok for each generation, the rest 412",
        clients=12,
        count=1,
        writes=400,
    ),
    Row(
        "F0-wide",
        "no fault, many clients on 1,000 keys",
        "as F0",
        clients=12,
        count=1_000,
        wide=True,
        writes=400,
        recovers=False,
    ),
    Row(
        "F1",
        "lock switched off (control)",
        "updates are lost, and C1 says so",
        fault=slow,
        setting=Setting(program=mutant("unlocked")),
        clients=12,
        count=1,
        recovers=False,
        control=True,
    ),
    Row(
        "F1-enforced",
        "lock switched off, origin enforces If-Match itself",
        "nothing is lost: the checkers accuse nobody wrongly",
        fault=enforced,
        setting=Setting(program=mutant("unlocked"), route={"fence": None}),
        clients=1,
        writes=10,
    ),
    Row(
        "F2",
        "lease of 50 ms before an origin that takes 200 ms",
        "refused by the configuration",
        fault=refused,
        count=4,
        writes=20,
    ),
    Row(
        "F2-brief",
        "the same, whatever the configuration says (control)",
        "updates are lost, and C1 says so",
        fault=slower,
        setting=Setting(program=mutant("brief")),
        clients=12,
        count=1,
        writes=60,
        recovers=False,
        control=True,
    ),
]
