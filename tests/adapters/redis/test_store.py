"""One call to the store: it is answered within a quarter of a second or fails, and it fails in our words."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import cast

import pytest
from redis import exceptions

from proxy.adapters.redis.connecting import PATIENCE, Client, connect
from proxy.adapters.redis.scripts import RULES, Script
from proxy.adapters.redis.state_scripts import ALL, FORGET
from proxy.adapters.redis.store import AT_ONCE, Reply, Store, Unsent, reason_of
from proxy.adapters.redis.timing import Reading, local_time
from proxy.core.store_address import parse_store
from proxy.errors import StoreFailure
from tests.adapters.redis.members import GUARD, NAMING, Member, client_of, done, joined, keys, member, until
from tests.support.redis_cluster import Cluster
from tests.support.redis_server import RedisHandle
from tests.support.relaying import Relay, relay
from tests.support.stores import running_redis

SOON = 2.0
"""Seconds: far more than a call may take, and far less than anybody's patience."""

ECHO = Script("echo", "return {1, ARGV[1]}")
BROKEN = Script("broken", "return redis.call('INCR', KEYS[1], 'x')")


@pytest.fixture
def link(server: RedisHandle) -> Iterator[Relay]:
    """A relay to the server."""
    with relay(server.port) as relayed:
        yield relayed


async def refused(member: Member) -> None:
    """Run a script, which fails, and soon."""
    begun = local_time()
    with pytest.raises(StoreFailure):
        await done(member.store.run(ECHO, [keys().lock], "x"))
    assert local_time() - begun < SOON * 1_000_000


async def test_a_script_is_run(server: RedisHandle) -> None:
    """The reply has what the script returned, and between which two local times that was."""
    before = local_time()
    async with member(server) as one:
        reply = await one.store.run(ECHO, [keys().lock], "said")
    assert (reply.status, reply.word(1)) == (1, "said")
    assert before <= reply.sent <= reply.received <= local_time()


def test_a_reply_is_read_by_its_values() -> None:
    """Numbers come as numbers or as text, words as text in either form."""
    reply = Reply([b"1", 2, b"17", "word"], 5, 7)
    assert (reply.status, reply.number(1), reply.word(3), reply.word(2)) == (1, 2, "word", "17")
    assert reply.reading(2) == Reading(5, 7, 17)


async def test_a_server_that_forgot_a_script_is_told_again(server: RedisHandle) -> None:
    """SCRIPT FLUSH, or another server in the place of the old, costs one more round trip and nothing else."""
    async with member(server) as one:
        await one.store.run(ECHO, [keys().lock], "x")
        server.cli("SCRIPT", "FLUSH")
        assert (await one.store.run(ECHO, [keys().lock], "y")).word(1) == "y"
        server.forget_commands()
        assert (await one.store.run(ECHO, [keys().lock], "z")).word(1) == "z"
        assert server.commands()["evalsha"] == 1
        assert server.commands()["eval"] == 0


@pytest.mark.usefixtures("hasty")
async def test_a_store_that_hangs_fails_soon() -> None:
    """A server that is stopped, with all connections up, is given a quarter of a second; then it goes on as before."""
    with running_redis() as hung:
        async with member(hung, connected=False) as one:
            await works(one)
            hung.pause()
            await refused(one)
            await refused(one)
            assert one.faults == ["timeout", "timeout"]
            hung.resume()
            await works(one)


@pytest.mark.usefixtures("hasty")
async def test_a_node_that_hangs_fails_soon(cluster: Cluster) -> None:
    """Likewise where others answer; the one that hangs is waited for by nobody."""
    async with joined(connect(parse_store(cluster.url)), connected=False) as one:
        await works(one)
        node = cluster.node_of(keys().lock)
        node.pause()
        await refused(one)
        node.resume()
        await works(one)
    cluster.settle()


@pytest.mark.usefixtures("hasty")
async def test_a_store_that_does_not_take_connections_fails_soon(link: Relay, server: RedisHandle) -> None:
    """Neither a refused connection nor one that nobody answers costs more than that; and it is not tried for longer."""
    async with member(server, port=link.port, connected=False) as one:
        await works(one)
        link.cut()
        await refused(one)
        assert one.faults == ["unreachable"]
        link.mend()
        link.black_hole()
        await refused(one)
        assert one.faults == ["unreachable", "timeout"]
        link.mend()
        await works(one)


async def works(one: Member) -> None:
    """Wait until the store answers; what it then says is what it was asked, and no reply to an earlier call."""
    told = list[str]()

    async def said(word: str) -> bool:
        with suppress(StoreFailure):
            told.append((await one.store.run(ECHO, [keys().lock], word)).word(1))
        return bool(told) and told[-1] == word

    for number in range(20):
        await until(partial(said, str(number)), "the store answers")
    assert told == [str(number) for number in range(20)]
    one.faults.clear()


async def test_a_connection_that_was_closed_is_no_failure(server: RedisHandle) -> None:
    """A store that closes idle connections, or was restarted, is connected to anew."""
    async with member(server) as one:
        await one.store.run(ECHO, [keys().lock], "x")
        server.cli("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await works(one)


@pytest.mark.parametrize("clustered", [False, True])
async def test_a_call_that_is_cancelled_leaves_no_reply_behind(
    server: RedisHandle, request: pytest.FixtureRequest, clustered: bool
) -> None:
    """At whatever turn of the loop it ends, and the next is answered with what it asked for, not with that."""
    url = request.getfixturevalue("cluster").url if clustered else server.url
    async with joined(connect(parse_store(url))) as one:
        for number in range(60):
            call = asyncio.create_task(one.store.run(ECHO, [keys().lock], "cancelled"))
            for _ in range(number):
                await asyncio.sleep(0)
            running = call.cancel()
            await asyncio.wait([call])
            assert call.cancelled() is running
            assert (await one.store.run(ECHO, [keys().lock], str(number))).word(1) == str(number)


async def test_a_reply_that_is_lost_is_a_failure(server: RedisHandle, link: Relay) -> None:
    """The call is not repeated: whether it should be is for whoever made it."""
    async with member(server, port=link.port) as one:
        await one.store.run(RULES, [NAMING.rules], "rules", 60_000)
        link.reset_count()
        loss = link.drop_reply(b"EVALSHA")
        with pytest.raises(StoreFailure):
            await one.store.run(RULES, [NAMING.rules], "rules", 60_000)
        loss.wait()
        assert link.counted["EVALSHA"] == 1


class Failing:
    """A client that fails as redis-py does: at the first call, or where it is given a script that it does not know."""

    def __init__(self, *faults: Exception) -> None:
        self._faults = [*faults]

    async def evalsha(self, *_arguments: object) -> object:
        raise self._faults.pop(0)

    eval = evalsha


@pytest.mark.parametrize(
    "fault",
    [exceptions.RedisClusterException(""), exceptions.SlotNotCoveredError(""), AttributeError(""), KeyError("")],
)
@pytest.mark.parametrize("before", [[], [exceptions.NoScriptError()]], ids=["known", "unknown"])
async def test_whatever_the_library_raises_is_a_failure_of_the_store(fault: Exception, before: list[Exception]) -> None:
    """What it says of a cluster is no RedisError, and of a node that it has not met it says AttributeError."""
    told = list[str]()
    store = Store(cast("Client", Failing(*before, fault)), NAMING, 0.0, on_fault=told.append)
    with pytest.raises(StoreFailure):
        await store.run(ECHO, [keys().lock], "x")
    assert told == ["unreachable"]


async def test_a_store_that_is_out_of_use_is_not_asked(server: RedisHandle) -> None:
    """While it is known to be down a call fails at once, and nobody is told again."""
    async with member(server) as one:
        one.store.usable = False
        server.forget_commands()
        with pytest.raises(Unsent):
            await one.store.run(ECHO, [keys().lock], "x")
        assert not {"evalsha", "eval"} & server.commands().keys()
        assert one.faults == []
        assert (await one.store.attempt(ECHO, [keys().lock], "x")).word(1) == "x"


async def test_a_script_that_fails_is_the_stores_fault(server: RedisHandle) -> None:
    """What the store refuses is told in one word, and the connection is used again."""
    async with member(server) as one:
        with pytest.raises(StoreFailure, match="cannot be used"):
            await one.store.run(BROKEN, [keys().lock])
        assert len(one.faults) == 1
        await works(one)


WRITING = Script("writing", "return {1, redis.call('SET', KEYS[1], ARGV[1])}")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (("REPLICAOF", "127.0.0.1", "1"), "readonly"),
        (("CONFIG", "SET", "min-replicas-to-write", "5"), "noreplicas"),
        (("CONFIG", "SET", "maxmemory", "1"), "oom"),
        (("ACL", "SETUSER", "default", "-eval", "-evalsha"), "noperm"),
        (("ACL", "SETUSER", "default", "resetkeys"), "noperm"),
        (("SET", "ifm:other", "x"), None),
    ],
)
async def test_what_the_store_refuses_is_told_in_its_word(spoil: tuple[str, ...], reason: str | None) -> None:
    """The word is the one that its documentation explains."""
    with running_redis() as own:
        async with member(own) as one:
            own.cli(*spoil)
            with suppress(StoreFailure):
                await one.store.run(WRITING, [keys().lock], "x")
            assert one.faults == ([] if reason is None else [reason])


async def test_only_so_many_calls_are_under_way() -> None:
    """A burst opens no more connections than that, and each call of it is answered with what it asked for."""
    with running_redis() as fresh:
        async with member(fresh) as one:
            await one.store.run(ECHO, [keys().lock], "x")
            asked = [str(number) for number in range(3 * AT_ONCE)]
            replies = await asyncio.gather(*(one.store.run(ECHO, [keys().lock], said) for said in asked))
            assert [reply.word(1) for reply in replies] == asked
            own = 2  # of the test: starting it, and this question
            assert int(fresh.info("stats")["total_connections_received"]) <= AT_ONCE + own


@pytest.mark.usefixtures("hasty")
async def test_a_burst_on_a_store_that_hangs_fails_soon() -> None:
    """Once the first calls have failed and the watch says so, those that wait for their turn fail at once."""
    with running_redis() as hung:
        async with member(hung, connected=False) as one:
            await works(one)

            def found_out(_reason: str) -> None:
                one.store.usable = False

            one.store.on_fault = found_out
            hung.pause()
            begun = local_time()
            calls = (one.store.run(ECHO, [keys().lock], str(number)) for number in range(5 * AT_ONCE))
            failures = await asyncio.gather(*calls, return_exceptions=True)
            assert local_time() - begun < SOON * 1_000_000
            assert {type(failure) for failure in failures} == {StoreFailure, Unsent}
            hung.resume()


async def test_the_quarantine_is_longer_by_the_lag(server: RedisHandle) -> None:
    """A replaced primary may go on granting for a while, and the terms of each call allow for that."""
    store = Store(client_of(server), NAMING, 35.0, lag=10.0)
    assert store.terms == ("45000000", store.life)
    assert store.life != Store(store.client, NAMING, 35.0).life
    await store.aclose()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (TimeoutError(), "timeout"),
        (exceptions.TimeoutError("Timeout reading from host"), "timeout"),
        (ConnectionRefusedError(111, "refused"), "unreachable"),
        (exceptions.ConnectionError("Error 111 connecting"), "unreachable"),
        (exceptions.BusyLoadingError("Redis is loading the dataset in memory"), "unreachable"),
        (exceptions.AuthenticationError("WRONGPASS invalid"), "unreachable"),
        (exceptions.ClusterDownError("Hash slot not served", status_code="CLUSTERDOWN"), "clusterdown"),
        (exceptions.ResponseError("NOREPLICAS Not enough good replicas to write."), "noreplicas"),
        (exceptions.ResponseError("unknown command", status_code="ERR"), "refused"),
        (exceptions.ResponseError("DB index is out of range", status_code="ERR"), "refused"),
        (exceptions.ResponseError("without any word"), "refused"),
    ],
)
def test_a_fault_has_one_word(fault: BaseException, reason: str) -> None:
    """The words are few and come from the store, so that failures can be counted by them."""
    assert reason_of(fault) == reason


async def test_every_script_fits_in_one_call() -> None:
    """None of them needs more than its reply, and none is known to a store that never saw it."""
    with running_redis() as fresh:
        async with member(fresh) as one:
            assert (await one.store.run(FORGET, [keys().state], 1_000, 0)).status == 1
            known = fresh.ask("SCRIPT", "EXISTS", *(script.sha for script in ALL))
            assert dict(zip((script.name for script in ALL), known, strict=True))["forget"] == 1


def test_the_budget_is_a_quarter_of_a_second() -> None:
    """A guarded write that cannot have the store is answered within half a second: a call is at most half of that."""
    assert PATIENCE <= 0.25 < GUARD
