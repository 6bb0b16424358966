"""A pause in long work of a thread, for whoever waits for its core.

What lives here: how to let others go first. What must not: when.
"""

import threading
import time
from typing import Final

MOMENT: Final = 1e-6
"""Seconds to sleep: as short as can be, which is some 60 µs. To offer the core without sleeping is not to leave it."""


def pause() -> None:
    """Sleep for a moment; not in the main thread, where the event loop runs, as all others would wait for it."""
    if threading.current_thread() is not threading.main_thread():
        time.sleep(MOMENT)
