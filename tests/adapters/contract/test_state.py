"""What every memory promises to the gateway (`ports.StateStore`), within a process and between two."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from proxy.adapters.memory.state import SELECTORS
from proxy.core.entity_tag import EntityTag
from proxy.core.fields import Fields
from proxy.core.minting import Validator
from proxy.core.moment import SOMETIME, Moment
from proxy.ports import Remembered
from tests.adapters.contract.conftest import Stand
from tests.adapters.redis.members import GUARD, TERMS, lasting, until

AGAIN = 60.0


def state_of(tag: str | None) -> Validator | None:
    """Return a state; None: there was no representation."""
    return None if tag is None else Validator(EntityTag(tag), None, minted=True)


async def seen(stand: Stand, tag: str | None, process: int = 0) -> Remembered:
    """Return a selection that begins now, certainly after all that is over."""
    before = stand.states[1 - process].now()
    state = stand.states[process]
    began = state.now()

    def later() -> bool:
        nonlocal began
        began = state.now()
        return began.after(before)

    await until(later, "time passes")
    return Remembered(state_of(tag), began)


def shifted(selection: Remembered, seconds: float) -> Remembered:
    """Return the same selection made that much later."""
    micros = round(seconds * 1_000_000)
    began = Moment(selection.began.earliest + micros, selection.began.latest + micros)
    return replace(selection, began=began)


Keeping = Callable[[Stand, str, bytes, Remembered, int], Awaitable[None]]


async def remember(stand: Stand, key: str, selector: bytes, selection: Remembered, process: int = 0) -> None:
    """Keep a selection."""
    await stand.states[process].remember(key, selector, selection)


async def mention(stand: Stand, key: str, selector: bytes, selection: Remembered, process: int = 0) -> None:
    """Keep a selection when convenient, and wait until that was."""
    stand.states[process].mention(key, selector, selection, again=AGAIN)
    await stand.delivered()


keeping = pytest.mark.parametrize("keep", [remember, mention])


async def recalled(stand: Stand, key: str = "k", selector: bytes = b"s") -> Remembered | None:
    """Return what is recalled, the same by both."""
    one, other = [await state.recall(key, selector) for state in stand.states]
    assert one == other
    return one


# Keeping --------------------------------------------------------------------------------------------------------------


@keeping
async def test_a_selection_is_recalled_by_its_selector_only(stand: Stand, keep: Keeping) -> None:
    """I2: another client's credentials see nothing of it, and neither does another resource. All of it comes back."""
    selection = replace(await seen(stand, "a"), fields=Fields([("ETag", '"a"'), ("x", "\xff")]), firm=False)
    await keep(stand, "k", b"alice", selection, 0)
    assert await recalled(stand, selector=b"alice") == selection
    assert await recalled(stand, selector=b"bob") is None
    assert await recalled(stand, "other", b"alice") is None


@keeping
async def test_that_there_was_nothing_is_remembered_too(stand: Stand, keep: Keeping) -> None:
    """A resource without a representation is not one of which nothing is known."""
    selection = await seen(stand, None)
    await keep(stand, "k", b"s", selection, 0)
    assert await recalled(stand) == selection


@keeping
async def test_an_older_selection_does_not_replace_a_newer_one(stand: Stand, keep: Keeping) -> None:
    """Wherever either was made, and whenever it comes."""
    older = await seen(stand, "a", 1)
    newer = await seen(stand, "b", 0)
    await keep(stand, "k", b"s", newer, 0)
    await keep(stand, "k", b"s", older, 1)
    assert await recalled(stand) == newer
    newest = await seen(stand, "c", 1)
    await keep(stand, "k", b"s", newest, 1)
    assert await recalled(stand) == newest


@keeping
async def test_what_began_sometime_is_not_kept(stand: Stand, keep: Keeping) -> None:
    """It may be from before a write."""
    await keep(stand, "k", b"s", Remembered(None, SOMETIME), 0)
    assert await recalled(stand) is None


async def test_selectors_are_bounded(stand: Stand) -> None:
    """However many clients there are, the latest is remembered and not all of them are."""
    selection = await seen(stand, "a")
    for number in range(3 * SELECTORS):
        await remember(stand, "k", str(number).encode(), selection)
    found = [await recalled(stand, selector=str(number).encode()) for number in range(3 * SELECTORS)]
    assert found[-1] == selection
    assert 0 < sum(one is not None for one in found) <= SELECTORS


# Forgetting -----------------------------------------------------------------------------------------------------------


@keeping
async def test_what_began_before_is_forgotten(stand: Stand, keep: Keeping) -> None:
    """What is kept is dropped, and what is still on its way is not kept; what is selected afterwards is."""
    before = await seen(stand, "a")
    late = await seen(stand, "a", 1)
    await keep(stand, "k", b"s", before, 0)
    await stand.states[1].forget("k")
    assert await recalled(stand) is None
    await keep(stand, "k", b"s", late, 1)
    assert await recalled(stand) is None
    after = await seen(stand, "b")
    await keep(stand, "k", b"s", after, 0)
    assert await recalled(stand) == after


@keeping
async def test_a_resource_is_forgotten_alone(stand: Stand, keep: Keeping) -> None:
    """Others go on answering from memory."""
    selection = await seen(stand, "a")
    await keep(stand, "other", b"s", selection, 0)
    await stand.states[0].forget("k")
    async with stand.locks[1].hold("k", TERMS) as lease:
        await lease.confirm()
        assert await recalled(stand, "other") == selection
    assert await recalled(stand, "other") == selection


@keeping
async def test_what_is_forgotten_ahead_is_not_kept(stand: Stand, keep: Keeping) -> None:
    """Of a write whose outcome is unknown nobody knows when it will be applied, but for how long it may be."""
    await stand.states[0].forget("k", ahead=GUARD)
    await keep(stand, "k", b"s", await seen(stand, "a"), 0)
    assert await recalled(stand, "k") is None
    await stand.states[0].forget("k")
    await keep(stand, "k", b"s", await seen(stand, "a"), 0)
    assert await recalled(stand, "k") is None


@keeping
async def test_a_write_makes_forget(stand: Stand, keep: Keeping) -> None:
    """I2: nothing from before it or from its time is kept, wherever it was selected; what is selected afterwards is."""
    before = await seen(stand, "a", 1)
    await keep(stand, "k", b"s", before, 1)
    async with stand.locks[0].hold("k", TERMS) as lease:
        assert await recalled(stand) == before
        await lease.confirm()
        assert await recalled(stand) is None
        during = await seen(stand, "a", 1)
        for selection in (before, during):
            await keep(stand, "k", b"s", selection, 1)
            assert await recalled(stand) is None
    for selection in (before, during):
        await keep(stand, "k", b"s", selection, 1)
        assert await recalled(stand) is None
    after = await seen(stand, "b", 1)
    await keep(stand, "k", b"s", after, 1)
    assert await recalled(stand) == after


@keeping
async def test_reading_makes_nothing_forget(stand: Stand, keep: Keeping) -> None:
    """A refusal leaves in memory what the next one can be refused by."""
    before = await seen(stand, "a")
    async with stand.locks[0].hold("k", TERMS):
        await keep(stand, "k", b"s", before, 0)
    assert await recalled(stand) == before


@keeping
async def test_a_write_that_was_abandoned_makes_forget_until_it_lapses(stand: Stand, keep: Keeping) -> None:
    """I4: as long as it may be applied nothing is kept, and of that time nothing is later."""
    async with stand.locks[0].hold("k", lasting(write=0.2)) as lease:
        await lease.confirm()
        lease.abandon()
    during = await seen(stand, "a", 1)
    await keep(stand, "k", b"s", during, 1)
    assert await recalled(stand) is None
    async with stand.locks[1].hold("k", TERMS):
        await keep(stand, "k", b"s", during, 1)
        assert await recalled(stand) is None
    after = await seen(stand, "b", 1)
    await keep(stand, "k", b"s", after, 1)
    assert await recalled(stand) == after


async def test_forgetting_does_not_end_a_write(stand: Stand) -> None:
    """A request that went by the lock may end while another writes; that one's end still counts."""
    async with stand.locks[0].hold("k", TERMS) as lease:
        await lease.confirm()
        await stand.states[1].forget("k")
        during = await seen(stand, "a", 1)
        await remember(stand, "k", b"s", during, 1)
    await remember(stand, "k", b"s", during, 1)
    assert await recalled(stand) is None


# Changes past us ------------------------------------------------------------------------------------------------------


@keeping
@pytest.mark.parametrize(
    ("before", "after", "changes"), [("a", "b", 1), ("a", "a", 0), ("a", None, 1), (None, "a", 1), (None, None, 0)]
)
async def test_a_change_past_us_is_seen(
    stand: Stand, keep: Keeping, before: str | None, after: str | None, changes: int
) -> None:
    """A selection that shows another state than the last one, and no write of ours between, is told once."""
    await keep(stand, "k", b"s", await seen(stand, before), 0)
    assert stand.changes == []
    for process in (1, 0):
        await keep(stand, "k", b"s", await seen(stand, after, process), process)
    assert len(stand.changes) == changes


@keeping
@pytest.mark.parametrize("forgets", [False, True])
async def test_a_change_of_ours_is_none_past_us(stand: Stand, keep: Keeping, forgets: bool) -> None:
    """Neither what is selected after a write, nor what began before it and is late, tells of other writers."""
    await keep(stand, "k", b"s", await seen(stand, "a"), 0)
    late = await seen(stand, "a", 1)
    if forgets:
        await stand.states[0].forget("k")
    else:
        async with stand.locks[0].hold("k", TERMS) as lease:
            await lease.confirm()
    await keep(stand, "k", b"s", await seen(stand, "b"), 0)
    await keep(stand, "k", b"s", late, 1)
    assert stand.changes == []


@keeping
async def test_another_view_is_no_change(stand: Stand, keep: Keeping) -> None:
    """Two clients may be shown two representations, and two resources have two states."""
    for key, selector, tag in (("k", b"alice", "a"), ("k", b"bob", "b"), ("l", b"alice", "c")):
        await keep(stand, key, selector, await seen(stand, tag), 0)
    assert stand.changes == []


# Mentioning -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0.0, AGAIN / 2])
async def test_the_same_is_not_mentioned_twice(stand: Stand, seconds: float) -> None:
    """Within `again` seconds the first mention stands, so that a read costs the memory nothing."""
    first = await seen(stand, "a")
    await mention(stand, "k", b"s", first)
    await mention(stand, "k", b"s", shifted(first, seconds))
    assert await recalled(stand) == first


@pytest.mark.parametrize(("tag", "seconds"), [("a", AGAIN), ("a", AGAIN * 2), ("b", 0.001), (None, 0.001)])
async def test_what_is_new_or_long_ago_is_mentioned(stand: Stand, tag: str | None, seconds: float) -> None:
    """Another state is kept at once, the same one when `again` seconds are over."""
    first = await seen(stand, "a")
    second = replace(shifted(first, seconds), current=state_of(tag))
    await mention(stand, "k", b"s", first)
    await mention(stand, "k", b"s", second)
    assert await recalled(stand) == second


async def test_what_was_mentioned_can_be_remembered(stand: Stand) -> None:
    """Only a mention spares itself the work: who refuses a write says when it looked."""
    first = await seen(stand, "a")
    second = shifted(first, 0.001)
    await mention(stand, "k", b"s", first)
    await remember(stand, "k", b"s", second)
    assert await recalled(stand) == second


# Knowing what need not be mentioned ----------------------------------------------------------------------------------


def knows(stand: Stand, selection: Remembered, key: str = "k", selector: bytes = b"s", process: int = 0) -> bool:
    """Tell whether there is nothing to mention of a selection."""
    return stand.states[process].knows(key, selector, selection.current, selection.began, again=AGAIN)


@pytest.mark.parametrize(
    ("tag", "seconds", "known"),
    [
        ("a", 0.0, True),
        ("a", AGAIN / 2, True),
        ("a", AGAIN, False),
        ("a", AGAIN * 2, False),
        ("b", 0.001, False),
        (None, 0.001, False),
    ],
)
async def test_what_is_known_is_what_mentioning_would_not_change(
    stand: Stand, tag: str | None, seconds: float, known: bool
) -> None:
    """Known is the same state within `again` seconds; to mention it changes nothing, to mention another does."""
    first = await seen(stand, "a")
    await mention(stand, "k", b"s", first)
    second = replace(shifted(first, seconds), current=state_of(tag))
    assert knows(stand, second) == known
    await mention(stand, "k", b"s", second)
    assert await recalled(stand) == (first if known else second)
    assert knows(stand, second)


async def test_a_state_is_known_by_all_of_its_validator(stand: Stand) -> None:
    """A 304 repeats the date, and the origin server's own tag is compared as such."""
    first = await seen(stand, "a")
    await mention(stand, "k", b"s", first)
    tag = EntityTag("a")
    for other in (Validator(tag, 1, minted=True), Validator(tag, None, minted=False), state_of("b")):
        assert not knows(stand, replace(first, current=other))
    assert knows(stand, first)


async def test_that_there_is_nothing_is_known_too(stand: Stand) -> None:
    """As any other state, and not before it was mentioned."""
    selection = await seen(stand, None)
    assert not knows(stand, selection)
    await mention(stand, "k", b"s", selection)
    assert knows(stand, selection)


async def test_asking_what_is_known_changes_nothing(stand: Stand) -> None:
    """What was asked about is not mentioned by that; it is known of its own resource and selector alone."""
    selection = await seen(stand, "a")
    for _ in range(2):
        assert not knows(stand, selection)
        await stand.delivered()
        assert await recalled(stand) is None
    await mention(stand, "k", b"s", selection)
    assert knows(stand, selection)
    assert not knows(stand, selection, key="other")
    assert not knows(stand, selection, selector=b"other")
    assert await recalled(stand) == selection


async def test_what_was_forgotten_is_not_known_to_who_looked(stand: Stand) -> None:
    """Once it turned out that the memory has lost it, the same state is worth mentioning again."""
    await mention(stand, "k", b"s", await seen(stand, "a"))
    await stand.states[1].forget("k")
    assert await recalled(stand) is None
    again = await seen(stand, "a")
    assert not knows(stand, again)
    await mention(stand, "k", b"s", again)
    assert await recalled(stand) == again


# Now ------------------------------------------------------------------------------------------------------------------


async def test_moments_are_in_order(stand: Stand) -> None:
    """What is later is never certainly earlier, whichever process says so; and in a while it is certainly later."""
    moments = list[Moment]()
    for number in range(200):
        moments.append(stand.states[number % 2].now())
        if number % 20 == 0:
            async with stand.locks[number // 20 % 2].hold("k", TERMS):
                await asyncio.sleep(0)
    for index, moment in enumerate(moments):
        assert not any(moment.after(later) for later in moments[index + 1 :])
    await until(lambda: stand.states[1].now().after(moments[-1]), "time passes")


async def test_moments_are_on_a_clock(stand: Stand) -> None:
    """Between two lie the seconds that passed, as far as each is known; whichever process says so."""
    first = stand.states[0].now()
    await asyncio.sleep(0.05)
    second = stand.states[1].now()
    assert second.since(first) >= 0.05
    assert (second.earliest - first.latest) / 1_000_000 < second.since(first) + 0.001


async def moment(stand: Stand) -> Moment:
    """Return a moment after all that is over."""
    return (await seen(stand, None)).began


async def test_a_write_touches_its_resource(stand: Stand) -> None:
    """For who asks about a time before its end, wherever the writer was; a time after it is another matter."""
    before = await moment(stand)
    assert await stand.states[0].untouched("k", before)
    async with stand.locks[1].hold("k", TERMS) as lease:
        await lease.confirm()
    async with stand.locks[0].hold("k", TERMS):  # who asks holds the resource, so the other has let go of it
        assert not await stand.states[0].untouched("k", before)
        assert await stand.states[0].untouched("j", before)
        assert await stand.states[0].untouched("k", await moment(stand))


async def test_reading_touches_nothing(stand: Stand) -> None:
    """A lease under which nothing was written leaves no mark; what was forgotten may have been written."""
    before = await moment(stand)
    async with stand.locks[1].hold("k", TERMS):
        pass
    assert await stand.states[0].untouched("k", before)
    await stand.states[1].forget("k")
    assert not await stand.states[0].untouched("k", before)


async def test_writes_have_numbers(stand: Stand) -> None:
    """The same one as long as nothing is counted, whoever asks; then one that there never was before."""
    one, other = stand.states
    numbers = [await one.writes("k")]
    for counting in (one, other, other):
        assert await other.writes("k") == await one.writes("k") == numbers[-1]
        await counting.count("k")
        numbers.append(await one.writes("k"))
    assert numbers == sorted(set(numbers))
    await one.count("j")
    assert await one.writes("k") == numbers[-1]


async def test_a_write_is_counted_before_anybody_asked(stand: Stand) -> None:
    """The number that is made up for who asks first is none that a write had."""
    await stand.states[0].count("k")
    counted = await stand.states[0].writes("k")
    await stand.states[1].count("k")
    assert await stand.states[1].writes("k") > counted
