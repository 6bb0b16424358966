"""Content fed to a digest."""

from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.hashing import PIECE, feed, feed_parts, go_on

LONG = bytes(range(256)) * (PIECE // 256)


@pytest.mark.parametrize(
    ("content", "pauses"), [(b"", 0), (b"a", 0), (LONG, 0), (LONG + b"a", 1), (LONG * 3, 2), (LONG * 3 + b"a", 3)]
)
def test_long_content_is_hashed_in_pieces(content: bytes, pauses: int) -> None:
    """The digest is that of the whole; who waits gets a turn between two pieces, and short content has no second."""
    digest, paused = blake2b(), []
    feed(digest, content, lambda: paused.append(digest.copy().digest()))
    assert digest.digest() == blake2b(content).digest()
    assert paused == [blake2b(content[: PIECE * (number + 1)]).digest() for number in range(pauses)]


@given(st.lists(st.binary(max_size=4), max_size=4), st.lists(st.binary(max_size=4), max_size=4))
def test_other_parts_make_another_digest(some: list[bytes], others: list[bytes]) -> None:
    """Where one part ends and the next begins counts."""
    digests = []
    for parts in (some, others):
        digest = blake2b()
        feed_parts(digest, parts, go_on)
        digests.append(digest.digest())
    assert (digests[0] == digests[1]) == (some == others)


def test_long_parts_are_hashed_as_short_ones_are() -> None:
    """Each behind its length in eight bytes, copied together or not; the long ones in pieces."""
    digest, paused = blake2b(), []
    feed_parts(digest, [b"a", LONG * 2], lambda: paused.append(1))
    lengths = [length.to_bytes(8, "big") for length in (1, len(LONG) * 2)]
    assert digest.digest() == blake2b(lengths[0] + b"a" + lengths[1] + LONG * 2).digest()
    assert paused == [1]
