"""Each scene, with a guard that works and with guards that fail in one way each."""

import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from proxy.demo.narration import Narrator
from proxy.demo.origin import serve
from proxy.demo.scenes import Stage, counting, guarded_editors, unguarded_editors
from proxy.demo.visitor import Unexpected, open_session
from tests.demo.standin import Fault, guarding


@asynccontextmanager
async def staging(fault: Fault, out: io.StringIO) -> AsyncIterator[Stage]:
    """Set the stage: an origin, and a stand-in for the proxy with that fault."""
    with serve() as origin:
        async with guarding(origin, fault) as guarded, open_session() as session:
            yield Stage(origin, guarded, session, Narrator(out))


async def test_straight_to_the_origin_a_word_is_lost() -> None:
    """Both editors are told 2xx, and the first one's word is gone."""
    out = io.StringIO()
    async with staging(Fault.DOWN, out) as stage:
        await unguarded_editors(stage)
    told = out.getvalue()
    assert "Alice > GET /wiki/shopping\n        < 200 OK\n" in told
    assert told.count("PUT /wiki/shopping\n        < 204 No Content\n") == 2
    assert 'The page is now "eggs, bread": Alice\'s milk is gone' in told


async def test_with_a_guard_both_words_stay() -> None:
    """The second editor's stale write is refused with the current tag and a title; merged, it goes through."""
    out = io.StringIO()
    async with staging(Fault.NONE, out) as stage:
        await guarded_editors(stage)
    told = out.getvalue()
    refusal = re.search(r'< 412 Precondition Failed   ETag: (".+")   "The page has changed"\n', told)
    assert refusal
    assert f"Bob > PUT /wiki/shopping   If-Match: {refusal[1]}\n        < 204 No Content" in told
    assert 'The page is now "eggs, milk, bread": both are in it.' in told


async def test_a_busy_answer_is_tried_again() -> None:
    """A 503 means that nothing was forwarded; the writer comes back, no update is lost, and that is the line."""
    out = io.StringIO()
    async with staging(Fault.BUSY_ONCE, out) as stage:
        await counting(stage)
    measured = re.search(r"^lost updates: ([0-9]+) without, ([0-9]+) with$", out.getvalue(), re.MULTILINE)
    assert measured
    assert int(measured[1]) >= 1
    assert int(measured[2]) == 0


@pytest.mark.parametrize(
    ("fault", "step"),
    [
        (Fault.NO_TAGS, "Alice's GET through ifmatch came without an ETag"),
        (Fault.TAGS_IN_VAIN, "Bob's PUT /wiki/shopping: expected 412, got 204"),
        (Fault.NO_TAG_IN_REFUSAL, 'Bob\'s 412 names the tag None, but the page has ".*"'),
        (Fault.OTHER_TAG_IN_REFUSAL, 'Bob\'s 412 names the tag "other", but the page has ".*"'),
        (Fault.NO_PROBLEM, "Bob's 412 is no problem document with a title"),
        (Fault.NO_JSON, "Alice's GET /wiki/shopping: the answer is no JSON object"),
        (Fault.FORGETFUL, 'Bob\'s merged page reads "eggs, milk", not "eggs, milk, bread"'),
        (Fault.DOWN, "Alice's GET /wiki/shopping: expected 200, got 502"),
    ],
)
async def test_an_editors_step_that_goes_wrong_is_named(fault: Fault, step: str) -> None:
    """With a guard that fails in any one way the scene ends with the name of the step."""
    async with staging(fault, io.StringIO()) as stage:
        with pytest.raises(Unexpected, match=f"^{step}$"):
            await guarded_editors(stage)


@pytest.mark.parametrize(
    ("fault", "step"),
    [
        (Fault.NO_TAGS, "writer [0-9]+'s GET through ifmatch came without an ETag"),
        (Fault.ALWAYS_BUSY, "writer [0-9]+'s PUT /counter/visits: 60 attempts, none of them applied"),
        (Fault.NO_LOCK, "50 writers through ifmatch: the counter says [0-9]+, not 50"),
    ],
)
async def test_a_writers_step_that_goes_wrong_is_named(fault: Fault, step: str) -> None:
    """A guard that loses updates, refuses for ever or gives no tags is found out by the fifty writers."""
    async with staging(fault, io.StringIO()) as stage:
        with pytest.raises(Unexpected, match=f"^{step}$"):
            await counting(stage)


async def test_an_origin_that_merges_spoils_the_first_scene() -> None:
    """Where no word is lost without ifmatch there is nothing to show, and the scene names the step."""
    async with staging(Fault.MERGES, io.StringIO()) as stage:
        with pytest.raises(Unexpected, match=r"^Bob's PUT straight to the origin kept Alice's words"):
            await unguarded_editors(replace(stage, origin=stage.guarded))


async def test_an_origin_that_loses_no_count_spoils_the_last_scene() -> None:
    """A comparison in which nothing is lost without ifmatch shows nothing, so it does not pass."""
    async with staging(Fault.NONE, io.StringIO()) as stage:
        with pytest.raises(Unexpected, match=r"^50 writers straight to the origin lost no update; .*$"):
            await counting(replace(stage, origin=stage.guarded))
