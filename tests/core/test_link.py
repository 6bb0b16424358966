"""Which references lead to a resource of this origin."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.link import authorities, follow
from proxy.core.target import parse

BASE = parse("/wiki/1?x=y", "h")
OWN = authorities(["h:8080", None, "no authority"])


@pytest.mark.parametrize(
    ("reference", "raw"),
    [
        ("/wiki/2", "/wiki/2"),
        ("/wiki/2?a=b", "/wiki/2?a=b"),
        ("2", "/wiki/2"),
        ("./2", "/wiki/2"),
        ("../orders/%37", "/orders/%37"),
        ("?a=b", "/wiki/1?a=b"),
        ("http://h:8080/wiki/2", "/wiki/2"),
        ("https://H:8080", "/"),
        ("//h:8080/wiki/2", "/wiki/2"),
    ],
)
def test_a_reference_of_ours_leads_to_its_target(reference: str, raw: str) -> None:
    """Relative to where it stands, or with the authority that the client addressed."""
    found = follow(reference, BASE, OWN)
    assert found is not None
    assert found.raw == raw


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "http://h/wiki/2",
        "http://other:8080/wiki/2",
        "//other/wiki/2",
        "ftp://h:8080/wiki/2",
        "mailto:a@b",
        "/wiki/{id}",
        "/wiki/2#part",
        "/wiki/a b",
        "/wiki/%2f",
        "http://[/",
    ],
)
def test_other_references_lead_nowhere(reference: str) -> None:
    """To another origin, to a part, to many resources, or to none that would be let in."""
    assert follow(reference, BASE, OWN) is None


@given(st.text() | st.from_regex(r"[a-z/:.?%\[\]@]*", fullmatch=True))
def test_no_reference_raises(reference: str) -> None:
    """What an origin server writes into a link is never a fault of ours; where it leads is a target."""
    found = follow(reference, BASE, OWN)
    assert found is None or parse(found.raw, None) == found
