"""The event loop of a process that serves: uvloop where it is installed, asyncio's own elsewhere.

What lives here: which loop runs, and when the garbage collector does. What must not: what is run.
"""

import asyncio
import gc
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from proxy.cli.trimming import give_back

MAKE_LOOP: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
try:
    import uvloop
except ImportError:
    pass  # the extra `fast` is not installed, or there is none for this system
else:
    MAKE_LOOP = uvloop.new_event_loop

T = TypeVar("T")

YOUNG: Final = 10_000
"""Objects made, and not yet let go of, before the collector looks for cycles among them (CPython's own: 700).

A request makes some hundred and leaves no cycle behind; with the default the collector ran every few requests.
"""


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in an event loop of its own, as `asyncio.run` does."""
    with asyncio.Runner(loop_factory=MAKE_LOOP) as runner:
        return runner.run(main)


def settle_down() -> None:
    """Take what there is now for permanent, so that the collector never looks at it again, and let it look less often.

    What is free goes back to the system. Called once, when all that a process needs to serve is made.
    """
    gc.collect()
    give_back()
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
