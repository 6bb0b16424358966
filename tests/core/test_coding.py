"""What content is without its coding."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core import coding
from proxy.core.coding import MEMBERS, RATIO, codings, decoded, removable
from proxy.core.fields import Fields

GZIP = Fields([("Content-Encoding", "gzip")])
DEFLATE = Fields([("Content-Encoding", "deflate")])
TEXT = b"some text, some more text"
ZIPPED = gzip.compress(TEXT, mtime=0)


def coded(*values: str) -> Fields:
    """Return the fields of an answer with these codings."""
    return Fields(("Content-Encoding", value) for value in values)


@pytest.mark.parametrize(
    ("fields", "named", "can"),
    [
        (coded(), "", False),
        (coded("identity"), "", False),
        (coded("GZip"), "gzip", True),
        (coded("x-gzip"), "x-gzip", True),
        (coded("deflate, identity"), "deflate", True),
        (coded("gzip", "br"), "gzip,br", False),
        (coded("gzip, gzip"), "gzip,gzip", False),
        (coded("br"), "br", False),
        (coded("zstd"), "zstd", False),
    ],
)
def test_which_codings_there_are(fields: Fields, named: str, can: bool) -> None:
    """Names ignore case, lines are one list; one of those that zlib knows can be taken off."""
    assert (codings(fields), removable(fields)) == (named, can)
    assert can or decoded(TEXT, fields) is None


@given(st.binary(max_size=200), st.integers(0, 9), st.integers(0, 2**31))
def test_what_is_inside_is_what_was_put_in(content: bytes, level: int, stamp: int) -> None:
    """However well it was compressed, and whenever."""
    assert decoded(gzip.compress(content, level, mtime=stamp), GZIP) == content
    assert decoded(zlib.compress(content, level), DEFLATE) == content


def test_members_follow_each_other() -> None:
    """RFC 1952 §2.2."""
    assert decoded(gzip.compress(b"a") + gzip.compress(b"b"), GZIP) == b"ab"
    assert decoded(gzip.compress(b"a") * MEMBERS, GZIP) == b"a" * MEMBERS


def test_a_file_of_very_many_members_is_not_looked_into() -> None:
    """Each would take as long as all that follows it is large."""
    assert decoded(gzip.compress(b"") * (MEMBERS + 1), GZIP) is None


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        (ZIPPED[:-1], GZIP),
        (ZIPPED[:8], GZIP),
        (ZIPPED + b"x", GZIP),
        (ZIPPED[:-5] + b"12345", GZIP),
        (TEXT, GZIP),
        (zlib.compress(TEXT)[2:-4], DEFLATE),
        (ZIPPED, DEFLATE),
    ],
)
def test_what_is_not_sound_is_not_looked_into(content: bytes, fields: Fields) -> None:
    """Nobody could say what it means."""
    assert decoded(content, fields) is None


def test_a_bomb_does_not_go_off() -> None:
    """Neither by its ratio nor by its size; and no more is unpacked than may be."""
    bomb = gzip.compress(bytes(10_000_000))
    assert len(bomb) * RATIO < 10_000_000
    assert decoded(bomb, GZIP) is None
    assert decoded(bomb * 3, GZIP) is None


def test_content_may_be_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to a size it is looked into, and not beyond."""
    monkeypatch.setattr(coding, "LARGEST", 100)
    assert decoded(gzip.compress(bytes(range(100))), GZIP) == bytes(range(100))
    assert decoded(gzip.compress(bytes(range(101))), GZIP) is None
    assert decoded(gzip.compress(bytes(range(60))) * 2, GZIP) is None
