"""A pause in long work."""

import resource
import threading
from concurrent.futures import ThreadPoolExecutor

from proxy.adapters.workshop.pause import pause


def slept() -> int:
    """Return how often this thread left its core to wait, by a pause."""
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
    pause()
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw - before


def test_a_thread_leaves_its_core() -> None:
    """It does not merely offer the core, which the kernel takes for no more than a hint."""
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(slept).result() > 0


def test_whoever_serves_does_not_wait() -> None:
    """The event loop runs in the main thread; what is hashed there delays all, a pause would still more."""
    assert threading.current_thread() is threading.main_thread()
    assert slept() == 0
