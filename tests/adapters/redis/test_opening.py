"""Joining a fleet, from a store's URL on: what works, what is refused with what advice, what an operator can say.

The permissions that docs/operations.md asks for are tried here, each of them.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

import pytest

from proxy.adapters.redis import Fleet, Refused, Standing, turns, vouch, waking, watching
from proxy.adapters.redis.keys import BUCKETS
from proxy.adapters.redis.timing import local_time
from proxy.core.entity_tag import EntityTag
from proxy.core.minting import Validator
from proxy.core.store_address import parse_store
from proxy.errors import Quarantined, StoreFailure
from proxy.ports import Remembered
from tests.adapters.redis.members import KEY, Heard, done, lasting, opened, until
from tests.support.ports import LOOPBACK
from tests.support.redis_cluster import Cluster
from tests.support.redis_server import RedisHandle
from tests.support.stores import running_cluster, running_redis, running_sentinel

MINIMAL = (
    "resetchannels ~ifm:* &ifm:* -@all +eval +evalsha +info +time +ping +subscribe +unsubscribe +publish"
    " +get +set +del +hget +hmget +hset +hlen +zadd +zrem +zpopmin +zcard +pexpire +pttl"
)
"""What a user of the store has to be permitted, in the words of an ACL; +select besides, for a database but 0."""

CLUSTERED = "+command +cluster|slots"
"""What a user of a cluster has to be permitted besides."""


async def trusted(url: str) -> None:
    """End the quarantine of a new store."""
    assert await vouch(parse_store(url), KEY) == BUCKETS


TERMS = lasting(wait=5.0)


async def used(fleet: Fleet) -> None:
    """Write, give up on a write, remember and forget, as requests do."""
    await written(fleet)
    selection = Remembered(Validator(EntityTag("a"), None, minted=True), fleet.state.now())
    for number in range(20):
        await fleet.state.remember("l", str(number).encode(), selection)
    assert await fleet.state.recall("l", b"19") == selection
    await fleet.state.forget("l")
    assert await fleet.state.recall("l", b"19") is None
    async with fleet.lock.hold("m", TERMS) as lease:
        await lease.confirm()
        lease.abandon()


async def written(fleet: Fleet) -> int:
    """Hold a resource as for a write; return the fence."""
    async with fleet.lock.hold("k", TERMS) as lease:
        await lease.confirm()
        return lease.fence


async def contended(one: Fleet, other: Fleet) -> None:
    """Let a process wait for the other, and be woken; again if it came too late to have to."""
    waited = False
    while not waited:
        async with asyncio.TaskGroup() as group, one.lock.hold("n", TERMS):
            waiter = group.create_task(held(other, "n"))
            await asyncio.sleep(0.01)
        waited = waiter.result()


async def held(fleet: Fleet, key: str = "k") -> bool:
    """Hold a resource, and let it go; tell whether it was waited for."""
    async with fleet.lock.hold(key, TERMS) as lease:
        return lease.waited


# Joining --------------------------------------------------------------------------------------------------------------


@contextmanager
def single() -> Iterator[str]:
    """Run one server."""
    with running_redis() as server:
        yield server.url


@contextmanager
def watched() -> Iterator[str]:
    """Run a master, a replica and a sentinel."""
    with running_sentinel(min_replicas=1) as servers:
        yield servers.url


@pytest.mark.parametrize("store", [single, watched])
async def test_a_fleet_works(store: Callable[[], AbstractContextManager[str]]) -> None:
    """Two processes write in turns, are woken and remember; nothing fails, nothing is said."""
    with store() as url:
        await working(url)


async def test_a_fleet_works_on_a_cluster(cluster: Cluster) -> None:
    """Whichever node has a resource; and with the permissions of the documentation, of which none is refused."""
    for node in cluster.nodes:
        node.cli("ACL", "SETUSER", "ifmatch", "on", ">secret", *MINIMAL.split(), *CLUSTERED.split())
        node.cli("ACL", "LOG", "RESET")
    await working(cluster.url.replace("redis+cluster://", "redis+cluster://ifmatch:secret@"))
    assert [node.ask("ACL", "LOG") for node in cluster.nodes] == [[], [], []]


async def working(url: str) -> None:
    """Let a fleet of two do what it is for."""
    heard = Heard()
    await trusted(url)
    async with opened(url, heard=heard) as one, opened(url, heard=heard) as two:
        await used(one)
        assert await written(one) < await written(two) < await written(one)
        await contended(one, two)
        await contended(two, one)
    assert heard == Heard(standings=[Standing.USABLE] * 2)


async def test_nothing_is_left_behind(server: RedisHandle) -> None:
    """When a process leaves no task, no connection and no subscription of it remains."""
    await trusted(server.url)
    before = asyncio.all_tasks()
    async with opened(server.url) as one, opened(server.url) as two:
        await contended(one, two)
    assert asyncio.all_tasks() == before
    await until(lambda: len(server.cli("CLIENT", "LIST").splitlines()) == 1, "all connections are closed")


async def test_a_fleet_has_a_prefix(server: RedisHandle) -> None:
    """Two fleets of one server know nothing of each other: neither their locks nor their rules meet."""
    other = f"{server.url}?prefix=other"
    await trusted(server.url)
    async with (
        opened(server.url) as one,
        opened(other, rules="others", quarantine=0.0) as two,
        one.lock.hold("k", TERMS),
    ):
        await done(held(two))
    assert {key.partition(":")[0] for key in server.ask("KEYS", "*")} == {"ifm", "other"}


async def test_a_store_that_is_away_is_waited_for() -> None:
    """A process starts without it, refuses writes soon, and takes them when the store has come and is trusted."""
    with running_redis() as own:
        await trusted(own.url)
        own.kill()
        heard = Heard()
        async with opened(own.url, heard=heard) as fleet:
            begun = local_time()
            with pytest.raises(StoreFailure):
                await held(fleet)
            assert local_time() - begun < 2_000_000
            own.start()
            await until(lambda: Standing.QUARANTINED in heard.standings, "quarantine")
            with pytest.raises(Quarantined):
                await held(fleet)
            await trusted(own.url)
            await held(fleet)
        assert len(heard.lines) == 2


@pytest.mark.parametrize("scheme", ["redis", "redis+cluster"])
async def test_a_store_that_was_never_there_is_waited_for(scheme: str) -> None:
    """A process starts, and says once that the store cannot be reached; whatever it asks fails in our words."""
    heard = Heard()
    async with opened(f"{scheme}://{LOOPBACK}:1", heard=heard) as fleet:
        for _ in range(3):
            with pytest.raises(StoreFailure):
                await held(fleet)
            assert await fleet.state.recall("k", b"s") is None
    assert heard.standings == [Standing.UNREACHABLE]
    assert heard.lines == ["store cannot be used (unreachable): guarded writes are refused, reads go on"]


async def test_a_cluster_that_is_lost_whole_is_a_failure_of_the_store() -> None:
    """Whoever leaves a lease leaves it, whoever asks is refused, and nothing else is raised."""
    entered, leave = list[str](), asyncio.Event()
    with running_cluster() as nodes:
        await trusted(nodes.url)

        async def write(fleet: Fleet, key: str) -> None:
            async with fleet.lock.hold(key, lasting()) as lease:
                await lease.confirm()
                entered.append(key)
                await leave.wait()

        async with opened(nodes.url) as fleet:
            writing = asyncio.gather(*(write(fleet, str(number)) for number in range(10)))
            await until(lambda: len(entered) == 10, "all write")
            for node in nodes.nodes:
                node.kill()
            leave.set()
            await done(writing)
            for number in range(20):
                with pytest.raises(StoreFailure):
                    await held(fleet, str(number))
                assert await fleet.state.recall(str(number), b"s") is None


async def test_whoever_falls_back_writes_without_a_store() -> None:
    """Where the route's owner wants that, a store that is away stops nobody."""
    with running_redis() as own:
        own.kill()
        async with opened(own.url, fall_back=True) as fleet:
            await held(fleet)
            own.start()


async def test_failures_are_told_by_their_reason(server: RedisHandle) -> None:
    """Each failed call is counted, and makes the watch look."""
    with running_redis() as own:
        await trusted(own.url)
        heard = Heard()
        async with opened(own.url, heard=heard) as fleet:
            own.kill()
            with pytest.raises(StoreFailure):
                await held(fleet)
            await until(lambda: heard.standings == [Standing.USABLE, Standing.UNREACHABLE], "it is looked at")
            assert set(heard.faults) == {"unreachable"}
            own.start()


# Being refused --------------------------------------------------------------------------------------------------------


async def refusal(url: str, *, rules: str = "rules") -> str:
    """Return why a store is refused, to a process that starts as to an operator."""
    with pytest.raises(Refused) as started:
        async with opened(url, rules=rules):
            pass
    return str(started.value)


@pytest.mark.parametrize("user", ["", ":wrong@", "nobody:secret@", "known:wrong@"])
async def test_access_that_is_denied_is_refused(user: str) -> None:
    """No password, a wrong one, a user that there is not: it is said what to check, and no secret with it."""
    acl = ["user default on >secret ~* &* +@all", "user known on >secret ~* &* +@all"]
    with running_redis(acl=acl) as server:
        url = server.url.replace("redis://", f"redis://{user}")
        for told in (await refusal(url), await refused_vouch(url)):
            assert "check user and password" in told
            assert "ACL in docs/operations.md" in told
            assert "secret" not in told
            assert "wrong@" not in told


async def refused_vouch(url: str) -> str:
    """Return why an operator's word does not reach a store."""
    with pytest.raises(Refused) as refused:
        await vouch(parse_store(url), KEY)
    return str(refused.value)


async def test_a_password_that_nobody_asked_for_is_refused(server: RedisHandle) -> None:
    """A server without passwords does not know ours: it may be the wrong server."""
    assert "check user and password" in await refusal(server.url.replace("redis://", "redis://:secret@"))


async def test_an_unfit_store_is_refused() -> None:
    """A replica, a sentinel, a node of a cluster, a server that drops keys: each with what to do."""
    with running_redis(min_replicas=1) as primary, running_redis(replica_of=primary) as replica:
        await until(lambda: replica.info("replication")["master_link_status"] == "up", "the replica follows")
        await says(replica.url, "name the primary")
    with running_redis(policy="volatile-lru") as dropping:
        await says(dropping.url, "set maxmemory-policy noeviction")
    with running_redis(cluster=True) as node:
        await says(node.url, "redis+cluster://")
    with running_sentinel(min_replicas=1) as servers:
        await says(f"redis://127.0.0.1:{servers.sentinel.port}", "redis+sentinel://")


async def says(url: str, advice: str) -> None:
    """Assert that a store is refused with that advice, to a process that starts as to an operator."""
    assert advice in await refusal(url)
    assert advice in await refused_vouch(url)


async def test_other_rules_are_refused(server: RedisHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replica with another configuration or key does not join, and is told how two fleets share a server."""
    monkeypatch.setattr(watching, "RULES_COUNT", 500)
    monkeypatch.setattr(watching, "EVERY", 0.05)
    async with opened(server.url):
        told = await refusal(server.url, rules="others")
    assert "other rules" in told
    assert "?prefix=NAME" in told


# An operator's word ---------------------------------------------------------------------------------------------------


async def test_an_operator_ends_the_quarantine(server: RedisHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for all buckets; afterwards there is none to be ended, and whoever waited for it goes on."""
    monkeypatch.setattr(watching, "EVERY", 0.05)
    heard = Heard()
    async with opened(server.url, heard=heard) as fleet:
        with pytest.raises(Quarantined):
            await held(fleet)
        assert await vouch(parse_store(server.url), KEY) == BUCKETS
        assert await vouch(parse_store(server.url), KEY) == 0
        await held(fleet)
        await until(lambda: heard.standings[-1] is Standing.USABLE, "it is seen")


async def test_the_word_of_an_operator_is_for_one_prefix(server: RedisHandle) -> None:
    """What is known of one fleet is not known of another."""
    await trusted(server.url)
    async with opened(f"{server.url}?prefix=other") as fleet:
        with pytest.raises(Quarantined):
            await held(fleet)


async def test_a_store_that_is_away_cannot_be_vouched_for() -> None:
    """The operator is told that it was not reached."""
    with running_redis() as own:
        own.kill()
        assert await refused_vouch(own.url) == "unreachable"
        own.start()


# Permissions ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lasting_restricted() -> Iterator[RedisHandle]:
    """A server that knows a user, with what the last test left in it."""
    with running_redis(acl=["user default off", "user ifmatch on >secret"]) as handle:
        yield handle


@pytest.fixture
def restricted(lasting_restricted: RedisHandle, monkeypatch: pytest.MonkeyPatch) -> RedisHandle:
    """An empty server with a user that has the permissions of our documentation, and no others.

    Every turn is the last one, so that others always go first.
    """
    monkeypatch.setattr(turns, "TURNS", 1)
    lasting_restricted.cli("ACL", "SETUSER", "ifmatch", "reset", "on", ">secret", *MINIMAL.split())
    lasting_restricted.cli("ACL", "LOG", "RESET")
    lasting_restricted.cli("SCRIPT", "FLUSH")
    lasting_restricted.forget_commands()
    lasting_restricted.flush()
    return lasting_restricted


async def exercised(server: RedisHandle) -> None:
    """Do as that user all that a fleet ever does, until something is denied."""
    url = server.url.replace("redis://", "redis://ifmatch:secret@")
    async with opened(url, quarantine=0.0) as one, opened(url, quarantine=0.0) as two:
        for work in (used, lambda one: contended(one, two), lambda one: contended(two, one)):
            with suppress(StoreFailure, AssertionError, ExceptionGroup):
                await work(one)
            if denied(server):
                return
        await until(lambda: denied(server) or server.commands()["ping"] > 0, "silence is looked into")


def denied(server: RedisHandle) -> bool:
    """Tell whether anything was denied."""
    return bool(server.ask("ACL", "LOG"))


async def test_the_permissions_are_enough(restricted: RedisHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    """With those of the documentation a fleet does all that it ever does, and the store denies nothing."""
    monkeypatch.setattr(waking, "QUIET", 0.02)
    await exercised(restricted)
    await vouch(parse_store(restricted.url.replace("redis://", "redis://ifmatch:secret@")), KEY)
    assert not denied(restricted)


PERMISSIONS = [word for word in MINIMAL.split() if word.startswith(("+", "~", "&"))]


@pytest.mark.parametrize("permission", PERMISSIONS)
async def test_each_permission_is_needed(
    restricted: RedisHandle, permission: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any of them something is denied: the documentation asks for no more than that."""
    monkeypatch.setattr(waking, "QUIET", 0.02)
    removal = {"~": "resetkeys", "&": "resetchannels"}.get(permission[0], permission.replace("+", "-"))
    restricted.cli("ACL", "SETUSER", "ifmatch", removal)
    with suppress(Refused):
        await exercised(restricted)
    assert denied(restricted)
