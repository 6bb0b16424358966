"""What a tag stands for, with all of the content at hand and with none of it."""

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core import state
from proxy.core.canonical import AsSent, Canonical, CanonicalJson
from proxy.core.fields import Fields
from proxy.core.message import Response
from proxy.core.tag_rules import TagRules
from proxy.core.version import FieldVersion, MemberVersion, Version

TEXT, JSON, GZIP = ("Content-Type", "text/plain"), ("Content-Type", "application/json"), ("Content-Encoding", "gzip")
DATED, BROTLI = ("Last-Modified", "x"), ("Content-Encoding", "br")

lines = st.lists(st.sampled_from([TEXT, JSON, GZIP, BROTLI, DATED, ("Content-Language", "de")]), max_size=4)
rules = st.builds(
    TagRules,
    canonical=st.sampled_from([AsSent(), CanonicalJson(), CanonicalJson(("/a",))]),
    version=st.sampled_from([None, FieldVersion("Last-Modified"), MemberVersion("/v")]),
)


@given(lines, rules, st.binary(), st.none() | st.integers(0, 9))
def test_content_need_not_be_there(
    fields: list[tuple[str, str]], by: TagRules, content: bytes, writes: int | None
) -> None:
    """What stands around content, and the content, are the parts of the whole; so is a head that tells the state."""
    head = Response(200, Fields(fields))
    whole = list(state.parts("/a", Response(200, head.fields, content), by, writes))
    around = state.around("/a", head, by, writes)
    if around is not None:
        assert list(chain(around.before, [around.lead + content], around.after)) == whole
    if state.told(head.fields, by):
        assert list(state.parts("/a", head, by, writes)) == whole


@pytest.mark.parametrize(
    ("fields", "canonical", "version", "streams"),
    [
        ([JSON], AsSent(), None, True),
        ([TEXT], CanonicalJson(), None, True),
        ([JSON], CanonicalJson(), None, False),
        ([JSON, BROTLI], CanonicalJson(), None, True),
        ([TEXT, GZIP], AsSent(), None, False),
        ([TEXT], AsSent(), FieldVersion("Last-Modified"), True),
        ([TEXT, DATED], AsSent(), FieldVersion("Last-Modified"), False),
        ([TEXT], AsSent(), MemberVersion("/v"), False),
    ],
)
def test_which_content_may_pass_by(
    fields: list[tuple[str, str]], canonical: Canonical, version: Version | None, *, streams: bool
) -> None:
    """All that counts as it is sent: what is read as JSON, decompressed or searched has to be there at once."""
    around = state.around("/a", Response(200, Fields(fields)), TagRules(canonical, version=version), None)
    assert (around is not None) is streams


def test_a_field_tells_the_state() -> None:
    """Where the rules name one and the head has it."""
    by = TagRules(version=FieldVersion("Last-Modified"))
    assert state.told(Fields([DATED]), by)
    assert not state.told(Fields([("Last-Modified", "")]), by)
    assert not state.told(Fields([TEXT]), by)
    assert not state.told(Fields([DATED]), TagRules())
