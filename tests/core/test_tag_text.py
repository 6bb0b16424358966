"""A minted tag is put together and taken apart again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core import tag_text
from proxy.core.entity_tag import EntityTag
from proxy.core.tag_text import DIGEST_SIZE, MARK_SIZE, Parts

marks = st.binary(min_size=MARK_SIZE, max_size=MARK_SIZE)
variants = st.from_regex(r"[a-z/+@-]{0,20}", fullmatch=True)


@given(st.binary(min_size=DIGEST_SIZE, max_size=DIGEST_SIZE), marks, marks, variants)
def test_what_was_spelled_is_read(digest: bytes, general: bytes, particular: bytes, variant: str) -> None:
    """Every part of a tag comes back as it went in, and a weak spelling or a view of it names the same."""
    tag = tag_text.spelled(digest, general, particular, variant)
    parts = Parts(digest + variant.encode(), general, particular, variant)
    assert tag_text.read(tag) == parts
    assert tag_text.read(EntityTag(tag.opaque, weak=True)) == parts
    assert tag_text.read(EntityTag(f"{tag.opaque}?shown")) == parts


@pytest.mark.parametrize("opaque", ["", "a" * 31, "a" * 33, "a" * 32 + ".", "a" * 32 + "x", "*" * 32, "a" * 31 + ".x"])
def test_what_nobody_here_spelled(opaque: str) -> None:
    """Another length, alphabet or end is no tag of ours."""
    assert tag_text.read(EntityTag(opaque)) is None
