"""Rows in which nothing goes wrong, or the guard itself is taken out: F0, F1, F2 and the positive control."""

from tests.faults.matrix import Row
from tests.faults.scene import Setting
from tests.support.child import python

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
        "lock switched off (negative control)",
        "updates are lost, and C1 says so",
        setting=Setting(program=tuple(python("-m", "tests.support.mutants", "unlocked"))),
        clients=12,
        count=1,
        recovers=False,
        control=True,
    ),
]
