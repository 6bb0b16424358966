"""What an answer to a selection shows."""

import pytest

from proxy.core.fields import Fields
from proxy.core.message import Response
from proxy.core.representation import Absent, Opacity, Opaque, Representation, classify, comparable, media_type

TEXT = Fields([("Content-Type", "text/plain")])
EVENTS = Fields([("Content-Type", "Text/Event-Stream; charset=utf-8")])


@pytest.mark.parametrize(
    ("status", "why", "relayed"),
    [
        (201, Opacity.PARTIAL, False),
        (204, Opacity.PARTIAL, False),
        (206, Opacity.PARTIAL, False),
        (303, Opacity.PARTIAL, False),
        (304, Opacity.PARTIAL, False),
        (300, Opacity.REDIRECTED, True),
        (302, Opacity.REDIRECTED, True),
        (401, Opacity.REFUSED, True),
        (403, Opacity.REFUSED, True),
        (405, Opacity.UNSELECTABLE, False),
        (418, Opacity.REFUSED, True),
        (500, Opacity.FAILED, False),
        (501, Opacity.UNSELECTABLE, False),
        (599, Opacity.FAILED, False),
        (999, Opacity.FAILED, False),
    ],
)
def test_only_200_404_and_410_show_a_state(status: int, why: Opacity, relayed: bool) -> None:
    """Every other status is opaque, for a named reason that says whether it is relayed."""
    shown = classify(Response(status, TEXT), whole=True)
    assert isinstance(shown, Opaque)
    assert shown.why is why
    assert shown.why.relayed == relayed


@pytest.mark.parametrize("status", [404, 410])
def test_absence(status: int) -> None:
    """404 and 410 say that there is no current representation."""
    assert isinstance(classify(Response(status, TEXT), whole=False), Absent)


def test_a_whole_200_is_a_representation() -> None:
    """A part of one is not: its tag would name what nobody has seen."""
    assert isinstance(classify(Response(200, TEXT, b"x"), whole=True), Representation)
    cut = classify(Response(200, TEXT, b"x"), whole=False)
    assert isinstance(cut, Opaque)
    assert cut.why is Opacity.TOO_LARGE


def test_an_event_stream_is_never_read_to_its_end() -> None:
    """It has none, so the head alone says that it shows no state."""
    assert not comparable(200, EVENTS)
    assert comparable(200, TEXT)
    shown = classify(Response(200, EVENTS), whole=False)
    assert isinstance(shown, Opaque)
    assert shown.why is Opacity.STREAM


@pytest.mark.parametrize(
    ("value", "expected"),
    [("text/plain", "text/plain"), (" Application/JSON ; charset=utf-8", "application/json"), ("", "")],
)
def test_media_type(value: str, expected: str) -> None:
    """Case and parameters do not count."""
    assert media_type(Fields([("content-type", value)])) == expected
    assert media_type(Fields()) == ""
