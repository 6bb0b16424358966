"""The real stores that a fault test runs against: one redis-server, two and a sentinel, a cluster.

What lives here: starting and ending them, each on free loopback ports with a folder of its own. What a test does to
them is in `tests.support.redis_server`, `redis_sentinel` and `redis_cluster`. Every handle can be used from any thread.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.clocks import faked_clock
from tests.support.ports import reserved_port
from tests.support.redis_cluster import Cluster
from tests.support.redis_sentinel import SentinelHandle, Watched, sentinel_settings
from tests.support.redis_server import RedisHandle, ending
from tests.support.redis_settings import Settings


@contextmanager
def running_redis(
    *,
    port: int | None = None,
    password: str | None = None,
    acl: Sequence[str] = (),
    policy: str = "noeviction",
    appendonly: bool = False,
    unix: bool = False,
    tls: bool = False,
    replica_of: RedisHandle | None = None,
    min_replicas: int = 0,
    cluster: bool = False,
    clock: bool = False,
    extra: Sequence[str] = (),
) -> Iterator[RedisHandle]:
    """Run a redis-server.

    `acl` are lines of redis.conf that begin with `user`, `extra` are any others. With `unix` the URL is that of a
    socket, with `tls` there is no port without. A replica is one of `replica_of`; `min_replicas` is what a write needs.
    A `cluster` node has no slots yet. With `clock` it has a wall clock of its own, that `jump` moves. Raised when it
    does not start, or ends by itself: `ChildFailed`.
    """
    with ExitStack() as stack:
        settings = Settings(
            password=password,
            acl=tuple(acl),
            policy=policy,
            appendonly=appendonly,
            unix=unix,
            tls=tls,
            replica_of=None if replica_of is None else replica_of.port,
            min_replicas=min_replicas,
            bus_port=stack.enter_context(reserved_port()) if cluster else None,
            extra=tuple(extra),
        )
        place = stack.enter_context(reserved_port()) if port is None else port
        wall = stack.enter_context(faked_clock()) if clock else None
        handle = RedisHandle(_folder(stack), place, settings, wall)
        stack.enter_context(ending(handle))
        yield handle


@contextmanager
def running_sentinel(
    name: str = "ifmatch",
    *,
    min_replicas: int = 0,
    password: str | None = None,
    down_after: float = 1.0,
    failover_timeout: float = 3.0,
    extra: Sequence[str] = (),
) -> Iterator[Watched]:
    """Run a master, a replica and a sentinel that watches them under that name; times in seconds.

    `min_replicas` is what a write needs on either, `extra` are lines of redis.conf of both.
    """
    with ExitStack() as stack:
        alike = partial(running_redis, min_replicas=min_replicas, password=password, extra=extra)
        master = stack.enter_context(alike())
        replica = stack.enter_context(alike(replica_of=master))
        settings = sentinel_settings(name, master, down_after, failover_timeout)
        sentinel = SentinelHandle(_folder(stack), stack.enter_context(reserved_port()), settings)
        stack.enter_context(ending(sentinel))
        yield Watched(name, sentinel, (master, replica))


@contextmanager
def running_cluster(
    nodes: int = 3,
    *,
    password: str | None = None,
    node_timeout: float = 1.0,
    extra: Sequence[str] = (),
) -> Iterator[Cluster]:
    """Run that many masters without replicas that share all slots.

    A node that does not answer for `node_timeout` seconds is lost to the others, and the cluster with it unless `extra`
    says `cluster-require-full-coverage no`.
    """
    with ExitStack() as stack:
        lines = (f"cluster-node-timeout {node_timeout * 1000:.0f}", *extra)
        started = [
            stack.enter_context(running_redis(cluster=True, password=password, extra=lines)) for _ in range(nodes)
        ]
        cluster = Cluster(started)
        cluster.form()
        yield cluster


def _folder(stack: ExitStack) -> Path:
    return Path(stack.enter_context(TemporaryDirectory(prefix="ifmatch-")))
