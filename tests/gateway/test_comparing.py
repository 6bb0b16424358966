"""Which state a write is compared with: what its own fields select, or the variant that its tag names."""

import pytest

from proxy.core.fields import Fields
from proxy.core.message import Response
from proxy.core.moment import SOMETIME
from proxy.core.preconditions import Preconditions
from proxy.core.representation import Representation, classify
from proxy.core.variant import Variant
from proxy.gateway.exchange import Selection, matched
from proxy.ports import Remembered
from tests.support.scripted import Canned, Rig, answering, request

JSON, XML = "application/json", "application/xml"
RIG = Rig(answering(Canned()))
MATCH = matched(RIG.gateway.identify(request("PUT", "/wiki/1")))
ASKED = request("GET", "/wiki/1")


def head(media_type: str, status: int = 200) -> Response:
    """Return an answer of which there are others."""
    return Response(status, Fields([("Content-Type", media_type), ("Vary", "Accept")]), b"{}")


def shown(media_type: str) -> Selection:
    """Return a selection of a representation."""
    validator = RIG.minter.mint(MATCH.tag_key, head(media_type), RIG.route.rules)
    selected = Representation(head(media_type))
    return Selection(selected, validator, None, ASKED, ASKED, SOMETIME, revalidated=True)


def unshown(status: int) -> Selection:
    """Return one that shows no state."""
    selected = classify(head(JSON, status), whole=True)
    return Selection(selected, None, None, ASKED, ASKED, SOMETIME, revalidated=True)


def naming(media_type: str) -> Preconditions:
    """Return the condition of a writer who has read that."""
    validator = shown(media_type).validator
    assert validator is not None
    return Preconditions.parse(Fields([("If-Match", str(validator.tag))]))


@pytest.mark.parametrize(
    ("seen", "read", "other"),
    [
        (shown(JSON), JSON, None),
        (shown(JSON), XML, Variant(XML)),
        (unshown(406), XML, Variant(XML)),
        (unshown(403), XML, None),
        (Remembered(shown(JSON).validator, SOMETIME), JSON, None),
        (Remembered(shown(JSON).validator, SOMETIME), XML, Variant(XML)),
        (Remembered(None, SOMETIME), XML, None),
    ],
    ids=["same", "other", "not acceptable", "forbidden", "remembered", "remembered other", "remembered absence"],
)
def test_another_variant_is_compared_with(seen: Selection | Remembered, read: str, other: Variant | None) -> None:
    """Where a tag names another than was seen; nothing but 406 has one asked for that does not show a state."""
    assert RIG.gateway.elsewhere(MATCH, naming(read), seen) == other


def test_a_tag_of_no_variant_names_none() -> None:
    """Nor does a wildcard."""
    for line in ("*", '"somebody else\'s"'.replace(" ", "-")):
        conditions = Preconditions.parse(Fields([("If-Match", line)]))
        assert RIG.gateway.elsewhere(MATCH, conditions, shown(JSON)) is None
