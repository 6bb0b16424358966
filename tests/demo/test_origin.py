"""The wiki over HTTP."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from threading import Barrier, Thread
from urllib.parse import urlsplit

import pytest

from proxy.demo.origin import CONTENT_LIMIT, serve

ROOT = Path(__file__).parents[2]
HOME = b'{"title": "Home", "text": "eggs"}'


@pytest.fixture
def url() -> Iterator[str]:
    """Run the wiki for one test."""
    with serve(latency=0) as url:
        yield url


def connect(url: str) -> closing[HTTPConnection]:
    """Open one connection to the wiki; a test that hangs fails after 30 seconds."""
    return closing(HTTPConnection(urlsplit(url).netloc, timeout=30))


def ask(connection: HTTPConnection, method: str, target: str, content: bytes | None = None) -> HTTPResponse:
    """Return the answer to one request; its content is still to be read."""
    connection.request(method, target, content)
    return connection.getresponse()


def spoken(url: str, request: bytes) -> bytes:
    """Return everything the wiki says on one connection to these bytes, after which no more are sent."""
    host, port = urlsplit(url).netloc.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_one_connection_carries_many_requests(url: str) -> None:
    """Every answer is framed: PUT, GET, HEAD, POST and DELETE go over one kept-alive connection."""
    with connect(url) as connection:
        statuses = []
        for method, target, content in [
            ("PUT", "/wiki/home", HOME),
            ("GET", "/wiki/home", None),
            ("HEAD", "/wiki/home", None),
            ("POST", "/wiki", HOME),
            ("DELETE", "/wiki/home", None),
            ("GET", "/wiki/home", None),
            ("PATCH", "/wiki/home", HOME),
        ]:
            answer = ask(connection, method, target, content)
            statuses.append(answer.status)
            answer.read()
            assert connection.sock is not None
    assert statuses == [201, 200, 200, 201, 204, 404, 405]


def test_there_is_no_validator(url: str) -> None:
    """A page is answered as the JSON that was put, with no ETag and no Last-Modified: nothing to compare with."""
    with connect(url) as connection:
        ask(connection, "PUT", "/wiki/home", HOME).read()
        answer = ask(connection, "GET", "/wiki/home")
        assert (answer.status, answer.read(), answer.getheader("Content-Type")) == (200, HOME, "application/json")
        assert {"ETag", "Last-Modified"}.isdisjoint(answer.headers)


def test_head_answers_like_get_without_content(url: str) -> None:
    """HEAD carries GET's Content-Length and no content."""
    with connect(url) as connection:
        ask(connection, "PUT", "/wiki/home", HOME).read()
        answer = ask(connection, "HEAD", "/wiki/home")
        assert (answer.getheader("Content-Length"), answer.read()) == (str(len(HOME)), b"")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"Transfer-Encoding: chunked", 411),
        (b"Content-Length: +1", 400),
        (b"Content-Length: \xb2", 400),
        (b"Content-Length: %d" % (CONTENT_LIMIT + 1), 413),
        (b"Content-Length: " + b"9" * 5000, 413),
    ],
)
def test_content_of_unclear_length_is_refused_and_the_connection_closed(url: str, head: bytes, status: int) -> None:
    """What cannot be framed is answered once, in JSON, and nothing behind it is read as a request."""
    said = spoken(url, b"PUT /wiki/home HTTP/1.1\r\nHost: a\r\n" + head + b"\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 %d " % status)
    assert said.count(b"HTTP/1.1") == 1
    assert json.loads(said.partition(b"\r\n\r\n")[2])["error"]


def test_half_a_document_is_not_applied(url: str) -> None:
    """A client that leaves before its content is complete gets no answer and changes nothing."""
    head = b"PUT /wiki/home HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (len(HOME) + 1)
    assert spoken(url, head + HOME) == b""
    with connect(url) as connection:
        assert ask(connection, "GET", "/wiki/home").status == 404


def test_a_client_that_waits_for_100_gets_it(url: str) -> None:
    """With Expect: 100-continue the interim answer is sent before the content is there."""
    host, port = urlsplit(url).netloc.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        head = b"PUT /wiki/home HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
        connection.sendall(head % len(HOME))
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(HOME)
        assert connection.recv(65536).startswith(b"HTTP/1.1 201 ")


def test_both_who_read_before_either_wrote_are_told_that_they_wrote(url: str) -> None:
    """The last writer wins silently: this is the origin that loses updates."""
    both_have_read = Barrier(2, timeout=30)
    statuses: list[int] = []

    def edit(word: str) -> None:
        with connect(url) as connection:
            page = json.loads(ask(connection, "GET", "/wiki/home").read())
            both_have_read.wait()
            page["text"] += f", {word}"
            statuses.append(ask(connection, "PUT", "/wiki/home", json.dumps(page).encode()).status)

    with connect(url) as connection:
        ask(connection, "PUT", "/wiki/home", HOME).read()
        editors = [Thread(target=edit, args=(word,)) for word in ("milk", "bread")]
        for editor in editors:
            editor.start()
        for editor in editors:
            editor.join()
        page = json.loads(ask(connection, "GET", "/wiki/home").read())
    assert statuses == [204, 204]
    assert page["text"] in {"eggs, milk", "eggs, bread"}


def test_leaving_closes_idle_connections_and_frees_the_port() -> None:
    """A kept-alive connection does not keep the wiki from stopping, and its port can be taken again."""
    with serve(latency=0) as url:
        connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
        ask(connection, "GET", "/wiki").read()
    with closing(connection):
        assert connection.sock.recv(1) == b""
    with serve(int(url.rpartition(":")[2]), latency=0) as again:
        assert again == url


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_as_a_command_it_prints_its_url_and_ends_cleanly(number: signal.Signals) -> None:
    """`python -m proxy.demo.origin --port 0` says where it listens, serves, and exits 0 when signalled."""
    command = [sys.executable, "-m", "proxy.demo.origin", "--port", "0", "--latency", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            line = child.stdout.readline()
            with connect(line.split()[-1]) as connection:
                assert ask(connection, "GET", "/wiki").status == 200
        finally:
            child.send_signal(number)
        assert child.wait(timeout=30) == 0
