"""The test origin does what its knobs say: the end-to-end tests rest on it."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from hashlib import sha256
from http.client import BadStatusLine, HTTPConnection, HTTPResponse, IncompleteRead

import pytest

from tests.support.child import ChildFailed
from tests.support.ledger import Stage
from tests.support.processes import OriginHandle, running_origin


@pytest.fixture(scope="module")
def running() -> Iterator[OriginHandle]:
    """Run one origin for this file."""
    with running_origin() as origin:
        yield origin


@pytest.fixture
def origin(running: OriginHandle) -> OriginHandle:
    """Begin each test with nothing kept."""
    running.reset()
    return running


Asked = tuple[HTTPResponse, bytes]


def ask(origin: OriginHandle, method: str, target: str, content: bytes | None = None, **fields: str) -> Asked:
    """Return the answer and its content; `If_Match="x"` sends If-Match."""
    lines = {name.replace("_", "-"): value for name, value in fields.items()}
    with closing(HTTPConnection(origin.authority, timeout=30)) as connection:
        connection.request(method, target, content, lines)
        answer = connection.getresponse()
        return answer, answer.read()


def status(origin: OriginHandle, method: str, target: str, content: bytes | None = None, **fields: str) -> int:
    """Return the status alone."""
    return ask(origin, method, target, content, **fields)[0].status


def spoken(origin: OriginHandle, request: bytes) -> bytes:
    """Return all that is said on one connection to these bytes."""
    host, port = origin.authority.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_resource_lives_from_put_to_delete(origin: OriginHandle) -> None:
    """PUT, PATCH and DELETE change what GET answers, and W holds each with what was there before and after."""
    assert status(origin, "GET", "/a") == 404
    assert status(origin, "PUT", "/a?x=1", b"one", Content_Type="text/plain") == 201
    assert status(origin, "PUT", "/a", b"two", Content_Type="text/html") == 204
    assert status(origin, "PATCH", "/a", b"!") == 204
    answer, content = ask(origin, "GET", "/a?x=2")
    assert (answer.status, answer.getheader("Content-Type"), content) == (200, "text/html", b"two!")
    assert ask(origin, "HEAD", "/a")[0].getheader("Content-Length") == "4"
    assert status(origin, "DELETE", "/a") == 204
    assert [status(origin, method, "/a") for method in ("DELETE", "PATCH", "BREW")] == [404, 404, 501]
    assert [(write.method, write.target, write.before, write.after) for write in origin.writes()] == [
        ("PUT", "/a", None, "one"),
        ("PUT", "/a", "one", "two"),
        ("PATCH", "/a", "two", "two!"),
        ("DELETE", "/a", "two!", None),
    ]
    assert origin.writes()[1].digest == sha256(b"two").hexdigest()


def test_post_creates_below_a_collection_and_acts_below_a_resource(origin: OriginHandle) -> None:
    """POST /orders answers 201 with a Location; POST /orders/1/cancel changes /orders/1."""
    location = ask(origin, "POST", "/orders", b"tea")[0].getheader("Location")
    assert location
    assert origin.peek(location) == b"tea"
    assert status(origin, "POST", f"{location}/cancel", b", cancelled") == 200
    assert origin.peek(location) == b"tea, cancelled"
    assert [write.target for write in origin.writes()] == [location, location]


def test_every_byte_of_a_head_is_kept(origin: OriginHandle) -> None:
    """The log and /__echo hold the head as sent: case, order, repeated lines, white space, target and odd bytes."""
    head = b"PUT /__echo?a=%41&& HTTP/1.1\r\nhOST:  a\r\nX-a: 1\r\nx-A:2 \r\nY: \xe9\r\nContent-Length: 2\r\n\r\n"
    echoed = json.loads(spoken(origin, head + b"hi").partition(b"\r\n\r\n")[2])
    assert echoed["head"].encode("latin-1") == head
    assert (echoed["length"], echoed["digest"], echoed["chunked"]) == (2, sha256(b"hi").hexdigest(), False)
    [record] = origin.log()
    assert record.head.encode("latin-1") == head
    assert record.fields == (("hOST", "a"), ("X-a", "1"), ("x-A", "2"), ("Y", "\xe9"), ("Content-Length", "2"))
    assert (record.get("x-a"), record.get("z")) == ("1, 2", None)


def test_aborted_content_is_seen_and_not_applied(origin: OriginHandle) -> None:
    """A request whose content ends early stands in the log as aborted, gets no answer and changes nothing."""
    assert spoken(origin, b"PUT /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhalf") == b""
    assert [record.stages for record in origin.log()] == [[Stage.ARRIVED, Stage.ABORTED]]
    assert (origin.peek("/a"), origin.writes()) == (None, [])


def test_chunked_content_is_understood(origin: OriginHandle) -> None:
    """Chunked content is applied, and the next request on the connection is read."""
    head = b"PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    said = spoken(origin, head + b"3\r\nabc\r\n0\r\n\r\nGET /a HTTP/1.1\r\n\r\n")
    assert said.endswith(b"\r\n\r\nabc")
    put, get = origin.log()
    assert (put.chunked, put.length, put.connection == get.connection) == (True, 3, True)


def test_each_connection_has_its_number(origin: OriginHandle) -> None:
    """Requests on one connection share a number; another connection has another."""
    spoken(origin, b"GET /a HTTP/1.1\r\n\r\n" * 2)
    ask(origin, "GET", "/a")
    first, second, third = [record.connection for record in origin.log()]
    assert first == second != third


def test_what_is_dropped_gets_no_answer(origin: OriginHandle) -> None:
    """A write dropped before it is applied changes nothing; one dropped after it does; both are answered by silence."""
    for knob, expected in [("drop_before_apply", None), ("drop_after_apply", b"new")]:
        origin.knobs(PUT={knob: True, "times": 1})
        with pytest.raises((BadStatusLine, ConnectionError)):
            ask(origin, "PUT", "/a", b"new")
        assert origin.peek("/a") == expected
    before, after = origin.log("PUT", "/a")
    assert (Stage.APPLIED in before.stages, Stage.APPLIED in after.stages) == (False, True)
    assert before.stages[-1] == after.stages[-1] == Stage.DROPPED
    assert status(origin, "PUT", "/a", b"newer") == 204


@pytest.mark.parametrize("target", ["/a", "/__chunked"])
def test_a_truncated_answer_ends_early(origin: OriginHandle, target: str) -> None:
    """With `truncate` less is sent than announced, and the connection ends."""
    origin.seed("/a", b"content")
    origin.knobs(GET={"truncate": True})
    with pytest.raises(IncompleteRead):
        ask(origin, "GET", target)


def test_a_status_instead_of_applying_and_after_it(origin: OriginHandle) -> None:
    """`status` answers without applying, `status_after_apply` applies; `fields` take the place of the origin's own."""
    origin.knobs(PUT={"status": 403, "fields": [["Content-Type", "text/odd"], ["X-A", "1"]], "times": 1})
    answer, _ = ask(origin, "PUT", "/a", b"new")
    assert (answer.status, answer.headers.get_all("Content-Type"), answer.headers["X-A"]) == (403, ["text/odd"], "1")
    assert origin.peek("/a") is None
    origin.knobs(PUT={"status_after_apply": 500})
    assert (status(origin, "PUT", "/a", b"new"), origin.peek("/a")) == (500, b"new")
    assert [record.status for record in origin.log()] == [403, 500]


def test_a_stale_read_answers_what_was(origin: OriginHandle) -> None:
    """With `stale` a GET answers the state before the last write."""
    origin.seed("/a", b"old")
    ask(origin, "PUT", "/a", b"new")
    origin.knobs(GET={"stale": True, "times": 1})
    assert [ask(origin, "GET", "/a")[1] for _ in range(2)] == [b"old", b"new"]


@pytest.mark.parametrize("knob", ["hold_before_apply", "hold_after_apply"])
def test_a_held_request_waits_for_its_release(origin: OriginHandle, knob: str) -> None:
    """A test can wait until a request is held, look at the state, and let it go on."""
    origin.knobs(**{"*": {knob: True, "times": 1}})
    with ThreadPoolExecutor(1) as pool:
        answering = pool.submit(status, origin, "PUT", "/a", b"new")
        origin.until(Stage.HELD, method="PUT", target="/a")
        assert origin.peek("/a") == (None if knob == "hold_before_apply" else b"new")
        assert not answering.done()
        origin.release()
        assert answering.result(30) == 201


@pytest.mark.parametrize("knob", ["delay_before_apply", "delay_after_apply"])
def test_a_delay_is_kept(origin: OriginHandle, knob: str) -> None:
    """A delayed write is applied, and answered, no earlier than the delay says."""
    origin.knobs(PUT={knob: 0.05})
    ask(origin, "PUT", "/a", b"one")
    ask(origin, "PUT", "/a", b"two")
    first, second = origin.writes()
    assert second.at - first.at >= 0.05


@pytest.mark.parametrize(("etag", "prefix"), [("strong", '"'), ("weak", 'W/"')])
def test_an_origin_with_tags_that_enforces_them(origin: OriginHandle, etag: str, prefix: str) -> None:
    """With `etag` and `enforce` the origin sends a tag; a stale one, and any weak one in If-Match, gets 412."""
    origin.seed("/a", b"old")
    origin.knobs(etag=etag)
    tag = ask(origin, "GET", "/a")[0].getheader("ETag") or ""
    assert tag.startswith(prefix)
    assert status(origin, "PUT", "/a", b"old", If_Match='"other"') == 204
    origin.knobs(enforce=True)
    assert status(origin, "PUT", "/a", b"old", If_Match='"other"') == 412
    assert status(origin, "PUT", "/a", b"old", If_None_Match="*") == 412
    assert status(origin, "PUT", "/b", b"old", If_Match="*") == 412
    assert status(origin, "PUT", "/a", b"new", If_Match=tag) == (204 if etag == "strong" else 412)
    assert status(origin, "PUT", "/a", b"new", If_Match="*") == 204


def test_an_earlier_fence_is_refused(origin: OriginHandle) -> None:
    """With `fence` a write whose token is lower than one seen on that path gets 409; W holds the tokens."""
    origin.knobs(fence=True)
    statuses = [status(origin, "PUT", "/a", b"x", Fencing_Token=token) for token in ("5", "4", "5", "9")]
    assert statuses == [201, 409, 204, 204]
    assert [write.fence for write in origin.writes()] == ["5", "5", "9"]


def test_spellings_that_are_alike(origin: OriginHandle) -> None:
    """Where the origin server is told so, many spellings are one resource with one name in W; else each is its own."""
    spellings = ["/k/3", "/K//3/", "/%6b/%33.json?q", "/k;a=b/03;v"]
    for spelling in spellings:
        assert status(origin, "PUT", spelling, b"apart") == 201
    origin.reset()
    origin.knobs(alike=True)
    assert [status(origin, "PUT", spelling, b"one") for spelling in spellings] == [201, 204, 204, 204]
    assert {write.target for write in origin.writes()} == {"/k/3"}
    assert status(origin, "GET", "/k/4") == 404


def test_the_exhibits(origin: OriginHandle) -> None:
    """/__big streams its bytes, /__chunked is chunked with a trailer, /__interim is preceded by a 103."""
    assert len(ask(origin, "GET", "/__big/200001")[1]) == 200_001
    assert ask(origin, "GET", "/__chunked")[1] == b"one two three"
    assert spoken(origin, b"GET /__chunked HTTP/1.1\r\n\r\n").endswith(b"0\r\nX-Trailer: four\r\n\r\n")
    said = spoken(origin, b"GET /__interim HTTP/1.1\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 103 Early Hints\r\nLink: ")
    assert said.endswith(b"\r\n\r\nafter the hints")


def test_events_flow_without_end(origin: OriginHandle) -> None:
    """/__sse sends events one by one on an answer that does not end."""
    with closing(HTTPConnection(origin.authority, timeout=30)) as connection:
        connection.request("GET", "/__sse")
        answer = connection.getresponse()
        assert answer.getheader("Content-Type") == "text/event-stream"
        assert answer.read(len("data: 1\n\ndata: 2\n\n")) == b"data: 1\n\ndata: 2\n\n"
        answer.close()


def test_a_client_that_waits_for_100_gets_it(origin: OriginHandle) -> None:
    """Expect: 100-continue is answered before the content is read, and stands in the log if a proxy forwards it."""
    said = spoken(origin, b"PUT /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx")
    assert said.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 ")
    assert origin.log()[0].get("expect") == "100-continue"


def test_the_controls_leave_no_trace(origin: OriginHandle) -> None:
    """Seeding, peeking, knobs and logs stand in no log; a reset forgets all; an unknown knob is refused."""
    origin.seed("/a", b"x")
    assert origin.peek("/a") == b"x"
    for unknown in ({"PUT": {"drop": True}}, {"tags": "strong"}, {"etag": "some"}):
        with pytest.raises(ChildFailed, match="400"):
            origin.knobs(**unknown)
    origin.seed("/a", None)
    assert (origin.log(), origin.writes(), origin.peek("/a")) == ([], [], None)
    ask(origin, "PUT", "/a", b"x")
    origin.reset()
    assert (origin.log(), origin.writes(), origin.peek("/a")) == ([], [], None)
