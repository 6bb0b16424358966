"""Where locks and tags are kept, by the settings."""

from proxy.adapters.memory import MemoryLock, MemoryState
from proxy.adapters.redis import RedisLock, RedisState
from proxy.cli.keeping import keeping
from proxy.config import Settings, load
from proxy.metrics import Metrics
from tests.support.stores import running_redis


def settings(**flags: str) -> Settings:
    """Return settings without a file."""
    return load(None, flags={"upstream": "http://127.0.0.1:1", **flags}, environ={})


async def test_memory_keeps_both_here() -> None:
    """`memory://` needs no store, and says nothing."""
    said: list[str] = []
    async with keeping(settings(), Metrics(), said.append) as kept:
        assert isinstance(kept.lock, MemoryLock)
        assert isinstance(kept.state, MemoryState)
    assert said == []


async def test_a_shared_store_keeps_both() -> None:
    """A Redis URL puts lock and memory there; its standing reaches people and metrics."""
    said: list[str] = []
    metrics = Metrics()
    with running_redis() as redis:
        async with keeping(settings(store=redis.url), metrics, said.append) as kept:
            assert isinstance(kept.lock, RedisLock)
            assert isinstance(kept.state, RedisState)
        assert [line.partition(":")[0] for line in said] == ["store is new, was restarted or replaced"]
        counted = metrics.exposition().decode()
    assert "ifmatch_store_available 1.0" in counted
    assert "ifmatch_store_quarantines_total 1.0" in counted
