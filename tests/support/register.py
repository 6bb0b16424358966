"""Operations on one register, and whether some order of them explains what was seen.

What lives here: the search of checker C2. How a history becomes such operations is `tests.support.linearizability`'s.

Each operation takes effect at one moment between its beginning and its end, so one that ended before another began is
placed before it; equal times count as overlapping. An unknown write has no end and need not be placed.

The search is Wing and Gong's with Lowe's memory of the (operations placed, state) that led nowhere ("Testing for
linearizability", 2017). The operations placed are written as their complement, which stays as small as the number of
clients: all before `upcoming` but those `pending`. Where nothing is in flight a history falls into two; what goes over
such a cut is the state and which unknown writes are left, and any such pair is tried until one explains the rest.

Five rules leave out orders without losing an answer:

1. What only observes, and agrees with the state, is placed at once: it changes nothing for the others.
2. A value that is written once in a history does not come back; so it is not left while an operation still needs it.
3. An unknown write is placed only right before what needs its value, or needs the state to be left: elsewhere it can as
   well be left out.
4. Of two ways to one place, the one that used up fewer unknown writes can do all that the other can.
5. Of writes that may be placed and do the same, the one that ends first is. Values nobody says to have seen are the
   same.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from math import inf
from typing import NamedTuple

from tests.support.histories import Operation, Reading


class Kind(Enum):
    """What an operation says of a register."""

    READ = "the state was `seen`"
    DIFFERS = "the state was not `seen`"
    CAS = "the state was `seen` and became `value`"
    WRITE = "the state became `value`"


WRITES = {Kind.CAS, Kind.WRITE}
NEEDS = {Kind.READ, Kind.CAS}


@dataclass(frozen=True, slots=True)
class Step:
    """An operation on a register. `ended` is infinite where the outcome is unknown."""

    kind: Kind
    seen: str | None
    value: str | None
    began: float
    ended: float
    source: Operation | Reading

    def __post_init__(self) -> None:
        if not self.began <= self.ended:
            raise ValueError(f"ended before it began: {self.source}")

    def __str__(self) -> str:
        times = f"[{self.began:.6f}, {'...' if self.ended == inf else f'{self.ended:.6f}'}]"
        if isinstance(self.source, Reading):
            return f"read -> {_shown(self.seen)} {times}"
        done = "write(" if self.kind is Kind.WRITE else f"cas({_shown(self.seen)} -> "
        told = "412" if self.kind is Kind.DIFFERS else self.source.told
        return f"{self.source.name}: {done}{_shown(self.source.value)}) {told} {times}"

    @property
    def names(self) -> set[str | None]:
        """The values that it speaks of."""
        seen = set() if self.kind is Kind.WRITE else {self.seen}
        return seen | {self.value} if self.kind in WRITES else seen

    def observed(self, state: str | None) -> bool:
        """Tell whether it only observes, and agrees with that state."""
        if self.kind is Kind.READ:
            return self.seen == state
        return self.kind is Kind.DIFFERS and self.seen != state


def _shown(value: str | None) -> str:
    return "nothing" if value is None else value


class Place(NamedTuple):
    """A place of the search: all before `upcoming` are placed but those `pending`, each of which may be placed now.

    `spent` has a bit for each unknown write that cannot be placed any more. What begins after `until` cannot be yet.
    """

    upcoming: int
    pending: tuple[int, ...]
    state: str | None
    spent: int
    until: float


class Search:
    """A search for an order, which gives up at `patience` places."""

    def __init__(self, start: str | None, steps: Iterable[Step], patience: int) -> None:
        ordered = _interchangeable(sorted(steps, key=lambda step: step.began))
        self._visited = 0
        self._patience = patience
        self._start = start
        self._known = [step for step in ordered if step.ended < inf]
        self._unknown = [step for step in ordered if step.ended == inf]
        self._last_need = {step.seen: index for index, step in enumerate(self._known) if step.kind in NEEDS}
        written = Counter([start, *(step.value for step in ordered if step.kind in WRITES)])
        self._once = {value for value, count in written.items() if count == 1}
        self._blind = [number for number, step in enumerate(self._unknown) if step.kind is Kind.WRITE]
        self._from: dict[str | None, list[int]] = defaultdict(list)
        for number, step in enumerate(self._unknown):
            if step.kind is Kind.CAS:
                self._from[step.seen].append(number)
        self._hopeless = {seen: sum(1 << number for number in numbers) for seen, numbers in self._from.items()}
        self._spent: dict[tuple[int, tuple[int, ...], str | None], list[int]] = defaultdict(list)

    def explained(self) -> bool | None:
        """Tell whether there is an order; None when the search was given up."""
        stack = [self._settled(0, (), self._start, 0)]
        while stack:
            place = stack.pop()
            if not place.pending:  # then nothing was upcoming either
                return True
            if self._visited == self._patience:
                return None
            self._visited += 1
            if self._is_new(place):
                stack.extend(reversed([*self._onward(place)]))
        return False

    def _is_new(self, place: Place) -> bool:
        """Tell whether nothing as good as this place was looked at before (rule 4)."""
        known = self._spent[place.upcoming, place.pending, place.state]
        if any(spent & place.spent == spent for spent in known):
            return False
        known.append(place.spent)
        return True

    def _settled(self, upcoming: int, pending: Iterable[int], state: str | None, spent: int) -> Place:
        """Return the place once all is placed that only observes this state (rule 1)."""
        waiting = list(pending)
        while True:
            until = min((self._known[index].ended for index in waiting), default=inf)
            while upcoming < len(self._known) and self._known[upcoming].began <= until:
                waiting.append(upcoming)
                until = min(until, self._known[upcoming].ended)
                upcoming += 1
            left = [index for index in waiting if not self._known[index].observed(state)]
            if len(left) == len(waiting):
                return Place(upcoming, tuple(left), state, spent, until)
            waiting = left

    def _onward(self, place: Place) -> Iterator[Place]:
        """Yield where one write leads, the most likely first."""
        pending = [(self._known[index], index) for index in place.pending]
        ready = [index for step, index in pending if step.kind is Kind.CAS and step.seen == place.state]
        free = [index for step, index in pending if step.kind is Kind.WRITE]
        helpful = self._helpful(place)
        spent = place.spent
        if place.state in self._once:  # rule 2
            if self._last_need.get(place.state, -1) >= place.upcoming or len(ready) > 1:
                return
            spent |= self._hopeless.get(place.state, 0)
            free, helpful = ([], iter(())) if ready else (free, helpful)
        for index in self._earliest([*ready, *free]):
            others = (other for other in place.pending if other != index)
            yield self._settled(place.upcoming, others, self._known[index].value, spent)
        for number in helpful:
            yield self._settled(place.upcoming, place.pending, self._unknown[number].value, spent | 1 << number)

    def _earliest(self, indices: Iterable[int]) -> Iterator[int]:
        """Yield them by their end, and of several that do the same the first only (rule 5)."""
        tried = set()
        for index in sorted(indices, key=lambda index: self._known[index].ended):
            step = self._known[index]
            if (step.kind, step.value) not in tried:
                tried.add((step.kind, step.value))
                yield index

    def _helpful(self, place: Place) -> Iterator[int]:
        """Yield the unknown writes that could help now (rule 3), of several that do the same the first (rule 5)."""
        pending = [self._known[index] for index in place.pending]
        to_leave = any(step.kind is Kind.DIFFERS for step in pending)  # those that agree are placed already
        needed = {step.seen for step in pending if step.kind in NEEDS}
        for numbers in (self._from.get(place.state, []), self._blind):
            tried = set()
            for number in self._open(numbers, place):
                value = self._unknown[number].value
                chained = next(self._open(self._from.get(value, []), place), None) is not None
                if value not in tried and (to_leave or value in needed or chained):
                    tried.add(value)
                    yield number

    def _open(self, numbers: Iterable[int], place: Place) -> Iterator[int]:
        """Yield those of the unknown writes that have begun and can still be placed."""
        for number in numbers:
            if self._unknown[number].began <= place.until and not place.spent >> number & 1:
                yield number


def _interchangeable(steps: Sequence[Step]) -> list[Step]:
    """Return the same, with one value in place of all that nobody says to have seen (rule 5)."""
    seen = {step.seen for step in steps if step.kind is not Kind.WRITE}
    unseen = [step.value for step in steps if step.kind in WRITES and step.value not in seen]
    alike = dict.fromkeys(unseen, next(iter(unseen), None))
    return [replace(step, value=alike.get(step.value, step.value)) for step in steps]
