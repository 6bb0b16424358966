"""Giving memory back to the system that only the start has needed.

What lives here: the one call for that which the standard library has no word for. What must not: when it is made.
"""

import ctypes
from contextlib import suppress


def give_back() -> None:
    """Return free memory to the system where its allocator can (glibc): about 13 MB, most of it files of code read.

    Without that it stays with the process, in holes between what lives on.
    """
    with suppress(AttributeError):  # musl, macOS
        ctypes.CDLL(None).malloc_trim(0)
