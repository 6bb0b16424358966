"""What this process remembers of selections: the newest, in bounded number, nothing from before or during a write."""

import time
from collections.abc import Awaitable, Callable, Sized
from dataclasses import replace
from itertools import pairwise

import pytest

from proxy.adapters.memory.state import SELECTORS, MemoryState
from proxy.core.entity_tag import EntityTag
from proxy.core.fields import Fields
from proxy.core.minting import Validator
from proxy.core.moment import SOMETIME, Moment
from proxy.ports import Remembered
from tests.support.scripted import Canned, Rig, answering

AGAIN = 60.0
LIMIT = 100
SEEN = 3 * LIMIT


def seen(state: MemoryState, tag: str | None) -> Remembered:
    """Return a selection that begins now; None: there was no representation."""
    return Remembered(None if tag is None else Validator(EntityTag(tag), None, minted=True), state.now())


def later(remembered: Remembered, seconds: float) -> Remembered:
    """Return the same selection made that much later."""
    micros = round(seconds * 1_000_000)
    began = Moment(remembered.began.earliest + micros, remembered.began.latest + micros)
    return replace(remembered, began=began)


async def mentioned(state: MemoryState, key: str, selector: bytes, remembered: Remembered) -> None:
    """Keep a selection when convenient, which in this process is now."""
    state.mention(key, selector, remembered, again=AGAIN)


Keeping = Callable[[MemoryState, str, bytes, Remembered], Awaitable[None]]
keeping = pytest.mark.parametrize("keep", [MemoryState.remember, mentioned], ids=["remember", "mention"])


@keeping
async def test_a_selection_is_recalled_by_its_selector_only(keep: Keeping) -> None:
    """Another client's credentials see nothing of it (I2)."""
    state = MemoryState()
    kept = replace(seen(state, "a"), fields=Fields([("ETag", '"a"')]), firm=False)
    await keep(state, "k", b"alice", kept)
    assert await state.recall("k", b"alice") == kept
    assert await state.recall("k", b"bob") is None
    assert await state.recall("other", b"alice") is None


@keeping
async def test_an_older_selection_does_not_replace_a_newer_one(keep: Keeping) -> None:
    """What began earlier may have been overtaken."""
    state = MemoryState()
    older, newer = seen(state, "a"), seen(state, "b")
    await keep(state, "k", b"s", newer)
    await keep(state, "k", b"s", older)
    assert await state.recall("k", b"s") == newer


@keeping
async def test_a_selection_from_before_a_write_is_not_kept(keep: Keeping) -> None:
    """`forget` also stops what is still on its way."""
    state = MemoryState()
    before = seen(state, "a")
    await keep(state, "k", b"s", before)
    await state.forget("k")
    assert await state.recall("k", b"s") is None
    await keep(state, "k", b"s", before)
    assert await state.recall("k", b"s") is None
    after = seen(state, "b")
    await keep(state, "k", b"s", after)
    assert await state.recall("k", b"s") == after


@keeping
async def test_nothing_is_kept_while_a_write_is_on_its_way(keep: Keeping) -> None:
    """What is selected meanwhile may be the state before it or after it, whenever the answer to the selection comes."""
    state = MemoryState()
    before = seen(state, "a")
    await keep(state, "k", b"s", before)
    state.suspend("k")
    assert await state.recall("k", b"s") is None
    during = seen(state, "a")
    for selection in (before, during):
        await keep(state, "k", b"s", selection)
        assert await state.recall("k", b"s") is None
    state.resume("k")
    for selection in (before, during):
        await keep(state, "k", b"s", selection)
        assert await state.recall("k", b"s") is None
    after = seen(state, "b")
    await keep(state, "k", b"s", after)
    assert await state.recall("k", b"s") == after


@keeping
async def test_a_write_leaves_other_resources_alone(keep: Keeping) -> None:
    """Only what may have been changed is forgotten."""
    state = MemoryState()
    kept = seen(state, "a")
    await keep(state, "other", b"s", kept)
    state.suspend("k")
    assert await state.recall("other", b"s") == kept
    state.resume("k")
    await state.forget("k")
    assert await state.recall("other", b"s") == kept


async def test_forgetting_does_not_end_a_write() -> None:
    """A request that went by the lock may end while another writes; that one's end still counts."""
    state = MemoryState()
    state.suspend("k")
    await state.forget("k")
    during = seen(state, "a")
    await state.remember("k", b"s", during)
    state.resume("k")
    await state.remember("k", b"s", during)
    assert await state.recall("k", b"s") is None


@pytest.mark.parametrize("seconds", [0.0, AGAIN / 2, AGAIN - 0.001])
async def test_the_same_is_not_mentioned_twice(seconds: float) -> None:
    """Within `again` seconds the first mention stands, so that a read costs the memory nothing."""
    state = MemoryState()
    first = seen(state, "a")
    await mentioned(state, "k", b"s", first)
    await mentioned(state, "k", b"s", later(first, seconds))
    assert await state.recall("k", b"s") == first


@pytest.mark.parametrize(("tag", "seconds"), [("a", AGAIN), ("a", AGAIN * 2), ("b", 0.001), (None, 0.001)])
async def test_what_is_new_or_long_ago_is_mentioned(tag: str | None, seconds: float) -> None:
    """Another state is kept at once, the same one when `again` seconds are over."""
    state = MemoryState()
    first = seen(state, "a")
    second = later(replace(first, current=seen(state, tag).current), seconds)
    await mentioned(state, "k", b"s", first)
    await mentioned(state, "k", b"s", second)
    assert await state.recall("k", b"s") == second


async def test_what_was_just_kept_can_be_remembered_again() -> None:
    """Only `mention` spares itself the work: who refuses a write says when it looked."""
    state = MemoryState()
    first = seen(state, "a")
    second = later(first, 0.001)
    await state.remember("k", b"s", first)
    await state.remember("k", b"s", second)
    assert await state.recall("k", b"s") == second


async def test_what_happened_sometime_is_not_kept() -> None:
    """A selection of which it is unknown when it began may be from before a write."""
    state = MemoryState()
    await state.remember("k", b"s", Remembered(None, SOMETIME))
    assert await state.recall("k", b"s") is None


class Counted:
    """A memory, and how often it saw a change that did not come through here."""

    def __init__(self) -> None:
        self.changes = 0
        self.state = MemoryState(on_change=self.count)

    def count(self) -> None:
        self.changes += 1


@keeping
@pytest.mark.parametrize(
    ("before", "after", "changes"), [("a", "b", 1), ("a", "a", 0), ("a", None, 1), (None, "a", 1), (None, None, 0)]
)
async def test_a_change_past_us_is_seen(keep: Keeping, before: str | None, after: str | None, changes: int) -> None:
    """A selection that shows another state than the last one, and no write of ours between, is told once."""
    counted = Counted()
    await keep(counted.state, "k", b"s", seen(counted.state, before))
    assert counted.changes == 0
    await keep(counted.state, "k", b"s", seen(counted.state, after))
    await keep(counted.state, "k", b"s", seen(counted.state, after))
    assert counted.changes == changes


async def written(state: MemoryState) -> None:
    """Change the resource through us, under a lease."""
    state.suspend("k")
    state.resume("k")


async def posted(state: MemoryState) -> None:
    """Change the resource through us, by the lock."""
    await state.forget("k")


@keeping
@pytest.mark.parametrize("change", [written, posted])
async def test_a_change_of_ours_is_none_past_us(
    keep: Keeping, change: Callable[[MemoryState], Awaitable[None]]
) -> None:
    """Neither what is selected after a write, nor what began before it and is late, tells of other writers."""
    counted = Counted()
    state = counted.state
    await keep(state, "k", b"s", seen(state, "a"))
    late = seen(state, "a")
    await change(state)
    await keep(state, "k", b"s", seen(state, "b"))
    await keep(state, "k", b"s", late)
    assert counted.changes == 0


@keeping
async def test_another_clients_view_is_no_change(keep: Keeping) -> None:
    """Two clients may be shown two representations, and two resources have two states."""
    counted = Counted()
    await keep(counted.state, "k", b"alice", seen(counted.state, "a"))
    await keep(counted.state, "k", b"bob", seen(counted.state, "b"))
    await keep(counted.state, "l", b"alice", seen(counted.state, "c"))
    assert counted.changes == 0


@keeping
async def test_a_selection_that_comes_late_is_no_change(keep: Keeping) -> None:
    """The older of two selections tells nothing that the newer one does not know."""
    counted = Counted()
    older = seen(counted.state, "a")
    await keep(counted.state, "k", b"s", seen(counted.state, "b"))
    await keep(counted.state, "k", b"s", older)
    assert counted.changes == 0


async def test_a_forgotten_mark_that_leaves_raises_the_floor() -> None:
    """Bounded memory of writes never lets an older selection back in."""
    state = MemoryState(limit=1)
    before = seen(state, "a")
    await state.forget("k")
    await state.forget("other")
    await state.remember("k", b"s", before)
    assert await state.recall("k", b"s") is None


async def test_the_floor_never_falls() -> None:
    """A mark that reaches ahead may leave before others do: what it kept out is kept out for as long."""
    state = MemoryState(limit=1)
    await state.forget("k", ahead=AGAIN)
    await state.forget("other")
    await state.forget("another")
    await state.remember("k", b"s", seen(state, "a"))
    assert await state.recall("k", b"s") is None


@pytest.mark.parametrize("count", [SELECTORS + 1, SELECTORS * 3])
async def test_memory_is_bounded(count: int) -> None:
    """The oldest resources, and the oldest clients of a resource, leave first."""
    state = MemoryState(limit=2)
    for number in range(count):
        await state.remember("k", str(number).encode(), seen(state, "a"))
    assert await state.recall("k", b"0") is None
    assert await state.recall("k", str(count - 1).encode()) is not None
    for key in ("l", "m"):
        await state.remember(key, b"s", seen(state, "a"))
    assert await state.recall("k", str(count - 1).encode()) is None


def test_moments_rise() -> None:
    """The order of events is total: each moment is certainly after all before it, however fast they follow."""
    state = MemoryState()
    moments = [state.now() for _ in range(1_000)]
    assert all(after.after(before) for before, after in pairwise(moments))
    assert all(moment.earliest == moment.latest for moment in moments)


def test_moments_are_on_a_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two moments lie the seconds that passed, and a clock that stands still does not stop them."""
    clock = [5_000_000_000]
    monkeypatch.setattr(time, "monotonic_ns", lambda: clock[0])
    state = MemoryState()
    first = state.now()
    clock[0] += 2_000_000_000
    assert state.now().since(first) == 2.0
    clock[0] -= 10_000_000_000
    assert state.now().after(first)


async def test_numbers_of_writes_are_bounded() -> None:
    """The least recently used is forgotten, and gets one that it never had: its tags are refused then."""
    state = MemoryState(limit=2)
    numbers = [await state.writes(key) for key in "abc"]
    assert await state.writes("a") > max(numbers)


def held(owner: object) -> int:
    """Return how much a room holds in the largest of its collections."""
    return max(len(part) for part in vars(owner).values() if isinstance(part, Sized))


@pytest.mark.parametrize(("limit", "most"), [(LIMIT, LIMIT), (10 * SEEN, SEEN)])
async def test_what_is_kept_is_bounded(limit: int, most: int) -> None:
    """However many were read and written: as many as the limit says, and of locks nothing; with room, all of them."""
    rig = Rig(answering(Canned(content=b"text")), state=MemoryState(limit=limit))
    for number in range(SEEN):
        path = f"/wiki/{number}"
        await rig.get(path)
        await rig.write("PUT", ("If-Match", rig.tag(b"text", path=path)), path=path)
        await rig.get(path)
    assert len(rig.upstream.performed()) == SEEN
    assert held(rig.state) == most
    assert rig.lock.resources() == 0


def test_the_limit_of_a_process_is_ten_thousand() -> None:
    """That is what it has unless it is told otherwise."""
    assert MemoryState()._limit == 10_000  # noqa: SLF001 - nobody needs to ask but this test
