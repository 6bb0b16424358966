"""Work on content that takes long, done beside the requests that need none of it."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from proxy.core.effort import Effort

T = TypeVar("T")


class Workshop(Protocol):
    """Where work is done that would keep every other request waiting.

    Work is a pure function of content. What reads it (`Effort.INTERPRETED`) may be done in another process, so it is
    made of what can be pickled: a function of a module, or a `functools.partial` of one with plain values. What hashes
    it (`Effort.COMPILED`) is done in this process, so it may go on with a digest.
    """

    async def do(self, work: Callable[[bytes], T], content: bytes, effort: Effort) -> T:
        """Return what `work` makes of the content; others are served meanwhile.

        Raised: what the work raises; when whoever did it died of it, twice: `errors.Failure`. When the caller is
        cancelled, work that was not begun is never begun, and nobody waits for what was.
        """
        ...
