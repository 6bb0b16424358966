"""A resolver for tests: what it says next is written down, and it can be made to take its time."""

import threading
from collections.abc import Sequence

from tests.adapters.upstream.origin import GUARD

Said = Sequence[str] | Exception


class Resolver:
    """Says one after the other, the last one for ever, but nothing while `open` is not set. `asked` are the names."""

    def __init__(self, *said: Said) -> None:
        self.asked: list[str] = []
        self.open = threading.Event()
        self.open.set()
        self._said = list(said)

    def __call__(self, name: str) -> Sequence[str]:
        self.asked.append(name)
        assert self.open.wait(GUARD)
        said = self._said[min(len(self.asked), len(self._said)) - 1]
        if isinstance(said, Exception):
            raise said
        return said
