"""From a store's address to a client of redis-py, told to do nothing on its own.

What lives here: the one place where topologies differ, and the options without which the library would repeat, wait
and reconnect behind our back. What must not: any command of the protocol.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol, TypeVar, cast

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException, RedisError

from proxy.adapters.redis.pipelining import Pipeline
from proxy.core.address import TcpAddress, UnixAddress
from proxy.core.store_address import StoreAddress, Topology

PATIENCE: Final = 0.25
"""Seconds that the store has for an answer, and a connection for coming about."""

FAULTS: Final = (RedisError, RedisClusterException, OSError, TimeoutError)
"""All that a call may end in, if not in an answer. What the library says of a cluster is no RedisError."""

OPENING: Final = 5.0
"""Seconds that a connection has at most for coming about; whoever waits for it has less."""

Value = str | bytes | int | float
Answer = TypeVar("Answer")


class Client(Protocol):
    """The little that is asked of redis-py; its single, Sentinel and Cluster clients have it, and fakeredis too."""

    def evalsha(self, sha: str, numkeys: int, *keys_and_args: Value) -> Awaitable[Any]:
        """Run a script that the server knows. Raised when it does not: NoScriptError."""
        ...

    def eval(self, script: str, numkeys: int, *keys_and_args: Value) -> Awaitable[Any]:
        """Run a script, and make it known."""
        ...

    def info(self, section: str | None = None, **options: Any) -> Awaitable[Mapping[str, Any]]:
        """Return what a server tells about itself."""
        ...

    def pubsub(self) -> PubSub:
        """Return a subscription, not yet connected."""
        ...

    def aclose(self) -> Awaitable[None]:
        """Close every connection."""
        ...


async def within(seconds: float, answer: Awaitable[Answer]) -> Answer:
    """Return what is asked of redis-py. Raised: one of `FAULTS`; when it takes longer TimeoutError.

    Whatever else the library raises is a fault as well, such as AttributeError of a cluster's node that joined since it
    looked. A cancellation is never lost: asyncio.wait_for, which the library uses here and there, swallows one that
    comes at the same time as its result, before Python 3.12.
    """
    async with asyncio.timeout(seconds):
        task = asyncio.current_task()
        before = task.cancelling() if task else 0
        try:
            return await answer
        except FAULTS:
            raise
        except Exception as fault:
            raise RedisError(f"the client failed: {fault!r}") from fault
        finally:
            if task and task.cancelling() > before:
                raise asyncio.CancelledError


def calling(client: Client) -> Callable[..., Awaitable[Any]]:
    """Return how a client is told to run a command: within so many seconds, the command, its words.

    Over one connection for all where it has a pipeline: what a call costs here is then a quarter. Raised: `FAULTS`.
    """
    if isinstance(client, Piped):
        return client.pipelined.call

    def call(seconds: float, command: str, *words: Value) -> Awaitable[Any]:
        return within(seconds, getattr(client, command.lower())(*words))

    return call


class Piped(Redis):
    """A client of one server, whose scripts are called over one connection."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.pipelined = Pipeline(self._connection)

    async def aclose(self, close_connection_pool: bool | None = None) -> None:  # noqa: FBT001 - as in redis-py
        """Close every connection."""
        await self.pipelined.aclose()
        await super().aclose(close_connection_pool)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AbstractConnection]:
        pool = self.connection_pool
        connection = await within(OPENING, pool.get_connection())  # type: ignore[no-untyped-call]  # of redis-py
        try:
            yield connection
        finally:
            await connection.disconnect()
            await pool.release(connection)


class _Followed(Piped):
    """A client of whichever server is primary. Those that the sentinels are asked with are closed with it."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:  # noqa: FBT001 - as in redis-py
        await super().aclose(close_connection_pool)
        await cast("SentinelConnectionPool", self.connection_pool).sentinel_manager.aclose()


def connect(address: StoreAddress) -> Client:
    """Return a client. Nothing is connected yet. Raised when files of TLS cannot be used: OSError, ssl.SSLError."""
    if address.topology is Topology.SENTINEL:
        return _by_sentinel(address)
    if address.topology is Topology.CLUSTER:
        return _cluster(address)
    (node,) = address.nodes
    if isinstance(node, UnixAddress):
        return cast("Client", Piped(unix_socket_path=node.path, db=address.database, **_options(address)))
    return cast("Client", Piped(host=node.host, port=node.port, db=address.database, **_options(address)))


def _by_sentinel(address: StoreAddress) -> Client:
    asking = {
        **_timing(),
        **_tls(address),
        "socket_timeout": PATIENCE,  # so that one that hangs does not keep us from the next
        "username": address.sentinel_username,
        "password": address.sentinel_password,
    }
    sentinel: Any = Sentinel(_hosts(address), sentinel_kwargs=asking, db=address.database, **_options(address))  # type: ignore[no-untyped-call]  # of redis-py
    return cast("Client", sentinel.master_for(address.service or "", redis_class=_Followed))


def _cluster(address: StoreAddress) -> Client:
    nodes = [ClusterNode(host, port) for host, port in _hosts(address)]
    # With more than 0 steps every fifth MOVED closes all connections, whoever uses them.
    return cast("Client", RedisCluster(startup_nodes=nodes, reinitialize_steps=0, **_options(address)))


def _hosts(address: StoreAddress) -> list[tuple[str, int]]:
    return [(node.host, node.port) for node in address.nodes if isinstance(node, TcpAddress)]


def _options(address: StoreAddress) -> dict[str, Any]:
    credentials = {"username": address.username, "password": address.password}
    return {**_timing(), **_tls(address), **credentials}


def _timing() -> dict[str, Any]:
    # Without these a refused connection costs four seconds, and a hung server most of a minute, for each command. How
    # long an answer may take is for `within`: the library's own limit starts a task for each command that is sent.
    return {
        "socket_timeout": None,
        "socket_connect_timeout": PATIENCE,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,  # with 3 come notices by which the library moves connections on its own
        "driver_info": None,  # it would introduce itself on each connection, and need permission to
    }


def _tls(address: StoreAddress) -> dict[str, Any]:
    if not address.tls:
        return {}
    return {
        "ssl": True,
        "ssl_ca_certs": address.ca,
        "ssl_certfile": address.certificate,
        "ssl_keyfile": address.key,
    }
