"""Lock and state of a single process (`store: memory://`): nothing is shared with other replicas."""

from proxy.adapters.memory.lock import MemoryLock
from proxy.adapters.memory.state import MemoryState

__all__ = ["MemoryLock", "MemoryState"]
