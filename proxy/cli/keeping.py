"""Where locks and remembered tags are kept: in this process, or in a store that replicas share.

What lives here: the choice. What must not: how either works.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from proxy.adapters.memory import MemoryLock, MemoryState
from proxy.config import Settings
from proxy.metrics import Metrics
from proxy.ports import ResourceLock, StateStore


@dataclass(frozen=True, slots=True)
class Kept:
    """The lock and the memory of a process."""

    lock: ResourceLock
    state: StateStore


@asynccontextmanager
async def keeping(settings: Settings, metrics: Metrics, say: Callable[[str], None]) -> AsyncIterator[Kept]:
    """Keep locks and tags where the settings say. `say` writes a line for people, once for each change of the store.

    Raised when the store answers and must not be used: `errors.ConfigurationError`.
    """
    state = MemoryState(on_change=metrics.out_of_band)
    if not settings.store.shared:
        yield Kept(MemoryLock(state), state)
        return
    from proxy.cli.sharing import sharing

    async with sharing(settings, state, metrics, say) as fleet:
        yield Kept(fleet.lock, fleet.state)
