"""A lease from its grant on: it is proven in the store, or not at all, and it ends whatever becomes of the store."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from proxy.adapters.redis import lease as room
from proxy.adapters.redis.lease import TRIES, Afterwards, Granted, RedisLease
from proxy.adapters.redis.timing import local_time
from proxy.errors import LeaseLost, StoreFailure
from tests.adapters.redis.asking import Asked
from tests.adapters.redis.members import TERMS, Member, done, keys, lasting, member, until
from tests.support.redis_server import RedisHandle
from tests.support.relaying import relay
from tests.support.stores import running_redis

SECOND = 1_000_000


@asynccontextmanager
async def held(one: Member) -> AsyncIterator[tuple[RedisLease, Granted]]:
    """Hold the resource."""
    async with one.lock.hold("k", TERMS) as lease:
        assert isinstance(lease, RedisLease)
        assert lease.granted is not None
        yield lease, lease.granted


def phases(server: RedisHandle) -> int:
    """Return how many scripts were run since the commands were forgotten."""
    return server.commands()["evalsha"]


# Proving --------------------------------------------------------------------------------------------------------------


async def test_a_proof_begins_when_it_was_asked_for(server: RedisHandle) -> None:
    """The lease has its length from a moment before the question, not from the answer: what is counted is too short."""
    async with member(server) as one, held(one) as (lease, granted):
        before = local_time()
        proven = await granted.phase(TERMS.write)
        assert before <= proven <= local_time()
        with server.client() as client:
            assert Asked(client).lock["s"] == "w"
            assert Asked(client).left <= TERMS.write * 1_000
        assert granted.writing
        assert lease.fence == granted.fence


async def test_a_fresh_proof_is_not_asked_for_again(server: RedisHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    """To confirm again costs nothing within a quarter of a second, and a round trip afterwards."""
    monkeypatch.setattr(room, "FRESH", 3_600 * SECOND)
    async with member(server) as one, held(one) as (lease, _):
        server.forget_commands()
        for _ in range(3):
            await lease.confirm()
        assert phases(server) == 1
        monkeypatch.setattr(room, "FRESH", 0)
        monkeypatch.setattr(room, "local_time", lambda: local_time() + SECOND)
        with pytest.raises(LeaseLost):
            await lease.confirm()


async def test_a_proof_that_is_always_old_is_none(server: RedisHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store whose answers take too long is asked a few times; then nothing is sent."""
    monkeypatch.setattr(room, "FRESH", -1)
    async with member(server) as one, held(one) as (lease, _):
        server.forget_commands()
        with pytest.raises(LeaseLost, match="too slowly"):
            await lease.confirm()
        assert phases(server) == TRIES


async def test_the_last_proof_counts(server: RedisHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was stopped for a while once or twice goes on with the proof that it has then."""
    clock = iter([1_000 * SECOND] * (TRIES - 1) + [0] * 10)
    monkeypatch.setattr(room, "local_time", lambda: local_time() + next(clock))
    monkeypatch.setattr(room, "FRESH", 100 * SECOND)
    async with member(server) as one, held(one) as (lease, granted):
        await lease.confirm()
        assert granted.writing


async def test_a_lease_lasts_for_as_long_as_it_was_last_armed(
    server: RedisHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its grant, and then by a proof; but for the last hundredth of its length, of which nobody can be sure."""

    def lasts(ahead: float) -> bool:
        monkeypatch.setattr(room, "local_time", lambda: local_time() + ahead * SECOND)
        return lease.lasts

    async with member(server) as one, held(one) as (lease, _):
        assert [lasts(ahead) for ahead in (0, 0.98 * TERMS.read - 1, 0.99 * TERMS.read)] == [True, True, False]
        lasts(0)
        await lease.confirm()
        assert [lasts(ahead) for ahead in (0, 0.98 * TERMS.write - 1, 0.99 * TERMS.write)] == [True, True, False]


def lapsed(server: RedisHandle) -> None:
    """The lock is gone."""
    server.cli("DEL", keys().lock)


def overtaken(server: RedisHandle) -> None:
    """The lock is another's."""
    lapsed(server)
    with server.client() as client:
        assert Asked(client).acquire("another")[0] == 1


def forgotten(server: RedisHandle) -> None:
    """Everything is gone."""
    server.flush()


@pytest.mark.parametrize("happen", [lapsed, overtaken, forgotten])
@pytest.mark.parametrize("fall_back", [False, True])
async def test_a_lock_that_was_lost_cannot_be_confirmed(
    server: RedisHandle, happen: Callable[[RedisHandle], None], fall_back: bool
) -> None:
    """Nothing is sent then, even by those who would go on without a store."""
    async with member(server, fall_back=fall_back) as one, held(one) as (lease, _):
        happen(server)
        with pytest.raises(LeaseLost):
            await lease.confirm()


async def test_a_lost_lock_is_left_alone(server: RedisHandle) -> None:
    """I8: leaving neither raises nor takes the resource from whoever has it now."""
    async with member(server) as one:
        async with held(one):
            overtaken(server)
        with server.client() as client:
            assert Asked(client).lock["o"] == "another"


@pytest.mark.parametrize("jump", [-600, -30, 30, 3_600])
async def test_a_store_clock_that_was_set_ends_the_lease(server: RedisHandle, jump: int) -> None:
    """By how much the store counted wrong nobody knows, so what it says of the lock proves nothing."""
    async with member(server) as one, held(one) as (lease, granted):
        granted.reading = replace(granted.reading, store=granted.reading.store - jump * SECOND)
        with pytest.raises(LeaseLost, match="clock"):
            await lease.confirm()
        assert not granted.writing


@pytest.mark.parametrize("jump", [-600, -30, 30, 3_600])
async def test_a_clock_that_really_was_set_ends_the_lease(jump: int) -> None:
    """A server whose wall clock is moved gives keys another life; no write relies on it."""
    with running_redis(clock=True) as own:
        async with member(own) as one, held(one) as (lease, _):
            own.jump(jump)
            with pytest.raises(LeaseLost):
                await lease.confirm()


async def test_a_lease_that_lapsed_here_is_not_asked_for(server: RedisHandle) -> None:
    """Another of this process holds the resource, so the store's word does not count."""
    async with (
        member(server) as one,
        one.lock.hold("k", lasting(wait=0.0, read=0.05)) as lease,
        one.queue.hold("k", TERMS),
    ):
        server.forget_commands()
        with pytest.raises(LeaseLost):
            await lease.confirm()
        assert phases(server) == 0


# Without a store ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fall_back", [False, True])
async def test_what_cannot_be_proven_is_not_sent(server: RedisHandle, fall_back: bool) -> None:
    """A store that went away fails the write, unless the owner of the route wants it all the same."""
    with relay(server.port) as link:
        async with member(server, port=link.port, fall_back=fall_back) as one, held(one) as (lease, granted):
            link.cut()
            if fall_back:
                await lease.confirm()
            else:
                with pytest.raises(StoreFailure):
                    await lease.confirm()
            assert not granted.writing
            link.mend()


async def test_a_lease_without_a_store_is_one_of_this_process(server: RedisHandle) -> None:
    """It has the fence of the local lock, and is proven and left by that alone."""
    async with member(server) as one, one.queue.hold("k", TERMS) as local:
        lease = RedisLease(local, TERMS, None, waited=True, fall_back=True)
        server.forget_commands()
        assert lease.fence == local.fence
        assert lease.waited
        await lease.confirm()
        await lease.leave()
        assert phases(server) == 0


# Leaving --------------------------------------------------------------------------------------------------------------


async def test_an_abandoned_lease_lapses_by_itself(server: RedisHandle) -> None:
    """It stays in the store with the time of the write, marked for those who wait; and it stays here."""
    async with member(server) as one:
        async with held(one) as (lease, _):
            await lease.confirm()
            lease.abandon()
        with server.client() as client:
            asked = Asked(client)
            assert asked.lock["s"] == "a"
            assert asked.left > TERMS.read * 1_000
        assert one.queue.resources() == 1


async def test_a_release_says_how_many_wait(server: RedisHandle) -> None:
    """Who releases learns whether other processes were told, so that it can let them go first."""
    async with member(server) as one, member(server) as two:
        async with held(one) as (lease, _):
            waiting = asyncio.create_task(entered(two))
            await until(lambda: server.cli("PUBSUB", "NUMSUB", keys().channel).endswith("1"), "somebody waits")
        assert lease.others == 1
        await done(waiting)


async def entered(one: Member) -> None:
    """Hold the resource, and let it go."""
    async with one.lock.hold("k", TERMS):
        pass


# Afterwards -----------------------------------------------------------------------------------------------------------


async def test_a_release_is_tried_again(server: RedisHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that was away when a lease ended is told when it is back."""
    monkeypatch.setattr(room, "RETRIES", (0.02,) * 1_000)
    with relay(server.port) as link:
        async with member(server, port=link.port) as one:
            async with held(one):
                link.cut()
            await until(lambda: len(one.faults) > 2, "it was tried a few times")
            assert server.cli("EXISTS", keys().lock) == "1"
            link.mend()
            await until(lambda: server.cli("EXISTS", keys().lock) == "0", "it is released")


async def test_a_release_that_was_answered_is_over(server: RedisHandle) -> None:
    """Whether the lock was still ours or not."""
    async with member(server) as one, held(one) as (_, granted):
        afterwards = Afterwards()
        server.forget_commands()
        afterwards.release(replace(granted, token="nobody's"))
        afterwards.release(granted)
        await until(lambda: server.cli("EXISTS", keys().lock) == "0", "it is released")
        await asyncio.sleep(0.01)
        assert phases(server) == 2
        await afterwards.aclose()


async def test_what_is_still_to_be_released_is_bounded(server: RedisHandle) -> None:
    """Past the limit locks are left to lapse, so that a long outage does not fill the memory; and it can be ended."""
    async with member(server) as one, held(one) as (_, granted):
        one.store.usable = False
        before = len(asyncio.all_tasks())
        afterwards = Afterwards(limit=3)
        for _ in range(5):
            afterwards.release(granted)
        assert len(asyncio.all_tasks()) == before + 3
        await done(afterwards.aclose())
        assert len(asyncio.all_tasks()) == before
        await Afterwards().aclose()
        one.store.usable = True
