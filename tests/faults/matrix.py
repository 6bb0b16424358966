"""The fault matrix: rows, how one is played, and what it comes to.

What lives here: what all rows have in common. Writers write through all proxies while the row's fault runs; when it is
over, every resource is seen to be writable again; then the checkers look at what was told and what was applied. The
faults themselves are in the `rows_*` beside this file.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import Enum
from random import Random
from threading import Event, Thread

from tests.faults.scene import Scene, Setting, staged
from tests.support import linearizability
from tests.support.histories import Fault, History, Told, Violation, check
from tests.support.soak import recorded
from tests.support.stores import running_cluster, running_redis, running_sentinel
from tests.support.writers import Keys, WideKeys, Writer, content_of

PATIENCE = 60.0
"""Seconds that a resource may take to be writable again; past it a row fails."""


class Store(Enum):
    """What kind of store a row needs."""

    SINGLE = "single"
    CLOCK = "single, with a wall clock of its own"
    KEEPING = "single, with its keys on disk"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"

    def running(self) -> "AbstractContextManager[object]":
        """Run one."""
        if self is Store.SENTINEL:
            return running_sentinel(min_replicas=1)
        if self is Store.CLUSTER:
            return running_cluster(3, extra=("cluster-require-full-coverage no",))
        return running_redis(clock=self is Store.CLOCK, appendonly=self is Store.KEEPING)


@dataclass
class Act:
    """A row being played: the scene, its dice, and what has been written down so far.

    `over` is set when enough was written; a fault that goes on for ever ends then. `facts` are for the row's own
    checks, and for what is printed.
    """

    scene: Scene
    dice: Random
    keys: Keys
    history: History
    over: Event
    ending: ExitStack
    """Closes the connections of the row's own clients."""
    facts: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """A line of the matrix.

    `fault` runs in a thread of its own beside the writers, and `afterwards` when they have ended and the proxies still
    run. A `control` must be seen to break the promise: its violations are wanted.
    """

    name: str
    what: str
    expected: str
    fault: Callable[[Act], None] = lambda _act: None
    store: Store = Store.SINGLE
    setting: Setting = field(default_factory=Setting)
    clients: int = 6
    patient: bool = False
    """Clients read before they write, delete nothing, stay for the answer, and come again no sooner than told."""
    count: int = 12
    """How many keys there are; no more than three are fought over at a time, unless `wide`."""
    wide: bool = False
    writes: int = 150
    """How many writes the short form makes at least."""
    afterwards: Callable[[Act], None] = lambda _act: None
    recovers: bool = True
    control: bool = False
    allowed: frozenset[Fault] = frozenset()
    """Violations of a documented window: counted, and neither wanted nor unwanted."""
    long: bool = False
    """Only the long form plays it."""


@dataclass(frozen=True)
class Outcome:
    """What a row came to. `recovery`: seconds from the end of the fault until every resource could be written again."""

    row: Row
    seed: int
    history: History
    violations: Sequence[Violation]
    findings: Sequence[str]
    recovery: float
    facts: dict[str, object]

    def of(self, fault: Fault) -> int:
        """Return how many violations of that kind there are."""
        return Counter(violation.fault for violation in self.violations)[fault]

    @property
    def good(self) -> bool:
        """Tell whether it came out as it must."""
        if self.row.control:
            return self.of(Fault.LOST) > 0
        if self.row.allowed:
            return all(violation.fault in self.row.allowed for violation in self.violations)
        return not self.violations and not self.findings


def play(row: Row, seed: int, writes: int | None = None) -> Outcome:
    """Play a row. Raised when a row's own check fails: `AssertionError`."""
    dice = Random(f"{row.name}:{seed}")  # noqa: S311 - to be repeated, not to be secret
    keys = (WideKeys if row.wide else Keys)([f"/k/{number}" for number in range(row.count)])
    history = History(start={name: f"seed:{name}" for name in keys.names})
    with (
        row.store.running() as store,
        staged(row.setting, store) as scene,  # type: ignore[arg-type]  # one of three
        ExitStack() as ending,
    ):
        for name, value in history.start.items():
            scene.origin.seed(name, content_of(value or ""))
        act = Act(scene, dice, keys, history, Event(), ending)
        writers = [writer(act, number) for number in range(1, row.clients + 1)]
        for each in writers if row.patient else ():
            each.be_patient()
        ended = _written(row, act, writers, writes or row.writes)
        row.afterwards(act)
        if row.recovers:
            recover(act)
        recovery = time.monotonic() - ended
        recorded(history, scene.origin)
        for member in scene.members:
            member.end()
        history.noise = scene.noise
    findings = [] if row.control else [str(finding) for finding in linearizability.check(history)]
    return Outcome(row, seed, history, check(history), findings, recovery, act.facts)


def writer(act: Act, number: int) -> Writer:
    """Return a client of one of the proxies."""
    member = act.scene.members[number % len(act.scene.members)]
    return Writer(member.url, number, Random(act.dice.random()), act.keys, act.history)  # noqa: S311 - likewise


def _written(row: Row, act: Act, writers: Sequence[Writer], writes: int) -> float:
    """Let all write until there is enough and the fault is over; return when the latter was."""
    with haunted(row, act) as faults, ThreadPoolExecutor(len(writers)) as pool:

        def go_on() -> bool:
            enough = len(act.history.operations) >= writes
            if enough:
                act.over.set()
            return not (enough and faults.over)

        try:
            for done in [pool.submit(each.run, go_on) for each in writers]:
                done.result()
        finally:
            act.over.set()
            faults.give_up()
    return faults.ended


class Haunting(Thread):
    """The fault of a row, in a thread. What it raises is raised where the row is played."""

    def __init__(self, row: Row, act: Act) -> None:
        super().__init__(daemon=True)
        self._row = row
        self._act = act
        self._raised: BaseException | None = None
        self._abandoned = False
        self.ended = 0.0

    @property
    def over(self) -> bool:
        """Tell whether it is over, or nobody waits for it any more."""
        return self._abandoned or not self.is_alive()

    def give_up(self) -> None:
        """Wait for it no longer than it takes to end by itself."""
        self._abandoned = True

    def run(self) -> None:
        """Do it."""
        try:
            self._row.fault(self._act)
        except BaseException as raised:  # noqa: BLE001 - raised again by whoever waits
            self._raised = raised
        finally:
            self.ended = time.monotonic()

    def result(self) -> None:
        """Raise what was raised."""
        self.join(PATIENCE)
        if self._raised is not None:
            raise self._raised


@contextmanager
def haunted(row: Row, act: Act) -> Iterator[Haunting]:
    """Let the row's fault run beside what is done here."""
    faults = Haunting(row, act)
    faults.start()
    yield faults
    faults.result()


def recover(act: Act) -> None:
    """See that no resource stays locked: once leases and quarantines have lapsed, each can be written again."""
    member = next(member for member in act.scene.members if member.handle is not None)
    healer = Writer(member.url, 10_000, act.dice, act.keys, act.history)
    ending = time.monotonic() + PATIENCE
    for name in act.keys.names:
        while (named := healer.read(name)) is None or (
            healer.write("PUT", name, healer.content(), named).told is not Told.OK
        ):
            if time.monotonic() > ending:
                raise AssertionError(f"{name} cannot be written again: {act.history.operations[-1]}")
            Event().wait(0.1)
            act.keys.until_awake(name)
    healer.close()
