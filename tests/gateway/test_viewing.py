"""What a reader is shown."""

from dataclasses import replace

import pytest

from proxy.core.route import Query, Route
from proxy.core.template import Template
from proxy.gateway.viewing import Viewing
from tests.support.scripted import TEXT, Canned, Rig, answering, request
from tests.support.world import SilentJournal

ROUTE = Route("wiki", Template.parse("/wiki/{id}"), query=Query.VIEW)


@pytest.mark.parametrize(
    ("route", "path", "asked"),
    [
        (ROUTE, "/wiki/1", ["/wiki/1"]),
        (ROUTE, "/wiki/1?x", ["/wiki/1", "/wiki/1?x"]),
        (replace(ROUTE, query=Query.IDENTITY), "/wiki/1?x", ["/wiki/1?x"]),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_what_is_asked_for_a_reader(route: Route, path: str, asked: list[str], method: str) -> None:
    """The resource alone, or first the resource and then the view of it; the content is there where it is small."""
    rig = Rig(answering(Canned(200, b"page", TEXT)), route)
    reading = request(method, path)
    match = rig.gateway.identify(reading).match
    assert match is not None
    selection = await Viewing.select_to_show(rig.gateway, reading, match, SilentJournal())
    assert [sent.request.target.raw for sent in rig.upstream.selects()] == asked
    assert selection.selected.response.content == b"page"
    assert selection.validator is not None
