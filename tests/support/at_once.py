"""A workshop in which work is done at once, and written down."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from proxy.core.effort import Effort

T = TypeVar("T")


@dataclass
class AtOnce:
    """Fulfils ports.Workshop. `done` names what came here, in order."""

    done: list[Effort] = field(default_factory=list)

    async def do(self, work: Callable[[bytes], T], content: bytes, effort: Effort) -> T:
        self.done.append(effort)
        return work(content)
