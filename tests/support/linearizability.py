"""Whether what the clients saw can be explained by registers that do one thing at a time (checker C2).

What lives here: how a history is read as operations on one register a key, and what is said when no order explains
them. It is a black-box check: it looks at no log of the origin server, only at what clients did and were told. What
must not: the search, which is `tests.support.register`'s.

    a reading               read -> v; v is None for 404
    guarded, told OK        cas(u -> v): the state was u and became v; a deletion writes None
    unguarded, told OK      write(v), whatever the state was
    told UNKNOWN            the same at any moment after it began, or never: it stays in flight for ever
    guarded, 412, REFUSED   no effect, and at some moment of it the state was not u
    otherwise REFUSED       no effect, and 503 or 428 says nothing of the state: left out
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf

from tests.support.histories import History, Operation, Reading, Told
from tests.support.register import WRITES, Kind, Search, Step

LIMIT = 50_000
"""How many operations on a key there may be from one moment at which nothing is in flight to the next."""

EFFORT = 200
"""At how many places an operation the search gives up. One that succeeds mostly needs fewer than one."""

_SHOWN = 6


class Fault(StrEnum):
    """What can be found."""

    ORDER = "not linearizable"
    """No order explains what the clients saw."""
    UNDECIDED = "undecided"
    """The history is too hard to judge; it has not passed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault, and the key it is at. `stuck`: the operation whose end first made the history impossible to explain."""

    fault: Fault
    where: str
    what: str
    stuck: Operation | Reading | None = None

    def __str__(self) -> str:
        return f"{self.fault} at {self.where}: {self.what}"


def check(history: History, *, limit: int = LIMIT, effort: int = EFFORT) -> list[Finding]:
    """Return for each key that cannot be explained why not.

    Raised when the history contradicts itself: `KeyError` for a key without a start, `ValueError` for an operation that
    ends before it begins.
    """
    sources: list[Operation | Reading] = [*history.operations, *history.readings]
    by_key: dict[str, list[Step]] = defaultdict(list)
    for source in sources:
        step = step_of(source)
        if step is not None:
            by_key[source.key].append(step)
    found = (_judged(key, history.start[key], by_key[key], limit, effort) for key in sorted(by_key))
    return [finding for finding in found if finding is not None]


def step_of(source: Operation | Reading) -> Step | None:
    """Return what an operation says of its register; None for nothing."""
    if isinstance(source, Reading):
        return Step(Kind.READ, source.value, None, source.began, source.ended, source)
    if source.told is Told.REFUSED:
        stale = source.guarded and source.status == 412
        return Step(Kind.DIFFERS, source.named, None, source.began, source.ended, source) if stale else None
    kind = Kind.CAS if source.guarded else Kind.WRITE
    ended = inf if source.told is Told.UNKNOWN else source.ended
    return Step(kind, source.named, source.value, source.began, ended, source)


def _judged(key: str, start: str | None, steps: Sequence[Step], limit: int, effort: int) -> Finding | None:
    longest = max(stretches(steps))
    if longest > limit:
        return Finding(Fault.UNDECIDED, key, f"{longest} operations without a moment at which none is in flight")
    patience = effort * len(steps)
    match Search(start, steps, patience).explained():
        case True:
            return None
        case False:
            return _witness(key, start, steps, patience)
        case _:
            return Finding(Fault.UNDECIDED, key, f"no order of {len(steps)} operations found at {patience} places")


def stretches(steps: Iterable[Step]) -> Iterator[int]:
    """Yield how many operations begin from one moment at which nothing is in flight to the next.

    An unknown write counts where it began. That it stays in flight is no hindrance: it is carried over the cut.
    """
    count, latest = 0, -inf
    for step in sorted(steps, key=lambda step: step.began):
        if step.began > latest and count:
            yield count
            count = 0
        count += 1
        latest = max(latest, step.began if step.ended == inf else step.ended)
    yield count


# The witness ----------------------------------------------------------------------------------------------------------


def _witness(key: str, start: str | None, steps: Sequence[Step], patience: int) -> Finding:
    """Return what is wrong where no order explains the steps: which operation's end first made it so."""
    moment = _first_broken(start, steps, patience)
    begun = _until(steps, moment)
    stuck = next(step for step in begun if step.ended == moment)
    about = [step for step in begun if step is not stuck and step.names & stuck.names]
    told = "; ".join(str(step) for step in sorted(about, key=lambda step: step.began)[-_SHOWN:]) or "none"
    what = f"no order of the {len(begun)} operations known by then explains {stuck}; of the same values: {told}"
    return Finding(Fault.ORDER, key, what, stuck.source)


def _first_broken(start: str | None, steps: Sequence[Step], patience: int) -> float:
    """Return the first moment at which what happened so far cannot be explained, or else the last, at which it cannot.

    What can be explained at one moment can be at all before, hence the halving. A search that succeeds is mostly short;
    so there one that takes `most` places is taken to fail, and only where the halving ends is that made certain.
    """

    def explained(moment: float, places: int) -> bool | None:
        return Search(start, _until(steps, moment), places).explained()

    def doubtful(moment: float) -> bool:
        return explained(moment, most) is not True

    endings = sorted({step.ended for step in steps if step.ended < inf})
    first, last, most = 0, len(endings) - 1, len(steps)
    while first < last:
        first = bisect_left(endings, 1, first, last, key=doubtful)
        certain = explained(endings[first], patience) if first < last else False
        if certain is not True:
            return endings[last if certain is None else first]
        first, most = first + 1, 2 * most
    return endings[last]


def _until(steps: Iterable[Step], moment: float) -> list[Step]:
    """Return what could be known at that moment: a write in flight may be applied or not, a read says nothing yet."""
    begun = [step for step in steps if step.began <= moment]
    known = [step for step in begun if step.ended <= moment or step.kind in WRITES]
    return [step if step.ended <= moment else replace(step, ended=inf) for step in known]
