"""The stores of the fault tests are real, do what a test does to them, and are gone behind it."""

import contextlib
import errno
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.crc import key_slot
from redis.retry import Retry
from redis.sentinel import Sentinel

from proxy.core.store_address import Topology, parse_store
from tests.support import clocks
from tests.support.child import Child, ChildFailed, python
from tests.support.clocks import faked_clock
from tests.support.ports import LOOPBACK
from tests.support.redis_cluster import Cluster
from tests.support.redis_sentinel import Watched
from tests.support.redis_server import RedisHandle, until
from tests.support.stores import running_cluster, running_redis, running_sentinel

HOUR = 3600.0
BRIEF = 0.2
"""How long silence is listened to, in seconds; a store that answered would have done so."""


def alive(pid: int) -> bool:
    """Tell whether there is such a process."""
    return Path("/proc", str(pid)).exists()


@contextlib.contextmanager
def connected(store: RedisHandle, timeout: float | None = None) -> Iterator[redis.Redis]:
    """Connect, once and for all."""
    with redis.Redis(
        host=LOOPBACK,
        port=store.port,
        socket_timeout=timeout,
        retry=Retry(NoBackoff(), 0),
        single_connection_client=True,
    ) as client:
        yield client


# One server -----------------------------------------------------------------------------------------------------------


def test_a_store_runs_while_it_is_needed() -> None:
    """It answers inside the block; behind it, process, port and folder are gone."""
    with running_redis() as store:
        assert store.cli("PING") == "PONG"
        pid, folder = store.pid, store.folder
    assert not alive(pid)
    assert not folder.exists()
    with pytest.raises(redis.ConnectionError):
        store.cli("PING")


@pytest.mark.parametrize(
    ("settings", "scheme"),
    [
        ({}, "redis://"),
        ({"password": "p@ss/word"}, "redis://"),
        ({"unix": True}, "unix:"),
        ({"tls": True}, "rediss://"),
        ({"acl": ["user default off", "user app on >secret ~ifm:* +@all"]}, "redis://"),
    ],
)
def test_every_way_to_reach_a_store(settings: dict[str, Any], scheme: str) -> None:
    """The URL is one that the proxy can read, and both ways of asking reach the server behind it."""
    with running_redis(**settings) as store, store.client() as client:
        address = parse_store(store.url)
        assert store.url.startswith(scheme)
        assert (address.topology, address.password) == (Topology.SINGLE, settings.get("password"))
        assert client.set("a", b"\xff")
        assert store.cli("STRLEN", "a") == "1"


def test_access_is_refused_as_the_settings_say() -> None:
    """A password keeps out who lacks it, TLS who speaks without, and a user does only what it may."""
    with running_redis(password="secret") as store, pytest.raises(redis.AuthenticationError), connected(store):
        pass
    with running_redis(tls=True) as store, pytest.raises(redis.ConnectionError), connected(store):
        pass
    with running_redis(acl=["user default on nopass ~ifm:* +get"]) as store, connected(store) as client:
        assert client.get("ifm:a") is None
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.get("other")


def test_replies_as_text() -> None:
    """`cli` says what redis-cli says to a pipe; `ask` keeps lists as lists; an error is raised."""
    with running_redis() as store:
        assert [store.cli("INCR", "n"), store.cli("GET", "none"), store.cli("RPUSH", "l", "a", "b")] == ["1", "", "2"]
        assert store.cli("LRANGE", "l", 0, -1) == "a\nb"
        assert store.ask("LRANGE", "l", 0, -1) == ["a", "b"]
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            store.cli("GET", "l")


def test_settings_arrive() -> None:
    """Policy, replicas that a write needs, and lines of one's own are in force."""
    with running_redis(policy="allkeys-lru", min_replicas=1, extra=["maxmemory 3mb"]) as store:
        assert store.cli("CONFIG", "GET", "maxmemory*").split("\n")[1::2] != []
        assert (store.info("memory")["maxmemory"], store.info("memory")["maxmemory_policy"]) == (
            "3145728",
            "allkeys-lru",
        )
        with pytest.raises(redis.ResponseError, match="NOREPLICAS"):
            store.cli("SET", "a", "1")


def test_a_missing_server_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without redis-server the test fails with the command that installs it."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ChildFailed, match="apt-get install -y redis-server"), running_redis():
        pass


def test_a_server_that_does_not_start_says_why() -> None:
    """What it wrote is told with the failure."""
    with running_redis() as store, pytest.raises(ChildFailed) as failure, running_redis(port=store.port):
        pass
    assert "Address already in use" in failure.value.__notes__[0]


def test_a_server_that_ends_by_itself_fails() -> None:
    """Who did not end it is told so, with its last words."""
    with pytest.raises(ChildFailed, match="ended by itself") as failure, running_redis() as store:
        store.child.stop()
    assert "bye bye" in failure.value.__notes__[0]


def test_a_paused_store_answers_later() -> None:
    """While paused it takes connections and says nothing; then it does what it was asked meanwhile."""
    with running_redis() as store, connected(store, BRIEF) as client:
        client.ping()
        store.pause()
        with pytest.raises(redis.TimeoutError):
            client.set("a", "1")
        store.pause()  # twice is once
        store.resume()
        until(lambda: store.cli("GET", "a") == "1", "what was asked is done")


def test_a_killed_store_keeps_its_port() -> None:
    """After a kill connections are refused, nobody else is given the port, and the next process has it again."""
    with running_redis() as store:
        pid = store.pid
        store.kill()
        assert not alive(pid)
        with pytest.raises(redis.ConnectionError, match="refused"):
            store.cli("PING")
        with socket.socket() as other, pytest.raises(OSError, match="in use") as failure:
            other.bind((LOOPBACK, store.port))
        assert failure.value.errno == errno.EADDRINUSE
        store.start()
        assert store.cli("PING") == "PONG"
        assert store.pid != pid


def test_a_store_that_was_shut_down_can_be_started() -> None:
    """SIGTERM ends it, a paused one too."""
    with running_redis(appendonly=True) as store:
        store.cli("SET", "a", "1")
        store.pause()
        store.shutdown()
        assert store.child.wait() == 0
        store.start()
        assert store.cli("GET", "a") == "1"


@pytest.mark.parametrize("appendonly", [False, True])
@pytest.mark.parametrize("keep", [False, True])
def test_a_restart_keeps_what_it_is_told_to(appendonly: bool, keep: bool) -> None:
    """The keys survive or do not, as told; the replication id is another either way, and that of FLUSHALL is not."""
    with running_redis(appendonly=appendonly) as store:
        store.cli("SET", "a", "1")
        before, place = store.info("replication")["master_replid"], store.port
        store.restart(keep=keep)
        assert (store.cli("GET", "a"), store.port) == ("1" if keep else "", place)
        after = store.info("replication")["master_replid"]
        assert after != before
        store.flush()
        assert (store.cli("DBSIZE"), store.info("replication")["master_replid"]) == ("0", after)


def test_commands_are_counted() -> None:
    """Each call counts, in a script too, and our own looking is no more than an `info`."""
    with running_redis() as store:
        store.cli("EVAL", "return redis.call('GET', 'a')", 0)
        store.cli("GET", "a")
        assert store.commands() == {"eval": 1, "get": 2}
        store.forget_commands()
        assert store.commands() == {"config|resetstat": 1}


def test_a_replica_follows() -> None:
    """What is written to the master is read from its replica."""
    with running_redis(password="p") as master, running_redis(replica_of=master, password="p") as replica:
        until(lambda: replica.info("replication")["master_link_status"] == "up", "the replica follows")
        master.cli("SET", "a", "1")
        assert master.cli("WAIT", 1, 0) == "1"
        assert replica.cli("GET", "a") == "1"


# Clocks ---------------------------------------------------------------------------------------------------------------


def test_the_clock_of_a_store_jumps() -> None:
    """TIME jumps there and back; a lease ends early when it jumps ahead, and lasts longer when it jumps back."""
    with running_redis(clock=True) as store:
        assert abs(int(store.ask("TIME")[0]) - time.time()) < HOUR / 2
        store.cli("SET", "a", "1", "PX", 60_000)
        store.jump(+HOUR)
        assert abs(int(store.ask("TIME")[0]) - time.time() - HOUR) < HOUR / 2
        assert store.cli("EXISTS", "a") == "0"
        store.cli("SET", "a", "1", "PX", 60_000)
        store.jump(-2 * HOUR)
        assert abs(int(store.ask("TIME")[0]) - time.time() + HOUR) < HOUR / 2
        assert int(store.cli("PTTL", "a")) > 2 * HOUR * 1000 - 60_000


def test_only_a_clock_of_its_own_jumps() -> None:
    """The clock of another store, which is that of the machine, is not touched and cannot be moved."""
    with running_redis(clock=True) as store, running_redis() as other:
        store.jump(HOUR)
        assert int(store.ask("TIME")[0]) - int(other.ask("TIME")[0]) > HOUR / 2
        with pytest.raises(AssertionError, match="clock=True"):
            other.jump(HOUR)


LOOK = """
import threading, time
def look(): return [time.clock_gettime(clock) for clock in (time.CLOCK_MONOTONIC, time.CLOCK_BOOTTIME)] + [time.time()]
before = look()
print("ready", flush=True)
while time.time() - before[-1] < 1800: threading.Event().wait(0.01)
print(*(late - early for early, late in zip(before, look())), flush=True)
"""


def test_any_program_can_have_a_clock_that_jumps() -> None:
    """Its wall clock jumps while it runs; monotonic and boot time go on as they were."""
    with faked_clock() as clock:
        child = Child(python("-c", LOOK), clock.environment)
        child.line("ready")
        clock.jump(HOUR)
        assert child.wait() == 0
    monotonic, boot, wall = map(float, child.stdout[-1].split())
    assert max(monotonic, boot) < HOUR / 2 < wall


def test_a_killed_program_leaves_no_shared_memory() -> None:
    """What libfaketime put there for a process is gone, else a later process with its id would not start."""
    with running_redis(clock=True) as store:
        left = Path("/dev/shm", f"faketime_shm_{store.pid}")  # noqa: S108 - the C library's choice
        assert left.exists()
    assert not left.exists()


def test_a_missing_library_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without libfaketime the test fails with the command that installs it."""
    monkeypatch.setattr(clocks, "_FOLDERS", ())
    with pytest.raises(ChildFailed, match="apt-get install -y faketime"), running_redis(clock=True):
        pass


# Sentinel -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    """Run a master, a replica and a sentinel; each test leaves them settled."""
    with running_sentinel("wiki", password="p") as watched:
        yield watched


def test_a_sentinel_tells_who_is_master(watched: Watched) -> None:
    """The URL names sentinel and service; who asks there is told the master, and its replica."""
    address = parse_store(watched.url)
    assert (address.topology, address.service, address.password) == (Topology.SENTINEL, "wiki", "p")
    client: Any = Sentinel([(LOOPBACK, watched.sentinel.port)])  # type: ignore[no-untyped-call]
    assert client.discover_master("wiki") == (LOOPBACK, watched.master.port)
    assert client.discover_slaves("wiki") == [(LOOPBACK, watched.replica.port)]


def test_a_fail_over(watched: Watched) -> None:
    """The replica is master, under another replication id and with what was written; the old master follows it."""
    old = watched.master
    replid = old.info("replication")["master_replid"]
    old.cli("SET", "kept", "1")
    assert old.cli("WAIT", 1, 0) == "1"
    assert watched.fail_over() is watched.master is watched.other(old)
    assert watched.master.cli("GET", "kept") == "1"
    assert watched.master.info("replication")["master_replid"] != replid
    assert old.info("replication")["role"] == "slave"


def test_a_detached_replica_misses_what_is_written(watched: Watched) -> None:
    """What is written meanwhile is lost when it is promoted; the same write is refused where it needs a replica."""
    old = watched.master
    watched.detach()
    old.cli("SET", "lost", "1")
    old.cli("CONFIG", "SET", "min-replicas-to-write", 1)
    with pytest.raises(redis.ResponseError, match="NOREPLICAS"):
        old.cli("SET", "refused", "1")
    old.cli("CONFIG", "SET", "min-replicas-to-write", 0)
    assert watched.fail_over() is not old
    assert watched.master.cli("EXISTS", "lost") == old.cli("EXISTS", "lost") == "0"


def test_an_attached_replica_misses_nothing(watched: Watched) -> None:
    """Detached and attached again it has what was written meanwhile."""
    watched.detach()
    watched.master.cli("SET", "late", "1")
    assert watched.replica.cli("EXISTS", "late") == "0"
    watched.attach()
    until(lambda: watched.replica.cli("EXISTS", "late") == "1", "the write arrives")


def test_for_a_moment_there_are_two_masters(watched: Watched) -> None:
    """After a promotion the old master still takes writes, which are lost; not where a write needs a replica."""
    old = watched.master
    assert watched.promote() is not old
    assert old.info("replication")["role"] == "master"
    old.cli("SET", "doomed", "1")
    old.cli("CONFIG", "SET", "min-replicas-to-write", 1)
    with pytest.raises(redis.ResponseError, match="NOREPLICAS"):
        old.cli("SET", "refused", "1")
    old.cli("CONFIG", "SET", "min-replicas-to-write", 0)
    watched.settle()
    assert old.cli("EXISTS", "doomed") == "0"


def test_a_dead_master_is_replaced(watched: Watched) -> None:
    """The sentinel sees it and promotes the replica; started again, it follows the new master."""
    old = watched.master
    assert watched.kill_master() is watched.master is watched.other(old)
    watched.master.cli("SET", "new", "1")
    old.start()
    watched.settle()
    assert old.cli("GET", "new") == "1"


# Cluster --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Run three nodes; each test leaves them whole."""
    with running_cluster(password="p", node_timeout=0.5) as cluster:
        yield cluster


def test_a_cluster_shares_the_keys(cluster: Cluster) -> None:
    """The URL names the nodes; a client of clusters finds each key where `node_of` says, and all nodes have some."""
    assert [str(node) for node in parse_store(cluster.url).nodes] == [
        f"{LOOPBACK}:{node.port}" for node in cluster.nodes
    ]
    keys = [f"key:{number}" for number in range(20)]
    with RedisCluster(host=LOOPBACK, port=cluster.nodes[0].port, password="p") as client:
        for key in keys:
            client.set(key, key)
    assert [cluster.node_of(key).cli("GET", key) for key in keys] == keys
    assert {cluster.node_of(key) for key in keys} == set(cluster.nodes)


def elsewhere(cluster: Cluster, key: str) -> RedisHandle:
    """Return a node that does not have the key."""
    return next(node for node in cluster.nodes if node is not cluster.node_of(key))


def test_a_slot_moves_with_its_keys(cluster: Cluster) -> None:
    """The new node has the keys, the old one says MOVED."""
    old, new = cluster.node_of("{moved}"), elsewhere(cluster, "{moved}")
    old.cli("MSET", "{moved}a", "1", "{moved}b", "2")
    cluster.migrate(key_slot(b"moved"), new)
    assert cluster.node_of("{moved}") is new
    assert new.cli("MGET", "{moved}a", "{moved}b") == "1\n2"
    with pytest.raises(redis.exceptions.MovedError, match=f"{LOOPBACK}:{new.port}"):
        old.cli("GET", "{moved}a")


def test_a_slot_half_way(cluster: Cluster) -> None:
    """A key that has moved is answered with ASK, one that has not is still there; finished, both have moved."""
    old, new = cluster.node_of("{half}"), elsewhere(cluster, "{half}")
    old.cli("MSET", "{half}a", "1", "{half}b", "2")
    moving = cluster.begin(key_slot(b"half"), new)
    moving.move("{half}a")
    assert moving.keys() == ["{half}b"]
    assert old.cli("GET", "{half}b") == "2"
    with pytest.raises(redis.exceptions.AskError, match=f"{LOOPBACK}:{new.port}"):
        old.cli("GET", "{half}a")
    with pytest.raises(redis.exceptions.MovedError):
        new.cli("GET", "{half}a")
    moving.move()
    moving.finish()
    assert new.cli("MGET", "{half}a", "{half}b") == "1\n2"


def test_a_lost_node_takes_the_cluster_down(cluster: Cluster) -> None:
    """The others see that it is gone and refuse; once it is back all is well."""
    lost, other = cluster.nodes[0], cluster.nodes[1]
    key = next(key for key in map(str, range(100)) if cluster.node_of(key) is other)
    lost.pause()
    until(lambda: "cluster_state:fail" in other.cli("CLUSTER", "INFO"), "the node is missed")
    with pytest.raises(redis.exceptions.ClusterDownError):
        other.cli("GET", key)
    lost.resume()
    cluster.settle()
    assert other.cli("GET", key) == ""
