"""The lock of a fleet over a real server: what it costs, what is lost on the way, and who is served before whom.

What it promises whatever keeps it is in tests/adapters/contract.
"""

import asyncio
from collections import Counter
from contextlib import suppress
from itertools import groupby

import pytest

from proxy.adapters.redis import connect, waking
from proxy.adapters.redis import lease as lease_room
from proxy.adapters.redis import lock as room
from proxy.adapters.redis.connecting import Client
from proxy.adapters.redis.lease import RedisLease
from proxy.adapters.redis.lock import LONGEST_SLEEP
from proxy.adapters.redis.scripts import ABANDON, ACQUIRE, PHASE, RELEASE, Script
from proxy.adapters.redis.timing import local_time
from proxy.adapters.redis.turns import TURNS
from proxy.core.store_address import parse_store
from proxy.errors import Quarantined, ResourceBusy, StoreFailure
from proxy.ports import LeaseTerms
from tests.adapters.redis.asking import Asked
from tests.adapters.redis.members import GUARD, TERMS, Member, client_of, done, joined, keys, lasting, member, until
from tests.support.redis_cluster import Cluster
from tests.support.redis_server import RedisHandle
from tests.support.relaying import relay
from tests.support.stores import running_redis

SECOND = 1_000_000
FOR_EVER = 1_000.0


async def entered(one: Member, terms: LeaseTerms = TERMS, key: str = "k") -> bool:
    """Hold a resource, and let it go; tell whether it was waited for."""
    async with one.lock.hold(key, terms) as lease:
        return lease.waited


async def waiting(server: RedisHandle, count: int = 1, key: str = "k") -> None:
    """Wait until so many processes wait for a resource."""
    channel = keys(key).channel
    await until(lambda: server.ask("PUBSUB", "NUMSUB", channel)[1] == count, f"{count} wait")


async def asleep(server: RedisHandle) -> None:
    """Wait until somebody who came since the commands were forgotten has asked in vain twice: it sleeps now."""
    await until(lambda: server.commands()["evalsha"] >= 2, "it has asked twice")


def elapsed(begun: int) -> float:
    """Return the seconds since then."""
    return (local_time() - begun) / SECOND


# What it costs --------------------------------------------------------------------------------------------------------


async def test_a_write_costs_three_round_trips(server: RedisHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    """To take the lock, to prove it and to release it, each a script; nothing else is sent."""
    monkeypatch.setattr(lease_room, "FRESH", 3_600 * SECOND)
    with relay(server.port) as link:
        async with member(server, port=link.port) as one:
            await written(one)
            link.reset_count()
            async with one.lock.hold("k", TERMS) as lease:
                await lease.confirm()
                await lease.confirm()
            assert link.counted == {"EVALSHA": 3}
            assert link.round_trips == 3


async def test_a_refusal_costs_two(server: RedisHandle) -> None:
    """A lock that is only read under is taken and released."""
    async with member(server) as one:
        await entered(one)
        server.forget_commands()
        await entered(one)
        assert server.commands()["evalsha"] == 2


async def test_waiting_costs_little(server: RedisHandle) -> None:
    """Whoever waits asks when it comes, when it listens and when it is woken: it does not poll."""
    async with member(server) as one, member(server) as two:
        await entered(two)
        async with one.lock.hold("k", TERMS):
            server.forget_commands()
            waiter = asyncio.create_task(entered(two))
            await waiting(server)
        assert await done(waiter)
        assert server.commands()["evalsha"] <= 1 + 3 + 1 + int(1 + LONGEST_SLEEP)


# Being woken ----------------------------------------------------------------------------------------------------------


async def test_a_release_wakes_the_waiter(server: RedisHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a message alone: no timer has to run out."""
    monkeypatch.setattr(room, "LONGEST_SLEEP", FOR_EVER)
    async with member(server) as one, member(server) as two:
        async with one.lock.hold("k", lasting(read=FOR_EVER)):
            server.forget_commands()
            waiter = asyncio.create_task(entered(two, lasting(wait=FOR_EVER)))
            await asleep(server)
        assert await done(waiter)


async def test_a_message_that_is_lost_costs_a_second(server: RedisHandle) -> None:
    """A waiter that is told nothing asks by itself."""
    with relay(server.port) as link:
        link.mute_pushes()
        async with member(server) as one, member(server, port=link.port) as two:
            async with one.lock.hold("k", TERMS):
                server.forget_commands()
                waiter = asyncio.create_task(entered(two))
                await asleep(server)
            begun = local_time()
            assert await done(waiter)
            assert elapsed(begun) < LONGEST_SLEEP + 5


async def test_a_subscription_that_is_lost_costs_no_more(server: RedisHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    """A waiter whose process cannot listen is served all the same, and the next are woken again."""
    async with member(server) as one, member(server) as two:
        async with one.lock.hold("k", TERMS):
            server.forget_commands()
            waiter = asyncio.create_task(entered(two))
            await asleep(server)
            server.cli("CLIENT", "KILL", "TYPE", "pubsub")
        begun = local_time()
        assert await done(waiter)
        assert elapsed(begun) < LONGEST_SLEEP + 5
        monkeypatch.setattr(room, "LONGEST_SLEEP", FOR_EVER)
        async with one.lock.hold("k", TERMS):
            waiter = asyncio.create_task(entered(two, lasting(wait=FOR_EVER)))
            await waiting(server)
        assert await done(waiter)


@pytest.mark.usefixtures("hasty")
async def test_who_may_not_listen_waits_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without the channels is served by the timer; nothing fails of it."""
    monkeypatch.setattr(waking, "AGAIN", 0.05)
    with running_redis(acl=["user default on nopass ~* +@all resetchannels"]) as own:
        async with member(own) as one, member(own) as two, one.lock.hold("k", lasting(read=0.3)):
            assert await done(entered(two))


async def test_a_lapse_wakes_the_waiter(server: RedisHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody tells of a lock that lapsed; whoever waits knows when that is."""
    monkeypatch.setattr(room, "LONGEST_SLEEP", FOR_EVER)
    async with member(server) as two:
        with server.client() as client:
            Asked(client).acquire("dead", 300)
        assert await done(entered(two, lasting(wait=FOR_EVER)))


# What is lost on the way ----------------------------------------------------------------------------------------------


@pytest.fixture
def insisting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let releases that got no answer be tried again at once, and for long."""
    monkeypatch.setattr(lease_room, "RETRIES", (0.02,) * 500)


SCRIPTS = pytest.mark.parametrize("script", [ACQUIRE, PHASE, RELEASE], ids=lambda script: script.name)


@SCRIPTS
@pytest.mark.usefixtures("insisting")
async def test_a_lost_reply_leaves_nothing_behind(server: RedisHandle, script: Script) -> None:
    """What the store did and we did not hear of is undone as soon as may be: the resource is free for the next."""
    with relay(server.port) as link:
        async with member(server, port=link.port) as one, member(server) as two:
            await entered(one, key="other")
            loss = link.drop_reply(script.sha.encode())
            if script is RELEASE:
                await written(one)
            else:
                with pytest.raises(StoreFailure):
                    await written(one)
            loss.wait()
            await until(lambda: server.cli("EXISTS", keys().lock) == "0", "it is released")
            assert await entered(two) is False


async def written(one: Member) -> int:
    """Hold a resource as for a write; return its fence."""
    async with one.lock.hold("k", TERMS) as lease:
        await lease.confirm()
        return lease.fence


@pytest.mark.usefixtures("insisting")
async def test_there_are_never_two_holders_whatever_is_lost(server: RedisHandle) -> None:
    """Replies of all kinds are lost while two processes write in turns: one at a time, with rising fences."""
    inside, fences = 0, list[int]()

    async def writing(one: Member) -> None:
        nonlocal inside
        async with one.lock.hold("k", TERMS) as lease:
            await lease.confirm()
            inside += 1
            assert inside == 1
            fences.append(lease.fence)
            await asyncio.sleep(0)
            inside -= 1

    with relay(server.port) as link:
        async with member(server, port=link.port) as one, member(server, port=link.port) as two:
            for script in [ACQUIRE, PHASE, RELEASE, ABANDON] * 6:
                link.drop_reply(script.sha.encode())
                work = [writing(process) for process in (one, two) for _ in range(3)]
                failures = await done(asyncio.gather(*work, return_exceptions=True))
                assert {type(failure) for failure in failures} <= {type(None), StoreFailure}
    assert fences == sorted(set(fences))
    assert len(fences) > 100


@pytest.mark.usefixtures("insisting")
async def test_a_store_that_is_cut_off_fails_soon_and_comes_back(server: RedisHandle) -> None:
    """Neither a holder nor a waiter is stuck, and afterwards the resource is free."""
    with relay(server.port) as link:
        async with member(server, port=link.port) as one, member(server, port=link.port) as two:
            async with one.lock.hold("k", TERMS):
                waiter = asyncio.create_task(entered(two))
                await waiting(server)
                link.cut()
            with pytest.raises(StoreFailure):
                await done(waiter)
            with pytest.raises(StoreFailure):
                await done(entered(one))
            link.mend()
            await until(lambda: server.cli("EXISTS", keys().lock) == "0", "it is released")
            await until(lambda: is_served(two), "the store is used again")


async def is_served(one: Member) -> bool:
    """Tell whether the store is used: a connection that was reset may be found out by a call that fails of it."""
    with suppress(StoreFailure):
        return not await entered(one)
    return False


# Without a store ------------------------------------------------------------------------------------------------------


async def test_who_falls_back_goes_on_alone(server: RedisHandle) -> None:
    """One at a time in this process, with its own fences, for as long as the store is away."""
    inside = 0

    async def writing(one: Member) -> int:
        nonlocal inside
        async with one.lock.hold("k", TERMS) as lease:
            await lease.confirm()
            inside += 1
            assert inside == 1
            await asyncio.sleep(0)
            inside -= 1
            return lease.fence

    with relay(server.port) as link:
        async with member(server, port=link.port, fall_back=True) as one:
            fences = [await writing(one)]
            link.cut()
            fences += await done(asyncio.gather(*(writing(one) for _ in range(5))))
            one.store.usable = False
            fences += await done(asyncio.gather(*(writing(one) for _ in range(5))))
            assert len(set(fences)) == 11
            link.mend()


async def test_falling_back_is_for_a_store_that_is_away(server: RedisHandle) -> None:
    """Neither a resource that another holds nor a quarantine lets anybody go on alone."""
    async with joined(client_of(server), quarantine=30.0, fall_back=True) as one:
        with pytest.raises(Quarantined):
            await entered(one)
        with server.client() as client:
            Asked(client).vouch()
            Asked(client).acquire("another")
        with pytest.raises(ResourceBusy):
            await entered(one, lasting(wait=0.0))


# Being refused --------------------------------------------------------------------------------------------------------


async def test_a_quarantine_is_told_with_its_length(server: RedisHandle) -> None:
    """A client learns when to come again; whoever watches learns that it begins, once."""
    heard: list[bool] = []
    server.flush()
    async with joined(client_of(server), quarantine=30.0) as one:
        one.store.on_quarantine = heard.append
        server.flush()
        for _ in range(2):
            with pytest.raises(Quarantined) as refusal:
                await entered(one)
            assert 25 <= refusal.value.retry_after <= 30
        assert heard == [True, False]
        assert one.queue.resources() == 0


@pytest.mark.parametrize("abandoned", [False, True])
async def test_who_waits_for_one_dead_writer_is_told_for_how_long(server: RedisHandle, abandoned: bool) -> None:
    """A process that was killed while it wrote keeps the lock to its end, and clients are told when that is."""
    with server.client() as client:
        asked = Asked(client)
        asked.acquire("dead")
        asked.phase("dead")
        if abandoned:
            asked.abandon("dead")
    async with member(server) as one:
        begun = local_time()
        with pytest.raises(ResourceBusy) as refusal:
            await done(entered(one, lasting(wait=0.2)))
        assert 30 <= refusal.value.retry_after <= 35
        assert (elapsed(begun) >= 0.2) is not abandoned


async def test_who_waits_for_many_is_told_to_come_soon(server: RedisHandle) -> None:
    """Where the resource changes hands it is merely busy: nobody is sent away for the time of a whole lease."""
    async with member(server) as one, member(server) as two:
        stopped = asyncio.Event()
        busy = asyncio.create_task(busily(one, stopped))
        await until(lambda: server.cli("EXISTS", keys().lock) == "1", "somebody holds it")
        with pytest.raises(ResourceBusy) as refusal:
            await busily(two, asyncio.Event(), lasting(wait=0.0))
        assert refusal.value.retry_after == 1
        stopped.set()
        await done(busy)


async def busily(one: Member, stopped: asyncio.Event, terms: LeaseTerms = TERMS) -> None:
    """Take the lock again and again."""
    while not stopped.is_set():
        await entered(one, terms)


async def test_a_wait_is_over_in_time(server: RedisHandle) -> None:
    """However often the holder changes or the bell rings."""
    async with member(server) as one, member(server) as two:
        async with one.lock.hold("k", TERMS):
            begun = local_time()
            waiter = asyncio.create_task(entered(two, lasting(wait=0.3)))
            await waiting(server)
            for _ in range(10):
                server.cli("PUBLISH", keys().channel, "1")
            with pytest.raises(ResourceBusy):
                await done(waiter)
            assert elapsed(begun) >= 0.3
        assert two.queue.waiting() == two.queue.resources() == 0


# Who is served before whom --------------------------------------------------------------------------------------------


async def served(processes: list[Member], third: Member, server: RedisHandle) -> list[Member]:
    """Let a writer of each of these wait for a third; return which of them were served, in order."""
    order = list[Member]()

    async def writing(process: Member) -> None:
        async with process.lock.hold("k", TERMS):
            order.append(process)

    async with third.lock.hold("k", TERMS):
        work = [asyncio.create_task(writing(process)) for process in processes]
        await waiting(server, 2)
    await done(asyncio.gather(*work))
    assert Counter(map(id, order)) == Counter(map(id, processes))
    return order


async def test_no_process_is_starved(server: RedisHandle) -> None:
    """However many writers of one process follow each other, those of another come between them, and soon."""
    async with member(server) as one, member(server) as two, member(server) as third:
        order = await served([one, two] * 30, third, server)
    runs = [len(list(run)) for _, run in groupby(contested(order), key=id)]
    assert max(runs) <= TURNS + 3  # a release in the moment before the other has begun to listen does not count


async def test_a_process_far_away_is_let_in(server: RedisHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that would always come too late is waited for, once it is known to wait."""
    monkeypatch.setattr(lease_room, "TURN", int(1_000 * GUARD))
    with relay(server.port) as link:
        link.delay(0.005)
        async with member(server) as one, member(server, port=link.port) as two, member(server) as third:
            order = await served([one] * 60 + [two], third, server)
    assert order.index(two) <= TURNS + 1


async def test_a_writer_that_comes_back_at_once_lets_others_in(
    server: RedisHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It need not have queued in its process: whoever has a resource again and again lets those go first who wait."""
    monkeypatch.setattr(lease_room, "TURN", int(1_000 * GUARD))
    with relay(server.port) as link:
        link.delay(0.005)
        async with member(server) as one, member(server, port=link.port) as far:
            came = asyncio.Event()

            async def coming() -> None:
                async with far.lock.hold("k", TERMS):
                    came.set()

            async with one.lock.hold("k", TERMS):
                task = asyncio.create_task(coming())
                await waiting(server)
            again = 0
            while not came.is_set():
                again += 1
                await entered(one)
            await done(task)
    assert again <= TURNS + 1


async def test_those_who_wait_are_counted_on_every_node(cluster: Cluster) -> None:
    """All listen at one node of a cluster; who has a resource of another lets them go first all the same."""
    places = {cluster.node_of(keys(str(number)).lock).port: str(number) for number in range(40)}
    assert len(places) == 3
    async with joined(cluster_client(cluster)) as one, joined(cluster_client(cluster)) as two:
        for key in places.values():
            async with one.lock.hold(key, TERMS) as lease:
                waiter = asyncio.create_task(entered(two, key=key))
                with_node = cluster.node_of(keys(key).lock)
                await until(lambda: with_node.ask("ZCARD", keys(key).queue) == 1, "it waits")  # noqa: B023 - called at once
            assert isinstance(lease, RedisLease)
            assert lease.others == 1
            await done(waiter)


def cluster_client(cluster: Cluster) -> Client:
    """Return a client of a cluster."""
    return connect(parse_store(cluster.url))


def contested(order: list[Member]) -> list[Member]:
    """Return those that were served while both processes had somebody who waited."""
    last = min(len(order) - 1 - order[::-1].index(process) for process in order)
    return order[: last + 1]


async def test_a_process_that_does_not_come_is_not_waited_for(server: RedisHandle) -> None:
    """One that has died while it waited costs the others a moment, once, and no more."""
    with server.client() as client, client.pubsub() as dead:
        async with member(server) as one:
            async with one.lock.hold("k", TERMS):
                Asked(client).acquire("token", life="dead")
                assert Asked(client).waits == ["dead"]
                dead.subscribe(keys().channel)
                await waiting(server)
                work = [asyncio.create_task(entered(one)) for _ in range(2 * TURNS)]
                await until(lambda: one.queue.waiting() == len(work), "all wait")
            await done(asyncio.gather(*work))
        assert Asked(client).waits == []


# Ending ---------------------------------------------------------------------------------------------------------------


async def test_leaving_goes_on_though_it_is_cancelled(server: RedisHandle) -> None:
    """Who is cancelled while the lock is released does not wait for that; closing does."""
    with relay(server.port) as link:
        async with member(server, port=link.port) as one:
            await entered(one)
            holding, leave = asyncio.Event(), asyncio.Event()

            async def writing() -> None:
                async with one.lock.hold("k", TERMS):
                    holding.set()
                    await leave.wait()

            task = asyncio.create_task(writing())
            await holding.wait()
            link.hold()
            leave.set()
            await asyncio.sleep(0.02)  # into the release; what follows holds before it, too
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            assert server.cli("EXISTS", keys().lock) == "1"
            closing = asyncio.create_task(one.lock.aclose())
            await asyncio.sleep(0.02)
            assert not closing.done()
            link.mend()
            await done(closing)
            assert server.cli("EXISTS", keys().lock) == "0"
