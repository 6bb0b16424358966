"""What the rules of a route say of its tags."""

import pytest

from proxy.core.canonical import CanonicalJson
from proxy.core.tag_rules import Aba, TagRules, UpstreamTag
from proxy.core.version import FieldVersion, MemberVersion

OTHERS = (
    TagRules(CanonicalJson()),
    TagRules(CanonicalJson(("/a",))),
    TagRules(upstream=UpstreamTag.REPLACE),
    TagRules(version=MemberVersion("/v")),
    TagRules(version=FieldVersion("v")),
    TagRules(aba=Aba.DETECT),
)


def test_other_rules_have_another_fingerprint() -> None:
    """Replicas with different rules would not know each other's tags."""
    assert len({rules.fingerprint for rules in (TagRules(), *OTHERS)}) == len(OTHERS) + 1


@pytest.mark.parametrize(
    ("rules", "exact"),
    [(TagRules(), True), (TagRules(aba=Aba.DETECT), True), (TagRules(CanonicalJson()), False), (OTHERS[3], False)],
)
def test_only_a_tag_of_all_bytes_allows_ranges(rules: TagRules, exact: bool) -> None:
    """RFC 9110 §8.8.1: a part of what has this tag must be a part of the same bytes."""
    assert rules.exact is exact


@pytest.mark.parametrize("rules", [TagRules(upstream=UpstreamTag.AUTO, version=MemberVersion("/v")), OTHERS[5]])
def test_a_source_of_ones_own_replaces_the_origin_servers_tags(rules: TagRules) -> None:
    """Who says where a tag comes from does not want another."""
    assert (TagRules().keeps, rules.keeps) == (UpstreamTag.AUTO, UpstreamTag.REPLACE)
