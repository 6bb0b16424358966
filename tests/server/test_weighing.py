"""How much of a request an idle connection holds."""

import pytest

from proxy.server.incoming import Identity, remembering
from proxy.server.weighing import heavy


@pytest.mark.parametrize(
    ("lines", "size", "too_much"),
    [(0, 0, False), (30, 100, False), (100, 50, False), (100, 200, True), (1, 8_190, False), (5, 8_190, True)],
)
def test_many_lines_and_long_ones_weigh(lines: int, size: int, too_much: bool) -> None:
    """A browser's head is light, with a long cookie too; many lines of some length, or a few of great, are not."""
    assert heavy([(b"X-Name", bytes(size))] * lines) is too_much


@pytest.mark.parametrize(("size", "again"), [(100, True), (2_000, False)])
def test_what_weighs_is_not_remembered(size: int, again: bool) -> None:
    """A head like the one before is known again, unless it is so large that remembering some would fill the memory."""
    incomings = remembering(Identity("ifmatch", lambda _peer: False))
    first, second = (incomings(((b"X-Name", bytes(size)),) * 30, (1, 1), None, "http") for _ in range(2))
    assert (first is second) is again
    assert first.fields.lines == second.fields.lines
