"""The name by which a request is known across systems."""

import pytest

from proxy.core.correlation import sent
from proxy.core.fields import Fields

UUID = "0d1cf0c5-3f0e-4e7b-9d59-0a6b6c1f6b0e"


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        ([], None),
        ([("X-Correlation-Id", UUID)], UUID),
        ([("x-request-id", f"{UUID}#12")], f"{UUID}#12"),
        ([("X-Request-Id", "a"), ("X-Correlation-Id", "b")], "b"),
        ([("X-Request-Id", "a"), ("X-Correlation-Id", "no good")], "a"),
        ([("X-Request-Id", "a"), ("X-Request-Id", "a")], None),
        ([("X-Request-Id", "")], None),
        ([("X-Request-Id", "a" * 128)], "a" * 128),
        ([("X-Request-Id", "a" * 129)], None),
        ([("X-Request-Id", '","forged":"')], None),
        ([("X-Request-Id", "<b>")], None),
        ([("X-Request-Id", "{detail}")], None),
        ([("X-Request-Id", "\u00e9")], None),
        ([("Traceparent", "00-1-1-01")], None),
    ],
)
def test_a_sound_name_is_taken(lines: list[tuple[str, str]], name: str | None) -> None:
    """One line, short, of characters that mean nothing to a log or a page; X-Correlation-Id goes first."""
    assert sent(Fields(lines)) == name
