"""The promise behind several proxies: whichever of them a client is given, no accepted write is lost."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from random import Random

from tests.faults.scene import Scene, Setting, staged
from tests.support.clients import Client, Tally, crowd, increments
from tests.support.processes import OriginHandle
from tests.support.resources import Write
from tests.support.stores import running_redis

CLIENTS = 48
ROUNDS = 50
COUNTERS = [f"/counter/{number}" for number in range(1_000)]
LATENCY = {"delay_before_apply": 0.005}
PATIENT = {"timeouts": {}, "lock": {"wait": "30s"}}
"""The time-outs as they come: no machine is too slow for them."""


@contextmanager
def fleet(paths: Sequence[str], setting: Setting) -> Iterator[Scene]:
    """Run three proxies before counters that are at 0."""
    with running_redis() as store, staged(setting, store) as scene:
        for path in paths:
            scene.origin.seed(path, b"0")
        yield scene


def counted(scene: Scene, size: int, act: Callable[[Client, int], Counter[int]]) -> Tally:
    """Let a crowd count through all proxies."""
    return crowd([member.url for member in scene.members], size, act)


def total(origin: OriginHandle, paths: Sequence[str]) -> int:
    """Return what the counters come to."""
    return sum(int(origin.peek(path) or b"") for path in paths)


def in_order(writes: Sequence[Write]) -> bool:
    """Tell whether a counter went from 0 by one at a time, so that each generation has exactly one write."""
    states = [writes[0].before, *(write.after for write in writes)]
    return states[0] == "0" and all(int(later or "") == int(earlier or "") + 1 for earlier, later in pairwise(states))


def test_a_crowd_on_one_counter_loses_nothing() -> None:
    """G1: accepted writes and the counter agree, each generation has one 2xx, and nobody is told anything else."""
    with fleet(COUNTERS[:1], Setting(route=PATIENT)) as scene:
        tally = counted(scene, CLIENTS, increments(COUNTERS[0], ROUNDS))
        writes = scene.origin.writes(COUNTERS[0])
        assert tally.accepted - total(scene.origin, COUNTERS[:1]) == 0
        assert tally.accepted == len(writes)
        assert in_order(writes)
        assert set(tally.statuses) <= {200, 201, 204, 412, 503}
        assert tally.statuses.total() == CLIENTS * ROUNDS
        assert tally.statuses[412] > 0


def test_a_crowd_on_many_counters_loses_nothing() -> None:
    """G1, I5: likewise on a thousand resources, whose writers mostly do not meet."""

    def act(client: Client, number: int) -> Counter[int]:
        dice = Random(number)  # noqa: S311 - to be repeated, not to be secret
        rounds = (increments(dice.choice(COUNTERS), 1)(client, number) for _ in range(ROUNDS))
        return sum(rounds, Counter[int]())

    with fleet(COUNTERS, Setting(route=PATIENT)) as scene:
        tally = counted(scene, CLIENTS, act)
        assert tally.accepted - total(scene.origin, COUNTERS) == 0
        assert set(tally.statuses) <= {200, 201, 204, 412, 503}
        assert tally.accepted > CLIENTS * ROUNDS / 2


def test_proxies_that_share_nothing_lose_updates() -> None:
    """The control: with a lock in each process and none between them, the counter falls behind."""
    alone = Setting(route=PATIENT, top={"store": "memory://"}, vouch=False)
    with fleet(COUNTERS[:1], alone) as scene:
        scene.origin.knobs(**{"*": LATENCY})
        tally = counted(scene, CLIENTS, increments(COUNTERS[0], ROUNDS // 5))
        assert tally.accepted - total(scene.origin, COUNTERS[:1]) > 0
