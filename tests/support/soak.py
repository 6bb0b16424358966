"""Many clients, a nemesis and the checker against real processes: `make soak SEEDS=20 WRITES=5000`.

What lives here: one run from its plan to its history, the table of many, and the command that makes it. What goes wrong
meanwhile is `tests.support.nemesis`'s, what a client does `tests.support.writers`'s, what must not be seen
`tests.support.histories`'s.
"""

import argparse
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random
from threading import Event

from tests.support.child import python
from tests.support.histories import Applied, Fault, History, Told, Violation, check
from tests.support.knobs import ETag
from tests.support.ledger import Record, Stage
from tests.support.nemesis import PERFORM, SETTLE, Mood, Nemesis
from tests.support.processes import PROXY, OriginHandle, running_origin, running_proxy
from tests.support.severing import severable
from tests.support.writers import NAME, Keys, Writer, content_of, value_of

CONFIG = """
upstream: {upstream}
routes:
  - path: /{{path...}}
    guard: "{guard}"
    etag_on_write: {etag_on_write}
    timeouts: {{connect: 500ms, select: 500ms, perform: {perform}s, settle: {settle}s}}
    lock: {{wait: {wait}}}
"""

_OVER = {Stage.ARRIVED, Stage.ABORTED, Stage.DROPPED, Stage.ANSWERED}
_PATIENCE = 30.0


@dataclass(frozen=True)
class Plan:
    """One run. It ends after that many writes, or after `seconds`.

    `wait` is the proxy's `lock.wait`; `latency`, `pause` and `stops` are as in `nemesis.Nemesis`.
    """

    seed: int = 1
    writes: int = 1_000
    seconds: float = 600.0
    clients: int = 8
    keys: int = 16
    mood: Mood = Mood.ALL
    latency: float = 0.002
    guard: str = "enforce"
    etag: ETag = ETag.NONE
    enforce: bool = False
    """The origin server enforces preconditions itself."""
    etag_on_write: str = "verbatim"
    wait: str = "150ms"
    pause: float = 0.1
    stops: tuple[float, ...] = (0.05, 0.3)
    aftermath: bool = True
    """See at the end that no resource stays locked."""
    program: Sequence[str] = tuple(PROXY)

    def config(self, upstream: str) -> str:
        """Return the configuration of the proxy."""
        chosen = {"guard": self.guard, "etag_on_write": self.etag_on_write, "wait": self.wait}
        return CONFIG.format(upstream=upstream, perform=PERFORM, settle=SETTLE, **chosen)


def varied(seed: int, writes: int) -> Plan:
    """Return the plan of one seed of the long form: the same seed gives the same plan."""
    dice = Random(seed)  # noqa: S311 - to be repeated, not to be secret
    return Plan(
        seed,
        writes,
        keys=40,
        clients=dice.choice([4, 8, 12, 16]),
        latency=dice.choice([0.0, 0.001, 0.003, 0.01]),
        etag=dice.choice(list(ETag)),
        etag_on_write=dice.choice(["never", "verbatim", "always"]),
        stops=(0.05, 0.3, 0.5, 0.8, 1.5, 3.0, 7.0),
        wait=dice.choices(["50ms", "150ms", "1s", "8s"], [3, 3, 3, 1])[0],
    )


def mutant(mutation: str) -> tuple[str, ...]:
    """Return the command of a proxy that lacks one part (`tests.support.mutants`)."""
    return tuple(python("-m", "tests.support.mutants", mutation))


def play(plan: Plan) -> History:
    """Run the plan and return what happened."""
    dice = Random(plan.seed)  # noqa: S311 - likewise
    nemesis = Nemesis(Random(dice.random()), plan.mood, plan.latency, plan.pause, stops=plan.stops)  # noqa: S311 - likewise
    keys = Keys([f"/k/{number}" for number in range(plan.keys)])
    history = History(start={name: f"seed:{name}" for name in keys.names})
    with running_origin() as origin:
        origin.knobs(etag=plan.etag, enforce=plan.enforce)
        for name, value in history.start.items():
            origin.seed(name, content_of(value or ""))
        with (
            severable(int(origin.authority.rpartition(":")[2])) as link,
            running_proxy(config=plan.config(link.url), program=plan.program) as proxy,
        ):
            writers = [
                Writer(proxy.url, number, Random(dice.random()), keys, history)  # noqa: S311 - likewise
                for number in range(1, plan.clients + 1)
            ]
            with nemesis.about(origin, link, proxy):
                crowd(writers, until(plan, history))
            if plan.aftermath:
                afterwards(writers[0], keys, history)
        history.noise = [line for line in proxy.stderr if not line.startswith("ifmatch ")]
        recorded(history, origin)
    return history


def until(plan: Plan, history: History) -> Callable[[], bool]:
    """Return what tells whether to go on."""
    ending = time.monotonic() + plan.seconds
    return lambda: len(history.operations) < plan.writes and time.monotonic() < ending


def crowd(writers: Sequence[Writer], go_on: Callable[[], bool]) -> None:
    """Let them all write; raise what any of them raised, and let the others stop then."""
    over = Event()
    with ThreadPoolExecutor(len(writers)) as pool:
        try:
            for done in [pool.submit(writer.run, lambda: go_on() and not over.is_set()) for writer in writers]:
                done.result()
        finally:
            over.set()


def afterwards(writer: Writer, keys: Keys, history: History) -> None:
    """See that no resource stays locked: once the leases of unknown outcomes have lapsed, each can be written again."""
    ending = time.monotonic() + _PATIENCE
    for name in keys.names:
        while (named := writer.read(name)) is None or (
            writer.write("PUT", name, writer.content(), named).told is not Told.OK
        ):
            if time.monotonic() > ending:
                raise AssertionError(f"{name} cannot be written again: {history.operations[-1]}")
            keys.until_awake(name)
    writer.close()


def recorded(history: History, origin: OriginHandle) -> None:
    """Add what the origin server did."""
    log = settled(origin)
    names = {record.number: record.get(NAME) or "" for record in log}
    history.forwards = Counter(names[record.number] for record in log if record.method != "GET")
    history.applied = [
        Applied(
            operation=names[line.request],
            key=line.target,
            before=None if line.before is None else value_of(line.before),
            after=None if line.after is None else value_of(line.after),
            at=line.at,
            digest=line.digest,
            fence=None if line.fence is None else int(line.fence),
        )
        for line in origin.writes()
    ]
    contents = {name: origin.peek(name) for name in history.start}
    history.end = {name: None if content is None else value_of(content) for name, content in contents.items()}


def settled(origin: OriginHandle) -> list[Record]:
    """Return the request log once the origin server has done with every request, of which no more come.

    One whose connection was reset while its content came stays where it was; that nothing comes of it is seen twice.
    """
    ending = time.monotonic() + _PATIENCE
    before: list[Record] = []
    while time.monotonic() < ending:
        log = origin.log()
        if log == before and all(record.stages[-1] in _OVER for record in log):
            return log
        before = log
        time.sleep(0.1)
    raise AssertionError("the origin server is not done")


# The table ------------------------------------------------------------------------------------------------------------

COLUMNS = (
    "seed",
    "clients",
    "etag",
    "on write",
    "writes",
    "ok",
    "refused",
    "unknown",
    "lost",
    "lies",
    "double",
    "other",
)


def row(plan: Plan, history: History, violations: Sequence[Violation]) -> tuple[object, ...]:
    """Return a line of the table."""
    found = Counter(violation.fault for violation in violations)
    counts = [found[Fault.LOST], found[Fault.LIE], found[Fault.TWICE]]
    told = [history.told(told) for told in Told]
    described = (plan.seed, plan.clients, plan.etag.value, plan.etag_on_write)
    return (*described, len(history.operations), *told, *counts, len(violations) - sum(counts))


def printed(cells: Sequence[object]) -> None:
    """Print a line of the table at once."""
    sys.stdout.write(
        "  ".join(f"{cell!s:>{max(7, len(name))}}" for cell, name in zip(cells, COLUMNS, strict=True)) + "\n"
    )
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Play many seeds; 0 when no promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.soak", description="Look for a broken promise.")
    parser.add_argument("--seeds", type=int, default=5, help="how many runs")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--writes", type=int, default=2_000, help="writes a run")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and not without having stopped what was started
    printed(COLUMNS)
    rows: list[tuple[object, ...]] = []
    broken: list[Violation] = []
    for seed in range(options.first, options.first + options.seeds):
        plan = varied(seed, options.writes)
        history = play(plan)
        violations = check(history)
        rows.append(row(plan, history, violations))
        printed(rows[-1])
        broken += violations
        sys.stdout.writelines(f"  seed {seed}: {violation}\n" for violation in violations[:10])
    sums = [sum(int(str(line[column])) for line in rows) for column in range(4, len(COLUMNS))]
    printed((f"{len(rows)} runs", "", "", "", *sums))
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
