"""From a parsed request to its answer: each kind of plan, each way to fail, one line in the log."""

import asyncio
import json
import logging
import re
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from proxy.adapters.memory import MemoryLock, MemoryState
from proxy.core.cors import AllowedOrigins, Sharing
from proxy.core.entity_tag import EntityTag
from proxy.core.fields import Fields
from proxy.core.injection import Injection
from proxy.core.matching import Routes
from proxy.core.message import Request
from proxy.core.preconditions import Policy, Require
from proxy.core.problem_template import ProblemTemplate, ProblemTemplates
from proxy.core.route import Guard, Limits, LockRules, TagOnWrite, Timeouts, Unmatched
from proxy.core.verdict import Perform, Reason
from proxy.errors import Failure, NotSent, Unanswered
from proxy.gateway import Answer, Gateway, Plan
from proxy.ports import Content, InterimListener, Journal, Lease, LeaseTerms, Purpose
from proxy.telemetry import MEMBERS
from tests.server.conftest import Serving, routes
from tests.server.origin import Gate, Origin, OriginReply, Script, answering, failing
from tests.server.wire import Message, put

GET = b"GET /wiki/1 HTTP/1.1\r\nHost: x\r\n\r\n"
FIVE = b"Content-Length: 5\r\n\r\nhello"


# ---------------------------------------------------------------------------------- what is relayed, observed, rejected


async def test_an_unguarded_write_is_relayed_untouched(serving: Serving) -> None:
    """Without a route, method, target, fields, preconditions and content reach the origin server as they were sent."""
    stand = await serving()
    answer = await stand.answer(put('IF-match: "x"', "X-Odd: \xff", "x-odd: 2", target="/a%20b//c?q=%2f"))
    assert answer.status == 204
    (seen,) = stand.origin.seen
    assert (seen.request.method, seen.request.target.raw, seen.content) == ("PUT", "/a%20b//c?q=%2f", b"two")
    assert ("IF-match", '"x"') in seen.request.fields.lines
    assert seen.request.fields.get_all("x-odd") == ("\xff", "2")
    assert seen.request.fields.get("via") == "1.1 ifmatch"


@pytest.mark.parametrize(
    ("framing", "length"),
    [(b"Content-Length: 5\r\n\r\nhello", 5), (b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", None)],
)
async def test_relayed_content_keeps_its_framing(serving: Serving, framing: bytes, length: int | None) -> None:
    """A known length stays known, and chunks stay chunks."""
    lengths: list[int | None] = []

    async def script(request: Request, content: Content | None, interim: InterimListener | None) -> OriginReply:
        assert content is not None
        lengths.append(content.length)
        return OriginReply(content=b"".join([piece async for piece in content]))

    stand = await serving(Origin(script=script))
    answer = await stand.answer(b"POST /open/x HTTP/1.1\r\nHost: x\r\n" + framing)
    assert answer.content == b"hello"
    assert lengths == [length]


@pytest.mark.parametrize(("line", "length"), [(b"", None), (b"Content-Length: 0\r\n", 0)])
async def test_no_content_is_not_the_same_as_empty_content(serving: Serving, line: bytes, length: int | None) -> None:
    """A relayed request that says nothing of content has none; one that says 0 has content of 0 bytes."""
    lengths: list[int | None] = []

    async def script(request: Request, content: Content | None, interim: InterimListener | None) -> OriginReply:
        lengths.append(None if content is None else content.length)
        return OriginReply()

    stand = await serving(Origin(script=script))
    await stand.answer(b"POST /open/x HTTP/1.1\r\nHost: x\r\n" + line + b"\r\n")
    assert lengths == [length]


async def test_a_relayed_upload_flows_while_it_is_sent(serving: Serving) -> None:
    """The origin server has the first bytes of relayed content before the client has sent the last."""
    first = asyncio.Event()

    async def script(request: Request, content: Content | None, interim: InterimListener | None) -> OriginReply:
        assert content is not None
        taken = b""
        async for piece in content:
            taken += piece
            first.set()
        return OriginReply(content=taken)

    stand = await serving(Origin(script=script))
    wire = await stand.ask(b"POST /open/x HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc")
    await first.wait()
    wire.send(b"def")
    assert (await wire.answer()).content == b"abcdef"


def post(content: bytes, *lines: str) -> bytes:
    """Return a POST of JSON that asks for nothing, so that it is relayed."""
    head = ["POST /wiki/1 HTTP/1.1", "Host: x", "Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*head, *lines, "", ""]).encode() + content


@pytest.mark.parametrize(
    ("content", "onward"),
    [(b'{"_etag":"x", "a":1}', b'{"a":1}'), (b'{"a": 1}', b'{"a": 1}'), (b"no JSON", b"no JSON")],
)
async def test_a_relayed_write_leaves_its_tags_here(serving: Serving, content: bytes, onward: bytes) -> None:
    """Where a route injects, JSON is received whole before it is relayed; what holds no tag goes on as it came."""
    stand = await serving(rules=routes(inject=Injection()))
    assert (await stand.answer(post(content), "POST")).status == 204
    (seen,) = stand.origin.seen
    assert (seen.purpose, seen.content) == (Purpose.RELAY, onward)
    assert stand.lines[0]["route"] == "wiki"


async def test_relayed_content_that_is_read_has_a_limit(serving: Serving) -> None:
    """It is the limit of guarded content, and as there the client is told to go on only where it will be read."""
    stand = await serving(rules=routes(inject=Injection(), limits=Limits(content=9)))
    assert (await stand.answer(post(b'{"_etag":"x"}'), "POST")).status == 413
    wire = await stand.ask(post(b'{"a": 10}', "Expect: 100-continue")[: -len(b'{"a": 10}')])
    assert (await wire.head()).status == 100
    wire.send(b'{"a": 10}')
    assert (await wire.answer("POST")).status == 204


def chunked(*pieces: bytes) -> bytes:
    """Return a PUT of JSON whose length nobody knows before its end."""
    head = b"PUT /wiki/1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))


def reported(**rules: Any) -> Routes:
    """Return a route that only reports, and puts tags into content; only little is looked into."""
    return routes(guard=Guard.REPORT, inject=Injection(), limits=Limits(content=9, mint=12), **rules)


LARGE = b'{"_etag": "x", "a": 1}'


@pytest.mark.parametrize(
    ("content", "onward"),
    [(b'{"_etag":""}', b"{}"), (LARGE, LARGE), (b'{"a": 1}', b'{"a": 1}')],
)
async def test_where_a_route_only_reports_nothing_is_too_large(serving: Serving, content: bytes, onward: bytes) -> None:
    """What is larger than what is looked into goes on as it comes, whether its length is announced or not."""
    announced = put("Content-Type: application/json", content=content)
    for message in (announced, chunked(*(content[at : at + 5] for at in range(0, len(content), 5)))):
        stand = await serving(rules=reported())
        assert (await stand.answer(message)).status == 204
        assert [seen.content for seen in stand.origin.seen] == [onward]


async def test_where_a_route_only_reports_a_get_may_have_content(serving: Serving) -> None:
    """As it may without us; it is relayed, and has no tag."""
    stand = await serving(rules=reported())
    answer = await stand.answer(b"GET /wiki/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx")
    assert (answer.status, "etag" in answer.fields) == (200, False)
    assert [(seen.purpose, seen.content) for seen in stand.origin.seen] == [(Purpose.RELAY, b"x")]


async def test_an_answer_before_the_upload_is_over(serving: Serving) -> None:
    """An origin server that answers early is heard, and the connection ends, since its next request begins nowhere."""
    stand = await serving(Origin(script=answering(OriginReply(403, content=b"no"))))
    wire = await stand.ask(b"POST /open/x HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc")
    answer = await wire.answer()
    assert (answer.status, answer.fields.get("connection")) == (403, "close")
    assert await wire.ended() == b""


async def test_a_get_gets_a_tag(serving: Serving) -> None:
    """A guarded resource is read with a strong entity tag, which If-None-Match turns into a 304."""
    stand = await serving()
    answer = await stand.answer(GET)
    tag = answer.fields.get("etag")
    assert answer.status == 200
    assert answer.content == b"one"
    assert tag is not None
    again = await stand.answer(GET[:-2] + f"If-None-Match: {tag}\r\n\r\n".encode())
    assert (again.status, again.fields.get("etag"), again.content) == (304, tag, b"")


async def test_head_on_a_guarded_resource(serving: Serving) -> None:
    """HEAD has the tag and the length of GET, and no content."""
    stand = await serving()
    wire = await stand.ask(GET.replace(b"GET", b"HEAD"))
    head = await wire.answer("HEAD")
    wire.send(GET)
    get = await wire.answer()
    assert head.fields.get("etag") == get.fields.get("etag")
    assert head.fields.get("content-length") == get.fields.get("content-length") == "3"


@pytest.mark.parametrize("framing", [FIVE, b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"])
@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
async def test_content_on_a_read_is_refused(serving: Serving, method: bytes, framing: bytes) -> None:
    """Content on GET or HEAD means something else to each server that sees it, so it is not forwarded."""
    stand = await serving()
    answer = await stand.answer(method + b" /wiki/1 HTTP/1.1\r\nHost: x\r\n" + framing, method.decode())
    assert answer.status == 400
    assert stand.origin.seen == []


async def test_no_content_said_twice_is_fine(serving: Serving) -> None:
    """A Content-Length of 0 on GET announces nothing."""
    stand = await serving()
    assert (await stand.answer(GET[:-2] + b"Content-Length: 0\r\n\r\n")).status == 200


@pytest.mark.parametrize("content", [b"x" * 11, b"x" * 10])
async def test_a_representation_too_large_to_mint_from(serving: Serving, content: bytes) -> None:
    """It is passed on whole, as it arrives, without a tag; and the origin server's reply is let go of."""
    reply = OriginReply(content=content)
    stand = await serving(Origin(script=answering(reply)), routes(limits=Limits(mint=10)))
    answer = await stand.answer(GET)
    assert answer.status == 200
    assert answer.content == content
    assert ("etag" in answer.fields) is (len(content) <= 10)
    assert reply.closed.is_set()


async def test_unmatched_requests_can_be_rejected(serving: Serving) -> None:
    """With `unmatched: reject` what no route names is a 404 of ours, and the origin server hears nothing of it."""
    stand = await serving(rules=Routes([], Unmatched.REJECT))
    wire = await stand.ask(GET)
    answer = await wire.answer()
    assert (answer.status, answer.problem["reason"]) == (404, "unmatched")
    assert stand.origin.seen == []
    wire.send(GET)
    assert (await wire.answer()).status == 404


@pytest.mark.parametrize(
    ("message", "status", "reason", "goes_on"),
    [
        (b"GET /a/../b HTTP/1.1\r\nHost: x\r\n\r\n", 400, "malformed-target", True),
        (b"GET /%ff HTTP/1.1\r\nHost: x\r\n\r\n", 400, "malformed-target", True),
        (b"GET /#f HTTP/1.1\r\nHost: x\r\n\r\n", 400, "malformed-target", True),
        (b"GET http://other/ HTTP/1.1\r\nHost: x\r\n\r\n", 421, "misdirected", True),
        (b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method-refused", True),
        (b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method-refused", False),
        (b"GET / HTTP/1.1\r\nHost: x\r\nVia: 1.1 ifmatch\r\n\r\n", 508, "loop-detected", True),
        (b"GET / HTTP/1.1\r\nHost: x\r\nIf_Match: x\r\n\r\n", 400, "malformed-request", True),
        (b"GET / HTTP/1.1\r\nHost: x y\r\n\r\n", 400, "malformed-request", True),
        (b"GET / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n", 417, "expectation", True),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400, "bad-framing", False),
        (b"POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "bad-framing", False),
    ],
)
async def test_a_head_that_is_refused(
    serving: Serving, message: bytes, status: int, reason: str, goes_on: bool
) -> None:
    """What admission refuses gets its status and reason, reaches nobody, and closes only where framing is in doubt."""
    stand = await serving()
    wire = await stand.ask(message)
    answer = await wire.answer()
    assert (answer.status, answer.problem["outcome"]) == (status, "not-applied")
    assert (answer.fields.get("connection") is None) is goes_on
    if goes_on:
        wire.send(GET)
        assert (await wire.answer()).status == 200
    else:
        assert await wire.ended() == b""
    line = (await stand.finish())[0]
    assert (line["status"], line["reason"], line["outcome"]) == (status, reason, "not-applied")


async def test_100_continue(serving: Serving) -> None:
    """The client is told to go on when its content is wanted, and the expectation is not forwarded."""
    stand = await serving()
    wire = await stand.ask(put("Expect: 100-Continue", "If-Match: *")[:-3])
    assert (await wire.head()).raw_head == b"HTTP/1.1 100 Continue\r\n\r\n"
    wire.send(b"two")
    assert (await wire.answer("PUT")).status == 204
    assert "expect" not in stand.origin.writes[0].request.fields


async def test_a_client_that_does_not_wait_for_100(serving: Serving) -> None:
    """A client that sends at once is not told to go on: RFC 9110 §10.1.1 leaves that out where content has come."""
    begun = asyncio.Event()

    async def script(request: Request, content: Content | None, interim: InterimListener | None) -> OriginReply:
        assert content is not None
        async for _ in content:
            begun.set()
        return OriginReply(204)

    stand = await serving(Origin(script=script))
    wire = await stand.ask(put("Expect: 100-continue", target="/open/x")[:-2])
    await begun.wait()
    wire.send(b"wo")
    assert (await wire.answer("PUT")).status == 204


async def test_100_continue_for_a_relayed_request(serving: Serving) -> None:
    """For relayed content too, the client is told to go on when it is read."""
    stand = await serving()
    wire = await stand.ask(put("Expect: 100-continue", target="/open/x")[:-3])
    assert (await wire.head()).status == 100
    wire.send(b"two")
    assert (await wire.answer("PUT")).status == 204


async def test_a_final_answer_instead_of_100(serving: Serving) -> None:
    """An origin server that answers without reading gets no content: the client hears the answer and keeps it."""
    stand = await serving(Origin(script=answering(OriginReply(403, content=b"no"))))
    wire = await stand.ask(put("Expect: 100-continue", target="/open/x")[:-3])
    answer = await wire.answer()
    assert (answer.status, answer.fields.get("connection")) == (403, "close")


@pytest.mark.parametrize(
    ("lines", "require", "status"),
    [
        (['If-Match: "a" b'], Require.NONE, 400),
        ([], Require.ALWAYS, 428),
        (["Content-Range: bytes 0-1/2"], Require.NONE, 400),
    ],
)
async def test_what_the_head_decides_is_answered_before_content_is_sent(
    serving: Serving, lines: list[str], require: Require, status: int
) -> None:
    """Who waits for 100 with a write that is refused anyway hears that at once, and sends nothing."""
    stand = await serving(rules=routes(policy=Policy(require)))
    wire = await stand.ask(put("Expect: 100-continue", *lines)[:-3])
    assert (await wire.answer("PUT")).status == status
    assert stand.origin.seen == []


async def test_http_1_0_expects_nothing(serving: Serving) -> None:
    """RFC 9110 §10.1.1: an expectation in an HTTP/1.0 request is ignored."""
    stand = await serving()
    answer = await stand.answer(
        b"PUT /wiki/1 HTTP/1.0\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx"
    )
    assert answer.status == 204


# ------------------------------------------------------------------------------------------------------ what is guarded


class NoticedLock:
    """The lock of this process; `asked` is set whenever somebody asks for a resource."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self._lock = MemoryLock(MemoryState())

    def hold(self, key: str, terms: LeaseTerms) -> AbstractAsyncContextManager[Lease]:
        self.asked.set()
        return self._lock.hold(key, terms)


async def test_of_two_writes_with_one_tag_one_is_refused(serving: Serving) -> None:
    """A write with the current tag is forwarded without its precondition; the same tag again is a 412 with the new."""
    stand = await serving()
    tag = (await stand.answer(GET)).fields.get("etag")
    assert (await stand.answer(put(f"If-Match: {tag}"))).status == 204
    refused = await stand.answer(put(f"If-Match: {tag}", content=b"three"))
    current = (await stand.answer(GET)).fields.get("etag")
    assert refused.status == 412
    assert refused.problem["reason"] == "stale"
    assert refused.fields.get("etag") == refused.problem["current_etag"] == current != tag
    assert [seen.content for seen in stand.origin.writes] == [b"two"]
    assert "if-match" not in stand.origin.writes[0].request.fields


async def test_a_refusal_leaves_the_connection_usable(serving: Serving) -> None:
    """After 412 and 428 the next request on the connection is answered."""
    stand = await serving(rules=routes(policy=Policy(Require.EXISTING)))
    wire = await stand.ask(put('If-Match: "x"'))
    assert (await wire.answer()).status == 412
    wire.send(put())
    assert (await wire.answer()).status == 428
    wire.send(GET)
    assert (await wire.answer()).status == 200


@pytest.mark.parametrize("status", [428, 400])
async def test_a_missing_precondition(serving: Serving, status: int) -> None:
    """Where the route requires a precondition, a write without one is refused with the route's status."""
    stand = await serving(rules=routes(policy=Policy(Require.ALWAYS), missing_status=status))
    answer = await stand.answer(put())
    assert (answer.status, answer.problem["reason"]) == (status, "missing")
    assert stand.origin.seen == []


async def test_a_malformed_precondition(serving: Serving) -> None:
    """A malformed If-Match is a 400 that says what is wrong, and never a shorter list."""
    stand = await serving()
    answer = await stand.answer(put('If-Match: "a", b'))
    assert (answer.status, answer.problem["reason"]) == (400, "malformed-precondition")
    assert stand.origin.writes == []


WIKI_BODIES = ProblemTemplates(
    precondition_required=ProblemTemplate.parse({"message": "If-Match header is required"}, "application/json"),
    precondition_failed=ProblemTemplate.parse({"message": "Wiki has been updated in the meantime"}, "application/json"),
    malformed_precondition=ProblemTemplate.parse("{status} {correlation_id}", "text/plain"),
)


@pytest.mark.parametrize(
    ("lines", "status", "content_type", "content"),
    [
        ([], 428, "application/json", b'{"message":"If-Match header is required"}'),
        (['If-Match: "x"'], 412, "application/json", b'{"message":"Wiki has been updated in the meantime"}'),
        (["If-Match: x", "X-Request-Id: r-1"], 400, "text/plain", b"400 r-1"),
    ],
)
async def test_refusals_in_the_words_of_an_api(
    serving: Serving, lines: list[str], status: int, content_type: str, content: bytes
) -> None:
    """A client of the API reads what it is used to, byte by byte; what the fields say of a refusal stays."""
    stand = await serving(rules=routes(policy=Policy(Require.EXISTING), problem=WIKI_BODIES))
    answer = await stand.answer(put(*lines))
    assert (answer.status, answer.fields.get("content-type"), answer.content) == (status, content_type, content)
    assert answer.fields.get("cache-control") == "no-store"
    assert "proxy-status" in answer.fields
    assert ("etag" in answer.fields) == (status == 412)
    assert stand.origin.writes == []


@pytest.mark.parametrize(
    ("line", "taken"),
    [("X-Correlation-Id: c-1", "c-1"), ("X-Request-Id: r-1", "r-1"), ("X-Request-Id: {}", None), ("X-Other: o", None)],
)
async def test_a_request_is_called_what_its_client_calls_it(serving: Serving, line: str, taken: str | None) -> None:
    """In the log and in the body of a refusal; a name that is not sound is replaced by one of ours."""
    own = ProblemTemplates(precondition_failed=ProblemTemplate.parse(("{correlation_id}",)))
    stand = await serving(rules=routes(problem=own))
    answer = await stand.answer(put('If-Match: "x"', line))
    (name,) = json.loads(answer.content)
    (logged,) = await stand.finish()
    assert logged["id"] == name
    assert name == taken or (taken is None and re.fullmatch("[0-9a-f]{16}", name))


async def test_the_answer_to_a_selection_is_marked(serving: Serving) -> None:
    """Where the origin server's answer to our selection stands in, Proxy-Status says that nothing was forwarded."""
    stand = await serving(Origin(script=answering(OriginReply(403, content=b"no"))))
    answer = await stand.answer(put("If-Match: *"))
    assert (answer.status, answer.content) == (403, b"no")
    assert "not forwarded" in (answer.fields.get("proxy-status") or "")
    assert stand.origin.writes == []


async def test_large_content_is_guarded_too(serving: Serving) -> None:
    """Content that does not stay in memory is forwarded whole."""
    stand = await serving()
    content = bytes(range(256)) * 12000
    assert (await stand.answer(put("If-Match: *", content=content))).status == 204
    assert stand.origin.content == content
    (line,) = await stand.finish()
    assert line["bytes_in"] == len(content)


async def test_too_large_content(serving: Serving) -> None:
    """Content over the route's limit is refused before the client is told to send it."""
    stand = await serving(rules=routes(limits=Limits(content=10)))
    head = b"PUT /wiki/1 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n"
    answer = await stand.answer(head)
    assert (answer.status, answer.fields.get("connection")) == (413, "close")
    assert answer.problem["outcome"] == "not-applied"
    assert stand.origin.seen == []


async def test_slow_content(serving: Serving) -> None:
    """Content that is not whole in the route's time is a 408, and the connection ends."""
    stand = await serving(rules=routes(timeouts=Timeouts(receive=0.01)))
    wire = await stand.ask(put("If-Match: *")[:-1])
    answer = await wire.answer()
    assert (answer.status, answer.fields.get("connection")) == (408, "close")
    assert await wire.ended() == b""
    assert stand.origin.seen == []


async def test_no_lock_is_awaited_while_a_client_sends(serving: Serving) -> None:
    """A client that dawdles over its content keeps nobody from writing (I10)."""
    stand = await serving()
    slow = await stand.ask(put("If-Match: *")[:-1])
    assert (await stand.answer(put("If-Match: *", content=b"fast"))).status == 204
    slow.send(b"o")
    assert (await slow.answer()).status == 204
    assert [seen.content for seen in stand.origin.writes] == [b"fast", b"two"]


async def test_a_delete_needs_no_content(serving: Serving) -> None:
    """A guarded request without content is guarded like any other."""
    stand = await serving()
    assert (await stand.answer(b"DELETE /wiki/1 HTTP/1.1\r\nHost: x\r\nIf-Match: *\r\n\r\n")).status == 204


async def test_a_busy_resource(serving: Serving) -> None:
    """A writer that cannot have the lock in time is told when to come back; its connection lives."""
    gate = Gate(Purpose.PERFORM)
    stand = await serving(gate.origin, routes(lock=LockRules(wait=0.01)))
    holder = await stand.ask(put("If-Match: *"))
    await gate.reached.wait()
    wire = await stand.ask(put("If-Match: *"))
    answer = await wire.answer()
    assert (answer.status, answer.problem["reason"]) == (503, "resource-busy")
    assert answer.fields.get("retry-after") == str(answer.problem["retry_after"])
    gate.opened.set()
    assert (await holder.answer()).status == 204
    wire.send(GET)
    assert (await wire.answer()).status == 200


async def test_a_client_that_leaves_in_the_queue(serving: Serving) -> None:
    """A writer that leaves while it waits for the lock is never performed."""
    gate, lock = Gate(Purpose.PERFORM), NoticedLock()
    stand = await serving(gate.origin, lock=lock)
    holder = await stand.ask(put("If-Match: *", content=b"first"))
    await gate.reached.wait()
    lock.asked.clear()
    waiter = await stand.ask(put("If-Match: *", content=b"second"))
    await lock.asked.wait()
    waiter.reset()
    line = await stand.logged()
    assert (line["reason"], line["outcome"]) == ("client-gone", "not-applied")
    assert line["wait_ms"] is not None
    gate.opened.set()
    assert (await holder.answer()).status == 204
    assert [seen.purpose for seen in gate.origin.writes] == [Purpose.PERFORM]


async def test_a_client_that_leaves_during_the_selection(serving: Serving) -> None:
    """A write that is not yet performed is cancelled with its selection."""
    gate = Gate(Purpose.SELECT)
    stand = await serving(gate.origin)
    wire = await stand.ask(put("If-Match: *"))
    await gate.reached.wait()
    wire.reset()
    await gate.cancelled.wait()
    (line,) = await stand.finish()
    assert (line["reason"], line["outcome"]) == ("client-gone", "not-applied")
    assert gate.origin.writes == []


async def test_a_client_that_leaves_during_the_write(serving: Serving) -> None:
    """A write that was sent is finished although its client has left, and the lock is released after it."""
    gate = Gate(Purpose.PERFORM)
    stand = await serving(gate.origin)
    wire = await stand.ask(put("If-Match: *"))
    await gate.reached.wait()
    wire.reset()
    next_one = await stand.ask(put("If-Match: *", content=b"next"))
    for _ in range(20):
        await asyncio.sleep(0)
    gate.opened.set()
    assert (await next_one.answer()).status == 204
    assert not gate.cancelled.is_set()
    assert gate.origin.content == b"next"
    lines = await stand.finish()
    assert sorted(str(line.get("cut_short")) for line in lines) == ["None", "client-gone"]


# ------------------------------------------------------------------------------------------ failures and the access log


@pytest.mark.parametrize(
    ("script", "message", "status", "outcome"),
    [
        (failing(NotSent("x")), GET, 502, "not-applied"),
        (failing(Unanswered("x", timed_out=True)), GET, 504, "not-applied"),
        (failing(NotSent("x"), "PUT"), put("If-Match: *"), 502, "not-applied"),
        (failing(Unanswered("x"), "PUT"), put("If-Match: *"), 502, "unknown"),
        (failing(Unanswered("x", timed_out=True), "PUT"), put("If-Match: *"), 504, "unknown"),
        (failing(Unanswered("x"), "GET"), put("If-Match: *"), 502, "not-applied"),
        (failing(Unanswered("x"), "PUT"), put(target="/open/x"), 502, "unknown"),
    ],
)
async def test_an_origin_server_that_fails(
    serving: Serving, script: Script, message: bytes, status: int, outcome: str
) -> None:
    """A failure of the origin server's is told with what became of the request, and the connection lives."""
    stand = await serving(Origin(script=script))
    wire = await stand.ask(message)
    answer = await wire.answer()
    assert (answer.status, answer.problem["outcome"]) == (status, outcome)
    if b"/open/" not in message:  # there the content was not read
        assert answer.fields.get("connection") is None
    (line,) = await stand.finish()
    assert (line["status"], line["outcome"]) == (status, outcome)


@pytest.mark.parametrize(
    ("script", "message", "outcome"),
    [
        (failing(KeyError("secret")), GET, "not-applied"),
        (failing(KeyError("secret"), "GET"), put("If-Match: *"), "not-applied"),
        (failing(KeyError("secret"), "PUT"), put("If-Match: *"), "unknown"),
        (failing(KeyError("secret"), "PUT"), put(target="/open/x"), "unknown"),
        (failing(KeyError("secret")), GET.replace(b"wiki", b"open"), "not-applied"),
    ],
)
async def test_a_fault_of_our_own(
    serving: Serving, script: Script, message: bytes, outcome: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An exception that nobody foresaw is a 500, honest about the outcome; it is logged once, and told to nobody."""
    stand = await serving(Origin(script=script))
    answer = await stand.answer(message)
    assert (answer.status, answer.problem["outcome"]) == (500, outcome)
    assert b"secret" not in answer.content
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    (line,) = await stand.finish()
    assert (line["status"], line["outcome"], line["reason"]) == (
        500,
        outcome,
        "fault" if outcome == "not-applied" else "fault-after-sending",
    )


async def test_a_fault_in_the_middle_of_an_answer(serving: Serving, caplog: pytest.LogCaptureFixture) -> None:
    """A fault after the head was sent cuts the connection; a second answer is not begun."""

    class Broken(OriginReply):
        async def __aiter__(self) -> Any:
            yield b"abc"
            raise KeyError

    reply = Broken()
    stand = await serving(Origin(script=answering(reply)))
    wire = await stand.ask(GET.replace(b"wiki", b"open"))
    await wire.head()
    with pytest.raises(ConnectionResetError):
        await wire.ended()
    assert reply.closed.is_set()
    (line,) = await stand.finish()
    assert line["cut_short"] == "fault"
    assert len(caplog.records) == 1


async def test_an_answer_that_says_nothing(
    serving: Serving, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that is neither a response nor a refusal is a fault of ours, not an empty answer."""

    async def observe(_self: Gateway, _request: Request, _plan: Plan, _journal: Journal, _underway: object) -> Answer:
        return Answer(Perform(Reason.HOLDS), None)

    monkeypatch.setattr(Gateway, "observe", observe)
    stand = await serving()
    assert (await stand.answer(GET)).status == 500
    assert "must be a refusal" in caplog.text


async def test_a_head_that_cannot_be_written(serving: Serving, caplog: pytest.LogCaptureFixture) -> None:
    """An answer that has no form in bytes is a fault of ours, told before a byte of it was written."""
    stand = await serving(Origin(script=answering(OriginReply(fields=Fields([("X", "\u2028")])))))
    answer = await stand.answer(GET.replace(b"wiki", b"open"))
    assert answer.status == 500
    assert len(caplog.records) == 1


async def test_every_request_has_one_line(serving: Serving) -> None:
    """A line says what was asked, which route spoke, what came of it, and how long that took."""
    stand = await serving()
    wire = await stand.ask(GET)
    tag = (await wire.answer()).fields.get("etag")
    wire.send(put('If-Match: "old"'))
    await wire.answer()
    first, second = await stand.finish()
    assert list(first) == list(MEMBERS)
    expected = {
        "method": "PUT",
        "path": "/wiki/1",
        "route": "wiki",
        "status": 412,
        "upstream_status": 200,
        "verdict": "precondition-failed",
        "reason": "never-minted",
        "if_match": str(EntityTag("old")),
        "etag": tag,
        "bytes_in": 3,
        "outcome": "not-applied",
    }
    assert {name: second[name] for name in expected} == expected
    assert (first["verdict"], first["bytes_in"], first["bytes_out"], first["outcome"]) == ("perform", 0, 3, None)
    assert first["id"] != second["id"]
    assert second["wait_ms"] is not None
    assert 0 <= second["overhead_ms"] <= second["duration_ms"]


async def test_a_trusted_tag_answers_by_itself(serving: Serving) -> None:
    """A client whose copy was current a moment ago is told so in full form, and the origin server is not disturbed."""
    stand = await serving(rules=routes(trust=60.0))
    wire = await stand.ask(GET)
    tag = (await wire.answer()).fields.get("etag")
    wire.send(GET[:-2] + f"If-None-Match: {tag}\r\n\r\n".encode())
    answer = await wire.answer()
    assert (answer.status, answer.content) == (304, b"")
    assert answer.fields.get("etag") == tag
    assert int(answer.fields.get("age") or -1) >= 0
    wire.send(put('If-Match: "made-up"'))
    assert (await wire.answer()).status == 412
    assert len(stand.origin.seen) == 1
    _, current, refused = await stand.finish()
    assert (current["verdict"], current["reason"], current["upstream_status"]) == ("not-modified", "unmodified", None)
    assert (refused["reason"], refused["upstream_status"], refused["etag"]) == ("never-minted", None, tag)


async def test_a_fence_is_forwarded_where_the_route_says_so(serving: Serving) -> None:
    """The origin server gets one fence with each write, ours; of what the client calls so it sees nothing."""
    stand = await serving(rules=routes(fence="Fencing-Token"))
    for _ in range(2):
        assert (await stand.answer(put("fencing-token: 99999999999999999999"))).status == 204
    first, second = (seen.request.fields.get_all("fencing-token") for seen in stand.origin.writes)
    assert 0 < int(*first) < int(*second) < 10**19


@pytest.mark.parametrize(
    "target",
    ["/open/x?key=secret", "/open/x#secret", "http://user:secret@x/open/x", "http://x?secret", "/a/../?secret"],
)
async def test_the_log_holds_no_secret(serving: Serving, target: str) -> None:
    """What a query, a fragment or userinfo holds is never logged, not even of a request that is refused."""
    stand = await serving()
    await stand.answer(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await stand.finish()
    assert "secret" not in stand.log.getvalue()


async def test_a_fault_in_trusting_is_a_fault(serving: Serving, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever raises between the head and the gateway, the client gets an answer."""

    def trusted(peer: str | None) -> bool:
        raise RuntimeError

    stand = await serving(trusted=trusted)
    assert (await stand.answer(GET)).status == 500
    assert len(caplog.records) == 1


@pytest.mark.parametrize(("believe", "expected"), [(True, "198.51.100.7, 127.0.0.1"), (False, "127.0.0.1")])
async def test_who_is_believed(serving: Serving, believe: bool, expected: str) -> None:
    """Forwarding fields of a trusted peer are continued, those of others replaced; our name is the pseudonym."""
    asked: list[str | None] = []

    def trusted(peer: str | None) -> bool:
        asked.append(peer)
        return believe

    stand = await serving(trusted=trusted, pseudonym="edge-1")
    answer = await stand.answer(GET[:-2] + b"X-Forwarded-For: 198.51.100.7\r\n\r\n")
    fields = stand.origin.seen[0].request.fields
    assert fields.get("x-forwarded-for") == expected
    assert fields.get("via") == answer.fields.get("via") == "1.1 edge-1"
    assert asked == ["127.0.0.1"]


# ----------------------------------------------------------------------------------------------- pages of other origins

APP = "https://app.example"
SHARING = Fields([("Content-Type", "text/plain"), ("Access-Control-Allow-Origin", APP), ("Vary", "Origin")])
HOPPING = f"Origin: {APP}"
PREFLIGHT = (
    f"OPTIONS /wiki/1 HTTP/1.1\r\nHost: x\r\nOrigin: {APP}\r\nAccess-Control-Request-Method: PUT\r\n"
    "Access-Control-Request-Headers: if-match\r\n\r\n"
).encode()


def allowed(answer: Message) -> tuple[str | None, str | None]:
    """Return who may read an answer, and what of its fields."""
    return answer.fields.get("access-control-allow-origin"), answer.fields.get("access-control-expose-headers")


def sharing(selection: OriginReply, write: OriginReply | Failure | None = None) -> Origin:
    """Return an origin server that answers GET and everything else like this."""

    async def script(request: Request, content: Content | None, interim: InterimListener | None) -> OriginReply:
        answer = selection if request.method == "GET" else write or OriginReply(204, SHARING)
        if isinstance(answer, Failure):
            raise answer
        return answer

    return Origin(script=script)


SHOWN = OriginReply(200, SHARING, b"one")


@pytest.mark.parametrize(
    ("origin", "line", "status", "exposed"),
    [
        (sharing(SHOWN), 'If-Match: "x"', 412, "ETag"),
        (sharing(SHOWN), "If-Match: *", 204, None),
        (sharing(SHOWN, NotSent("No.")), "If-Match: *", 502, None),
        (sharing(SHOWN, Unanswered("No.", timed_out=True)), "If-Match: *", 504, None),
        (sharing(OriginReply(404, SHARING)), "If-Match: *", 412, None),
        (sharing(OriginReply(206, SHARING, b"o")), "If-Match: *", 502, None),
    ],
)
async def test_a_refusal_behind_a_selection_can_be_read_by_the_same_pages(
    serving: Serving, origin: Origin, line: str, status: int, exposed: str | None
) -> None:
    """Whatever becomes of a write, a page that may read the resource learns it; the tag too, where there is one."""
    stand = await serving(origin, rules=routes(etag_on_write=TagOnWrite.NEVER))
    answer = await stand.answer(put(HOPPING, line))
    assert answer.status == status
    assert allowed(answer) == (APP, exposed)
    assert answer.fields.get("vary") == "Origin"


@pytest.mark.parametrize(
    ("rules", "lines", "status"),
    [
        ({}, ["If-Match: x"], 400),
        ({"policy": Policy(Require.ALWAYS)}, [], 428),
        ({"cors": Sharing.OFF}, ['If-Match: "x"'], 412),
    ],
)
async def test_a_refusal_without_a_selection_is_for_no_page(
    serving: Serving, rules: dict[str, Any], lines: list[str], status: int
) -> None:
    """Where nobody was asked nobody has said who may read; nor is anything said where the route has it off."""
    stand = await serving(sharing(SHOWN), rules=routes(**rules))
    answer = await stand.answer(put(HOPPING, *lines))
    assert (answer.status, allowed(answer)) == (status, (None, None))


LISTED = AllowedOrigins((APP,))


@pytest.mark.parametrize(
    ("origin", "lines", "status", "exposed"),
    [
        (Origin(), ['If-Match: "x"'], 412, "ETag"),
        (Origin(), ["If-Match: x"], 400, None),
        (Origin(), [], 428, None),
        (Origin(), ["If-None-Match: *"], 412, "ETag"),
        (Origin(script=failing(NotSent("No."))), ['If-Match: "x"'], 502, None),
        (Origin(script=failing(RuntimeError("fault"))), ['If-Match: "x"'], 500, None),
    ],
)
async def test_a_route_that_shares_by_itself_shares_every_answer(
    serving: Serving, origin: Origin, lines: list[str], status: int, exposed: str | None
) -> None:
    """A page that it names can read refusals, failures and faults too; no other page can."""
    stand = await serving(origin, rules=routes(cors=LISTED, policy=Policy(Require.EXISTING)))
    answer = await stand.answer(put(HOPPING, *lines))
    assert (answer.status, allowed(answer)) == (status, (APP, exposed))
    assert answer.fields.get("access-control-allow-credentials") == "true"
    other = await stand.answer(put("Origin: https://other.example", *lines))
    assert (other.status, allowed(other), other.fields.get("vary")) == (status, (None, None), "Origin")


async def test_a_route_that_shares_by_itself_answers_preflights(serving: Serving) -> None:
    """The origin server hears nothing of them, and the connection goes on."""
    stand = await serving(rules=routes(cors=LISTED))
    wire = await stand.ask(PREFLIGHT)
    answer = await wire.answer("OPTIONS")
    assert (answer.status, answer.fields.get("access-control-allow-headers")) == (204, "if-match")
    assert stand.origin.seen == []
    wire.send(GET[:-2] + f"{HOPPING}\r\n\r\n".encode())
    assert allowed(await wire.answer()) == (APP, "ETag")


@pytest.mark.parametrize(
    ("target", "rules", "onward", "headers"),
    [
        ("/wiki/1", {}, None, "if-match"),
        ("/wiki/1", {"cors": Sharing.OFF}, "if-match", None),
        ("/open/1", {}, "if-match", None),
        ("/elsewhere", {}, "if-match", None),
    ],
)
async def test_a_relayed_preflight(
    serving: Serving, target: str, rules: dict[str, Any], onward: str | None, headers: str | None
) -> None:
    """On a guarded route the conditional fields are ours to allow; elsewhere a preflight is passed on untouched."""
    stand = await serving(Origin(script=answering(OriginReply(204, SHARING))), rules=routes(**rules))
    answer = await stand.answer(PREFLIGHT.replace(b"/wiki/1", target.encode()), "OPTIONS")
    assert (answer.status, answer.fields.get("access-control-allow-headers")) == (204, headers)
    assert stand.origin.seen[0].request.fields.get("access-control-request-headers") == onward
