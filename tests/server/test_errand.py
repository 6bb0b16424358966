"""Writes on the short way: for everybody else they are what they are on the long one, done once, and told once."""

import asyncio
import gc
import itertools
import logging
import re
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from socket import SO_LINGER, SOL_SOCKET
from typing import TYPE_CHECKING, Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.cors import AllowedOrigins, Sharing
from proxy.core.fields import Fields
from proxy.core.matching import Routes
from proxy.core.message import Response
from proxy.core.preconditions import Policy, Require
from proxy.core.route import Guard, Limits, SelectRules, TagOnWrite, Unmatched
from proxy.core.tag_rules import Aba, TagRules, UpstreamTag
from proxy.core.verdict import Perform, Reason
from proxy.gateway import Answer, Gateway
from proxy.server import Patience, replying
from proxy.server.connection import Connection
from tests.adapters.upstream.origin import Peer
from tests.server.conftest import routes
from tests.server.sides import (
    ANSWERED,
    LEFT,
    LONG,
    OWN_DATE,
    Play,
    Seen,
    Side,
    Trail,
    comparable,
    held,
    hung_up,
    lay_trail,
    leave_when_lengthened,
    read_by,
    says,
    seen,
    side,
)
from tests.server.test_brief import EARLY, ONE, PAGE, SHARED, answer, get, tag_of

if TYPE_CHECKING:
    from proxy.server.ledger import Over
    from tests.server.wire import Wire

DONE = b"HTTP/1.1 204 No Content\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n\r\n"
ANY = b"If-Match: *"


@pytest.fixture
def trail(monkeypatch: pytest.MonkeyPatch) -> Trail:
    """Which way the requests of a test go."""
    return lay_trail(monkeypatch)


def put(
    *lines: bytes,
    content: bytes = b"new",
    target: bytes = b"/wiki/1",
    method: bytes = b"PUT",
    version: bytes = b"1.1",
    host: bytes = b"Host: x",
    length: bytes | None = b"Content-Length: %d",
) -> bytes:
    """Return a write, its length, if it is told, behind the other lines."""
    framed = [] if length is None else [length % len(content) if b"%d" in length else length]
    return b"\r\n".join([method + b" " + target + b" HTTP/" + version, host, *lines, *framed, b"", content])


async def obeys(peer: Peer, here: Side) -> None:
    """Show a state, or take a write."""
    await peer.send(ONE if here.asked[-1].startswith(b"GET") else DONE)


def plays(done: bytes = DONE) -> list[Play]:
    """Return what an origin server does that takes a write: it shows a state, takes the write, shows a state."""
    return [says(ONE), says(done), says(ONE)]


WRITES: dict[str, tuple[bytes, str]] = {
    "any state": (put(ANY), ANSWERED),
    "another state": (put(b'If-Match: "a"'), ANSWERED),
    "several states": (put(b'If-Match: "a", W/"b" , "c"'), ANSWERED),
    "several lines of states": (put(b'If-Match: "a"', b'If-Match: "b"'), LONG),
    "several lines, spelled differently": (put(b'If-Match: "a"', b'if-match: "b"'), LONG),
    "several lines, one in disguise": (put(b'If-Match: "a"', b'IF-MATCH:"b"'), LONG),
    "states in lower case": (put(b'if-match: "a"'), ANSWERED),
    "states in upper case": (put(b'IF-MATCH: "a"'), ANSWERED),
    "states without a space": (put(b'If-Match:"a"'), ANSWERED),
    "states behind a tab": (put(b'If-Match: \t"a"'), ANSWERED),
    "states before a space": (put(b'If-Match: "a" '), ANSWERED),
    "states beyond ASCII": (put(b'If-Match: "\xe9"'), ANSWERED),
    "no list of states": (put(b"If-Match: a,"), LEFT),
    "an empty list of states": (put(b"If-Match: "), LEFT),
    "too many states": (put(b"If-Match: " + b", ".join([b'"a"'] * 65)), LEFT),
    "a long list of states": (put(b'If-Match: "' + b"a" * 1030 + b'"'), ANSWERED),
    "states that are folded": (put(b'If-Match: "a",', b' "b"'), LONG),
    "states that are folded, first": (put(b"A: b", host=b'If-Match: "a",\r\n "b"\r\nHost: x'), LONG),
    "states at last": (put(host=b"If-Match: *", length=b"Content-Length: 3\r\nHost: x"), ANSWERED),
    "states behind the length": (put(length=b"Content-Length: 3\r\nIf-Match: *"), ANSWERED),
    "states for one connection": (put(ANY, b"Connection: if-match"), LONG),
    "the length for one connection": (put(ANY, b"Connection: content-length"), LONG),
    "no state": (put(b"If-None-Match: *"), ANSWERED),
    "no such state": (put(b'If-None-Match: "a"'), ANSWERED),
    "no condition": (put(), ANSWERED),
    "a date": (put(b"If-Unmodified-Since: Mon, 01 Jan 2024 00:00:00 GMT"), ANSWERED),
    "no date": (put(b"If-Unmodified-Since: yesterday"), ANSWERED),
    "a deletion": (put(ANY, method=b"DELETE", content=b"", length=None), ANSWERED),
    "a deletion with a length": (put(ANY, method=b"DELETE", content=b""), ANSWERED),
    "a deletion with content": (put(ANY, method=b"DELETE"), ANSWERED),
    "a patch": (put(ANY, method=b"PATCH"), ANSWERED),
    "a post": (put(ANY, method=b"POST"), ANSWERED),
    "a post that asks for nothing": (put(method=b"POST"), LONG),
    "another method": (put(ANY, method=b"LINK"), LONG),
    "a method in lower case": (put(ANY, method=b"put"), LONG),
    "empty content": (put(ANY, content=b""), ANSWERED),
    "empty content, no length": (put(ANY, content=b"", length=None), ANSWERED),
    "a length in lower case": (put(ANY, length=b"content-length: %d"), ANSWERED),
    "a length in upper case": (put(ANY, length=b"CONTENT-LENGTH: %d"), LONG),
    "a length without a space": (put(ANY, length=b"Content-Length:%d"), LONG),
    "a length with zeros": (put(ANY, length=b"Content-Length: 0003"), ANSWERED),
    "a length with too many zeros": (put(ANY, length=b"Content-Length: 0000003"), LONG),
    "a length with a sign": (put(ANY, length=b"Content-Length: +3"), LONG),
    "a length with a space": (put(ANY, length=b"Content-Length: 3 "), LONG),
    "a length that is a list": (put(ANY, length=b"Content-Length: 3, 3"), LONG),
    "a length that is none": (put(ANY, length=b"Content-Length: three"), LONG),
    "a length that is folded": (put(ANY, length=b"Content-Length: 3\r\n 4"), LONG),
    "two lengths": (put(ANY, b"Content-Length: 3"), LONG),
    "two lengths that differ": (put(ANY, b"content-length: 4"), LONG),
    "two lengths, one in disguise": (put(ANY, b"CONTENT-LENGTH: 4"), LONG),
    "a length and chunks": (put(ANY, b"Transfer-Encoding: chunked"), LONG),
    "chunks": (
        put(ANY, length=b"Transfer-Encoding: chunked", content=b"3\r\nnew\r\n0\r\n\r\n"),
        LONG,
    ),
    "more than announced": (put(ANY, length=b"Content-Length: 2"), LONG),
    "content that looks like a head": (put(ANY, content=get() + get()), ANSWERED),
    "content that looks like lines": (put(ANY, content=b"a\r\nIf-Match: *\r\nContent-Length: 1\r\n\r\n"), ANSWERED),
    "as much as goes at once": (put(ANY, content=b"x" * 32_768), ANSWERED),
    "more than goes at once": (put(ANY, content=b"x" * 32_769), LONG),
    "a media type": (put(ANY, b"Content-Type: application/json", content=b'{"a": 1}'), ANSWERED),
    "a coding": (put(ANY, b"Content-Encoding: gzip"), ANSWERED),
    "a part": (put(ANY, b"Content-Range: bytes 0-2/9"), LONG),
    "an expectation": (put(ANY, b"Expect: 100-continue"), LONG),
    "an offer": (put(ANY, b"Connection: Upgrade", b"Upgrade: websocket"), LONG),
    "a connection that ends": (put(ANY, b"Connection: close"), LONG),
    "a connection that goes on": (put(ANY, b"Connection: keep-alive"), ANSWERED),
    "HTTP/1.0": (put(ANY, version=b"1.0"), LONG),
    "no Host": (put(ANY, host=b"A: b"), LONG),
    "two Hosts": (put(ANY, b"Host: y"), LONG),
    "a query": (put(ANY, target=b"/wiki/1?a=b?c"), ANSWERED),
    "an odd spelling": (put(ANY, target=b"/wiki/%31"), ANSWERED),
    "a dot": (put(ANY, target=b"/wiki/./1"), LONG),
    "an absolute target": (put(ANY, target=b"http://x/wiki/1"), LONG),
    "bytes beyond ASCII": (put(ANY, target=b"/wiki/\xc3\xa9"), LONG),
    "an unguarded route": (put(ANY, target=b"/open/1"), LONG),
    "no route": (put(ANY, target=b"/else"), LONG),
    "a name": (put(ANY, b"X-Request-Id: abc"), ANSWERED),
    "two names": (put(ANY, b"X-Request-Id: abc", b"X-Request-Id: def"), LONG),
    "two names, one in disguise": (put(ANY, b"X-Request-Id:abc", b"X-Request-Id: def"), LONG),
    "two kinds of names": (put(b"X-Request-ID: a", b"x-correlation-id: b", ANY), ANSWERED),
    "two kinds of names, one no name": (put(b"X-Correlation-Id: <", ANY, b"X-Request-Id: a"), ANSWERED),
    "a name in upper case": (put(ANY, b"X-REQUEST-ID: abc"), ANSWERED),
    "a name without a space": (put(ANY, b"X-Request-Id:abc"), ANSWERED),
    "a name for one connection": (put(ANY, b"X-Request-Id: abc", b"Connection: X-Request-ID"), LONG),
    "a trace": (put(b"traceparent: 00-a-b-01", ANY, b"Tracestate: a=b", b"baggage: x=y;z", b"A: b"), ANSWERED),
    "a trace beyond ASCII": (put(ANY, b"tracestate: a=\xe9"), ANSWERED),
    "a trace for one connection": (put(b"traceparent: 00-a-b-01", ANY, b"Connection: traceparent"), LONG),
    "a name that is no name": (put(ANY, b"X-Request-Id: <"), ANSWERED),
    "a page": (put(ANY, PAGE), ANSWERED),
    "a preference": (put(b'If-Match: "a"', b"Prefer: return=representation"), ANSWERED),
    "credentials": (put(ANY, b"Authorization: Basic YTpi", b"Cookie: a=b", b"cookie: c=d"), ANSWERED),
    "claims": (put(ANY, b"X-Forwarded-For: 1.2.3.4", b"Forwarded: for=1.2.3.4"), ANSWERED),
    "our own fields": (put(ANY, b"Ifmatch-A: b", b"Fencing-Token: 1", b"X-HTTP-Method-Override: PUT"), ANSWERED),
    "a look-alike": (put(ANY, b"If_Match: *"), LONG),
    "a loop": (put(ANY, b"Via: 1.1 ifmatch"), LONG),
    "another proxy": (put(ANY, b"Via: 1.0 other"), ANSWERED),
    "a name that is no token": (put(ANY, b"A b: c"), LONG),
    "a folded line": (put(ANY, b"A: b", b" c"), LONG),
    "a NUL": (put(ANY, b"A: \x00"), LONG),
    "a bare line feed": (put(ANY, b"A: b\nC: d"), LONG),
    "a bare line feed among states": (put(b'If-Match: "a"\nA: b'), LONG),
    "a bare carriage return among states": (put(b'If-Match: "a"\rA: b'), LONG),
    "bytes beyond ASCII in a field": (put(ANY, b"A: \xff\xc3\xa9"), ANSWERED),
    "an empty line first": (b"\r\n" + put(ANY), LONG),
    "a long head": (put(ANY, b"A: " + b"b" * 2048), LONG),
    "too many lines": (put(ANY, *[b"A: b"] * 40), LONG),
}
"""Writes by what is in them, each with the way it goes."""


@pytest.mark.parametrize(("message", "way"), WRITES.values(), ids=WRITES)
async def test_the_same_for_every_write(message: bytes, way: str, trail: Trail) -> None:
    """Client, origin server and log see the same of a write both ways, at first and once its lines are known."""
    messages = [message] * 2
    short = await seen(messages, [obeys] * 6, short=True)
    assert trail.ways == [way] * 2
    assert short == await seen(messages, [obeys] * 6, short=False)
    assert len(trail.ways) == 2


ANSWERS: dict[str, tuple[list[Play], str]] = {
    "plain": (plays(), ANSWERED),
    "content": (plays(answer(b"Content-Type: text/plain", content=b"done")), ANSWERED),
    "no Date": (plays(b"HTTP/1.1 204 No Content\r\n\r\n"), ANSWERED),
    "a tag": (plays(answer(b'ETag: "o"', content=b"")), ANSWERED),
    "creation": (plays(answer(b"Location: /wiki/2", status=b"201 Created")), ANSWERED),
    "acceptance": (plays(answer(status=b"202 Accepted")), ANSWERED),
    "a redirect": (plays(answer(b"Location: /b", status=b"303 See Other")), ANSWERED),
    "not modified": (plays(answer(b'ETag: "a"', status=b"304 Not Modified", length=False, content=b"")), ANSWERED),
    "a refusal of theirs": (plays(answer(status=b"412 Precondition Failed")), ANSWERED),
    "a conflict": (plays(answer(b"Set-Cookie: a=b", status=b"409 Conflict")), ANSWERED),
    "a failure": (plays(answer(status=b"500 Oops")), ANSWERED),
    "a gateway's failure": (plays(answer(status=b"502 Bad Gateway")), ANSWERED),
    "as much as goes at once": (plays(answer(content=b"x" * 32_768)), ANSWERED),
    "more than goes at once": (plays(answer(content=b"x" * 32_769)), LEFT),
    "content in pieces": ([says(ONE), says(ONE[:-2], b"n", b"e"), says(ONE)], ANSWERED),
    "chunks": (
        plays(answer(b"Transfer-Encoding: chunked", content=b"3\r\none\r\n0\r\n\r\n", length=False)),
        ANSWERED,
    ),
    "an early hint": (plays(EARLY + DONE), ANSWERED),
    "fields for one connection": (plays(answer(b"Connection: A", b"A: b")), ANSWERED),
    "odd fields": (plays(answer(b"A: \xff", b"a:  b ", b"Via: 1.1 other")), ANSWERED),
    "no answer": ([says(ONE), hung_up], LEFT),
    "half an answer": ([says(ONE), says(ONE[:-1], close=True)], LEFT),
    "no HTTP": ([says(ONE), says(b"220 mail\r\n\r\n")], LEFT),
    "more than the answer": ([says(ONE), says(ONE + b"more"), says(ONE)], ANSWERED),
    "absence": ([says(answer(status=b"404 Not Found")), says(DONE), says(ONE)], ANSWERED),
    "a state that is not shown": ([says(answer(status=b"403 Forbidden"))], LEFT),
    "a state that moved": ([says(answer(b"Location: /b", status=b"301 Moved Permanently"))], LEFT),
    "a state that is no state": ([says(answer(b"Content-Type: text/event-stream"))], LEFT),
    "a state that fails": ([hung_up, hung_up], LEFT),
    "a state in chunks": (
        [
            says(answer(b"Transfer-Encoding: chunked", content=b"3\r\none\r\n0\r\n\r\n", length=False)),
            says(DONE),
            says(ONE),
        ],
        ANSWERED,
    ),
}
"""What an origin server does with a write, by what is in its answers, each with the way that goes."""


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("method", [b"PUT", b"DELETE", b"POST"])
async def test_the_same_for_every_answer(name: str, method: bytes, trail: Trail) -> None:
    """Both ways it is the same answer, and the same is asked to come by it."""
    played, way = ANSWERS[name]
    tag = await tag_of(says(ONE), None)
    message = put(PAGE, b"If-Match: " + tag, method=method)
    short = await seen([message], played, short=True)
    absent = name == "absence" and method != b"PUT"
    assert trail.ways == [LEFT if absent else way]
    assert short == await seen([message], played, short=False)


async def test_the_state_that_is_named(trail: Trail) -> None:
    """Whoever names the present state is let through and told the next one's tag; who names another is refused."""
    tag = await tag_of(says(ONE), None)
    stored = [says(ONE), says(DONE), says(answer(content=b"new"))]
    short = await seen([put(b"If-Match: " + tag), put(b'If-Match: "a"')], [*stored, says(ONE)], short=True)
    assert trail.ways == [ANSWERED] * 2
    assert short.heard[0].startswith(b"HTTP/1.1 204 No Content\r\n")
    assert b"\r\nETag: " in short.heard[0]
    assert short.heard[1].startswith(b"HTTP/1.1 412 Precondition Failed\r\n")
    assert [request.split()[0] for request in short.asked] == [b"GET", b"PUT", b"GET", b"GET"]


RULES: dict[str, tuple[dict[str, Any], str]] = {
    "pages, left alone": ({"cors": Sharing.OFF}, ANSWERED),
    "pages, helped": ({"cors": Sharing.AUTO}, ANSWERED),
    "pages, this one": ({"cors": AllowedOrigins(("https://a.example",))}, ANSWERED),
    "pages, another one": ({"cors": AllowedOrigins(("https://b.example",))}, ANSWERED),
    "no tag": ({"etag_on_write": TagOnWrite.NEVER}, ANSWERED),
    "always a tag": ({"etag_on_write": TagOnWrite.ALWAYS}, ANSWERED),
    "a condition, always": ({"policy": Policy(require=Require.ALWAYS), "missing_status": 403}, ANSWERED),
    "a condition, where there is something": ({"policy": Policy(require=Require.EXISTING)}, ANSWERED),
    "tags kept": ({"rules": TagRules(upstream=UpstreamTag.KEEP)}, ANSWERED),
    "as much as may be": ({"limits": Limits(content=3)}, ANSWERED),
    "more than may be": ({"limits": Limits(content=2)}, LONG),
    "too much to compare": ({"limits": Limits(mint=2)}, LEFT),
    "a trusted memory": ({"trust": 60.0}, ANSWERED),
    "a fence": ({"fence": "X-Fence"}, ANSWERED),
    "fields that select": ({"select": SelectRules(fields=frozenset({"a"}))}, ANSWERED),
    "a name that selects": ({"select": SelectRules(fields=frozenset({"x-request-id"}))}, ANSWERED),
    "a fence that is a name": ({"fence": "X-Request-Id"}, ANSWERED),
    "done already": ({"already_applied": True}, ANSWERED),
    "a report": ({"guard": Guard.REPORT}, LONG),
    "no guard": ({"guard": Guard.OFF}, LONG),
}
"""Rules of a route by what they are about, each with the way that a write takes under them."""


@pytest.mark.parametrize(("rules", "way"), RULES.values(), ids=RULES)
async def test_the_same_under_all_rules(rules: dict[str, Any], way: str, trail: Trail) -> None:
    """Both ways the rules of a route are kept, for writes that hold, that do not, and that name nothing."""
    ruled = routes(**rules)
    tag = await tag_of(says(SHARED), ruled)
    for lines in ((b"If-Match: " + tag,), (b'If-Match: "a"',), ()):
        trail.ways.clear()
        message = put(PAGE, b"X-Fence: 9", b"X-Request-Id: a", b"A: b", *lines)
        played = [says(SHARED), says(DONE), says(SHARED), says(SHARED)]
        short = await seen([message], played, short=True, rules=ruled)
        assert trail.ways in ([way], [ANSWERED if not lines else way])
        assert untimed(short) == untimed(await seen([message], played, short=False, rules=ruled))


def untimed(seen: Seen) -> Seen:
    """Return the same without fences, which are times."""
    return Seen(
        seen.heard, [re.sub(rb"(X-Fence|X-Request-Id): [0-9]{9,}", b"then", each) for each in seen.asked], seen.lines
    )


async def test_writes_that_are_counted(trail: Trail) -> None:
    """Where a tag bears a count of writes, one write with it is let through, and the next is refused."""
    ruled = routes(rules=TagRules(aba=Aba.DETECT))
    async with side(*[obeys] * 6, rules=ruled) as here:
        wire = await here.ask(get())
        tag = b"If-Match: " + ((await wire.answer()).fields.get("etag") or "").encode()
        for status in (204, 412):
            wire.send(put(tag))
            assert (await wire.answer("PUT")).status == status
    assert trail.ways[1:] == [ANSWERED] * 2


@pytest.mark.parametrize("name", ["no answer", "a state that fails"])
async def test_a_failure_is_no_fault_of_ours(name: str, trail: Trail, caplog: pytest.LogCaptureFixture) -> None:
    """A write that fails is answered the long way, and nothing is said of a fault."""
    short = await seen([put(ANY)], ANSWERS[name][0], short=True)
    assert trail.ways == [LEFT]
    assert short.heard[0].startswith(b"HTTP/1.1 50")
    assert caplog.records == []


async def test_a_write_that_is_cut_off(trail: Trail, caplog: pytest.LogCaptureFixture) -> None:
    """Should a write be cancelled while its client is there, it is told the same both ways."""
    got = []
    for short in (True, False):
        async with sent(short=short) as (here, wire, gate):
            for work in here.census._writes:  # noqa: SLF001 - nothing but a drain cancels it, and that cuts all off
                work.cancel()
            answered = await wire.answer("PUT")
            got.append((answered.status, answered.problem["outcome"], await told(here)))
            gate.set()
    assert got[0] == got[1]
    assert got[0][1] == "unknown"
    assert trail.ways[0] == LEFT
    assert caplog.records == []


@pytest.mark.parametrize("status", [204, 304])
async def test_a_status_without_content(status: int, trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever there is, a client that expects no content is sent none: it would be taken for the next answer."""

    async def guard(*_: object) -> Answer:
        return Answer(Perform(Reason.HOLDS), Response(status, Fields(), b"more"))

    monkeypatch.setattr(Gateway, "guard", guard)
    short = await seen([put(ANY)], [], short=True)
    assert trail.ways == [ANSWERED]
    assert short.heard[0].endswith(b"\r\n\r\n")
    assert short == await seen([put(ANY)], [], short=False)


async def test_the_same_for_two_in_one_piece(trail: Trail) -> None:
    """Two writes that come in one piece go the long way, and are answered in their order."""
    messages = [put(ANY) + put(b'If-Match: "a"', b"Connection: close")]
    short = await seen(messages, [*plays(), says(ONE)], short=True)
    assert trail.ways == [LONG]
    assert short == await seen(messages, [*plays(), says(ONE)], short=False)


LINES = (
    *(b"A: \xff", PAGE, b"Prefer: return=representation", b"Connection: keep-alive", b"connection: a", b"Cookie: a"),
    *(b"traceparent: 00-a", b"Traceparent: 01-b", b"X-Request-ID: c", b"x-request-id: d", b"Connection: x-request-id"),
    *(b"If-Match: *", b'If-Match: "a"', b"if-match: *", b"If-Match: a", b"IF-MATCH: *", b'If-None-Match: "a"'),
    *(b"Content-Length: 0", b"content-length: 0", b"CONTENT-LENGTH: 0", b"Transfer-Encoding: gzip", b"Host: y"),
    *(b"If-None-Match: *", b"Expect: 100-continue", b"X-Request-Id: a", b"Content-Type: a/b", b" folded", b"A b: c"),
    *(b"Via: 1.1 other", b"Range: bytes=0-0", b"Authorization: a", b"Cache-Control: no-cache", b"If_Match: *"),
)
ORDERED = st.builds(
    lambda lines, method, target, length, content: put(
        *lines, method=method, target=target, length=length, content=content
    ),
    st.lists(st.sampled_from(LINES), max_size=3),
    st.sampled_from([b"PUT", b"PUT", b"PUT", b"PATCH", b"DELETE", b"POST", b"GET"]),
    st.sampled_from(
        [b"/wiki/1", b"/wiki/1", b"/wiki/1", b"/wiki/2?a", b"/wiki/%31", b"/open/1", b"/wiki/.", b"http://x/wiki/1"]
    ),
    st.sampled_from([b"Content-Length: %d", b"Content-Length: %d", b"content-length: %d", b"Content-Length: 0", None]),
    st.sampled_from([b"", b"new", b"one", b"\r\n\r\n"]),
)
SAID = st.sampled_from(
    [
        *(ONE, ONE, ONE, DONE, answer(status=b"404 Not Found"), answer(b'ETag: "o"'), answer(status=b"500 Oops")),
        *(ONE + b"more", answer(b"Connection: close"), answer(b"Set-Cookie: a=b", status=b"201 Created"), SHARED),
    ]
).map(says)


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_the_same_whatever_is_written_and_said(factory: Callable[[], asyncio.AbstractEventLoop], trail: Trail) -> None:
    """Of any series of writes and answers, client, origin server and log see the same both ways."""
    with asyncio.Runner(loop_factory=factory) as runner:

        @given(st.lists(ORDERED, min_size=1, max_size=3), st.lists(SAID, max_size=9))
        @settings(max_examples=200)
        def law(messages: list[bytes], said: list[Play]) -> None:
            short = runner.run(seen(messages, said, short=True))
            assert short == runner.run(seen(messages, said, short=False))

        law()
    assert {ANSWERED, LEFT, LONG} == set(trail.ways)
    assert trail.ways.count(ANSWERED) > len(trail.ways) / 16


WHOLE = st.sampled_from(
    [
        *(get(), get(target=b"/open/1"), put(ANY), put(b'If-Match: "a"', content=get()), put(ANY, content=put(ANY))),
        *(put(ANY, content=b"\r\n\r\n"), put(ANY, method=b"DELETE", content=b"", length=None), b"\r\n" + put(ANY)),
        put(ANY, length=b"Transfer-Encoding: chunked", content=b"3\r\nnew\r\n0\r\nA: b\r\n\r\n"),
        *(put(ANY, content=b"x" * 300), put(ANY, b"Expect: 100-continue"), put(ANY, method=b"POST", target=b"/open/1")),
        *(put(ANY, b"Connection: close"), put(ANY, length=b"Content-Length: 1"), put(ANY, b"A b: c")),
    ]
)
"""Requests, the last three of which are the last of their connection."""


def _rests(here: Side, connection: Connection) -> bool:
    """Tell whether nothing more will be said on a connection."""
    over = connection.gone.done() or connection._leaving  # noqa: SLF001 - it shows nowhere else
    return over or (connection.idle and not here.census._exchanges)  # noqa: SLF001 - likewise


def pieces(requests: list[tuple[bytes, int]]) -> list[bytes]:
    """Cut requests into pieces of these sizes; 0 leaves one whole, and less than that with what follows it."""
    glued, cut = b"", []
    for request, size in requests:
        glued += request
        if size >= 0:
            step = size or len(glued)
            cut += [glued[at : at + step] for at in range(0, len(glued), step)]
            glued = b""
    return [*cut, glued] if glued else cut


async def streamed(stream: list[bytes], turns: list[int], *, short: bool) -> tuple[bytes, Seen]:
    """Send pieces on one connection, with so many turns of the loop behind each."""
    async with side(*[obeys] * 40, short=short) as here:
        wire = await here.connect()
        await here.until(lambda: here.census._connections and here.connection.idle)  # noqa: SLF001 - it is there now
        connection = here.connection
        for piece, waits in zip(stream, itertools.cycle(turns), strict=False):
            if connection.transport is None or connection.transport.is_closing():
                break
            connection.data_received(piece)
            for _ in range(waits):
                await asyncio.sleep(0)
        await here.until(lambda: _rests(here, connection))  # else the last answer might say that it is that, or not
        if not wire.writer.transport.is_closing():
            wire.half_close()
        got = await wire.ended()
        await read_by(here)
        told = [comparable(line, stream) for line in here.lines]
        return OWN_DATE.sub(b"\r\nDate: now", got), Seen([], here.asked, told)


def test_the_same_however_a_stream_is_cut(trail: Trail) -> None:
    """However requests come in pieces, and whatever overtakes an answer, all is as if there were no short way."""
    with asyncio.Runner() as runner:

        @given(
            st.lists(st.tuples(WHOLE, st.just(0) | st.integers(-1, 400)), min_size=1, max_size=4),
            st.lists(st.integers(0, 30), min_size=1, max_size=3),
        )
        @settings(max_examples=150)
        def law(requests: list[tuple[bytes, int]], turns: list[int]) -> None:
            short, long = (runner.run(streamed(pieces(requests), turns, short=way)) for way in (True, False))
            assert short == long

        law()
    assert {ANSWERED, LEFT, LONG} == set(trail.ways)


# -------------------------------------------------------------------------------------------------- what gets between

TIMES = {"time", "duration_ms", "select_ms", "perform_ms", "wait_ms", "overhead_ms"}


@asynccontextmanager
async def sent(*more: Play, short: bool) -> AsyncIterator[tuple[Side, "Wire", asyncio.Event]]:
    """Have a write on its way to an origin server that answers when the gate opens, and does `more` behind that."""
    gate = asyncio.Event()
    async with side(says(ONE), held(DONE, gate), *more, short=short) as here:
        wire = await here.ask(put(ANY, b"X-Request-Id: a"))
        await here.arrived(2)
        try:
            yield here, wire, gate
        finally:
            gate.set()  # else the origin server would wait for ever


async def told(here: Side) -> dict[str, object]:
    """Wait for the only line of the log, and return its members that are no times."""
    (line,) = await here.told()
    return {member: value for member, value in line.items() if member not in TIMES}


async def test_the_same_after_silence(trail: Trail) -> None:
    """An origin server that says nothing to a write for as long as it has is told of as unknown both ways."""
    got = []
    for short in (True, False):
        async with sent(short=short) as (here, wire, _):
            for each in tuple(here.upstream._watch._watched):  # noqa: SLF001 - its time is over now
                each.late()
            answered = await wire.answer("PUT")
            got.append((answered.status, answered.content, await told(here)))
    assert got[0] == got[1]
    assert got[0][0] == 504
    assert got[0][2]["outcome"] == "unknown"
    assert trail.ways[0] == LEFT


async def test_a_request_that_follows(trail: Trail) -> None:
    """A request that comes before the answer to a write is answered behind it, and the write is done once."""
    for short in (True, False):
        async with sent(*[says(ONE)] * 3, short=short) as (here, wire, gate):
            wire.send(get())
            await here.until(lambda: trail.left or not here.short)
            gate.set()
            assert (await wire.answer("PUT")).status == 204
            assert (await wire.answer()).content == b"one"
            assert [request.split()[0] for request in here.asked] == [b"GET", b"PUT", b"GET", b"GET"]
            wire.send(get(target=b"/open/1"))
            assert (await wire.answer()).content == b"one"
            assert [line["status"] for line in await here.told(3)] == [204, 200, 200]
    assert trail.ways[0] == LEFT


async def test_a_client_that_has_nothing_more_to_say(trail: Trail) -> None:
    """A write whose client shuts its sending side is answered, once."""
    for short in (True, False):
        async with sent(says(ONE), short=short) as (here, wire, gate):
            wire.half_close()
            await here.until(lambda: here.connection.ended)
            gate.set()
            assert (await wire.answer("PUT")).status == 204
            assert await wire.ended() == b""
            assert [request.split()[0] for request in here.asked] == [b"GET", b"PUT", b"GET"]
    assert trail.ways[0] == LEFT


async def test_other_rules(trail: Trail) -> None:
    """A write goes on under the rules that it came under, also where it is handed over when there are others."""
    for short in (True, False):
        async with sent(says(ONE), says(ONE), short=short) as (here, wire, gate):
            here.gateway.adopt(Routes([], Unmatched.REJECT))
            wire.send(get())
            gate.set()
            assert (await wire.answer("PUT")).status == 204
            assert (await wire.answer()).status == 404
            assert [request.split()[0] for request in here.asked] == [b"GET", b"PUT", b"GET"]
            assert [line["route"] for line in await here.told(2)] == ["wiki", None]
    assert trail.ways[0] == LEFT


async def test_a_server_that_drains(trail: Trail) -> None:
    """A write that is on its way when the server begins to drain is finished, and the last of its connection."""
    for short in (True, False):
        async with sent(says(ONE), short=short) as (here, wire, gate):
            draining = asyncio.create_task(here.server.drain(60))
            await here.until(lambda: here.server.draining)
            gate.set()
            answered = await wire.answer("PUT")
            assert (answered.status, answered.fields.get("connection")) == (204, "close")
            assert await draining
    assert trail.ways[0] == LEFT


async def test_a_drain_that_takes_too_long() -> None:
    """A write that is cut off when a drain has waited long enough is told as unknown, and nobody is left behind."""
    lines = []
    for short in (True, False):
        async with sent(short=short) as (here, _, _):
            assert not await here.server.drain(0)
            lines.append(await told(here))
    assert lines[0] == lines[1]
    assert lines[0]["outcome"] == "unknown"


LEAVING = {
    "before its state was shown": ([], [b"GET"]),
    "before it was answered": ([says(ONE)], [b"GET", b"PUT"]),
}


@pytest.mark.parametrize("last", [DONE, ONE + b"x", b"220 mail\r\n\r\n", answer(status=b"502 No")])
@pytest.mark.parametrize("name", LEAVING)
@pytest.mark.parametrize("reset", [True, False])
async def test_a_client_that_leaves(name: str, last: bytes, reset: bool, trail: Trail) -> None:
    """A write whose client leaves is given up until it may have been forwarded, then finished; both ways it is told."""
    before, asked = LEAVING[name]
    lines = []
    for short in (True, False):
        gate = asyncio.Event()
        impatient = Patience(linger=1e6, silence=0.05)  # who only shut its sending side is waited for no longer
        async with side(*before, held(last, gate), says(ONE), short=short, patience=impatient) as here:
            wire = await here.ask(put(ANY, b"X-Request-Id: a"))
            await here.arrived(len(asked))
            if reset:
                wire.writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
            wire.writer.transport.abort()
            await here.until(lambda: not here.census._connections)  # noqa: SLF001 - nobody else knows that it is gone
            gate.set()
            lines.append(await told(here))
            assert [request.split()[0] for request in here.asked[: len(asked)]] == asked
            assert (len(here.asked) > 1) == (name == "before it was answered")
    assert lines[0] == lines[1]
    assert trail.ways[0] == (ANSWERED if reset else LEFT)


async def test_a_client_that_leaves_at_once(trail: Trail) -> None:
    """A write whose client is gone in the moment in which it came is given up, and told."""
    async with side(says(ONE), says(ONE), says(DONE)) as here:
        wire = await here.ask(get())
        await wire.answer()
        await here.told()
        here.lines.clear()
        connection = here.connection
        connection.data_received(put(ANY))
        connection.connection_lost(None)
        line = await told(here)
        assert (line["method"], line["reason"], line["outcome"], line["bytes_in"]) == (
            *("PUT", "client-gone", "not-applied"),
            3,
        )
        assert len(here.asked) == 1
    assert trail.ways == [ANSWERED, ANSWERED]


@pytest.mark.parametrize(
    ("played", "expected"),
    [
        ([says(ONE), says(b"220 mail\r\n\r\n")], {"reason": "outcome-unknown", "outcome": "unknown", "status": None}),
        ([says(answer(status=b"403 No")[:-1])], {"reason": "unverifiable", "outcome": "not-applied", "status": 403}),
        (plays(answer(content=b"x" * 32_769)), {"reason": "holds", "outcome": None, "status": 200}),
    ],
)
async def test_a_client_that_leaves_as_its_write_is_handed_over(
    played: list[Play], expected: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write whose client is found gone when it leaves the short way has its line, and nothing is left open."""
    leave_when_lengthened(monkeypatch)
    async with side(*played) as here:
        await here.ask(put(ANY))
        line = await told(here)
        assert {member: line[member] for member in expected} == expected
        assert (line.get("cut_short"), line["bytes_out"]) == (None if expected["status"] is None else "client-gone", 0)
        await here.until(lambda: here.upstream._places.taken == 0)  # noqa: SLF001 - what is left open shows nowhere else


async def test_a_client_that_left_just_before_its_answer(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that is ready for a client of whom we know in that moment that it is gone is told as cut short."""
    response = replying.response
    lines = []
    for short in (True, False):
        async with side(*plays(), short=short) as here:

            def leaving(*parts: Any, here: Side = here) -> Response:
                here.connection.abort()
                return response(*parts)

            monkeypatch.setattr(replying, "response", leaving)
            await here.ask(put(ANY, b"X-Request-Id: a"))
            lines.append(await told(here))
    assert lines[0] == lines[1]
    assert lines[0]["cut_short"] == "client-gone"
    assert trail.ways == [ANSWERED]


async def test_the_time_it_took_ends_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time until a write is told of is not its own."""
    over: list[Over] = []
    monkeypatch.setattr("proxy.server.ledger.Ledger.enter", lambda _ledger, request, _loop: over.append(request))
    async with side(*plays()) as here:
        assert (await (await here.ask(put(ANY))).answer("PUT")).status == 204
        first, now = over[0].line()["duration_ms"], time.monotonic()
        await here.until(lambda: time.monotonic() > now + 0.002)  # which is more than is rounded off
        assert over[0].line()["duration_ms"] == first


async def test_a_client_that_leaves_before_its_write_is_taken_over(trail: Trail) -> None:
    """A write that was handed over to nobody, since its client left in that turn, is finished and told."""
    async with sent(says(ONE), short=True) as (here, _, gate):
        connection = here.connection
        connection.data_received(get())
        connection.connection_lost(None)
        gate.set()
        line = await told(here)
        assert (line["status"], line["cut_short"], line["outcome"]) == (204, "client-gone", None)
    assert trail.ways == [LEFT]


# ------------------------------------------------------------------------------------------------------ faults of ours


def raising(*_: object, **__: object) -> None:
    """Be at fault."""
    raise KeyError("a fault")


FAULTS = {
    "before it is sent": ("proxy.gateway.writing.Gateway.evaluate", "500", LEFT, 1),
    "once it was sent": ("proxy.gateway.writing.Gateway._collect", "500", LEFT, 2),
    "in its answer": ("proxy.server.replying.response", "500", LEFT, 3),
    "on its way in": ("proxy.server.orders.Orders.of", "204", None, 3),
}


@pytest.mark.parametrize(("where", "status", "way", "asked"), FAULTS.values(), ids=FAULTS)
async def test_a_fault_of_ours(  # noqa: PLR0917 - where it is, and what comes of it
    where: str,
    status: str,
    way: str | None,
    asked: int,
    trail: Trail,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Wherever a write meets a fault, it is answered as on the long way, is sent once, and the fault is logged."""
    monkeypatch.setattr(where, raising)
    with caplog.at_level(logging.ERROR):
        short = await seen([put(ANY)], plays(), short=True)
    assert trail.ways == ([LONG] if way is None else [way])
    assert {record.exc_info[0] for record in caplog.records if record.exc_info is not None} == {KeyError}
    assert short.heard[0].startswith(b"HTTP/1.1 " + status.encode())
    assert len(short.asked) == asked
    assert short == await seen([put(ANY)], plays(), short=False)


async def test_a_fault_of_ours_behind_the_answer(
    trail: Trail, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Should it raise once the answer was sent, that is the only answer, and the write is over all the same."""
    monkeypatch.setattr("proxy.server.errand.Errand._note_sent", raising)
    with caplog.at_level(logging.ERROR):
        async with side(*plays()) as here:
            assert (await (await here.ask(put(ANY))).answer("PUT")).status == 204
            await here.until(lambda: here.server._census._exchanges == 0)  # noqa: SLF001 - else a drain never ends
    assert trail.ways == [ANSWERED]
    assert [record.exc_info[0] for record in caplog.records if record.exc_info is not None] == [KeyError]


@pytest.mark.parametrize("where", ["evaluate", "_collect"])
async def test_a_fault_of_ours_without_a_client(
    where: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault in a write whose client has left is logged and told as on the long way."""
    lines = []
    for short in (True, False):
        async with side(*plays(), short=short) as here:

            def leaving(*_: object, here: Side = here) -> None:
                here.connection.connection_lost(None)
                raise KeyError("a fault")

            monkeypatch.setattr(Gateway, where, leaving)
            await here.ask(put(ANY, b"X-Request-Id: a"))
            lines.append(await told(here))
    assert lines[0] == lines[1]
    assert [record.exc_info[0] for record in caplog.records if record.exc_info is not None] == [KeyError] * 2


# -------------------------------------------------------------------------------------------------- what is left behind


async def test_nothing_is_left_for_the_collector() -> None:
    """A write that was answered the short way is gone at once: no part of it holds another."""
    async with side(*plays() * 60) as here:
        wire = await here.connect()

        async def ask(times: int) -> None:
            for _ in range(times):
                wire.send(put(ANY))
                assert (await wire.answer("PUT")).status == 204

        await ask(10)
        gc.collect()
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)  # asyncio's own transports are left for it
        try:
            await ask(50)
            gc.collect()
            assert [type(each) for each in gc.garbage if type(each).__module__.startswith("proxy")] == []
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
