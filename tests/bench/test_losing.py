"""The count of lost updates catches who compares nothing, and who compares without keeping others out."""

import pytest

from bench.losing import Losses, agrees, contend, counted
from tests.support.processes import running_origin, running_proxy
from tests.support.resources import Write

UNGUARDED = """
upstream: {upstream}
routes:
  - path: /{{path...}}
    guard: "off"
"""


def write(before: str, after: str) -> Write:
    """Return a line of the log."""
    return Write(1, "PUT", "/counter", before, after, "", None, 0.0)


@pytest.mark.parametrize(
    ("statuses", "kept", "losses"),
    [
        ({204: 5, 412: 7}, 5, Losses(5, 7, 0, 0)),
        ({204: 5, 412: 7, 502: 1}, 3, Losses(5, 7, 1, 2)),
        ({200: 2, 201: 1}, 1, Losses(3, 0, 0, 2)),
        ({412: 2}, 0, Losses(0, 2, 0, 0)),
    ],
)
def test_what_is_lost(statuses: dict[int, int], kept: int, losses: Losses) -> None:
    """Accepted and not there; what was refused or failed is none of that."""
    assert counted(statuses, kept) == losses


@pytest.mark.parametrize(
    ("writes", "kept", "agreed"),
    [
        ([], 0, True),
        ([], 1, False),
        ([write("0", "1"), write("1", "1")], 1, True),
        ([write("0", "1"), write("1", "1")], 2, False),
        ([write("0", "1"), write("0", "1")], 1, False),
    ],
)
def test_a_log_that_contradicts_itself(writes: list[Write], kept: int, agreed: bool) -> None:
    """The count is void where the log is."""
    assert agrees(writes, kept) is agreed


def test_a_proxy_that_compares_nothing_is_caught() -> None:
    """The control: everything is accepted, and most of it lost."""
    with running_origin() as origin, running_proxy(config=UNGUARDED.format(upstream=origin.url)) as proxy:
        losses = contend(origin, proxy.url, rounds=5)
    assert (losses.accepted, losses.refused, losses.failed) == (80, 0, 0)
    assert losses.lost > 0


def test_ifmatch_loses_nothing() -> None:
    """In the same contest."""
    with running_origin() as origin, running_proxy("--upstream", origin.url) as proxy:
        losses = contend(origin, proxy.url, rounds=5)
    assert losses.lost == losses.failed == 0
    assert losses.accepted + losses.refused == 80
    assert losses.refused > 0
