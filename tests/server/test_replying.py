"""The gateway's answer as a response to one client."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from proxy.core.cors import AllowedOrigins, Sharing
from proxy.core.fields import Fields
from proxy.core.message import Response
from proxy.core.route import Guard, Route
from proxy.core.template import Template
from proxy.core.verdict import Perform, PreconditionFailed, PreconditionRequired, Reason
from proxy.gateway import Answer
from proxy.problems import OURS
from proxy.server import replying
from proxy.server.replying import Asker
from proxy.telemetry import RequestJournal

DONE = Response(200, Fields([("A", "b")]), b"done")
STALE = PreconditionFailed(Reason.STALE, None)


@dataclass
class Somebody(Asker):
    """Who asked."""

    route: Route | None = None
    method: str = "PUT"
    id: str = "a"
    fields: Fields = field(default_factory=lambda: Fields([("Origin", "https://a.example")]))
    journal: RequestJournal = field(default_factory=RequestJournal)


def asker(**rules: Any) -> Somebody:
    """Return who asked under a route with these rules."""
    return Somebody(Route("wiki", Template.parse("/wiki/{id}"), **rules))


def noted(somebody: Somebody) -> dict[str, object]:
    """Return what was noted."""
    return {member: value for member, value in somebody.journal.line().items() if value is not None}


def test_who_asks_where_no_route_speaks() -> None:
    """Without a route nothing is shared with pages, a refusal is put in our words, and its status is the usual one."""
    assert (Somebody().cors, Somebody().wording, Somebody().missing_status) == (Sharing.OFF, OURS, 428)


def test_who_asks_under_a_route() -> None:
    """A route says which pages may read the answer, how a refusal is put, and with which status."""
    allowed = AllowedOrigins(("*",))
    somebody = asker(cors=allowed, missing_status=403)
    assert (somebody.cors, somebody.missing_status, somebody.wording.correlation_id) == (allowed, 403, "a")
    assert asker(cors=allowed, guard=Guard.OFF).cors is Sharing.OFF


def test_the_origin_servers_answer() -> None:
    """It is passed on with our name in Via, and it is noted what was made of the request."""
    somebody, answer = asker(), Answer(Perform(Reason.HOLDS), DONE)
    replying.note(somebody, answer)
    said = replying.response(somebody, answer, "us")
    assert (said.status, said.fields.get("via"), said.content) == (200, "1.1 us", b"done")
    assert noted(somebody)["verdict"] == "perform"
    assert "outcome" not in noted(somebody)


def test_an_answer_in_place_of_another() -> None:
    """An answer that stands in for one to a request that was not forwarded says so, and that is noted."""
    somebody, answer = asker(), Answer(None, DONE, note="not forwarded")
    replying.note(somebody, answer)
    assert "not forwarded" in (replying.response(somebody, answer, "us").fields.get("proxy-status") or "")
    assert noted(somebody)["outcome"] == "not-applied"


def test_what_would_have_been() -> None:
    """Where a route only reports, the answer tells what would have been made of the request, and so does the log."""
    somebody, answer = asker(guard=Guard.REPORT), Answer(None, DONE, would=STALE)
    replying.note(somebody, answer)
    told = replying.response(somebody, answer, "us").fields.get("ifmatch-verdict")
    assert told == "precondition-failed;reason=stale;status=412"
    assert noted(somebody)["report"] == "yes"


@pytest.mark.parametrize(
    ("verdict", "status"), [(STALE, 412), (PreconditionRequired(Reason.MISSING, None), 403)], ids=["412", "403"]
)
def test_a_refusal(verdict: PreconditionFailed | PreconditionRequired, status: int) -> None:
    """A refusal is a problem document, with the status that the route wants, and nothing was applied."""
    somebody, answer = asker(missing_status=403), Answer(verdict, None)
    replying.note(somebody, answer)
    assert replying.response(somebody, answer, "us").status == status
    assert noted(somebody)["outcome"] == "not-applied"


def test_no_answer_at_all() -> None:
    """An answer that has neither a response nor a refusal is a fault of ours."""
    with pytest.raises(TypeError, match="must be a refusal"):
        replying.response(asker(), Answer(Perform(Reason.HOLDS), None), "us")


def test_pages_that_may_read_it() -> None:
    """A response is as the route has it for the page that asked, and its status and tag are noted."""
    somebody = asker(cors=AllowedOrigins(("https://a.example",)))
    said = replying.shared(somebody, Response(200, Fields([("ETag", '"t"')])), None)
    assert said.fields.get("access-control-allow-origin") == "https://a.example"
    assert (noted(somebody)["status"], noted(somebody)["etag"]) == (200, '"t"')


def test_what_a_selection_said_of_pages() -> None:
    """A refusal of ours may be read by the pages that could read what was selected; their own answer says itself."""
    heard = Fields([("Access-Control-Allow-Origin", "*")])
    somebody = asker(cors=Sharing.AUTO)
    somebody.journal.heard(heard)
    plain = Response(412, Fields())
    refused = replying.shared(somebody, plain, Answer(STALE, None))
    assert refused.fields.get("access-control-allow-origin") == "*"
    assert replying.shared(somebody, plain, Answer(None, plain)) is plain
