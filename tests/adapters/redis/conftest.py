"""One redis-server for all tests of a file that do it no harm, one cluster for all; empty when a test begins."""

from collections.abc import Iterator

import pytest

from proxy.adapters.redis import connecting, inspecting, store
from tests.adapters.redis.members import GUARD
from tests.support.redis_cluster import Cluster
from tests.support.redis_server import RedisHandle
from tests.support.stores import running_cluster, running_redis


@pytest.fixture(scope="module")
def lasting_server() -> Iterator[RedisHandle]:
    """A server, with what the last test left in it."""
    with running_redis() as handle:
        yield handle


@pytest.fixture
def server(lasting_server: RedisHandle) -> RedisHandle:
    """An empty server."""
    lasting_server.flush()
    return lasting_server


@pytest.fixture(scope="session")
def lasting_cluster() -> Iterator[Cluster]:
    """Three nodes, with what the last test left in them."""
    with running_cluster() as nodes:
        yield nodes


@pytest.fixture
def cluster(lasting_cluster: Cluster) -> Cluster:
    """A cluster, empty and as it was set up."""
    for node in lasting_cluster.nodes:
        node.flush()
        node.cli("CONFIG", "SET", "maxmemory-policy", "noeviction")
    return lasting_cluster


@pytest.fixture
def hasty() -> None:
    """Give the store the time that it has in earnest."""


@pytest.fixture(autouse=True)
def _patient(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the store all the time it wants, so that a busy machine is no fault of it; unless a test is `hasty`."""
    if "hasty" in request.fixturenames:
        return
    for room in (connecting, store):
        monkeypatch.setattr(room, "PATIENCE", GUARD)
    monkeypatch.setattr(inspecting, "LOOK", GUARD)
