"""The storm is one, and what the origin server hears of it is counted."""

import pytest

from bench.storm import Storm, rage
from tests.support.processes import running_origin, running_proxy


@pytest.mark.parametrize(("current", "accepted"), [(True, 1), (False, 0)])
def test_a_storm(current: bool, accepted: int) -> None:
    """All are answered, one wins where the tag is current, and the count has what the winner needs and no storm."""
    with running_origin() as origin, running_proxy("--upstream", origin.url) as proxy:
        storm = rage(origin, proxy.url, 40, current=current)
        assert storm.statuses == {status: count for status, count in ((204, accepted), (412, 40 - accepted)) if count}
        assert 2 * accepted <= storm.asked <= 6


def test_each_is_counted_where_nobody_guards() -> None:
    """The control: straight to the origin server, there are as many requests as writers."""
    with running_origin() as origin:
        origin.knobs(etag="strong")
        assert rage(origin, origin.url, 30, current=True) == Storm({204: 30}, 30)
