"""Every known way around the guard, tried on the running proxy: what is refused, and what the origin server saw.

Requests are bytes. PAGE stands for the path of a page that exists: where everything is guarded, on a guarded route, or
on a route that is not guarded. Each test ends by the origin server's log: a refused request left no trace of a write
there, and one that was passed on is there byte for byte.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from itertools import cycle, islice

import pytest

from tests.support.ledger import Record, Stage
from tests.support.processes import OriginHandle, ProxyHandle, running_origin, running_proxy
from tests.support.raw import Answer, RawClient, first_to_answer

CONFIG = """
upstream: {upstream}
routes:
  - path: /open/{{path...}}
    guard: "off"
  - path: /small/{{path...}}
    limits: {{content: 1KiB}}
  - path: /must/{{path...}}
    require: always
  - path: /big/{{path...}}
    limits: {{mint: 10B}}
  - path: /act/{{path...}}
    state: /guarded/{{path...}}
  - path: /guarded/{{path...}}
"""
CONTENT = b"new"
SMUGGLED = b"DELETE PAGE HTTP/1.1\r\nHost: h\r\n\r\n"
"""What follows a head whose end could be seen in two places: as a request of its own it would be a write."""

FORWARDED = (
    "X-Forwarded-For: 127.0.0.1",
    "X-Forwarded-Proto: http",
    "X-Forwarded-Host: h",
    "X-Forwarded-Port: 80",
    "Forwarded: for=127.0.0.1;host=h;proto=http",
)
VIA = "Via: 1.1 ifmatch"
WAITERS = 64
"""How many may queue for a resource (`lock.waiters`)."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request goes."""

    url: str
    page: str

    def message(self, line: str, *fields: str, content: bytes = b"") -> bytes:
        """Return a request with Host and these fields."""
        return self.filled("\r\n".join([line, "Host: h", *fields, "", ""]).encode("latin-1") + content)

    def filled(self, message: bytes) -> bytes:
        """Return a message with the path in place of PAGE."""
        return message.replace(b"PAGE", self.page.encode("latin-1"))

    def ask(self, message: bytes, method: str = "GET") -> Answer:
        """Send one message, end, and insist that one answer comes back and nothing else."""
        with RawClient(self.url) as client:
            client.send(message)
            client.end()
            answer = client.answer(method)
            assert client.rest() == b""
        return answer

    def put(self, *fields: str, line: str = "PUT PAGE HTTP/1.1", content: bytes = CONTENT) -> bytes:
        """Return a write."""
        return self.message(line, *fields, f"Content-Length: {len(content)}", content=content)

    def tag(self) -> str:
        """Return the page's entity tag."""
        return self.ask(self.message("GET PAGE HTTP/1.1")).fields["etag"]


@pytest.fixture(scope="module")
def origin() -> Iterator[OriginHandle]:
    """Run an origin server that writes everything down."""
    with running_origin() as running:
        yield running


@pytest.fixture(scope="module")
def proxies(origin: OriginHandle) -> Iterator[dict[str, ProxyHandle]]:
    """Run a proxy that was told nothing but its origin server, and one with routes; neither may ever be surprised."""
    with (
        running_proxy("--upstream", origin.url) as plain,
        running_proxy(config=CONFIG.format(upstream=origin.url)) as routed,
    ):
        proxies = {"everything": plain, "guarded": routed, "open": routed}
        yield proxies
    for proxy in proxies.values():
        assert [line for line in proxy.stderr if "Traceback" in line or "Error" in line.partition(":")[0]] == []


def place_of(name: str, origin: OriginHandle, proxies: dict[str, ProxyHandle]) -> Place:
    """Return that place, with a page and a clean log."""
    place = Place(proxies[name].url, f"/{name}/page")
    origin.reset()
    origin.seed(place.page, b"old")
    return place


@pytest.fixture(params=["everything", "guarded", "open"])
def place(request: pytest.FixtureRequest, origin: OriginHandle, proxies: dict[str, ProxyHandle]) -> Place:
    """Return a place, guarded or not."""
    return place_of(request.param, origin, proxies)


@pytest.fixture(params=["everything", "guarded"])
def guarded(request: pytest.FixtureRequest, origin: OriginHandle, proxies: dict[str, ProxyHandle]) -> Place:
    """Return a place that is guarded."""
    return place_of(request.param, origin, proxies)


@pytest.fixture
def unguarded(origin: OriginHandle, proxies: dict[str, ProxyHandle]) -> Place:
    """Return a place that is not guarded."""
    return place_of("open", origin, proxies)


@pytest.fixture
def routed(origin: OriginHandle, proxies: dict[str, ProxyHandle]) -> Place:
    """Return the guarded place of the proxy with routes."""
    return place_of("guarded", origin, proxies)


def only_write(origin: OriginHandle) -> Record:
    """Return the one request in the log that is not a GET."""
    (write,) = (record for record in origin.log() if record.method != "GET")
    return write


TARGETS = [
    *((1, f"PUT {target} HTTP/1.1", 400) for target in ("PAGE#top", "PAGE?a=b#top", "http://h/#PAGE")),
    *((2, f"PUT http://{authority}PAGE HTTP/1.1", 421) for authority in ("evil.test", "h:81", "h.evil.test", "[::1]")),
    *((2, f"PUT http://{authority}PAGE HTTP/1.1", 400) for authority in ("u:p@h", "h@evil.test", "", "h:port")),
    *((2, f"PUT {target} HTTP/1.1", 400) for target in ("ftp://hPAGE", "http:PAGE", "?a", "page")),
    *((3, f"{method} PAGE HTTP/1.1", 405) for method in ("CONNECT", "TRACE")),
    *((3, line, status) for line, status in (("CONNECT h:80 HTTP/1.1", 405), ("PUT h:80 HTTP/1.1", 400))),
    *((4, f"{method} * HTTP/1.1", 400) for method in ("PUT", "DELETE", "GET")),
    *((7, f"PUT {path} HTTP/1.1", 400) for path in ("/.PAGE", "/x/..PAGE", "/%2ePAGE", "/x/%2E.PAGE", "PAGE/..")),
    *((7, f"PUT {path} HTTP/1.1", 400) for path in ("/x/..;PAGE", "/x/..;a=b/PAGE", "/;PAGE", "/x/.%3bPAGE")),
    *((8, f"PUT PAGE{path} HTTP/1.1", 400) for path in ("%2Fa", "%2fa", "%5Ca", "%5ca", "\\a")),
    *((11, f"PUT PAGE{path} HTTP/1.1", 400) for path in ("/%252e%252e/a", "%252Fa", "%255ca", "%25252e", "%2500")),
    *((12, f"PUT PAGE{path} HTTP/1.1", 400) for path in ("\0", "\x01", "\x7f", "%00", "%0d%0aX:", "%1F", "?a=%00")),
    *((12, f"PUT PAGE{path} HTTP/1.1", 400) for path in ("\xff", "\xc3", "%ff", "%c0%af", "%ED%A0%80")),
    *((12, f"PUT PAGE{path} HTTP/1.1", 400) for path in (" a", "\ta", "%", "%zz", "%u002f")),
    *((19, f"{method} PAGE HTTP/1.1", 400) for method in ("put", "Put", "pUT", "delete", "PUT\t")),
    *((0, line, 400) for line in ("PUT PAGE", "PUT PAGE HTTP/2.0", "PUT PAGE HTTP/1.2", "PUT PAGE http/1.1", "PUT")),
]


@pytest.mark.parametrize(("row", "line", "status"), TARGETS)
def test_targets_that_are_refused(origin: OriginHandle, place: Place, row: int, line: str, status: int) -> None:
    """Rows 1 to 12 and 19: no target that reads in two ways reaches the origin server, guarded or not."""
    assert place.ask(place.message(line)).status == status
    assert origin.log() == []


HEADS = [
    *((14, ["Host: h", f"Host: {second}"], 400) for second in ("h", "evil.test")),
    *((14, [f"Host: {host}"], 400) for host in ("", "a b", "u@h", "h/x", "http://h", "h:port", "h:99999", "\xc3\xa9")),
    (14, [], 400),
    *((21, ["Host: h", f"Connection: {named}"], 400) for named in ("If-Match", "close, if-none-match", "Content-Type")),
    *((21, ["Host: h", f"Connection: {named}"], 400) for named in ("Host", "Authorization", "Content-Length", "Via")),
    *((22, ["Host: h", f"{name}: *"], 400) for name in ("If_Match", "if_none_match", "If.Match", "If~Match")),
    *((22, ["Host: h", f"{name}: 1"], 400) for name in ("Content_Length", "X_Forwarded_For", "X_HTTP_Method_Override")),
    (30, ["Host: h", "Content-Range: bytes 0-2/10"], 400),
    *((33, ["Host: h", f"Via: {via}"], 508) for via in ("1.1 ifmatch", "1.0 a, 1.1 IFMATCH (x)")),
    *((32, ["Host: h", f"Expect: {expected}"], 417) for expected in ("nothing", "100-continue, x", "")),
    *((0, ["Host: h", line], 400) for line in ("X : a", ": a", "X", "X\xff: a", "X: a\0b", "X: a\x7f", "X: a\rY: b")),
    *((0, ["Host: h", line], 400) for line in ("X: a\nY: b", "X: a\r\n b", "X(: a")),
]


@pytest.mark.parametrize(("row", "lines", "status"), HEADS)
def test_heads_that_are_refused(
    origin: OriginHandle, place: Place, row: int, lines: Sequence[str], status: int
) -> None:
    """Rows 14, 21, 22, 30, 32, 33: a head that could mean two things is refused before anything is asked."""
    head = ["PUT PAGE HTTP/1.1", *lines, "Content-Length: 3", "", ""]
    message = place.filled("\r\n".join(head).encode("latin-1") + CONTENT)
    assert place.ask(message).status == status
    assert origin.log() == []


FRAMINGS = [
    *(["Content-Length: 5", f"Transfer-Encoding: {coding}"] for coding in ("chunked", "identity", "x", "")),
    ["Transfer-Encoding: chunked", "Content-Length: 5"],
    *(["Content-Length: 5", f"Content-Length: {second}"] for second in ("5", "6")),
    *([f"Content-Length: {length}"] for length in ("5, 5", "5,5", "+5", "-5", "0x5", "5_0", "", "5 5", "5.0")),
    *([f"Content-Length: {length}"] for length in ("9" * 19, str(2**64 - 1), str(2**64), "0" * 5000 + "5")),
    *([f"Transfer-Encoding: {coding}"] for coding in (",chunked", "chunked,", "gzip, chunked", "chunked, chunked")),
    *(
        [f"Transfer-Encoding: {coding}"]
        for coding in ("identity", "gzip", "xchunked", "\x0bchunked", "chunked;a=b", "")
    ),
    ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
    ["Transfer-Encoding: gzip", "Transfer-Encoding: chunked"],
    ["Transfer-Encoding:\r\n chunked"],
    ["Transfer-Encoding : chunked"],
    ["Content-Length : 5"],
    ["Transfer_Encoding: chunked", "Transfer-Encoding: x"],
    *(["Upgrade: h2c", f"Connection: {option}", "Content-Length: 5"] for option in ("upgrade", "close")),
    ["Upgrade: websocket", "Connection: Upgrade", "Transfer-Encoding: chunked"],
]


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("lines", FRAMINGS, ids=lambda lines: lines[-1][:40])
def test_framing_that_is_refused(origin: OriginHandle, place: Place, lines: Sequence[str], version: str) -> None:
    """Rows 27, 28: where the end of a message is in doubt the connection ends, and nothing behind it is a request."""
    message = place.message(f"PUT PAGE HTTP/{version}", *lines, content=b"0\r\n\r\n" + place.filled(SMUGGLED))
    with RawClient(place.url) as client:
        client.send(message)
        answer = client.answer()
        assert (answer.status, answer.fields["connection"]) == (400, "close")
        assert client.rest() == b""
    assert origin.log() == []


def test_http_1_0_has_no_transfer_encoding(origin: OriginHandle, place: Place) -> None:
    """Row 27: a party that knows only HTTP/1.0 would see no chunks."""
    message = place.message("PUT PAGE HTTP/1.0", "Transfer-Encoding: chunked", content=b"0\r\n\r\n")
    assert place.ask(message).status == 400
    assert origin.log() == []


CHUNKS = [
    *(b"%b\r\nnew\r\n0\r\n\r\n" % size for size in (b"0x3", b"+3", b"-3", b" 3", b"3 ", b"", b";a", b"3\t", b"3_")),
    *(b"%b\r\nnew\r\n0\r\n\r\n" % size for size in (b"2", b"4", b"F" * 17, b"3;a\rb", b"3;a\0")),
    *(b"3\r\nnew%b" % end for end in (b"0\r\n\r\n", b"\n0\r\n\r\n", b"\r\n0\n\n", b"\r\nx\r\n\r\n")),
    *(b"3\r\nnew\r\n0\r\n%b\r\n\r\n" % trailer for trailer in (b"no colon", b"X: a\0", b"X : a", b"X: a\r\n b")),
    *(b"3\r\nnew\r\n0\r\n%b: 5\r\n\r\n" % name for name in (b"Content-Length", b"Transfer-Encoding")),
    b"3\nnew\n0\n\n",
]


@pytest.mark.parametrize("content", CHUNKS)
def test_broken_chunks_are_no_write(origin: OriginHandle, place: Place, content: bytes) -> None:
    """Row 27: content whose framing breaks is never applied, and never forwarded on a guarded route."""
    message = place.message("PUT PAGE HTTP/1.1", "Transfer-Encoding: chunked", content=content)
    with RawClient(place.url) as client:
        client.send(message + place.filled(SMUGGLED))
        assert client.answer().status == 400
        assert client.rest() == b""
    assert origin.writes() == []
    if not place.page.startswith("/open"):
        assert origin.log() == []


WELL_FRAMED = [
    (["Content-Length: 3"], CONTENT),
    (["content-length: 003"], CONTENT),
    (["Content-Length: 3 "], CONTENT),
    (["Transfer-Encoding: chunked"], b"3\r\nnew\r\n0\r\n\r\n"),
    (["transfer-encoding:\tChunked"], b"1\r\nn\r\n002;a=b\r\new\r\n00\r\n\r\n"),
    (["Transfer-Encoding: chunked"], b'3;a="b;c"\r\nnew\r\n0;d\r\n\r\n'),
    (
        ["Transfer-Encoding: chunked", "Trailer: If-Match"],
        b'3\r\nnew\r\n0\r\nIf-Match: "x"\r\nIf-None-Match: *\r\n\r\n',
    ),
]


@pytest.mark.parametrize(("lines", "content"), WELL_FRAMED)
def test_a_write_is_passed_on_byte_for_byte(
    origin: OriginHandle, place: Place, lines: Sequence[str], content: bytes
) -> None:
    """Rows 26, 27: framing is made anew, trailer fields are dropped, and the rest of the head is as it was."""
    message = place.message("PUT PAGE HTTP/1.1", "aCCept:  b", *lines, "X-B: \xff", content=content)
    assert place.ask(message).status == 204
    # A guarded write was received whole, so its length is known; another is passed on as it comes.
    streamed = content != CONTENT and place.page.startswith("/open")
    framing = "Transfer-Encoding: chunked" if streamed else "Content-Length: 3"
    write = only_write(origin)
    lines_sent = [f"PUT {place.page} HTTP/1.1", "Host: h", "aCCept: b", "X-B: \xff", *FORWARDED, VIA, framing]
    assert write.head.split("\r\n") == [*lines_sent, "", ""]
    assert (write.length, write.digest, write.chunked) == (3, sha256(CONTENT).hexdigest(), streamed)
    assert [written.after for written in origin.writes()] == ["new"]


PASSED_ON = [
    # as sent -> as it reaches the origin server
    *((line, line) for line in ("PUT PAGE?b=2&a=1&a=1 HTTP/1.1", "PUT PAGE? HTTP/1.1", "PUT PAGE;v=1/ HTTP/1.1")),
    *((line, line) for line in ("PUT PAGE/%61%2D HTTP/1.1", "PUT PAGE//%2561.JSON HTTP/1.1", "PUT PAGE??x HTTP/1.1")),
    *((f"PUT {uri} HTTP/1.1", "PUT PAGE HTTP/1.1") for uri in ("http://hPAGE", "HTTP://H:80PAGE", "https://h:443PAGE")),
    *((f"{method} PAGE HTTP/1.1", f"{method} PAGE HTTP/1.1") for method in ("PATCH", "DELETE", "PURGE", "PROPFIND")),
    *((f"{method} PAGE HTTP/1.1", f"{method} PAGE HTTP/1.1") for method in ("MOVE", "COPY", "MKCOL", "QUERY", "LOCK")),
    *((line, line) for line in ("OPTIONS * HTTP/1.1", "OPTIONS PAGE HTTP/1.1")),
    ("OPTIONS http://h HTTP/1.1", "OPTIONS * HTTP/1.1"),
]


@pytest.mark.parametrize(("sent", "seen"), PASSED_ON)
def test_targets_and_methods_are_passed_on_as_spelled(origin: OriginHandle, place: Place, sent: str, seen: str) -> None:
    """Rows 2, 4 to 6, 10, 18: normal forms are for keys; the origin server sees what the client wrote."""
    place.ask(place.message(sent))
    record = next(record for record in origin.log() if record.method != "GET")
    assert record.head.split("\r\n")[0] == seen.replace("PAGE", place.page)


DROPPED = [
    *(f"{name}: DELETE" for name in ("X-HTTP-Method-Override", "x-http-method", "X-Method-Override")),  # row 16
    "Connection: close, X-Hop\r\nX-Hop: 1",  # row 21
    *(f"{name}: x" for name in ("Keep-Alive", "Proxy-Connection", "TE", "Trailer", "HTTP2-Settings")),
    "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk",  # row 28
    "Upgrade: websocket\r\nConnection: Upgrade",
    "Expect: 100-continue",  # row 32
    *(f"X-Forwarded-{name}: evil.test" for name in ("For", "Host", "Proto", "Port", "Prefix")),  # row 33
    *("Forwarded: for=evil.test", "X-Real-IP: 127.0.0.1", "Ifmatch-Tag: x", "Fencing-Token: 1"),
    *(f"{name}: /other" for name in ("SCRIPT_NAME", "PATH_INFO", "X-Original-URL", "X-Rewrite-URL", "X-Script-Name")),
]


@pytest.mark.parametrize("lines", DROPPED)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_fields_that_are_not_passed_on(origin: OriginHandle, place: Place, method: str, lines: str) -> None:
    """Rows 16, 21, 28, 32, 33: neither our word nor that of another hop nor another method or target can be forged."""
    place.ask(place.message(f"{method} PAGE HTTP/1.1", lines, "X-End: 1"))
    asked = [] if method == "POST" or place.page.startswith("/open") else ["Accept-Encoding: identity"]
    (record,) = origin.log()
    kept = [f"{method} {place.page} HTTP/1.1", "Host: h", "X-End: 1", *FORWARDED, VIA, *asked]
    assert record.head.split("\r\n") == [*kept, "", ""]


def test_via_is_continued(origin: OriginHandle, place: Place) -> None:
    """Row 33: those before us stay in Via, and we stand behind them; HTTP/1.0 needs no Host and gets one."""
    place.ask(place.message("GET PAGE HTTP/1.0", "Via: 1.1 a, 1.0 ifmatcher"))
    assert origin.log()[0].get("via") == "1.1 a, 1.0 ifmatcher, 1.0 ifmatch"
    place.ask(place.filled(b"GET PAGE HTTP/1.0\r\n\r\n"))
    assert origin.log()[1].get("host") == origin.authority


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("framing", ["Content-Length: %d", "Transfer-Encoding: chunked"])
def test_content_on_get(origin: OriginHandle, place: Place, method: str, framing: str) -> None:
    """Row 17: refused where it could change what is selected; elsewhere passed on as content and not as a request."""
    smuggled = place.filled(SMUGGLED)
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(smuggled), smuggled)
    length = "%" in framing
    lines = framing % len(smuggled) if length else framing
    answer = place.ask(place.message(f"{method} PAGE HTTP/1.1", lines, content=smuggled if length else chunked), method)
    if place.page.startswith("/open"):
        assert (answer.status, [record.length for record in origin.log()]) == (200, [len(smuggled)])
    else:
        assert (answer.status, origin.log()) == (400, [])
    assert origin.writes() == []


MALFORMED = [
    *([f"If-Match: {value}"] for value in ("", ",", "x", '"a', 'a"', '"a" "b"', '"a", *', "*, *", 'w/"a"', '"a b"')),
    *([f"If-Match: {value}"] for value in ('"a",oops', '"a"x', "'a'", 'W/ "a"', ", ".join(65 * ['"a"']))),
    [f'If-Match: "{4095 * "a"}"'],
    ["If-Match: *", 'If-Match: "a"'],
    [f'If-Match: "{number}"' for number in range(65)],
    *([f"If-None-Match: {value}"] for value in ("", "x", '"a", *', '"a', "* *")),
]


@pytest.mark.parametrize("lines", MALFORMED, ids=lambda lines: lines[-1][:30])
def test_malformed_preconditions(origin: OriginHandle, guarded: Place, lines: Sequence[str]) -> None:
    """Rows 23, 24: a list that cannot be read is an error and never a shorter list; nobody is asked."""
    answer = guarded.ask(guarded.put(*lines))
    assert (answer.status, answer.problem["reason"]) == (400, "malformed-precondition")
    assert origin.log() == []


def test_preconditions_that_do_not_hold(origin: OriginHandle, guarded: Place) -> None:
    """Rows 18, 25: a stale or weak tag, or that of the same content elsewhere, lets no method through."""
    tag = guarded.tag()
    origin.seed(f"{guarded.page}2", b"old")
    other = guarded.ask(guarded.message("GET PAGE2 HTTP/1.1")).fields["etag"]
    assert other != tag  # row 37
    for wrong in ('"stale"', f"W/{tag}", other, f'"*", "", {other}', tag.swapcase(), '"\xff"', '"\'"'):
        for method in ("PUT", "PATCH", "DELETE", "POST", "MOVE", "PURGE"):
            assert guarded.ask(guarded.put(f"If-Match: {wrong}", line=f"{method} PAGE HTTP/1.1")).status == 412
    assert guarded.ask(guarded.put("If-None-Match: *")).status == 412
    assert {record.method for record in origin.log()} == {"GET"}


def test_preconditions_that_hold(origin: OriginHandle, guarded: Place) -> None:
    """Rows 23, 35, 38: several lines are one list; the origin server is asked anew and never sees a tag of ours."""
    message = guarded.put('If-Match: "stale"', f"If-Match: {guarded.tag()}, ,", 'If-Range: "x"')
    assert guarded.ask(message).status == 204
    shown, selected, written, settled = origin.log()
    assert [record.method for record in (shown, selected, written, settled)] == ["GET", "GET", "PUT", "GET"]
    assert {record.get("cache-control") for record in (selected, settled)} == {"no-cache"}
    assert all(not name.lower().startswith("if-") for record in origin.log() for name, _ in record.fields)


def test_preconditions_of_what_is_not_guarded(origin: OriginHandle, unguarded: Place) -> None:
    """They are the origin server's own: passed on as they are, readable or not."""
    lines = ['If-Match: "a", oops', "If-None-Match: *"]
    assert unguarded.ask(unguarded.put(*lines)).status == 204
    assert [": ".join(field) for field in only_write(origin).fields if field[0].startswith("If-")] == lines


@pytest.mark.parametrize(("mode", "kept"), [("strong", True), ("weak", False)])
def test_tags_of_the_origin_server(origin: OriginHandle, guarded: Place, mode: str, kept: bool) -> None:
    """Row 38: a strong one is kept, enforced and passed on, a weak one replaced; the tag that is shown works."""
    origin.knobs(etag=mode, enforce=True)
    shown = guarded.tag()
    assert shown == f'"{sha256(b"old").hexdigest()[:16]}"' if kept else not shown.startswith("W/")
    assert guarded.ask(guarded.put(f"If-Match: {shown}")).status == 204
    assert guarded.ask(guarded.put(f"If-Match: {shown}")).status == 412
    assert only_write(origin).get("if-match") == (shown if kept else None)


def test_a_redirect_is_not_followed(origin: OriginHandle, place: Place) -> None:
    """Row 39: the client is told where to go, and goes itself."""
    origin.knobs(PUT={"status": 307, "fields": [["Location", "/elsewhere"]]})
    answer = place.ask(place.put())
    assert (answer.status, answer.fields["location"]) == (307, "/elsewhere")
    assert [record.target for record in origin.log()] == [place.page]


def test_half_an_answer_is_no_answer(origin: OriginHandle, guarded: Place) -> None:
    """Row 40: a write whose answer breaks off is told as unknown, and was sent once.

    Its resource stays locked for as long as it may still be applied, so no other test uses that.
    """
    origin.knobs(PUT={"truncate": True})
    answer = guarded.ask(guarded.put(line="PUT PAGE/half HTTP/1.1"))
    assert (answer.status, answer.problem["outcome"]) == (502, "unknown")
    assert len(origin.log()) == 1


def test_pipelined_writes_wait_for_each_other(origin: OriginHandle, place: Place) -> None:
    """Row 29: the second is begun when the first is answered; with one tag only the first succeeds."""
    guarded = not place.page.startswith("/open")
    condition = [f"If-Match: {place.tag()}"] if guarded else []
    origin.knobs(PUT={"hold_before_apply": True, "times": 1})
    with RawClient(place.url) as client:
        client.send(2 * place.put(*condition))
        origin.until(Stage.HELD)
        assert len(origin.log("PUT")) == 1
        origin.release()
        assert [client.answer().status for _ in range(2)] == [204, 412 if guarded else 204]
    assert len(origin.log("PUT")) == (1 if guarded else 2)


def test_uploads_that_end_early_are_never_forwarded(origin: OriginHandle) -> None:
    """Row 31: whatever cut them off, once the proxy has ended in good order nothing of them has been seen."""
    with running_proxy("--upstream", origin.url) as proxy:
        place = Place(proxy.url, "/everything/page")
        origin.reset()
        whole = place.put(content=100_000 * b"x")
        chunked = place.message("PUT PAGE HTTP/1.1", "Transfer-Encoding: chunked", content=b"3\r\nnew\r\n")
        for partial in (whole[:-1], whole[:-50_000], chunked, chunked + b"0\r\n"):
            assert place.ask(partial).status == 400
            with RawClient(proxy.url) as client:
                client.send(partial)
                client.reset()
    assert origin.log() == []


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (["Expect: 100-continue", "Content-Range: bytes 0-2/3"], 400),
        (["Expect: 100-continue", "Upgrade: x"], 400),
        (["Expect: 100-continue", "If_Match: *"], 400),
        (["Expect: 200-ok"], 417),
        (["Expect: 100-continue", "Via: 1.1 ifmatch"], 508),
    ],
)
def test_a_refusal_comes_instead_of_an_invitation(
    origin: OriginHandle, place: Place, lines: Sequence[str], status: int
) -> None:
    """Row 32: who waits for 100 is told the final answer where it is known."""
    with RawClient(place.url) as client:
        client.send(place.message("PUT PAGE HTTP/1.1", *lines, "Content-Length: 3"))
        assert client.answer().status == status
        assert client.rest() == b""
    assert origin.log() == []


def test_who_waits_for_an_invitation_gets_one(origin: OriginHandle, place: Place) -> None:
    """Row 32: we answer the expectation ourselves, once, and the origin server never hears of it."""
    with RawClient(place.url) as client:
        client.send(place.put("Expect: 100-continue")[: -len(CONTENT)])
        assert client.answer().status == 100
        client.send(CONTENT)
        assert client.answer().status == 204
    assert only_write(origin).get("expect") is None


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 1025"],
        [f"Content-Length: {10**18 - 1}"],
        ["Expect: 100-continue", "Content-Length: 1025"],
    ],
)
def test_content_past_the_limit_is_refused_by_its_head(
    origin: OriginHandle, routed: Place, lines: Sequence[str]
) -> None:
    """Limits: announced content that is too large is 413 before a byte of it, and what follows is no request."""
    with RawClient(routed.url) as client:
        client.send(routed.message("PUT /small/page HTTP/1.1", *lines, content=routed.filled(SMUGGLED)))
        answer = client.answer()
        assert (answer.status, answer.fields["connection"]) == (413, "close")
        assert client.rest() == b""
    assert origin.log() == []


@pytest.mark.parametrize(("size", "status"), [(1024, 201), (1025, 413)])
@pytest.mark.parametrize("pieces", [1, 512])
def test_content_at_its_limit(origin: OriginHandle, routed: Place, size: int, status: int, pieces: int) -> None:
    """Limits: the last byte that is allowed is forwarded, the next one is not, chunked or announced."""
    content = size * b"x"
    cut = [content[start : start + pieces] for start in range(0, size, pieces)]
    chunked = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in [*cut, b""])
    line = "PUT /small/page HTTP/1.1"
    assert routed.ask(routed.message(line, "Transfer-Encoding: chunked", content=chunked)).status == status
    assert [record.digest for record in origin.log("PUT")] == [sha256(content).hexdigest()] * (status == 201)
    assert routed.ask(routed.put(line=line, content=content)).status == (204 if status == 201 else 413)


HEAD_LIMITS = [
    ([*(99 * ["X: y"])], 204),
    ([*(100 * ["X: y"])], 400),
    ([f"X: {8180 * 'y'}"], 204),
    ([f"X: {8200 * 'y'}"], 400),
    ([f"{8200 * 'X'}: y"], 400),
    ([f"X: {5_000_000 * 'y'}"], 400),
]


@pytest.mark.parametrize(("lines", "status"), HEAD_LIMITS, ids=str)
def test_heads_at_their_limit(origin: OriginHandle, place: Place, lines: Sequence[str], status: int) -> None:
    """Limits: a hundred field lines of 8190 bytes each, and no more; Host is one of the lines."""
    assert place.ask(place.message("PUT PAGE HTTP/1.1", *lines)).status == status
    assert [record.method for record in origin.log() if record.method != "GET"] == ["PUT"] * (status == 204)


@pytest.mark.parametrize(("length", "status"), [(8000, 201), (8200, 400)])
def test_targets_at_their_limit(origin: OriginHandle, place: Place, length: int, status: int) -> None:
    """Limits: a long target is passed on whole, one that is too long not at all."""
    assert place.ask(place.message(f"PUT PAGE{length * 'a'} HTTP/1.1")).status == status
    targets = [record.target for record in origin.log() if record.method != "GET"]
    assert targets == [f"{place.page}{length * 'a'}"] * (status == 201)


def test_a_client_that_ends_is_answered(origin: OriginHandle, place: Place) -> None:
    """Half-close: each complete request that came before the end is answered, in order, and the connection ends."""
    with RawClient(place.url) as client:
        client.send(place.message("GET PAGE HTTP/1.1") + place.put() + place.message("GET PAGE HTTP/1.1"))
        client.end()
        answers = [client.answer() for _ in range(3)]
        assert client.rest() == b""
    assert [(answer.status, answer.content) for answer in answers] == [(200, b"old"), (204, b""), (200, b"new")]
    assert answers[-1].fields["connection"] == "close"
    assert len(origin.log("PUT")) == 1


SPELLINGS = (
    *("/guarded/Caf%C3%A9-1", "/guarded/caf%c3%a9-1", "/guarded/cafe%CC%81-1", "/guarded/CAF%C3%89-1"),  # rows 5, 9, 13
    *("/guarded/c%61f%C3%A9-1", "/%67uarded/caf%C3%A9-1", "/guarded/caf%25C3%25A9-1", "/guarded/c%2561f%C3%A9-1"),
    *("/guarded//caf%C3%A9-1", "/guarded/caf%C3%A9-1/", "/GUARDED/caf%C3%A9-1//", "http://h/guarded/caf%C3%A9-1"),
    *(
        "/guarded;a=b/caf%C3%A9-1",
        "/guarded/caf%C3%A9-1;v=1",
        "/guarded/caf%C3%A9-1%3bv",
        "HTTP://H:80/guarded/caf%C3%A9-1",
    ),
    *(f"/guarded/caf%C3%A9-1.{suffix}" for suffix in ("json", "XML", "html", "yaml", "csv;v=1/", "json.xml")),
    *(f"/guarded/caf%C3%A9-1{query}" for query in ("?", "?a=1&b=2", "?b=2&a=1", "/?a=1", ".json?a")),
)


@pytest.mark.parametrize("name", ["everything", "guarded"])
def test_every_spelling_waits_for_the_same_lock(
    origin: OriginHandle, proxies: dict[str, ProxyHandle], name: str
) -> None:
    """Rows 2, 5, 6, 9 to 11, 13: while a write is at the origin server, none to another spelling gets there.

    As many writers as may queue are sent, and one more. If each of them waits, one is turned away (503), and nothing
    is on its way; a spelling with a lock of its own would be answered otherwise, or leave room in the queue.
    """
    place = place_of(name, origin, proxies)
    origin.knobs(PUT={"hold_before_apply": True, "times": 1})
    with ExitStack() as stack:
        first, *others = (stack.enter_context(RawClient(place.url)) for _ in range(WAITERS + 2))
        first.send(place.put(line="PUT /guarded/caf%C3%A9-1 HTTP/1.1"))
        origin.until(Stage.HELD)
        for client, target in zip(others, islice(cycle(SPELLINGS), WAITERS + 1), strict=True):
            client.send(place.put(line=f"PUT {target} HTTP/1.1"))
        turned_away = first_to_answer(others)
        assert (turned_away.answer().problem["reason"], len(origin.log())) == ("resource-busy", 1)
        origin.release()
        waited = [client for client in (first, *others) if client is not turned_away]
        assert {client.answer().status for client in waited} <= {201, 204}
    assert len(origin.log("PUT")) == WAITERS + 1


def test_a_spelling_does_not_escape_its_route(origin: OriginHandle, routed: Place) -> None:
    """Row 9: what the route demands is demanded of every spelling of its path."""
    for spelling in SPELLINGS:
        target = spelling.replace("guarded", "must").replace("GUARDED", "MUST").replace("%67uarded", "%6dust")
        assert routed.ask(routed.put(line=f"PUT {target} HTTP/1.1")).status == 428, target
    assert origin.log() == []


def test_nothing_of_a_malformed_request_is_echoed(origin: OriginHandle, proxies: dict[str, ProxyHandle]) -> None:
    """Limits: two hundred malformed requests cost a line or two in the log, without a byte of theirs."""
    place = place_of("everything", origin, proxies)
    proxy = proxies["everything"]
    before = len(proxy.stderr)
    for number in range(200):
        with RawClient(place.url) as client:
            client.send(place.message("PUT PAGE HTTP/1.1", f"X: secret-{number}\0"))
            assert b"secret" not in client.answer().content
    assert len(proxy.stderr) - before <= 20
    assert not any("secret" in line for line in proxy.stderr)
    assert origin.log() == []


@pytest.mark.parametrize("head", ["CONNECT h:80 HTTP/1.1", "CONNECT PAGE HTTP/1.1"])
@pytest.mark.parametrize("framing", ["Content-Length: %d", "Transfer-Encoding: chunked", "X: no framing"])
def test_nothing_follows_connect(origin: OriginHandle, place: Place, head: str, framing: str) -> None:
    """Row 3: what stands behind CONNECT is for a tunnel that there is not, and no request."""
    smuggled = place.filled(SMUGGLED)
    content = b"%x\r\n%b\r\n0\r\n\r\n" % (len(smuggled), smuggled) if "chunked" in framing else smuggled
    lines = framing % len(smuggled) if "%" in framing else framing
    with RawClient(place.url) as client:
        client.send(place.message(head, lines, content=content))
        assert client.answer().status == 405
        client.end()
        assert client.rest() == b""
    assert origin.log() == []


@pytest.mark.parametrize("protocol", ["h2c", "websocket", "TLS/1.0", "x"])
def test_content_behind_an_offer_to_upgrade_is_no_request(origin: OriginHandle, place: Place, protocol: str) -> None:
    """Row 28: the content of a write that is pipelined behind it is never taken for a request."""
    offer = place.message("GET PAGE HTTP/1.1", f"Upgrade: {protocol}", "Connection: Upgrade")
    smuggled = place.filled(SMUGGLED)
    write = place.put(content=smuggled)
    with RawClient(place.url) as client:
        client.send(offer + write[: -len(smuggled)])
        assert client.answer().status == 200
        client.send(smuggled)
        client.end()
        client.rest()
    assert origin.log("DELETE") == []


OUR_TAGS = [
    ("OPTIONS PAGE HTTP/1.1", ['If-Match: "ours"']),
    ("GET /big/page HTTP/1.1", ["Range: bytes=0-1", 'If-Range: "ours"']),
    ("GET /big/page HTTP/1.1", ["Range: bytes=0-1", 'If-None-Match: "ours"']),
    ("GET /act/page HTTP/1.1", ['If-None-Match: "ours"']),
]


@pytest.mark.parametrize(("line", "lines"), OUR_TAGS)
def test_no_tag_of_ours_reaches_the_origin_server(
    origin: OriginHandle, routed: Place, line: str, lines: Sequence[str]
) -> None:
    """Row 38, invariant I6: on a guarded route this holds for requests that are passed on as well."""
    origin.seed("/big/page", 100 * b"x")
    routed.ask(routed.message(line, *lines))
    assert origin.log()
    assert [name for record in origin.log() for name, value in record.fields if value == '"ours"'] == []


@pytest.mark.parametrize(
    ("framing", "content"), [("Content-Length: 9", b"new"), ("Transfer-Encoding: chunked", b"3\r\nnew\r\n")]
)
def test_a_write_that_was_begun_is_not_called_not_applied(
    origin: OriginHandle, unguarded: Place, framing: str, content: bytes
) -> None:
    """G3: a part of it has left for the origin server, and what that made of it nobody here knows."""
    with RawClient(unguarded.url) as client:
        client.send(unguarded.message("PUT PAGE HTTP/1.1", framing, content=content))
        origin.until(Stage.ARRIVED)
        client.end()
        assert client.answer().problem["outcome"] == "unknown"
