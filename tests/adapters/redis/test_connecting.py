"""From an address to a client: every topology is reached, and the library does nothing on its own."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import pytest
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from proxy.adapters.redis.connecting import PATIENCE, Client, Piped, calling, connect, within
from proxy.adapters.redis.timing import local_time
from proxy.core.store_address import parse_store
from tests.adapters.redis.members import GUARD, keys, until
from tests.support.redis_cluster import Cluster
from tests.support.redis_settings import CERTIFICATE
from tests.support.relaying import relay
from tests.support.stores import running_redis, running_sentinel

ECHO = "return {KEYS[1], ARGV[1]}"
SOON = 2.0


@contextmanager
def single(**options: Any) -> Iterator[str]:
    """Run one server; its URL."""
    with running_redis(**options) as server:
        yield server.url


@contextmanager
def as_user() -> Iterator[str]:
    """Run a server that knows a user, whose password has characters of URLs."""
    with running_redis(acl=["user default off", "user some:one on >p@ss/w:rd ~* &* +@all"]) as server:
        yield server.url.replace("redis://", "redis://some%3Aone:p%40ss%2Fw%3Ard@")


@contextmanager
def numbered() -> Iterator[str]:
    """Run a server; the URL of one of its databases."""
    with running_redis() as server:
        yield f"{server.url}/7"


@contextmanager
def by_sentinel() -> Iterator[str]:
    """Run a master and a replica with a password, and a sentinel."""
    with running_sentinel(password="of the servers") as watched:
        yield watched.url


STORES: dict[str, Callable[[], AbstractContextManager[str]]] = {
    "single": single,
    "password": lambda: single(password="p@ss/w:rd"),
    "user": as_user,
    "database": numbered,
    "socket": lambda: single(unix=True),
    "socket with password": lambda: single(unix=True, password="p@ss/w:rd"),
    "tls": lambda: single(tls=True),
    "tls with password": lambda: single(tls=True, password="p@ss/w:rd"),
    "sentinel": by_sentinel,
}


@pytest.mark.parametrize("store", STORES.values(), ids=STORES.keys())
async def test_every_topology_is_reached(store: Callable[[], AbstractContextManager[str]]) -> None:
    """Scripts are run, fields read and messages heard, whoever is to be asked, and how."""
    with store() as url:
        await reached(url)


async def test_a_cluster_is_reached(cluster: Cluster) -> None:
    """Each key by the node that has it, and a message by whichever node one listens to."""
    for node in cluster.nodes:
        await reached(node.url.replace("redis://", "redis+cluster://"))


async def reached(url: str) -> None:
    """Ask for all that is ever asked for."""
    client = connect(parse_store(url))
    for name in (keys(str(number)).lock for number in range(10)):
        assert await client.eval(ECHO, 1, name, "x") == [name.encode(), b"x"]
    publish = "return redis.call('PUBLISH', ARGV[1], 'now')"
    await heard(client.pubsub(), lambda: client.eval(publish, 1, "other", "news"))
    await client.aclose()


async def heard(subscription: PubSub, publish: Callable[[], Any]) -> None:
    """Subscribe, publish and hear it."""
    await subscription.subscribe("news")
    assert await message(subscription) == "subscribe"
    await publish()
    assert await message(subscription) == "message"
    await subscription.aclose()  # type: ignore[no-untyped-call]  # of redis-py


async def message(subscription: PubSub) -> str:
    """Return the kind of the next message."""
    told: list[dict[str, Any]] = []

    async def came() -> bool:
        told.extend(filter(None, [await subscription.get_message(timeout=1.0)]))
        return bool(told)

    await until(came, "a message")
    return str(told[0]["type"])


async def test_databases_are_apart() -> None:
    """The number in the URL is that of the database that is used."""
    with running_redis() as server:
        clients = [connect(parse_store(f"{server.url}/{number}")) for number in (0, 7)]
        for client in clients:
            await client.eval("return redis.call('HSET', KEYS[1], 's', '1')", 1, keys().state)
            await client.aclose()
        assert {"db0", "db7"} == server.info("keyspace").keys()


async def test_a_sentinel_has_credentials_of_its_own() -> None:
    """Those of the servers are not shown to it, nor the other way round."""
    with running_sentinel(password="of the servers") as watched:
        watched.sentinel.cli("ACL", "SETUSER", "asker", "on", ">of the sentinel", "+@all", "&*")
        watched.sentinel.cli("ACL", "SETUSER", "default", "resetpass", ">none of these")
        asking = f"{watched.url}?sentinel_username=asker&sentinel_password="
        client = connect(parse_store(f"{asking}of%20the%20sentinel"))
        assert (await client.eval(ECHO, 1, "k", "x"))[1] == b"x"
        await client.aclose()
        client = connect(parse_store(f"{asking}of%20the%20servers"))
        with pytest.raises(RedisError):
            await client.eval(ECHO, 1, "k", "x")
        await client.aclose()


async def test_a_failover_is_followed() -> None:
    """The next connection goes to whichever server the sentinel says is master."""
    with running_sentinel() as watched:
        client = connect(parse_store(watched.url))
        await client.eval(ECHO, 1, "k", "x")
        promoted = watched.fail_over()

        async def led() -> bool:
            with suppress(RedisError, OSError):
                told = await client.info()
                return (told["tcp_port"], told["role"]) == (promoted.port, "master")
            return False

        await until(led, "the new master is asked")
        await client.aclose()


async def test_nobody_is_believed_without_a_signature(tmp_path: Path) -> None:
    """A server whose certificate is not signed by those the URL names is not talked to."""
    with running_redis(tls=True) as server:
        client = connect(parse_store(server.url.partition("?")[0]))
        with pytest.raises((RedisError, OSError)):
            await client.eval(ECHO, 1, "k", "x")
        await client.aclose()


async def test_files_of_tls_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    """A file that is not there, or is no certificate, is said at the latest when it is needed."""
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    with running_redis(tls=True) as server:
        for bad in (tmp_path / "missing.pem", empty):
            client = connect(parse_store(server.url.replace(str(CERTIFICATE), str(bad))))
            with pytest.raises((OSError, RedisError)):
                await client.eval(ECHO, 1, "k", "x")
            await client.aclose()


async def test_a_server_that_does_not_answer_is_not_waited_for() -> None:
    """Neither an answer nor a connection that does not come about is waited for, nor is it tried again."""
    with running_redis() as server, relay(server.port) as link:
        client = connect(parse_store(server.url_at(link.port)))
        await client.eval(ECHO, 1, "k", "x")
        link.hold()
        begun = local_time()
        with pytest.raises(TimeoutError):
            await within(PATIENCE, client.eval(ECHO, 1, "k", "x"))
        link.mend()
        link.cut()
        with pytest.raises((RedisError, OSError)):
            await client.eval(ECHO, 1, "k", "x")
        assert local_time() - begun < SOON * 1_000_000
        await client.aclose()


async def finished() -> None:
    """Swallow whatever interrupts, as the library may."""
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()


async def failed() -> None:
    """Fail of it."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        raise OSError from None


@pytest.mark.parametrize("work", [finished, failed])
async def test_a_cancellation_is_never_lost(work: Callable[[], Awaitable[None]]) -> None:
    """Whatever the library makes of it, who is cancelled ends cancelled."""
    going_on = False

    async def asking() -> None:
        nonlocal going_on
        await within(GUARD, work())
        going_on = True

    task = asyncio.create_task(asking())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert not going_on


@pytest.mark.parametrize("work", [finished, failed])
async def test_the_end_of_the_time_is_never_lost(work: Callable[[], Awaitable[None]]) -> None:
    """It is told as such, and the task is not cancelled."""
    with pytest.raises(TimeoutError):
        await within(0.01, work())
    await asyncio.sleep(0)


async def test_what_is_done_in_time_is_left_alone() -> None:
    """Neither a result nor a failure is changed."""
    assert await within(GUARD, asyncio.sleep(0, "result")) == "result"
    with pytest.raises(ConnectionResetError):
        await within(GUARD, reset())


async def reset() -> None:
    """Fail by itself."""
    raise ConnectionResetError


async def test_a_lost_reply_is_not_asked_for_again() -> None:
    """The library would repeat a command whose reply is lost; whether that is harmless is for us to say."""
    with running_redis() as server, relay(server.port) as link:
        client = connect(parse_store(server.url_at(link.port)))
        await client.eval(ECHO, 1, "k", "x")
        link.reset_count()
        loss = link.drop_reply(b"INCR")
        with pytest.raises((RedisError, OSError)):
            await client.eval("return redis.call('INCR', KEYS[1])", 1, "k")
        loss.wait()
        assert server.cli("GET", "k") == "1"
        await client.aclose()


async def test_nothing_is_connected_before_it_is_asked() -> None:
    """An address at which nobody answers yet is no reason not to start."""
    with running_redis() as server:
        before = server.info("stats")["total_connections_received"]
        client = connect(parse_store(server.url))
        await asyncio.sleep(0)
        assert int(server.info("stats")["total_connections_received"]) == int(before) + 1
        await client.aclose()


def test_scripts_share_a_connection_wherever_there_is_one_server() -> None:
    """Behind a cluster, and over any other client, each call is the library's, and takes a connection of its own."""
    for url in ("redis://h", "rediss://h", "unix:///s", "redis+sentinel://h/primary"):
        client = connect(parse_store(url))
        assert isinstance(client, Piped), url
        assert calling(client) == client.pipelined.call
    assert not isinstance(connect(parse_store("redis+cluster://h")), Piped)


async def test_a_call_by_the_library_has_its_time() -> None:
    """And is told by its command, with its words."""

    class Slow:
        async def evalsha(self, *words: str) -> object:
            if words[0] == "late":
                await asyncio.sleep(GUARD)
            return words

    call = calling(cast("Client", Slow()))
    assert await call(GUARD, "EVALSHA", "sha", 0) == ("sha", 0)
    with pytest.raises(TimeoutError):
        await call(0.01, "EVALSHA", "late")
