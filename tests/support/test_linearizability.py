"""Checker C2 passes what one register explains, and nothing else."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import permutations
from math import inf
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.histories import History, Operation, Reading, Told
from tests.support.linearizability import Fault, check, step_of, stretches
from tests.support.register import WRITES, Kind, Step

KEY = "/k"
UNSURE = Told.UNKNOWN
Seen = Operation | Reading


def read(value: str | None, began: float, ended: float) -> Reading:
    """Return a reading."""
    return Reading(KEY, value, None, began, ended)


def cas(named: str | None, value: str | None, began: float, ended: float, told: Told = Told.OK) -> Operation:
    """Return a guarded write."""
    return Operation(f"{named}-{value}", KEY, value, guarded=True, named=named, told=told, began=began, ended=ended)


def stale(named: str | None, began: float, ended: float) -> Operation:
    """Return a guarded write that was answered 412."""
    return replace(cas(named, "never", began, ended, Told.REFUSED), status=412)


def write(value: str | None, began: float, ended: float, told: Told = Told.OK) -> Operation:
    """Return a write without a condition."""
    return Operation(f"-{value}", KEY, value, guarded=False, named=None, told=told, began=began, ended=ended)


def history(*seen: Seen, start: str | None = "a") -> History:
    """Return a history of one key."""
    return History(
        [one for one in seen if isinstance(one, Operation)],
        [one for one in seen if isinstance(one, Reading)],
        start={KEY: start},
    )


GOOD: dict[str, tuple[Seen, ...]] = {
    "nothing": (),
    "the start": (read("a", 1, 2),),
    "a chain": (cas("a", "b", 1, 2), cas("b", "c", 3, 4), read("c", 5, 6)),
    "overlapping, each before the write or behind it": (cas("a", "b", 1, 9), read("b", 2, 3), read("b", 4, 5)),
    "a write that overlaps a read of the old value": (cas("a", "b", 1, 9), read("a", 2, 3), read("b", 4, 5)),
    "a chain that overlaps, told in another order": (cas("b", "c", 1, 9), read("c", 5, 9), cas("a", "b", 2, 9)),
    "blind writes in the order that the reads need": (
        *(write("b", 1, 9), write("c", 1, 9), write("d", 1, 9)),
        *(read("c", 2, 3), read("b", 4, 5), read("d", 6, 7)),
    ),
    "a read that ends when the write begins": (read("b", 1, 2), cas("a", "b", 2, 3)),
    "a read that begins when the write ends": (cas("a", "b", 2, 3), read("a", 3, 4)),
    "a deletion and a creation": (cas("a", None, 1, 2), read(None, 3, 4), cas(None, "b", 5, 6), read("b", 7, 8)),
    "deleted twice": (cas("a", None, 1, 2), cas(None, "b", 3, 4), cas("b", None, 5, 6), read(None, 7, 8)),
    "refused, because it was too late": (cas("a", "b", 1, 2), stale("a", 3, 4)),
    "refused, because one under way was first": (stale("a", 1, 4), cas("a", "b", 3, 6)),
    "refused, because there was something": (stale(None, 1, 2),),
    "refused, because it was something else meanwhile": (
        *(cas("a", None, 1, 2), stale("a", 1, 4), cas(None, "a", 3, 4), read("a", 5, 6)),
    ),
    "refused by an unknown write": (write("b", 1, 2, UNSURE), stale("a", 3, 4), stale("b", 9, 9), write("c", 5, 8)),
    "refused for another reason": (cas("a", "b", 1, 2, Told.REFUSED), read("a", 3, 4), cas("a", "c", 5, 6)),
    "503 for a write without a condition": (replace(write("b", 1, 2, Told.REFUSED), status=503), read("a", 3, 4)),
    "412 for a write without a condition": (
        *(cas("a", None, 1, 2), replace(write("b", 3, 4, Told.REFUSED), status=412), read(None, 5, 6)),
    ),
    "unknown, never applied": (cas("a", "b", 1, 2, UNSURE), read("a", 8, 9)),
    "unknown, applied at once": (cas("a", "b", 1, 2, UNSURE), read("b", 1, 2)),
    "unknown, applied late": (cas("a", "b", 1, 2, UNSURE), read("a", 3, 4), read("b", 5, 6)),
    "unknown, applied late over a cut": (
        write("b", 1, 2, UNSURE),
        cas("a", "c", 3, 4),
        read("c", 5, 6),
        read("b", 7, 8),
    ),
    "unknown, one upon the other": (cas("b", "c", 1, 2, UNSURE), cas("a", "b", 3, 4, UNSURE), read("c", 5, 6)),
    "unknown, needed later and not at once": (
        *(cas("a", None, 10, 18), write("b", 2, 4), cas("a", "b", 3, 5), cas("b", "a", 3, 3, UNSURE)),
    ),
    "unknown, of which another is needed later": (
        *(cas("a", "b", 0, 0, UNSURE), cas("b", "c", 0, 0, UNSURE), cas("a", "c", 0, 0, UNSURE)),
        *(read("c", 1, 2), write("b", 3, 4), read("c", 5, 6)),
    ),
    "written twice, by the slower one later": (
        *(write("b", 1, 3), write("b", 1, 9), write("c", 4, 5), read("c", 6, 7), read("b", 8, 9)),
    ),
    "unknown, twice the same": (
        *(write(None, 1, 2, UNSURE), write(None, 1, 2, UNSURE)),
        *(read(None, 3, 4), write("b", 5, 6), read(None, 7, 8)),
    ),
}


@pytest.mark.parametrize("seen", GOOD.values(), ids=GOOD)
def test_what_a_register_explains_passes(seen: tuple[Seen, ...]) -> None:
    """A history for which there is an order shows no violation."""
    assert check(history(*seen)) == []


BAD: dict[str, tuple[Seen, tuple[Seen, ...]]] = {
    "a value never written": (read("x", 1, 2), (read("a", 0, 9),)),
    "a stale read": (read("a", 3, 4), (cas("a", "b", 1, 2),)),
    "a read before the write began": (read("b", 1, 2), (cas("a", "b", 3, 4),)),
    "a read going back": (read("a", 5, 6), (cas("a", "b", 1, 9), read("b", 3, 4))),
    "reads of two clients in two orders": (
        read("b", 6, 7),
        (write("b", 1, 9), write("c", 1, 9), read("b", 2, 3), read("c", 4, 5)),
    ),
    "a lost update": (cas("a", "c", 3, 4), (cas("a", "b", 1, 2),)),
    "a lost update at once": (cas("a", "c", 1, 6), (cas("a", "b", 1, 5), read("c", 7, 8))),
    "a lost deletion": (cas("a", None, 3, 4), (cas("a", "b", 1, 2),)),
    "created twice": (cas(None, "c", 5, 6), (cas("a", None, 1, 2), cas(None, "b", 3, 4))),
    "based on what never was": (cas("x", "b", 1, 2), (read("a", 1, 2),)),
    "based on what comes later": (cas("b", "c", 1, 2), (cas("a", "b", 3, 4),)),
    "a cycle": (cas("b", "a", 1, 4), (cas("a", "b", 1, 3), read("b", 5, 6), cas("b", "c", 7, 8), read("b", 9, 10))),
    "a blind write undone": (read("a", 3, 4), (write("b", 1, 2),)),
    "blind writes in the wrong order": (read("b", 5, 6), (write("b", 1, 2), write("c", 3, 4))),
    "refused and applied": (read("never", 3, 4), (stale("b", 1, 2),)),
    "refused without a reason": (stale("a", 1, 2), (read("a", 3, 4), cas("a", "b", 5, 6))),
    "refused without a reason, though nothing was there": (stale(None, 3, 4), (cas("a", None, 1, 2),)),
    "unknown, applied before it began": (read("b", 1, 2), (cas("a", "b", 3, 4, UNSURE),)),
    "unknown, applied twice": (read("b", 7, 8), (write("b", 1, 2, UNSURE), read("b", 3, 4), cas("b", "c", 5, 6))),
    "unknown, applied twice over cuts": (
        read("b", 9, 10),
        (write("b", 1, 2, UNSURE), read("b", 3, 4), write("c", 5, 6), read("c", 7, 8)),
    ),
    "unknown, applied twice to a value that comes back": (
        read("a", 7, 8),
        (write("a", 0, 0, UNSURE), cas("a", "b", 1, 2), read("a", 3, 4), write("c", 5, 6), read("c", 5, 6)),
    ),
    "unknown, applied over another state than it named": (
        read("c", 5, 6),
        (cas("a", "b", 1, 2), cas("a", "c", 1, 2, UNSURE), read("b", 3, 4)),
    ),
}


@pytest.mark.parametrize(("stuck", "seen"), BAD.values(), ids=BAD)
def test_what_no_register_explains_is_seen(stuck: Seen, seen: tuple[Seen, ...]) -> None:
    """A history for which there is no order is called so, whichever of it is told first."""
    for told in ((stuck, *seen), (*seen, stuck)):
        assert [(found.fault, found.where) for found in check(history(*told))] == [(Fault.ORDER, KEY)]


def test_the_witness_is_the_first_that_fits_nowhere() -> None:
    """What is named is the operation whose end made the history impossible, not one behind it or one that is fine."""
    fine = [cas(f"v{number}", f"v{number + 1}", number, number + 0.5) for number in range(40)]
    lost = replace(cas("v20", "w", 25, 25.75), name="9:9")
    later: list[Seen] = [read("v20", 25.1, 80), cas("v3", "z", 70, 71), read("nonsense", 60, 61)]
    [found] = check(history(*fine, lost, *later, start="v0"))
    assert found.stuck is lost
    assert str(found) == (
        "not linearizable at /k: no order of the 27 operations known by then explains "
        "9:9: cas(v20 -> w) ok [25.000000, 25.750000]; of the same values: "
        "v19-v20: cas(v19 -> v20) ok [19.000000, 19.500000]; v20-v21: cas(v20 -> v21) ok [20.000000, 20.500000]"
    )


def test_keys_are_judged_apart() -> None:
    """Each key is a register of its own, and each that fails is named."""
    one, other = cas("a", "b", 1, 2), read("a", 3, 4)
    seen = history(one, replace(other, key="/other"))
    seen.start = {KEY: "a", "/other": "a"}
    assert check(seen) == []
    seen.readings += [other, Reading("/other", "b", None, 5, 6)]
    assert [found.where for found in check(seen)] == [KEY, "/other"]


def test_a_history_that_contradicts_itself_is_refused() -> None:
    """Nothing passes because it makes no sense: neither an end before its beginning nor a key without start."""
    with pytest.raises(ValueError, match="ended before it began"):
        check(history(read("a", 2, 1)))
    with pytest.raises(KeyError, match="/other"):
        check(history(replace(read("a", 1, 2), key="/other")))


# Long histories -------------------------------------------------------------------------------------------------------


def chain(length: int, *, overlap: float = 0) -> list[Seen]:
    """Return writes upon each other, one a second, each of which takes half a second and `overlap`."""
    return [cas(f"v{number}", f"v{number + 1}", number, number + 0.5 + overlap) for number in range(length)]


@pytest.mark.parametrize(
    ("seen", "lengths"),
    [
        (chain(3), [1, 1, 1]),
        (chain(3, overlap=1), [3]),
        ([read("a", 1, 2), read("a", 2, 3), read("a", 3.5, 4)], [2, 1]),
        ([read("a", 1, 9), read("a", 2, 3), read("a", 4, 5)], [3]),
        ([write("b", 1, 2, UNSURE), read("a", 1.5, 3), read("a", 4, 5)], [1, 1, 1]),
    ],
    ids=["apart", "overlapping", "touching", "one over all", "unknown"],
)
def test_a_history_is_cut_where_nothing_is_in_flight(seen: list[Seen], lengths: list[int]) -> None:
    """There is a cut where all have ended and the next has not begun; an unknown write does not keep it away."""
    steps = [step for step in map(step_of, seen) if step is not None]
    assert list(stretches(steps)) == lengths


def test_a_history_that_cannot_be_cut_does_not_pass() -> None:
    """A history that is too long to be judged fails loudly; one as long with cuts in it is judged."""
    overlapping, apart = history(*chain(51, overlap=1), start="v0"), history(*chain(51), start="v0")
    assert [str(found) for found in check(overlapping, limit=50)] == [
        "undecided at /k: 51 operations without a moment at which none is in flight"
    ]
    assert check(overlapping, limit=51) == check(apart, limit=1) == []


def test_a_search_without_end_does_not_pass() -> None:
    """When the search gives up, the history is called undecided: neither good nor bad."""
    tangle = [write(f"{number}", 1, 9) for number in range(12)]
    reads = [read(f"{number}", 2, 8) for number in range(12)]
    seen = history(*tangle, *reads, read("x", 2, 9))
    [found] = check(seen, effort=2)
    assert (found.fault, found.stuck) == (Fault.UNDECIDED, None)
    assert [found.fault for found in check(seen, effort=10_000)] == [Fault.ORDER]


def test_the_witness_is_the_first_although_what_was_before_is_hard() -> None:
    """What takes long to explain is not taken for what cannot be."""
    writes = [write(f"{number}", 1, 44 + number / 100) for number in range(20)]
    reads = [read(f"{number}", 40 - 2 * number, 41 - 2 * number) for number in range(20)]  # the last ends first
    wrong = [read("x", 50 + number, 50.5 + number) for number in range(20)]
    assert check(history(*writes, *reads)) == []
    [found] = check(history(*writes, *reads, *wrong))
    assert found.stuck is wrong[0]


def test_a_lost_update_in_a_tangle_is_seen_at_once() -> None:
    """Of two writes upon one state it is clear that one was lost, whatever else is in flight."""
    tangle = [seen for number in range(12) for seen in (write(f"{number}", 1, 9), read(f"{number}", 2, 8))]
    [found] = check(history(cas("a", "b", 1, 9), cas("a", "c", 1, 9), *tangle), effort=1)
    assert found.fault is Fault.ORDER


def test_writes_that_nobody_saw_need_no_search() -> None:
    """In which order things were written that nobody saw is not asked, however many they are."""
    unseen = [write(f"{number}", 1, 9) for number in range(40)]
    assert check(history(*unseen, read("7", 10, 11))) == []
    assert [found.fault for found in check(history(*unseen, read("x", 10, 11)), effort=2)] == [Fault.ORDER]


# Laws -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Attempt:
    """What a client does at a register that is at `point`. `age`: how many states ago its own view of it is."""

    point: float
    before: float
    after: float
    kind: Kind
    value: str | None
    age: int
    lost: bool
    applied: bool

    def act(self, states: list[str | None]) -> Seen:
        """Do it, and return what the client sees."""
        began, ended = self.point - self.before, self.point + self.after
        if self.kind is Kind.READ:
            return read(states[-1], began, ended)
        named = states[max(-1 - self.age, -len(states))]
        fits = self.kind is Kind.WRITE or named == states[-1]
        if fits and (self.applied or not self.lost):
            states.append(self.value)
        if self.lost:
            ended = began  # it may be applied long after its client has gone
        elif not fits:
            return stale(named, began, ended)
        told = UNSURE if self.lost else Told.OK
        guarded = cas(named, self.value, began, ended, told)
        return guarded if self.kind is Kind.CAS else write(self.value, began, ended, told)


def atomic(attempts: Iterable[Attempt]) -> History:
    """Return what clients see of a register that does one thing at a time."""
    states: list[str | None] = ["a"]
    return history(*(attempt.act(states) for attempt in sorted(attempts, key=lambda attempt: attempt.point)))


VALUES = st.one_of(st.sampled_from(["a", "b", None]), st.integers(0, 99).map(str))

ATTEMPT: dict[str, st.SearchStrategy[Any]] = {
    "point": st.integers(0, 200),
    "before": st.integers(0, 50),
    "after": st.integers(0, 50),
    "kind": st.sampled_from([Kind.READ, Kind.CAS, Kind.WRITE]),
    "value": VALUES,
    "age": st.integers(0, 2),
    "lost": st.booleans(),
    "applied": st.booleans(),
}
ATTEMPTS = st.lists(st.builds(Attempt, **ATTEMPT), max_size=20)


@settings(max_examples=500)
@given(ATTEMPTS)
def test_what_an_atomic_register_shows_is_linearizable(attempts: list[Attempt]) -> None:
    """Whatever clients do at a register that does one thing at a time, the checker finds nothing."""
    assert check(atomic(attempts)) == []


@settings(max_examples=200)
@given(ATTEMPTS, st.data())
def test_a_value_from_nowhere_is_always_seen(attempts: list[Attempt], data: st.DataObject) -> None:
    """One reading of what nobody wrote spoils any history, and is the witness."""
    seen = atomic(attempts)
    began = data.draw(st.integers(0, 200))
    wrong = read("nobody's", began, began + data.draw(st.integers(0, 50)) + 0.25)  # and nothing else ends then
    seen.readings.insert(0, wrong)
    [found] = check(seen)
    assert found.stuck is wrong


def explained(order: Iterable[Step], state: str | None) -> bool:
    """Tell whether a register can do that in this order. An unknown write that does not fit does nothing."""
    latest = -inf
    for step in order:
        if step.ended < latest:  # it had ended when one before it in the order began
            return False
        latest = max(latest, step.began)
        fits = step.kind is Kind.WRITE or (step.seen == state) is (step.kind is not Kind.DIFFERS)
        if fits and step.kind in WRITES:
            state = step.value
        elif not fits and step.ended < inf:
            return False
    return True


SMALL = st.sampled_from(["a", "b", "c", None])


@st.composite
def anything(draw: st.DrawFn) -> Seen:
    """Return something that a client could have seen, likely or not."""
    began = draw(st.integers(0, 8))
    ended = began + draw(st.sampled_from([0, 1, 2, 8]))
    match draw(st.sampled_from(["read", "stale", "write", "cas", "cas"])):
        case "read":
            return read(draw(SMALL), began, ended)
        case "stale":
            return stale(draw(SMALL), began, ended)
        case "write":
            return write(draw(SMALL), began, ended, draw(st.sampled_from(Told)))
    return cas(draw(SMALL), draw(SMALL), began, ended, draw(st.sampled_from(Told)))


@st.composite
def nearly(draw: st.DrawFn) -> list[Seen]:
    """Return what an atomic register shows, but for one thing."""
    attempts = draw(st.lists(st.builds(Attempt, **{**ATTEMPT, "value": SMALL}), min_size=3, max_size=6))
    true = atomic(attempts)
    seen: list[Seen] = [*true.operations, *true.readings]
    number = draw(st.integers(0, len(seen) - 1))
    one, other = seen[number], draw(SMALL)
    if isinstance(one, Reading) or draw(st.booleans()):
        seen[number] = replace(one, value=other)
    elif one.guarded:
        seen[number] = replace(one, named=other)
    else:
        seen[number] = replace(one, ended=one.began)
    return seen


@settings(max_examples=1200)
@given(st.one_of(st.lists(anything(), max_size=6), nearly()))
def test_all_orders_tried_say_the_same(seen: list[Seen]) -> None:
    """Whether there is an order is what trying each order says: no rule of the search loses or invents one."""
    steps = [step for step in map(step_of, seen) if step is not None]
    expected = any(explained(order, "a") for order in permutations(steps))
    assert (check(history(*seen)) == []) is expected


# Size -----------------------------------------------------------------------------------------------------------------


def crowded(dice: Random, clients: int, count: int, *, lost: float = 0.03, deleted: float = 0.03) -> History:
    """Return what that many clients see who are at one register all the time, and lose so many of the answers."""
    free = [dice.random() for _ in range(clients)]
    attempts = []
    for number in range(count):
        client = min(range(clients), key=free.__getitem__)
        before, after = dice.expovariate(1), dice.expovariate(1)
        point = free[client] + before
        free[client] = point + after
        kind = dice.choices([Kind.READ, Kind.CAS, Kind.WRITE], [30, 65, 5])[0]
        value = None if dice.random() < deleted else f"{client}:{number}"
        unsure = kind is not Kind.READ and dice.random() < lost
        attempts.append(Attempt(point, before, after, kind, value, dice.choice([0, 1]), unsure, dice.random() < 0.5))
    return atomic(attempts)


@pytest.mark.parametrize("seed", range(3))
def test_fifty_clients_on_one_key_are_judged_in_few_steps(seed: int) -> None:
    """5,000 operations of 50 clients, never at rest, take at most one place of the search for each operation."""
    seen = crowded(Random(seed), 50, 5_000)  # noqa: S311 - to be repeated, not to be secret
    assert len(seen.operations) + len(seen.readings) == 5_000
    assert check(seen, effort=1) == []


def test_a_fault_in_a_crowd_is_found() -> None:
    """One reading of an old value among 5,000 operations of 50 clients is found, and is the witness."""
    seen = crowded(Random(1), 50, 5_000)  # noqa: S311 - likewise
    old = next(one.value for one in seen.operations if one.told is Told.OK and one.guarded and one.value)
    seen.readings[1_000] = replace(seen.readings[1_000], value=old)
    [found] = check(seen)
    assert found.stuck is seen.readings[1_000]


@pytest.mark.parametrize("seed", [3, 5])
def test_many_lost_answers_do_not_make_it_hard(seed: int) -> None:
    """A fault behind hundreds of writes of which each may have been applied or not, deletions too, is found soon."""
    seen = crowded(Random(seed), 8, 2_000, lost=0.3, deleted=0.2)  # noqa: S311 - likewise
    assert check(seen, effort=1) == []
    seen.readings[-1] = replace(seen.readings[-1], value="nobody's")
    assert [found.fault for found in check(seen, effort=8)] == [Fault.ORDER]
