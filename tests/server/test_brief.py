"""Reads on the short way: for everybody else they are what they are on the long one, and nothing is left behind."""

import asyncio
import gc
import logging
from collections.abc import Callable
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.cors import AllowedOrigins, Sharing
from proxy.core.matching import Routes
from proxy.core.route import Guard, Limits, SelectRules, Timeouts
from proxy.core.tag_rules import TagRules, UpstreamTag
from proxy.gateway import Gateway
from tests.server.conftest import routes
from tests.server.sides import ANSWERED, DATE, LEFT, LONG, Play, Trail, hung_up, lay_trail, says, seen, side, silent

TEXT = DATE + b"Content-Type: text/plain\r\n"
ONE = b"HTTP/1.1 200 OK\r\n" + TEXT + b"Content-Length: 3\r\n\r\none"
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
PAGE = b"Origin: https://a.example"


@pytest.fixture
def trail(monkeypatch: pytest.MonkeyPatch) -> Trail:
    """Which way the reads of a test go."""
    return lay_trail(monkeypatch)


def get(*lines: bytes, target: bytes = b"/wiki/1", version: bytes = b"1.1", host: bytes = b"Host: x") -> bytes:
    """Return the head of a GET."""
    return b"\r\n".join([b"GET " + target + b" HTTP/" + version, host, *lines, b"", b""])


def answer(*lines: bytes, status: bytes = b"200 OK", content: bytes = b"one", length: bool = True) -> bytes:
    """Return an answer of the origin server, with its Date unless that is among the lines."""
    framed = [b"Content-Length: %d" % len(content)] if length else []
    return b"\r\n".join([b"HTTP/1.1 " + status, DATE.strip(), *lines, *framed, b"", content])


async def tag_of(play: Play, rules: Routes | None) -> bytes:
    """Return the tag that a client is shown of an answer, one that nothing has if it is shown none."""
    shown = await seen([get()], [play], short=False, rules=rules)
    _, _, behind = shown.heard[0].partition(b"\r\nETag: ")
    return behind.partition(b"\r\n")[0] or b'"nothing"'


# ---------------------------------------------------------------------------------------- the same, whichever way it is

HEADS: dict[str, tuple[bytes, str]] = {
    "plain": (get(), ANSWERED),
    "with a query": (get(target=b"/wiki/1?a=%2f&b"), ANSWERED),
    "an absolute target": (get(target=b"http://user@x/wiki/1?q"), LONG),
    "an absolute target of this host": (get(target=b"http://x/wiki/1?q"), LONG),
    "two slashes": (get(target=b"//x/wiki/1"), LONG),
    "a dot": (get(target=b"/wiki/./1"), LONG),
    "a broken escape": (get(target=b"/wiki/%zz"), LONG),
    "a query alone": (get(target=b"/?a?b=/"), ANSWERED),
    "marks": (get(target=b"/wiki/a-b._~%20&=+:@,;!$'()*?-._~%20&=+:@,;!$'()*"), ANSWERED),
    "marks that mean nothing": (get(target=b'/wiki/["<>|\\^`{}]'), LONG),
    "no target": (get(target=b""), LONG),
    "two targets": (get(target=b"/wiki/1 /wiki/2"), LONG),
    "a protocol in lower case": (get().replace(b"HTTP/", b"http/"), LONG),
    "another protocol": (get(version=b"1.2"), LONG),
    "an odd spelling": (get(target=b"/wiki/%31"), ANSWERED),
    "a target that ends elsewhere": (get(target=b"/wiki/../wiki/1"), LONG),
    "bytes beyond ASCII": (get(target=b"/wiki/\xc3\xa9\xff"), LONG),
    "a fragment": (get(target=b"/wiki/1#a"), LONG),
    "the mark in the target": (get(b"Cookie: a", target=b"/wiki/ifmatch:a-value-goes-here:a"), ANSWERED),
    "the mark in a field": (get(b"A: ifmatch:a-value-goes-here:a", b"X-Request-Id: a"), ANSWERED),
    "the mark as a name": (get(b"X-Request-Id: ifmatch:a-value-goes-here:a"), ANSWERED),
    "the mark of no value": (get(b"Cookie: a", b"A: ifmatch:a-value-goes-here:z"), ANSWERED),
    "a mark without its letter": (get(b"Cookie: a", b"A: ifmatch:a-value-goes-here"), ANSWERED),
    "an unguarded route": (get(target=b"/open/x"), ANSWERED),
    "no route": (get(target=b"/x"), ANSWERED),
    "HTTP/1.0": (get(version=b"1.0"), LONG),
    "HTTP/1.0 that goes on": (get(b"Connection: keep-alive", version=b"1.0"), LONG),
    "no Host": (get(host=b"A: b"), LONG),
    "two Hosts": (get(b"Host: y"), LONG),
    "a name": (get(b"X-Request-Id: abc"), ANSWERED),
    "a name in lower case": (get(b"x-request-id: abc"), ANSWERED),
    "a name in upper case, first": (get(b"A: b", host=b"X-REQUEST-ID: abc\r\nHost: x"), ANSWERED),
    "a name without a space": (get(b"X-Request-Id:abc"), ANSWERED),
    "a name behind a tab": (get(b"X-Request-Id:\tabc"), ANSWERED),
    "a name before a space": (get(b"X-Request-Id: abc "), ANSWERED),
    "a name with a space": (get(b"X-Request-Id: a b"), ANSWERED),
    "an empty name": (get(b"X-Request-Id: "), ANSWERED),
    "a name beyond ASCII": (get(b"X-Request-Id: \xe9"), ANSWERED),
    "a name that is no name": (get(b'X-Request-Id: "<a>"'), ANSWERED),
    "the longest name": (get(b"X-Request-Id: " + b"a" * 128), ANSWERED),
    "a name too long": (get(b"X-Request-Id: " + b"a" * 129), ANSWERED),
    "a name much too long": (get(b"X-Request-Id: " + b"a" * 600), ANSWERED),
    "two names": (get(b"X-Request-Id: a", b"X-Request-Id: b"), ANSWERED),
    "two names, one in disguise": (get(b"X-Request-Id:a", b"X-Request-Id: b"), ANSWERED),
    "two kinds of names": (get(b"X-Request-Id: a", b"X-Correlation-Id: b"), ANSWERED),
    "two kinds of names, one in disguise": (get(b"X-Request-Id: a", b"X-Correlation-Id:  b"), ANSWERED),
    "two kinds of names, one no name": (get(b"X-Correlation-Id: <", b"X-Request-Id: a"), ANSWERED),
    "a trace": (get(b"traceparent: 00-ab-cd-01", b"TraceState: a=b,c=d", b"baggage: x=y;z", b"A: b"), ANSWERED),
    "a name for one connection": (get(b"X-Request-Id: a", b"Connection: x-request-id"), ANSWERED),
    "a page for one connection": (get(b"Referer: a", b"Cookie: b", b"Connection: referer"), ANSWERED),
    "credentials for one connection": (get(b"Cookie: a", b"Connection: cookie"), LONG),
    "two credentials": (get(b"Authorization: a", b"Authorization: b"), ANSWERED),
    "two lines of cookies": (get(b"Cookie: a=b; c=d", b"User-Agent: a/1 (b; c)", b"cookie: e=f"), ANSWERED),
    "who came before": (get(b"X-Forwarded-For: 192.0.2.1, 192.0.2.2", b"Cookie: a"), ANSWERED),
    "more values than letters": (get(*[b"Cookie: a=b"] * 27), ANSWERED),
    "a name in disguise for one connection": (get(b"X-Request-Id:a", b"Connection: X-Request-Id"), ANSWERED),
    "a connection that goes on": (get(b"Connection: keep-alive"), ANSWERED),
    "a connection that ends": (get(b"Connection: close"), LONG),
    "fields for one connection": (get(b"Connection: A", b"A: b", b"TE: trailers"), ANSWERED),
    "an offer": (get(b"Connection: Upgrade", b"Upgrade: websocket"), LONG),
    "repeated lines": (get(b"Cookie: a=b", b"Accept: a", b"cookie: c=d", b"Accept: b"), ANSWERED),
    "any tag": (get(b"If-None-Match: *"), ANSWERED),
    "another tag": (get(b'If-None-Match: "a"'), ANSWERED),
    "no list of tags": (get(b"If-None-Match: a"), LONG),
    "any state": (get(b"If-Match: *"), ANSWERED),
    "another state": (get(b'If-Match: "a"'), LEFT),
    "no list of states": (get(b"If-Match: a,"), LONG),
    "a date": (get(b"If-Modified-Since: Mon, 01 Jan 2024 00:00:00 GMT"), ANSWERED),
    "no date": (get(b"If-Modified-Since: yesterday"), ANSWERED),
    "a range": (get(b"Range: bytes=0-1"), LONG),
    "a range of a state": (get(b"Range: bytes=0-1", b'If-Range: "a"'), LONG),
    "a state and no range": (get(b'If-Range: "a"'), ANSWERED),
    "a page": (get(PAGE), ANSWERED),
    "a preference": (get(b"Prefer: return=minimal"), ANSWERED),
    "codings": (get(b"Accept-Encoding: gzip", b"Cache-Control: no-cache"), ANSWERED),
    "credentials": (get(b"Authorization: Basic YTpi"), ANSWERED),
    "an expectation": (get(b"Expect: 100-continue"), LONG),
    "an impossible expectation": (get(b"Expect: more"), LONG),
    "empty content": (get(b"Content-Length: 0"), LONG),
    "content": (get(b"Content-Length: 3") + b"abc", LONG),
    "chunks": (get(b"Transfer-Encoding: chunked") + b"0\r\n\r\n", LONG),
    "claims": (get(b"X-Forwarded-For: 1.2.3.4", b"Forwarded: for=1.2.3.4", b"X-Forwarded-Host: y"), ANSWERED),
    "a loop": (get(b"Via: 1.1 ifmatch"), LONG),
    "another proxy": (get(b"Via: 1.0 other"), ANSWERED),
    "our own fields": (get(b"Ifmatch-A: b", b"Fencing-Token: 1", b"X-HTTP-Method-Override: PUT"), ANSWERED),
    "a name that is no token": (get(b"A b: c"), LONG),
    "a folded line": (get(b"A: b", b" c"), LONG),
    "a folded name": (get(b"X-Request-Id: b", b" c"), LONG),
    "a NUL": (get(b"A: \x00"), LONG),
    "a bare line feed": (get(b"A: b\nC: d"), LONG),
    "bytes beyond ASCII in a field": (get(b"A: \xff\xc3\xa9"), ANSWERED),
    "another method": (get().replace(b"GET", b"HEAD"), LONG),
    "a method in lower case": (get().replace(b"GET", b"get"), LONG),
    "no protocol": (b"GET /wiki/1\r\n\r\n", LONG),
    "a preflight": (get(PAGE, b"Access-Control-Request-Method: PUT").replace(b"GET", b"OPTIONS"), LONG),
}
"""Heads by what is in them, each with the way it goes."""


@pytest.mark.parametrize(("message", "way"), HEADS.values(), ids=HEADS)
async def test_the_same_for_every_head(message: bytes, way: str, trail: Trail) -> None:
    """Client, origin server and log see the same of a request both ways, at first and once its head is known."""
    messages, plays = [message] * 2, [says(ONE)] * 2
    short = await seen(messages, plays, short=True)
    assert trail.ways == [way] * 2
    assert short == await seen(messages, plays, short=False)
    assert len(trail.ways) == 2


LARGE = b"x" * 40_000
ANSWERS: dict[str, tuple[list[Play], str]] = {
    "plain": ([says(ONE)], ANSWERED),
    "no Date": ([says(ONE.replace(DATE, b""))], ANSWERED),
    "empty content": ([says(answer(content=b""))], ANSWERED),
    "a strong tag": ([says(answer(b'ETag: "origin"'))], ANSWERED),
    "a weak tag": ([says(answer(b'etag: W/"origin"'))], ANSWERED),
    "a malformed tag": ([says(answer(b"ETag: origin"))], ANSWERED),
    "two tags": ([says(answer(b'ETag: "a"', b'ETag: "b"'))], ANSWERED),
    "the mark as tag": ([says(answer(b'ETag: "ifmatch:the-tag-goes-here"'))], ANSWERED),
    "the mark elsewhere": ([says(answer(b'A: "ifmatch:the-tag-goes-here"'))], ANSWERED),
    "variants": ([says(answer(b"Vary: Accept, Cookie", b"Content-Language: en"))], ANSWERED),
    "a date of change": ([says(answer(b"Last-Modified: Sun, 31 Dec 2023 00:00:00 GMT"))], ANSWERED),
    "what a 304 keeps": ([says(answer(b"Cache-Control: no-store", b"Expires: 0", b"Set-Cookie: a=b"))], ANSWERED),
    "a coding": ([says(answer(b"Content-Encoding: gzip", content=b"\x1f\x8b\x08"))], ANSWERED),
    "ranges": ([says(answer(b"Accept-Ranges: none"))], ANSWERED),
    "pages": ([says(answer(b"Access-Control-Allow-Origin: *", b"Vary: origin"))], ANSWERED),
    "odd fields": ([says(answer(b"A: \xff", b"a:  b ", b"Via: 1.1 other"))], ANSWERED),
    "fields for one connection": ([says(answer(b"Connection: A", b"A: b", b"Keep-Alive: timeout=5"))], ANSWERED),
    "an odd length": ([says(ONE.replace(b"h: 3", b"h: 003"))], ANSWERED),
    "an old protocol that goes on": (
        [says(answer(b"Connection: keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0"))],
        ANSWERED,
    ),
    "an old protocol": ([says(ONE.replace(b"HTTP/1.1", b"HTTP/1.0"), close=True)], LEFT),
    "as much as goes at once": ([says(answer(content=LARGE[:32_768]))], ANSWERED),
    "more than goes at once": ([says(answer(content=LARGE))], LEFT),
    "no length": ([says(answer(length=False), close=True)], LEFT),
    "a connection that ends": ([says(answer(b"Connection: close"), close=True)], LEFT),
    "chunks": (
        [says(answer(b"Transfer-Encoding: chunked", content=b"3\r\none\r\n0\r\n\r\n", length=False))],
        LEFT,
    ),
    "chunks without an end": (
        [says(answer(b"Transfer-Encoding: chunked", content=b"3\r\none\r\n", length=False), close=True)],
        LEFT,
    ),
    "content in pieces": ([says(ONE[:-2], b"n", b"e")], LEFT),
    "a head in pieces": ([says(b"H", ONE[1:40], ONE[40:])], LEFT),
    "an early hint": ([says(EARLY + ONE)], LEFT),
    "an early hint before": ([says(EARLY, ONE)], LEFT),
    "an early hint with a length": ([says(EARLY.replace(b"Link: </a>", b"Content-Length: 0"), ONE)], LEFT),
    "a length for one connection": ([says(answer(b"Connection: Content-Length"))], LEFT),
    "more than the answer": ([says(ONE + b"more")], LEFT),
    "two answers": ([says(ONE + ONE)], LEFT),
    "less than the answer": ([says(ONE[:-1], close=True)], LEFT),
    "no content": ([says(answer(status=b"204 No Content", length=False, content=b""))], LEFT),
    "a part": ([says(answer(b"Content-Range: bytes 0-2/9", status=b"206 Partial Content"))], LEFT),
    "not modified": ([says(answer(b'ETag: "a"', status=b"304 Not Modified", length=False, content=b""))], LEFT),
    "a redirect": ([says(answer(b"Location: /b", status=b"302 Found"))], LEFT),
    "absence": ([says(answer(b'ETag: "a"', status=b"404 Not Found"))], LEFT),
    "a failure": ([says(answer(status=b"500 Oops"))], LEFT),
    "what could be ours": ([says(answer(status=b"412 Precondition Failed"))], LEFT),
    "another success": ([says(answer(status=b"203 Other"))], LEFT),
    "a stream of events": ([says(answer(b"Content-Type: Text/Event-Stream;a=b"))], LEFT),
    "another protocol": ([says(answer(b"Upgrade: a", b"Connection: upgrade", status=b"101 Switching"))], LEFT),
    "no answer": ([hung_up, says(ONE)], LEFT),
    "no answer, twice": ([hung_up, hung_up], LEFT),
    "half a head": ([says(ONE[:30], close=True)], LEFT),
    "no HTTP": ([says(b"220 mail\r\n\r\n")], LEFT),
    "a head that is none": ([says(b"HTTP/1.1 200 OK\r\nA b: c\r\n\r\n")], LEFT),
    "two lengths": ([says(answer(b"Content-Length: 3"))], LEFT),
    "a long head": ([says(answer(b"A: " + b"b" * 4000))], LEFT),
}
"""Answers by what is in them, as they are played to one request, each with the way of that."""


PASSED: set[str] = {
    *("no content", "a part", "not modified", "a redirect", "absence", "a failure", "another success"),
    *("a stream of events", "what could be ours"),
}
"""Answers that leave the short way under a guard, and are just passed on without one."""


@pytest.mark.parametrize("name", ANSWERS)
async def test_the_same_for_every_answer_without_a_guard(name: str, trail: Trail) -> None:
    """Both ways it is the same answer where it is passed on as it is, before and after its parts are known."""
    plays, way = ANSWERS[name]
    messages = [get(PAGE, b"X-Request-Id: a", b'If-None-Match: "a"', target=b"/open/1"), get(target=b"/else")] * 2
    short = await seen(messages, plays * 4, short=True)
    assert trail.ways == [ANSWERED if name in PASSED else way] * 4
    assert short == await seen(messages, plays * 4, short=False)


@pytest.mark.parametrize(("plays", "way"), ANSWERS.values(), ids=ANSWERS)
async def test_the_same_for_every_answer(plays: list[Play], way: str, trail: Trail) -> None:
    """Both ways it is the same answer, before and after its parts are known, and to one who has it already."""
    tag = await tag_of(plays[-1], None)
    messages = [get(), get(b"X-Request-Id: a"), get(b"If-None-Match: " + tag), get(b"If-None-Match: " + tag)]
    short = await seen(messages, plays * 4, short=True)
    assert trail.ways == [way] * 4
    assert short == await seen(messages, plays * 4, short=False)
    assert len(trail.ways) == 4


async def test_one_who_has_it_already(trail: Trail) -> None:
    """Whoever names the present tag is answered 304 the short way, without content."""
    message = get(b"If-None-Match: " + await tag_of(says(ONE), None))
    short = await seen([message], [says(ONE)], short=True)
    assert trail.ways == [ANSWERED]
    assert short.heard[0].startswith(b"HTTP/1.1 304 Not Modified\r\n")
    assert short.heard[0].endswith(b"\r\n\r\n")


SHARED = answer(b"Access-Control-Allow-Origin: https://a.example", b"Vary: Origin")
RULES: dict[str, tuple[dict[str, Any], bytes, str]] = {
    "pages, left alone": ({"cors": Sharing.OFF}, SHARED, ANSWERED),
    "pages, helped": ({"cors": Sharing.AUTO}, SHARED, ANSWERED),
    "pages, this one": ({"cors": AllowedOrigins(("https://a.example",))}, SHARED, ANSWERED),
    "pages, another one": ({"cors": AllowedOrigins(("https://b.example",))}, SHARED, ANSWERED),
    "pages, all": ({"cors": AllowedOrigins(("*",))}, ONE, ANSWERED),
    "tags kept": ({"rules": TagRules(upstream=UpstreamTag.KEEP)}, answer(b'ETag: W/"o"'), ANSWERED),
    "tags replaced": ({"rules": TagRules(upstream=UpstreamTag.REPLACE)}, answer(b'ETag: "o"'), ANSWERED),
    "a limit": ({"limits": Limits(mint=3)}, ONE, ANSWERED),
    "too large": ({"limits": Limits(mint=2)}, ONE, LEFT),
    "a trusted memory": ({"trust": 60.0}, ONE, LONG),
    "a fence": ({"fence": "X-Fence"}, ONE, ANSWERED),
    "fields that select": ({"select": SelectRules(fields=frozenset({"a"}))}, ONE, ANSWERED),
    "a name that selects": ({"select": SelectRules(fields=frozenset({"x-request-id"}))}, ONE, ANSWERED),
    "a report": ({"guard": Guard.REPORT}, ONE, LONG),
    "no guard": ({"guard": Guard.OFF}, ONE, ANSWERED),
}
"""Rules of a route by what they are about, each with an answer and the way."""


@pytest.mark.parametrize(("rules", "play", "way"), RULES.values(), ids=RULES)
async def test_the_same_under_all_rules(rules: dict[str, Any], play: bytes, way: str, trail: Trail) -> None:
    """Both ways the rules of a route are kept, for pages of several origins and for none."""
    ruled = routes(**rules)
    tag = await tag_of(says(play), ruled)
    pages = [(PAGE,), (PAGE,), (b"Origin: https://b.example",), (), (PAGE, b"If-None-Match: " + tag)]
    messages = [get(*page, b"X-Fence: 9", b"X-Request-Id: a", b"A: b") for page in pages]
    short = await seen(messages, [says(play)] * 5, short=True, rules=ruled)
    assert trail.ways == [way] * 5
    assert short == await seen(messages, [says(play)] * 5, short=False, rules=ruled)


async def test_the_same_after_silence(trail: Trail) -> None:
    """An origin server that says nothing for as long as it has is given up both ways, and not asked again."""
    impatient = routes(timeouts=Timeouts(select=0.01))
    short = await seen([get()], [silent], short=True, rules=impatient)
    assert trail.ways == [LEFT]
    assert short.heard[0].startswith(b"HTTP/1.1 504 ")
    assert short == await seen([get()], [silent], short=False, rules=impatient)


async def test_the_same_for_two_in_one_piece(trail: Trail) -> None:
    """Two reads that come in one piece go the long way, and are answered in their order."""
    messages = [get() + get(b"X-Request-Id: a", b"Connection: close")]
    plays = [says(ONE), says(answer(content=b"two"))]
    short = await seen(messages, plays, short=True)
    assert trail.ways == [LONG]
    assert [line for line in short.lines if ("status", int, 200) in line] == short.lines
    assert short == await seen(messages, plays, short=False)


NAMES = (
    *("X-Request-Id", "X-Correlation-Id", "traceparent", "tracestate", "baggage"),
    *("Cookie", "Authorization", "User-Agent", "Referer", "X-Forwarded-For"),
)
OTHERS = (
    *(b"Cookie: a=b", b"Accept: a/b", b"A: \xff", PAGE, b"Origin: null", b"Prefer: return=representation"),
    *(b"Connection: keep-alive", b"connection: X-Request-Id", b"Connection: baggage, a", b"Accept-Encoding: gzip"),
    *(b'If-None-Match: "a"', b"If-None-Match: *", b"If-Match: *", b"Cache-Control: no-cache", b"Via: 1.1 other"),
    *(b"Range: bytes=0-0", b"Content-Length: 0", b"X-Forwarded-For: a", b"If-None-Match: a", b"If-Match: W/"),
)
SPELLED = st.tuples(
    st.sampled_from(NAMES).flatmap(lambda name: st.sampled_from([name, name.lower(), name.upper()])),
    st.sampled_from([": ", ": ", ": ", ":", ":  ", ":\t"]),
    st.text("aZ09-=;,/ :\t<\xe9", max_size=4)
    | st.integers(126, 130).map("a".__mul__)
    | st.integers(1023, 1026).map("b".__mul__),
    st.sampled_from(["", "", " ", "\t"]),
).map(lambda parts: "".join(parts).encode("latin-1"))
TARGETS = st.sampled_from(
    [b"/wiki/1", b"/wiki/2", b"/wiki/1?a", b"/wiki/%31", b"/wiki/1/", b"/open/1", b"http://x/wiki/1"]
)
ASKED = st.builds(
    lambda lines, target, version: get(*lines, target=target, version=version),
    st.lists(SPELLED | st.sampled_from(OTHERS), max_size=5),
    TARGETS,
    st.sampled_from([b"1.1"] * 9 + [b"1.0"]),
)
SAID_LINES = (
    *(b'ETag: "o"', b'ETag: W/"o"', b"ETag: o", b"Vary: Accept", b"Content-Type: a/b", b"Cache-Control: no-store"),
    *(b"Access-Control-Allow-Origin: *", b"Access-Control-Expose-Headers: A", b"Set-Cookie: a=b", b"A: \xff"),
    *(
        b"Connection: A",
        b"Last-Modified: Sun, 31 Dec 2023 00:00:00 GMT",
        b"Content-Encoding: gzip",
        b"Accept-Ranges: none",
    ),
)
SAID = st.builds(
    lambda lines, status, content, more: says(answer(*lines, status=status, content=content) + more),
    st.lists(st.sampled_from(SAID_LINES), max_size=4),
    st.sampled_from([b"200 OK"] * 6 + [b"404 Not Found", b"206 Partial Content", b"500 Oops"]),
    st.binary(max_size=8),
    st.sampled_from([b""] * 8 + [b"more"]),
)


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_the_same_whatever_is_asked_and_said(factory: Callable[[], asyncio.AbstractEventLoop], trail: Trail) -> None:
    """Of any series of heads and answers, client, origin server and log see the same both ways."""
    with asyncio.Runner(loop_factory=factory) as runner:

        @given(st.lists(st.tuples(ASKED, SAID), min_size=1, max_size=4), st.booleans())
        @settings(max_examples=150)
        def law(series: list[tuple[bytes, Play]], again: bool) -> None:
            messages, plays = zip(*(series * 2 if again else series), strict=True)
            short = runner.run(seen(messages, plays, short=True))
            assert short == runner.run(seen(messages, plays, short=False))

        law()
    assert {ANSWERED, LEFT, LONG} == set(trail.ways)
    assert trail.ways.count(ANSWERED) > len(trail.ways) / 4


# ------------------------------------------------------------------------------------------------ what is left behind


async def test_nothing_is_left_for_the_collector() -> None:
    """A read that was answered the short way is gone at once: no part of it holds another."""
    async with side(*[says(ONE)] * 60) as here:
        wire = await here.connect()

        async def ask(times: int) -> None:
            for _ in range(times):
                wire.send(get())
                assert (await wire.answer()).content == b"one"

        await ask(10)
        gc.collect()
        gc.disable()
        try:
            await ask(50)
            assert gc.collect() == 0
        finally:
            gc.enable()


async def test_a_fault_of_ours(trail: Trail, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Should the short way raise, the read is answered the long way by the same selection, and the fault is logged."""

    def raising(*_: object) -> None:
        raise KeyError("a fault")

    monkeypatch.setattr(Gateway, "glimpsed", raising)
    with caplog.at_level(logging.ERROR):
        short = await seen([get()], [says(ONE)], short=True)
    assert trail.ways == [LEFT]
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[0] is KeyError
    assert short == await seen([get()], [says(ONE)], short=False)


async def test_a_fault_of_ours_behind_the_answer(
    trail: Trail, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Should it raise once the answer was sent, that is the only answer, and the read is over all the same."""

    def raising(*_: object, there: bool) -> None:
        raise KeyError("a fault")

    monkeypatch.setattr("proxy.server.passage.Passage.answered", raising)
    with caplog.at_level(logging.ERROR):
        async with side(says(ONE)) as here:
            assert (await (await here.ask(get())).answer()).content == b"one"
            await here.until(lambda: here.server._census._exchanges == 0)  # noqa: SLF001 - else a drain never ends
    assert trail.ways == [ANSWERED]
    assert [record.exc_info[0] for record in caplog.records if record.exc_info is not None] == [KeyError]


async def test_a_fault_of_ours_on_the_way_out(
    trail: Trail, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Should the short way raise before anything was sent, the read goes the long way from the start."""

    def raising(*_: object) -> None:
        raise KeyError("a fault")

    monkeypatch.setattr("proxy.server.questions.Questions.of", raising)
    with caplog.at_level(logging.ERROR):
        short = await seen([get()], [says(ONE)], short=True)
    assert trail.ways == []
    assert [record.exc_info[0] for record in caplog.records if record.exc_info is not None] == [KeyError]
    assert short == await seen([get()], [says(ONE)], short=False)


@pytest.mark.parametrize(("target", "member"), [(b"/wiki/1", "select_ms"), (b"/open/1", "perform_ms")])
async def test_where_the_time_went(target: bytes, member: str, trail: Trail) -> None:
    """The time until the origin server has answered is told as that of the selection, or of the relay."""
    async with side(says(ONE)) as here:
        await (await here.ask(get(target=target))).answer()
        (line,) = await here.told()
        asked, own, whole = (line[each] for each in (member, "overhead_ms", "duration_ms"))
        assert isinstance(asked, float)
        assert isinstance(own, float)
        assert asked > 0
        assert whole == pytest.approx(asked + own, abs=0.002)
    assert trail.ways == [ANSWERED]


async def test_no_idle_connection(trail: Trail) -> None:
    """Where no connection to the origin server is idle, a read goes the long way, and nobody is counted in for it."""
    async with side(says(ONE), says(ONE), warm=0) as here:
        wire = await here.ask(get())
        assert (await wire.answer()).content == b"one"
        wire.send(get())
        assert (await wire.answer()).content == b"one"
        assert trail.ways == [LONG, ANSWERED]


async def test_the_same_for_clients_of_a_trusted_proxy(trail: Trail) -> None:
    """What a proxy that is trusted says of its clients is continued, for each what it said of that one."""
    messages = [
        get(b"X-Forwarded-For: 192.0.2.%d" % number, b"Cookie: %d" % number, *more)
        for number in (1, 2)
        for more in ([], [b"Forwarded: for=a"], [b"X-Forwarded-For: b"])
    ]
    trusted: dict[str, Any] = {"trusted": lambda _peer: True}
    short = await seen(messages, [says(ONE)] * 6, short=True, **trusted)
    assert trail.ways == [ANSWERED] * 6
    assert [asked.count(b"192.0.2.2") for asked in short.asked[-3:]] == [1, 1, 1]
    assert short == await seen(messages, [says(ONE)] * 6, short=False, **trusted)


async def test_what_was_seen_is_remembered() -> None:
    """The tag of a read on the short way is remembered like that of any other, under the same key, for its reader."""
    kept = []
    for short in (True, False):
        async with side(*[says(ONE)] * 4, short=short) as here:
            wire = await here.ask(get(PAGE))
            await wire.answer()
            for line in (b"Cookie: a", b"Cookie: b", b"User-Agent: c"):
                wire.send(get(line))
                await wire.answer()
            kept.append({key: list(each) for key, each in here.state._kept.items()})  # noqa: SLF001 - the store's inside
    assert kept[0] == kept[1] != {}
