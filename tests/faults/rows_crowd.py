"""Rows in which 48 clients that always read before they write meet a fault again and again: F0, F10, F19, F33.

They are played at length only: on one key, where at most one of them can win at a time, and on a thousand.
"""

from collections.abc import Callable
from dataclasses import replace

from tests.faults.matrix import Act, Row, Store
from tests.faults.rows_restart import stormed
from tests.faults.scene import LEASE

CLIENTS, ROUNDS = 48, 50

CALM = 5.0
"""Seconds for which writes go on before the store is lost again."""

LAG = 10.0
"""Seconds by which the quarantine of a replicated store is longer."""


def lost(act: Act) -> None:
    """The store is killed and comes back without its keys, until enough was written."""
    count = 0
    while not count or not act.over.is_set():
        act.scene.redis.restart(keep=False)
        count += 1
        act.over.wait(LEASE + CALM)
    act.facts["losses"] = count


def failed_over(act: Act) -> None:
    """The sentinel promotes the replica, until enough was written."""
    count = 0
    while not count or not act.over.is_set():
        act.scene.watched.fail_over()
        count += 1
        act.over.wait(LEASE + LAG + CALM)
    act.facts["failovers"] = count


def _crowd(name: str, what: str, expected: str, fault: Callable[[Act], None], store: Store = Store.SINGLE) -> list[Row]:
    """Return the row on one key and on a thousand."""
    row = Row(
        f"{name}-crowd",
        f"{CLIENTS} clients x {ROUNDS}, {what}",
        expected,
        fault,
        store,
        clients=CLIENTS,
        writes=CLIENTS * ROUNDS,
        count=1,
        patient=True,
        long=True,
    )
    return [row, replace(row, name=f"{row.name}-wide", what=f"{row.what}, 1,000 keys", count=1_000, wide=True)]


ROWS = [
    *_crowd("F0", "no fault", "one ok for each generation, the rest 412", lambda _act: None),
    *_crowd("F10", "store killed, back without its keys", "503, then quarantine, then on by itself", lost),
    *_crowd("F19", "Sentinel failover", "quarantine; no violation", failed_over, Store.SENTINEL),
    *_crowd("F33", "a proxy killed every 2 s, in turn", "no violation", stormed),
]
