"""The promise, with processes: no accepted write is ever lost, and a storm costs the origin server next to nothing."""

from collections import Counter

import pytest

from tests.support.clients import Client, ask, crowd, increments
from tests.support.processes import running_origin, running_proxy

COUNTER = "/counter"
LATENCY = {"delay_before_apply": 0.005}
UNGUARDED = """
upstream: {upstream}
routes:
  - path: /{{path...}}
    guard: "off"
"""


def test_sixteen_clients_lose_nothing() -> None:
    """G1: accepted writes and the counter agree, and every write is answered 2xx or 412."""
    with running_origin() as origin, running_proxy("--upstream", origin.url) as proxy:
        origin.seed(COUNTER, b"0")
        origin.knobs(**{"*": LATENCY})
        tally = crowd(proxy.url, 16, increments(COUNTER, 50))
        assert tally.accepted - int(origin.peek(COUNTER) or b"") == 0
        assert set(tally.statuses) <= {200, 201, 204, 412}
        assert tally.statuses.total() == 16 * 50
        assert tally.statuses[412] > 0


def test_the_same_run_without_the_guard_loses_updates() -> None:
    """The control: with the guard off the counter falls behind, so the test above could have failed."""
    with running_origin() as origin, running_proxy(config=UNGUARDED.format(upstream=origin.url)) as proxy:
        origin.seed(COUNTER, b"0")
        origin.knobs(**{"*": LATENCY})
        tally = crowd(proxy.url, 16, increments(COUNTER, 50))
        assert tally.accepted - int(origin.peek(COUNTER) or b"") > 0


@pytest.mark.parametrize("writers", [20, 200])
def test_of_many_writers_with_one_tag_one_wins(writers: int) -> None:
    """G1, I2: one 2xx, the others 412; the origin server sees one write and the same few GETs however many write."""
    with running_origin() as origin, running_proxy("--upstream", origin.url) as proxy:
        origin.seed(COUNTER, b"start")
        tag = ask(proxy.url, "GET", COUNTER).fields["etag"]
        origin.reset()
        origin.seed(COUNTER, b"start")
        origin.knobs(**{"*": LATENCY})

        def act(client: Client, number: int) -> Counter[int]:
            heard = client.ask("PUT", COUNTER, f"by {number}".encode(), If_Match=tag)
            return Counter([heard.status])

        tally = crowd(proxy.url, writers, act)
        assert (tally.accepted, tally.statuses[412]) == (1, writers - 1)
        assert len(origin.writes(COUNTER)) == 1
        assert len(origin.log("PUT")) == 1
        assert len(origin.log("GET")) <= 6


def test_each_of_many_resources_has_its_own_winner() -> None:
    """Writers of different resources do not stand in each other's way, nor share a verdict."""
    with running_origin() as origin, running_proxy("--upstream", origin.url) as proxy:
        paths = [f"/page/{number}" for number in range(10)]
        for path in paths:
            origin.seed(path, b"start")

        def act(client: Client, number: int) -> Counter[int]:
            path = paths[number % len(paths)]
            tag = client.ask("GET", path).fields["etag"]
            return Counter([client.ask("PUT", path, f"by {number}".encode(), If_Match=tag).status])

        tally = crowd(proxy.url, 40, act)
        assert tally.accepted == len(origin.writes())
        assert all(origin.writes(path) for path in paths)
        assert set(tally.statuses) <= {200, 204, 412}
