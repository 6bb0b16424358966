"""What idle connections weigh, and that weight is seen where there is some."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.crowd import Weight, children, crowd, mute, once, weight
from bench.line import Line, WrongAnswer, connected
from tests.support.processes import OriginHandle, running_origin, running_proxy

COUNT = 300
BOUND = 20_000
"""Bytes of each connection; far more than one has that only waits."""


def half_a_write(line: Line, number: int) -> None:
    """Send as much of a PUT as will be kept in memory until the rest comes."""
    head = f"PUT /documents/{number} HTTP/1.1\r\nHost: bench\r\nContent-Length: 50001\r\n\r\n"
    line.send(head.encode() + bytes(50_000))


def seeded(origin: OriginHandle) -> None:
    """Have all that is asked for."""
    for number in range(COUNT):
        origin.seed(f"/documents/{number}", b"{}", "application/json")


@pytest.mark.parametrize(("say", "light"), [(mute, True), (once, True), (half_a_write, False)])
def test_who_waits_weighs_little(say: Callable[[Line, int], None], light: bool) -> None:
    """Neither one that never asked nor one that was answered takes 20 KB; one whose content is awaited takes more."""
    with running_origin() as origin:
        seeded(origin)
        with running_proxy("--upstream", origin.url) as proxy, crowd(proxy.url, proxy.child.pid, COUNT, say) as found:
            assert found.count == COUNT
            assert (found.each.resident < BOUND) is light
            assert 0 < found.before.share <= found.before.resident


def test_an_answer_without_a_tag_is_not_measured() -> None:
    """What was not answered by a guarded route would say nothing about one."""
    with running_origin() as origin, connected(origin.url) as line, pytest.raises(WrongAnswer, match="without a tag"):
        once(line, 1)


def test_weight_is_read_from_the_kernel(tmp_path: Path) -> None:
    """In bytes, of the one process."""
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "smaps_rollup").write_text("55d0-7ff ---p 00000000 00:00 0 [rollup]\nRss: 12 kB\nPss: 3 kB\n")
    assert weight(7, tmp_path) == Weight(12_288, 3_072)


def test_whose_children_are_whose() -> None:
    """A process that has started none has none."""
    with running_origin() as origin:
        assert children(origin.child.pid) == []
