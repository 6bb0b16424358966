"""Stores that a proxy must not use, or cannot reach yet: what it says, once, and whether it starts."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.faults.solo import in_turn, says, standings
from tests.support.child import Child
from tests.support.clients import Heard, ask
from tests.support.ports import LOOPBACK, reserved_port
from tests.support.processes import PROXY, OriginHandle, ProxyHandle, running_origin, running_proxy
from tests.support.redis_server import RedisHandle, until
from tests.support.stores import running_cluster, running_redis, running_sentinel

PAGE = "/page"


@contextmanager
def replica() -> Iterator[str]:
    """Run a master and a replica; yield where the replica is."""
    with running_redis() as master, running_redis(replica_of=master) as follower:
        until(lambda: follower.info("replication")["master_link_status"] == "up", "it follows")
        yield follower.url


@contextmanager
def replicated() -> Iterator[str]:
    """Run a master that takes writes without its replica."""
    with running_redis() as master, running_redis(replica_of=master):
        until(lambda: master.info("replication")["connected_slaves"] == "1", "it is followed")
        yield master.url


@contextmanager
def server(credentials: str = "", **settings: object) -> Iterator[str]:
    """Run a server; yield where it is, for who gives these credentials."""
    with running_redis(**settings) as store:  # type: ignore[arg-type]  # of the table below
        yield f"redis://{credentials}{LOOPBACK}:{store.port}"


@contextmanager
def sentinel() -> Iterator[str]:
    """Run a sentinel; yield where it is, as if it were a server."""
    with running_sentinel() as watched:
        yield f"redis://{LOOPBACK}:{watched.sentinel.port}"


@contextmanager
def cluster() -> Iterator[str]:
    """Run a cluster; yield where a node is, as if it were a server."""
    with running_cluster() as nodes:
        yield nodes.nodes[0].url


@contextmanager
def misnamed(name: str) -> Iterator[str]:
    """Run a server; yield it by a name that is wrong, in which `{}` stands for where it is."""
    with running_redis() as store:
        yield name.format(f"{LOOPBACK}:{store.port}")


def ending(store: str) -> Child:
    """Start a proxy with a store, that is expected to end by itself, and wait until it has."""
    child = Child(
        [*PROXY, "run", "--upstream", "http://127.0.0.1:1", "--store", store], {"IFMATCH_LISTEN": "127.0.0.1:0"}
    )
    child.wait()
    return child


@pytest.mark.parametrize(
    ("running", "said"),
    [
        (lambda: server(password="right"), "it denies access (Authentication required.): check user and password"),
        (lambda: server(":wrong@", password="right"), "it denies access (invalid username-password pair"),
        (lambda: server("app:pw@", acl=["user app on >pw ~ifm:* +@all -eval"]), "it denies access ("),
        (lambda: server(policy="allkeys-lru"), "set maxmemory-policy noeviction"),
        (lambda: server(policy="volatile-ttl"), "its maxmemory-policy is volatile-ttl, so it may drop a lock"),
        (replica, "it is a replica, which may be behind; name the primary"),
        (replicated, "it has replicas and takes writes without them; set min-replicas-to-write 1"),
        (sentinel, "it is a sentinel; name it as redis+sentinel://host:port/SERVICE"),
        (cluster, "it is a node of a cluster; name it as redis+cluster://host:port"),
        (lambda: misnamed("redis+cluster://{}"), "it is no node of a cluster (name it as redis://host:port)"),
        (lambda: misnamed("redis+sentinel://{}/service"), "it is no sentinel; name it as redis://host:port"),
        (lambda: misnamed("redis://{}/99"), "it has no such database: check the number in the store's URL"),
    ],
    ids=[
        *("no-password", "wrong-password", "acl", "lru", "ttl", "replica", "replicated", "sentinel", "cluster"),
        *("no-cluster", "no-sentinel", "no-database"),
    ],
)
def test_a_store_that_must_not_be_used(running: Callable[[], AbstractContextManager[str]], said: str) -> None:
    """The proxy does not start on it: exit code 2, and one line that says why and what to do."""
    with running() as store:
        child = ending(store)
    assert child.wait() == 2
    (line,) = child.stderr
    assert line.startswith("ifmatch store redis")
    assert "must not be used: " in line
    assert said in line
    assert "right" not in line
    assert "wrong" not in line


@pytest.mark.parametrize(
    ("store", "said"),
    [
        ("rediss//localhost", "expected memory://"),
        ("postgres://localhost", "expected memory://"),
        ("redis://one,two", "expected one host"),
        ("redis://localhost/zero", "expected the database to be a number"),
        ("redis+sentinel://localhost", "expected the name of a service"),
        ("redis://localhost?trust=5s", "found an unknown parameter"),
        ("rediss://localhost?ca=/nowhere/ca.pem", "/nowhere/ca.pem"),
    ],
)
def test_a_store_that_is_none(store: str, said: str) -> None:
    """What cannot be a store is a mistake of whoever wrote it: exit code 2, and one line that says what is expected."""
    child = ending(store)
    assert child.wait() == 2
    assert len(child.stderr) == 1, child.stderr
    assert said in child.stderr[0]


@contextmanager
def proxy_of(origin: OriginHandle, store: str) -> Iterator[ProxyHandle]:
    """Run a proxy with a short quarantine."""
    route = {
        "path": "/{path...}",
        "timeouts": {"connect": "500ms", "select": "500ms", "perform": "500ms", "settle": "500ms"},
    }
    config = json.dumps({"upstream": origin.url, "store": store, "tag_key": "bad", "routes": [route]})
    with running_proxy(config=config) as proxy:
        yield proxy


def write(proxy: ProxyHandle) -> Heard:
    """Write."""
    return ask(proxy.url, "PUT", PAGE, b"written", If_Match="*", Content_Type="text/plain")


def test_a_store_that_is_not_there_yet() -> None:
    """The proxy starts, answers GETs and refuses writes; when the store appears, writes begin by themselves."""
    with ExitStack() as stack:
        port = stack.enter_context(reserved_port())
        origin = stack.enter_context(running_origin())
        origin.seed(PAGE, b"text")
        proxy = stack.enter_context(proxy_of(origin, f"redis://{LOOPBACK}:{port}"))
        assert ask(proxy.url, "GET", PAGE).fields["etag"]
        refused = write(proxy)
        assert (refused.status, json.loads(refused.content)["type"]) == (503, "urn:ifmatch:problem:store-unavailable")
        stack.enter_context(running_redis(port=port))
        until(lambda: write(proxy).status == 204, "writes begin")
        until(says(proxy, "up"), "that is said")
    assert "ifmatch store cannot be used (unreachable): guarded writes are refused, reads go on" in proxy.stderr
    in_turn(standings(proxy), "down", "quarantined", "up")


def test_a_store_that_turns_out_to_be_unfit() -> None:
    """One that appears later and must not be used is refused for as long as it is so, and said to be so once."""
    with ExitStack() as stack:
        port = stack.enter_context(reserved_port())
        origin = stack.enter_context(running_origin())
        origin.seed(PAGE, b"text")
        proxy = stack.enter_context(proxy_of(origin, f"redis://{LOOPBACK}:{port}"))
        store: RedisHandle = stack.enter_context(running_redis(port=port, policy="allkeys-random"))
        until(says(proxy, "refused"), "it is looked over")
        assert write(proxy).status == 503
        assert ask(proxy.url, "GET", PAGE).status == 200
        store.cli("CONFIG", "SET", "maxmemory-policy", "noeviction")
        until(says(proxy, "quarantined"), "it is looked over again")
    in_turn(standings(proxy), "down", "refused", "quarantined")


def test_vouching_for_what_is_no_store(tmp_path: Path) -> None:
    """`ifmatch vouch` says in a line what keeps it from ending a quarantine, and ends with 2."""
    config = tmp_path / "ifmatch.yaml"
    with running_redis(password="right") as store, reserved_port() as port:
        for url, said_so in [
            (f"redis://{LOOPBACK}:{store.port}", "cannot be used: it denies access"),
            (f"redis://{LOOPBACK}:{port}", "cannot be used: unreachable"),
            ("memory://", "is not shared, and never in quarantine"),
        ]:
            config.write_text(json.dumps({"upstream": "http://127.0.0.1:1", "store": url, "tag_key": "k"}))
            child = Child([*PROXY, "vouch", str(config)])
            assert child.wait() == 2
            assert len(child.stderr) == 1, child.stderr
            assert said_so in child.stderr[0]
