"""Content fed to a digest: in pieces where it is long, so that whoever hashes can let others go first in between.

What lives here: how much at a time, and how parts are kept apart. What must not: which digest, and how to wait.
"""

from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Final

PIECE: Final = 128 * 1024
"""Bytes that are hashed without a pause, in about 0.1 ms."""
_JOINED: Final = 16 * 1024
"""Bytes up to which copying is cheaper than calling once more."""

Pause = Callable[[], object]


def feed(digest: blake2b, content: bytes, pause: Pause) -> None:
    """Hash content, and pause between one piece and the next."""
    if len(content) <= PIECE:
        digest.update(content)
        return
    view = memoryview(content)
    digest.update(view[:PIECE])
    for start in range(PIECE, len(content), PIECE):
        pause()
        digest.update(view[start : start + PIECE])


def feed_parts(digest: blake2b, parts: Iterable[bytes], pause: Pause) -> None:
    """Hash parts so that no other parts make the same digest."""
    spelled: list[bytes] = []
    for part in parts:
        spelled.append(len(part).to_bytes(8, "big"))  # without lengths, "ab" + "c" would equal "a" + "bc"
        spelled.append(part)
    for each in (b"".join(spelled),) if sum(map(len, spelled)) <= _JOINED else spelled:
        feed(digest, each, pause)


def go_on() -> None:
    """Do not wait: the pause of who keeps nobody waiting."""
