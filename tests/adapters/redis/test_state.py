"""What a fleet remembers, as records in a real server: they come back as they were, and garbage is nothing.

What a memory promises whatever keeps it is in tests/adapters/contract.
"""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.adapters.redis import Fleet, Standing, vouch
from proxy.adapters.redis import state as room
from proxy.adapters.redis.lease import REMEMBERED
from proxy.adapters.redis.state import read, written
from proxy.adapters.redis.timing import local_time
from proxy.core.entity_tag import EntityTag
from proxy.core.fields import Fields
from proxy.core.minting import Validator
from proxy.core.moment import SOMETIME, Moment
from proxy.core.store_address import parse_store
from proxy.ports import Remembered
from tests.adapters.redis.asking import Asked
from tests.adapters.redis.members import KEY, TERMS, Member, done, keys, member, opened, until
from tests.support.redis_server import RedisHandle
from tests.support.relayed import Way
from tests.support.relaying import Relay, relay
from tests.support.stores import running_redis

SOON = 2_000_000
"""Microseconds: far more than a call may take, and far less than anybody's patience."""

SELECTOR = b"\x00\xff of a client"

opaque = st.text(st.characters(min_codepoint=0x23, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=20)
tags = st.builds(EntityTag, opaque, st.booleans())
validators = st.builds(Validator, tags, st.none() | st.integers(0, 2**40), st.booleans())
moments = st.lists(st.integers(0, 2**63 - 1), min_size=2, max_size=2).map(lambda pair: Moment(*sorted(pair)))
texts = st.text(st.characters(max_codepoint=0xFF), max_size=20)
fields = st.lists(st.tuples(st.sampled_from(["ETag", "Vary", "x-Other"]), texts), max_size=4).map(Fields)
remembered = st.builds(Remembered, st.none() | validators, moments, fields, st.booleans())


def seen(one: Member, tag: str | None) -> Remembered:
    """Return a selection that begins now; None: there was no representation."""
    return Remembered(None if tag is None else Validator(EntityTag(tag), None, minted=True), one.state.now())


# Records --------------------------------------------------------------------------------------------------------------


@given(selection=remembered)
@example(Remembered(None, SOMETIME))
def test_a_record_is_what_was_remembered(selection: Remembered) -> None:
    """Whatever it holds, it reads as it was written."""
    assert read(written(selection).encode()) == selection


@given(one=st.none() | validators, other=st.none() | validators)
def test_the_first_line_tells_states_apart(one: Validator | None, other: Validator | None) -> None:
    """The scripts compare it alone: two records have it in common if and only if they show the same state."""
    identities = [written(Remembered(state, Moment(1, 2))).partition("\n")[0] for state in (one, other)]
    assert all(identity.startswith("1 2 ") for identity in identities)
    same = (one and (one.tag, one.modified)) == (other and (other.tag, other.modified))
    assert (identities[0] == identities[1]) is same


BODY = '{"tag": null, "modified": null, "minted": false, "fields": [], "firm": true}'
GARBAGE = [
    b"",
    b"\xff\xfe",
    b"1 2 -",
    b"1 2 -\n",
    b"1 2 -\nnull",
    b"1 2 -\n[]",
    b"1 2 -\n{}",
    b'1 2 -\n"fields"',
    f"x 2 -\n{BODY}".encode(),
    f"1 -\n{BODY}".encode(),
    f"2 1 -\n{BODY}".encode(),
    f"-1 2 -\n{BODY}".encode(),
    f"1 {'9' * 30} -\n{BODY}".encode(),
    f"1 {'9' * 5_000} -\n{BODY}".encode(),
    b"1 2 -\n" + BODY.replace("[]", "[1]").encode(),
    b"1 2 -\n" + BODY.replace("[]", '[["a"]]').encode(),
    b"1 2 -\n" + BODY.replace("[]", '[["a", "\\u1234"]]').encode(),
    b"1 2 -\n" + BODY.replace("null", '"no tag"', 1).encode(),
    b"1 2 -\n" + BODY.replace("null", "7", 1).encode(),
    b"1 2 -\n" + b"[" * 100_000,
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
async def test_garbage_is_nothing(server: RedisHandle, garbage: bytes) -> None:
    """A record that nobody here wrote answers no request, and is replaced by the next that is remembered."""
    assert read(garbage) is None
    async with member(server) as one:
        with server.client() as client:
            client.hset(keys().state, SELECTOR.hex(), garbage)
        assert await one.state.recall("k", SELECTOR) is None
        selection = seen(one, "a")
        await one.state.remember("k", SELECTOR, selection)
        assert await one.state.recall("k", SELECTOR) == selection


@given(text=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_garbage_is_a_fault(text: bytes) -> None:
    """Whatever stands there, reading it ends."""
    assert read(text) is None


async def test_a_key_of_another_kind_is_nothing(server: RedisHandle) -> None:
    """Somebody else's key in the place of ours keeps nobody from going on."""
    async with member(server) as one:
        server.cli("SET", keys().state, "x")
        assert await one.state.recall("k", SELECTOR) is None
        await one.state.remember("k", SELECTOR, seen(one, "a"))
        assert await one.state.recall("k", SELECTOR) is None


async def test_what_is_remembered_is_not_kept_for_ever(server: RedisHandle) -> None:
    """A resource that nobody asks for any more leaves nothing; and nothing in its keys tells what it is."""
    async with member(server) as one:
        await one.state.remember("/secret/path", b"Bearer token", seen(one, "a"))
        state = keys("/secret/path").state
        assert 0 < server.ask("PTTL", state) <= REMEMBERED
        told = server.cli("HGETALL", state) + server.cli("KEYS", "*")
        assert "secret" not in told
        assert "Bearer" not in told


# Now ------------------------------------------------------------------------------------------------------------------


async def test_now_is_what_the_stores_clock_shows(server: RedisHandle) -> None:
    """Not that of this machine: a moment holds what the store says when it is asked in between."""
    async with member(server) as one, member(server) as two:
        with server.client() as client:
            asked = Asked(client)
            for state in (one.state, two.state) * 20:
                before = state.now()
                shown = asked.now()
                after = state.now()
                assert before.earliest <= shown <= after.latest


# Mentioning -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def link(server: RedisHandle) -> Iterator[Relay]:
    """A relay to the server."""
    with relay(server.port) as relayed:
        yield relayed


async def test_mentioning_does_not_wait(server: RedisHandle, link: Relay) -> None:
    """A read is answered before the store has heard of it, and the store hears of it in turn."""
    async with member(server, port=link.port) as one:
        link.hold()
        for number in range(20):
            one.state.mention(str(number), b"s", seen(one, "a"), again=60.0)
        await asyncio.sleep(0)
        assert server.cli("EXISTS", keys("0").state) == "0"
        link.mend()
        await done(one.state.delivered())
        assert server.cli("EXISTS", *(keys(str(number)).state for number in range(20))) == "20"


async def test_the_same_costs_nothing_again(server: RedisHandle) -> None:
    """A resource that is read often is told to the store once in a while, by each process."""
    async with member(server) as one, member(server) as two:
        server.forget_commands()
        for _ in range(10):
            for process in (one, two):
                process.state.mention("k", b"s", seen(process, "a"), again=3_600.0)
        await done(one.state.delivered())
        await done(two.state.delivered())
        assert server.commands()["evalsha"] == 2


async def test_a_store_that_is_away_is_told_nothing(server: RedisHandle, link: Relay) -> None:
    """Nothing raises, nothing is remembered, nothing piles up; later it works again."""
    async with member(server, port=link.port) as one:
        selection = seen(one, "a")
        await one.state.remember("k", b"s", selection)
        link.cut()
        assert await one.state.recall("k", b"s") is None
        await one.state.remember("k", b"s", seen(one, "b"))
        await one.state.forget("k")
        one.state.mention("k", b"s", seen(one, "b"), again=0.0)
        await done(one.state.delivered())
        one.store.usable = False
        link.mend()
        link.reset_count()
        await one.state.forget("k")
        await one.state.remember("k", b"s", seen(one, "b"))
        one.state.mention("l", b"s", seen(one, "b"), again=3_600.0)
        await done(one.state.delivered())
        assert await one.state.recall("k", b"s") is None
        assert not +link.counted
        one.store.usable = True
        await until(lambda: one.state.owing() == 0, "what was to be forgotten is")
        assert await one.state.recall("k", b"s") is None
        one.state.mention("l", b"s", seen(one, "b"), again=3_600.0)
        await done(one.state.delivered())
        assert await one.state.recall("l", b"s") is not None


async def test_there_is_nothing_to_mention_to_a_store_that_has_no_time(server: RedisHandle) -> None:
    """While it cannot be used, when too many wait for it, and of before its present life: a read costs no more then."""
    async with member(server) as one:
        selection, began = seen(one, "a"), one.state.now()
        assert not one.state.knows("k", b"s", selection.current, began, again=0.0)
        assert one.state.knows("k", b"s", selection.current, SOMETIME, again=0.0)
        one.store.usable = False
        assert one.state.knows("k", b"s", selection.current, began, again=0.0)
        one.store.usable = True
        for number in range(room.PENDING):
            assert not one.state.knows("k", b"s", selection.current, began, again=0.0)
            one.state.mention(str(number), b"s", selection, again=0.0)
        assert one.state.knows("k", b"s", selection.current, began, again=0.0)
        await done(one.state.delivered())
        assert not one.state.knows("k", b"s", selection.current, began, again=0.0)


async def test_what_waits_for_the_store_is_bounded(
    server: RedisHandle, link: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mentions past the limit are dropped, and what was mentioned is forgotten past another."""
    monkeypatch.setattr(room, "PENDING", 5)
    monkeypatch.setattr(room, "MENTIONED", 3)
    async with member(server, port=link.port) as one:
        link.hold()
        for number in range(20):
            one.state.mention(str(number), b"s", seen(one, "a"), again=60.0)
            await asyncio.sleep(0)
        link.mend()
        await done(one.state.delivered())
        kept = int(server.cli("EXISTS", *(keys(str(number)).state for number in range(20))))
        assert 5 <= kept <= 6
        server.forget_commands()
        one.state.mention("0", b"s", seen(one, "a"), again=60.0)
        await done(one.state.delivered())
        assert server.commands()["evalsha"] == 1


async def test_a_mention_that_fails_does_not_stop_the_next(server: RedisHandle) -> None:
    """The store refuses one, because of what stands in its place, and keeps the other."""
    async with member(server) as one:
        server.cli("SET", keys("bad").state, "x")
        one.state.mention("bad", b"s", seen(one, "a"), again=60.0)
        one.state.mention("good", b"s", seen(one, "a"), again=60.0)
        await done(one.state.delivered())
        assert await one.state.recall("good", b"s") is not None


async def test_ending_drops_what_is_still_to_be_kept(server: RedisHandle, link: Relay) -> None:
    """Nobody waits for a mention, at the end neither; and no task is left."""
    before = asyncio.all_tasks()
    async with member(server, port=link.port) as one:
        link.hold()
        one.state.mention("k", b"s", seen(one, "a"), again=60.0)
        await asyncio.sleep(0)
    await until(lambda: asyncio.all_tasks() == before, "no task is left")
    link.mend()


# What a write through the fleet must make forgotten -------------------------------------------------------------------


async def fleet(stack: AsyncExitStack, server: RedisHandle, *, fall_back: bool = False) -> Fleet:
    """Open a fleet whose quarantine is over."""
    made = await stack.enter_async_context(opened(server.url, quarantine=0.2, fall_back=fall_back))
    await until(lambda: made.watch.standing is Standing.USABLE, "the store is usable")
    return made


def shown(of: Fleet) -> Remembered:
    """Return a selection that begins now."""
    return Remembered(Validator(EntityTag("old"), None, minted=True), of.state.now())


async def written_through(of: Fleet) -> None:
    """Write."""
    async with of.lock.hold("k", TERMS) as lease:
        await lease.confirm()


@pytest.mark.usefixtures("hasty")
async def test_what_the_store_was_not_told_to_forget_is_not_recalled(server: RedisHandle) -> None:
    """It does not answer when a write ends; it is told later, and recalled is nothing until then, nor afterwards."""
    async with AsyncExitStack() as stack:
        one, two = await fleet(stack, server), await fleet(stack, server)
        await one.state.remember("k", b"s", shown(one))
        server.pause()
        await one.state.forget("k")
        server.resume()
        await until(lambda: one.store.usable, "the store is usable")
        assert await one.state.recall("k", b"s") is None
        await until(lambda: one.state.owing() == 0, "what was to be forgotten is")
        assert [await each.state.recall("k", b"s") for each in (one, two)] == [None, None]


@pytest.mark.usefixtures("hasty")
@pytest.mark.usefixtures("hasty")
async def test_a_store_that_hangs_is_not_waited_for(server: RedisHandle) -> None:
    """What is merely remembered is not worth it; nor is what is no record, nor a hash."""
    async with AsyncExitStack() as stack:
        one = await fleet(stack, server)
        server.cli("SET", keys().state, "no hash")
        assert await one.state.recall("k", b"s") is None
        await until(lambda: one.store.usable, "the store is usable")
        server.pause()
        begun = local_time()
        assert await one.state.recall("k", b"s") is None
        assert local_time() - begun < SOON
        server.resume()


async def test_what_is_owed_again_is_paid_again(server: RedisHandle, link: Relay) -> None:
    """A write that ends while the store is being told that it began has still to be told."""
    async with member(server, port=link.port) as one:
        await one.state.forget("k")  # and the store knows the script
        server.forget_commands()
        link.delay(0.3, Way.BACK)
        one.state.owe("k")
        await until(lambda: server.commands()["evalsha"] == 1, "it is told, and its answer is on its way")
        between = seen(one, "old")
        one.state.owe("k")
        await until(lambda: one.state.owing() == 0, "nothing is owed")
        assert server.commands()["evalsha"] == 2
        link.mend()
        await one.state.remember("k", b"s", between)
        assert await one.state.recall("k", b"s") is None


@pytest.mark.usefixtures("hasty")
async def test_a_write_without_the_store_is_made_known_to_it(server: RedisHandle) -> None:
    """`on_store_failure: local`: what is remembered of the resource is forgotten as soon as the store is back."""
    async with AsyncExitStack() as stack:
        one = await fleet(stack, server, fall_back=True)
        await one.state.remember("k", b"s", shown(one))
        server.pause()
        await written_through(one)
        server.resume()
        await until(lambda: one.watch.standing is Standing.USABLE and one.state.owing() == 0, "it has been told")
        assert await one.state.recall("k", b"s") is None


async def test_a_store_that_lost_a_write_is_not_believed(server: RedisHandle) -> None:
    """A selection from before the store was flushed is not kept: it may be older than a write that it forgot."""
    async with AsyncExitStack() as stack:
        one, two = await fleet(stack, server), await fleet(stack, server)
        before = shown(two)
        await written_through(one)
        server.flush()
        await two.state.remember("k", b"s", before)
        assert await one.state.recall("k", b"s") is None
        await until(lambda: one.watch.standing is Standing.QUARANTINED, "the loss is noticed")
        await two.state.remember("k", b"s", before)
        assert await one.state.recall("k", b"s") is None


async def test_a_store_that_comes_back_with_an_old_memory_is_not_believed() -> None:
    """What it kept on disk may be from before a write; it is remembered anew when it is seen anew."""
    with running_redis(appendonly=True) as server:
        async with AsyncExitStack() as stack:
            one = await fleet(stack, server)
            old = shown(one)
            await one.state.remember("k", b"s", old)
            assert await one.state.recall("k", b"s") == old
            server.restart(keep=True)
            await until(lambda: one.watch.standing is Standing.QUARANTINED, "the restart is noticed")
            await until(lambda: one.watch.standing is Standing.USABLE, "the quarantine ends")
            assert await one.state.recall("k", b"s") is None
            new = shown(one)
            await one.state.remember("k", b"s", new)
            assert await one.state.recall("k", b"s") == new


@pytest.mark.parametrize(("back", "late"), [(2.0, 0.0), (0.3, 0.4)])
async def test_a_clock_that_is_set_back_lets_nothing_old_be_remembered(back: float, late: float) -> None:
    """A selection from before a write seems to be later than that; whoever made it need not have noticed."""
    with running_redis(clock=True) as server:
        async with AsyncExitStack() as stack:
            one, two = await fleet(stack, server), await fleet(stack, server)
            await vouch(parse_store(server.url), KEY)
            server.jump(-back)
            before = shown(two)
            await written_through(one)
            await asyncio.sleep(late)
            await two.state.remember("k", b"s", before)
            assert await one.state.recall("k", b"s") is None


async def test_what_the_store_has_otherwise_is_mentioned_again(server: RedisHandle) -> None:
    """A process that has mentioned a state recalls another: a GET that shows the first one tells the store so."""
    async with member(server) as one, member(server) as two:
        one.state.mention("k", b"s", seen(one, "new"), again=3_600.0)
        await done(one.state.delivered())
        await two.state.remember("k", b"s", seen(two, "other"))
        recalled = await one.state.recall("k", b"s")
        assert recalled is not None
        one.state.mention("k", b"s", seen(one, "new"), again=3_600.0)
        await done(one.state.delivered())
        recalled = await two.state.recall("k", b"s")
        assert recalled is not None
        assert recalled.current == Validator(EntityTag("new"), None, minted=True)
