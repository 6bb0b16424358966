"""What this process remembers of selections: the newest, in bounded number, nothing from before a write."""

import pytest

from proxy.adapters.memory.state import SELECTORS, MemoryState
from proxy.core.entity_tag import EntityTag
from proxy.core.minting import Validator
from proxy.ports import Remembered


def seen(state: MemoryState, tag: str) -> Remembered:
    """Return a selection that begins now."""
    return Remembered(Validator(EntityTag(tag), None, minted=True), state.stamp())


async def test_a_selection_is_recalled_by_its_selector_only() -> None:
    """Another client's credentials see nothing of it (I2)."""
    state = MemoryState()
    kept = seen(state, "a")
    await state.remember("k", b"alice", kept)
    assert await state.recall("k", b"alice") == kept
    assert await state.recall("k", b"bob") is None
    assert await state.recall("other", b"alice") is None


async def test_an_older_selection_does_not_replace_a_newer_one() -> None:
    """What began earlier may have been overtaken."""
    state = MemoryState()
    older, newer = seen(state, "a"), seen(state, "b")
    await state.remember("k", b"s", newer)
    await state.remember("k", b"s", older)
    assert await state.recall("k", b"s") == newer


async def test_a_selection_from_before_a_write_is_not_kept() -> None:
    """`forget` also stops what is still on its way."""
    state = MemoryState()
    before = seen(state, "a")
    await state.remember("k", b"s", before)
    await state.forget("k")
    await state.remember("k", b"s", before)
    assert await state.recall("k", b"s") is None
    after = seen(state, "b")
    await state.remember("k", b"s", after)
    assert await state.recall("k", b"s") == after


async def test_a_forgotten_mark_that_leaves_raises_the_floor() -> None:
    """Bounded memory of writes never lets an older selection back in."""
    state = MemoryState(limit=1)
    before = seen(state, "a")
    await state.forget("k")
    await state.forget("other")
    await state.remember("k", b"s", before)
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


def test_stamps_rise() -> None:
    """The order of events is total."""
    state = MemoryState()
    assert state.stamp() < state.stamp() < state.stamp()
